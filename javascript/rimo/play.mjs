/** Lends the chosen mix to the WebUI's own tabs, says so as long as it is lent, and takes it back. */
class RimoPlay {
    static BUTTONS = ["choice-play", "recipe-play"];

    constructor(tab) {
        this.tab = tab;
        for (const name of RimoPlay.BUTTONS) RimoFrame.part(name).addEventListener("click", () => this.lend());
        RimoFrame.part("play-end").addEventListener("click", () => this.end());
        this.offer();
    }

    /** The buttons are there only where there are other tabs that could draw. */
    async offer() {
        const { plays } = await RimoFrame.ask("options").catch(() => ({}));
        for (const name of RimoPlay.BUTTONS) RimoFrame.show(name, plays);
    }

    async lend() {
        const { mix, study } = this.tab;
        RimoFrame.tell("play-message", "Lending it to your tabs\u2026", "busy");
        try {
            await RimoFrame.ask("play", { study, ...mix });
            RimoFrame.tell("play-message");
            this.tab.soon(0);
        } catch (error) {
            RimoFrame.tell("play-message", error.message);
        }
    }

    async end() {
        try {
            await RimoFrame.ask("play/stop", {});
            RimoFrame.tell("play-message");
            this.tab.soon(0);
        } catch (error) {
            RimoFrame.tell("play-message", error.message);
        }
    }

    on_news({ active }) {
        if (!this.live) RimoFrame.show("in-model", active);
    }

    /** `live` names a mix of a study while the user's tabs draw with it. */
    on_live(live) {
        this.live = live;
        const lent = / of study /.test(live);
        RimoFrame.show("playing", lent);
        RimoFrame.text("playing-name", lent ? live : "");
        const own = "In the model now: your own checkpoint";
        RimoFrame.text("in-model", live && !lent ? RimoWords.say("In the model now: {1}", live.replace(/^trial /, "mix ")) : own);
        RimoFrame.show("in-model", !lent && (live !== "" || this.tab.active));
        RimoFrame.part("in-model").classList.toggle("rimo-foreign", live !== "");
    }
}
