/** The choice of language on our own page; in a WebUI its own setting decides. */
class RimoLanguage {
    static NAMES = { en: "English", zh: "\u7b80\u4f53\u4e2d\u6587", ja: "\u65e5\u672c\u8a9e" };

    static offer() {
        const select = RimoFrame.part("language");
        if (!select) return;
        RimoFrame.show(select.parentElement, typeof gradioApp !== "function");
        select.replaceChildren(...Object.entries(this.NAMES).map(([name, text]) => {
            const option = RimoFrame.named("option", "", text);
            option.value = option.lang = name;
            return option;
        }));
        select.value = RimoWords.language;
        select.onchange = () => {
            localStorage.setItem(RimoWords.KEPT, select.value);
            location.reload();
        };
    }
}
