// @ts-check
import { ask, refusal } from "./api.mjs";
import { part, show, tell, write } from "./parts.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./tab.mjs").Tab} Tab */

const BUTTONS = ["choice-play", "recipe-play"];

/** Lends the chosen mix to the WebUI's own tabs, says so as long as it is lent, and takes it back. */
export class Play {
    /** @param {Tab} tab */
    constructor(tab) {
        this.tab = tab;
        this.live = "";
        for (const name of BUTTONS) part(name).addEventListener("click", () => this.lend());
        part("play-end").addEventListener("click", () => this.end());
        this.offer();
    }

    /** The buttons are there only where there are other tabs that could draw. */
    async offer() {
        const { plays } = await ask("options").catch(() => ({}));
        for (const name of BUTTONS) show(name, plays);
    }

    async lend() {
        const { mix, study } = this.tab;
        tell("play-message", "Lending it to your tabs\u2026", "busy");
        await this.change("play", { study, ...mix });
    }

    async end() {
        await this.change("play/stop", {});
    }

    /**
     * @param {string} path
     * @param {object} body
     */
    async change(path, body) {
        try {
            await ask(path, body);
            tell("play-message");
            this.tab.soon(0);
        } catch (error) {
            tell("play-message", refusal(error).message);
        }
    }

    /** @param {{ active: boolean }} news */
    on_news({ active }) {
        if (!this.live) show("in-model", active);
    }

    /** @param {string} live Names a mix of a study while the user's tabs draw with it. */
    on_live(live) {
        this.live = live;
        const lent = / of study /.test(live);
        show("playing", lent);
        write("playing-name", lent ? live : "");
        const own = "In the model now: your own checkpoint";
        const trial = /^trial (\d+)$/.exec(live);
        const named = trial ? say("mix {1}", trial[1]) : say(live);
        write("in-model", live && !lent ? say("In the model now: {1}", named) : own);
        show("in-model", !lent && (live !== "" || this.tab.active));
        part("in-model").classList.toggle("rimo-foreign", live !== "");
    }
}
