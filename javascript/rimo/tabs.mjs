/** The lower half: one view at a time, chosen with mouse or arrow keys as a list of tabs is. */
class RimoTabs {
    static KEPT = "rimo-view";

    /** `views` by the name of their tab; the one that comes to the front is told by its `shown()`. */
    constructor(views) {
        this.views = views;
        this.list = RimoFrame.part("tabs");
        this.tabs = [...this.list.querySelectorAll("[role=tab]")];
        this.list.addEventListener("click", (event) => {
            const tab = event.target.closest("[role=tab]");
            if (tab) this.show(tab.dataset.view);
        });
        this.list.addEventListener("keydown", (event) => {
            const at = this.tabs.indexOf(document.activeElement);
            const last = this.tabs.length - 1;
            const next = { ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last }[event.key];
            if (at < 0 || next === undefined) return;
            event.preventDefault();
            this.tabs[next].focus();
            this.show(this.tabs[next].dataset.view);
        });
        this.show(sessionStorage.getItem(RimoTabs.KEPT) ?? this.tabs[0].dataset.view);
    }

    show(name) {
        if (!this.tabs.some((tab) => tab.dataset.view === name)) return;
        this.front = name;
        sessionStorage.setItem(RimoTabs.KEPT, name);
        for (const tab of this.tabs) {
            const chosen = tab.dataset.view === name;
            tab.setAttribute("aria-selected", chosen);
            tab.tabIndex = chosen ? 0 : -1;
            document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
        }
        this.views[name]?.shown?.();
    }
}
