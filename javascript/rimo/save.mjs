/** Saves the chosen mix as a checkpoint, and tells the WebUI around the tab that it is there. */
class RimoSave {
    constructor(tab) {
        this.tab = tab;
        this.form = RimoFrame.part("saving");
        this.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.save();
        });
        RimoFrame.part("save-best").addEventListener("click", () => tab.choose({}));
    }

    on_choice() {
        RimoFrame.text("save-what", this.tab.choiceName());
        RimoFrame.show("save-best", this.tab.chose);
    }

    async save() {
        const name = this.form.querySelector("#rimo-name input");
        const button = document.getElementById("rimo-save");
        const message = document.getElementById("rimo-save-message");
        button.disabled = true;
        RimoFrame.tell(message, "Saving\u2026", "busy");
        try {
            const saved = await RimoFrame.ask("save", {
                name: name.value.trim(), number_type: RimoFrame.part("save-type").value,
                vae: RimoFrame.part("save-vae").checked, ema: RimoFrame.part("save-ema").checked,
                ...this.tab.choice,
            });
            RimoFrame.tell(message, saved.folder ? `Saved as ${saved.file} in ${saved.folder}` : `Saved as ${saved.file}`, "good");
            name.value = RimoSave.next(name.value.trim());
            this.tab.soon(0);
        } catch (error) {
            RimoFrame.tell(message, error.message);
            name.focus();
        } finally {
            button.disabled = false;
        }
    }

    on_saved(saved) {
        if (this.tab.saved?.study === this.tab.study && saved.length > this.tab.saved.count) RimoSave.refreshHost();
        this.tab.saved = { study: this.tab.study, count: saved.length };
        RimoFrame.show("saved-box", saved.length > 0);
        RimoFrame.text("saved", saved.join(", "));
    }

    /** The name with its closing number raised: "mix" gives "mix-2", "mix-2" gives "mix-3". */
    static next(name) {
        const found = /^(.*)-(\d{1,6})$/s.exec(name);
        return found ? `${found[1]}-${Number(found[2]) + 1}` : `${name}-2`;
    }

    /** Makes the WebUI, if there is one, read its list of checkpoints again. */
    static refreshHost() {
        const page = typeof gradioApp === "function" ? gradioApp() : document;
        page.querySelector("#refresh_sd_model_checkpoint, #forge_refresh_checkpoint")?.click();
    }
}
