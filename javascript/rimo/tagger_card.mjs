// @ts-check
import { ask, refusal } from "./api.mjs";
import { make, makeButton } from "./elements.mjs";
import { find } from "./parts.mjs";
import { say, words } from "./words.mjs";

/** @typedef {import("./answers.d.ts").TaggerAnswer} TaggerAnswer */

const LOOKS_MS = 400; // the field belongs to gradio, so what it names is looked at
const DOWNLOADS_MS = 1000;

/** What is known of the chosen tagger, below its field: what it is for, whether it is here, and its download. */
export class TaggerCard {
    constructor() {
        this.shown = "";
        this.asked = 0;
        this.active = false;
        this.asking = false;
    }

    /** Looks for the life of the page. */
    run() {
        window.setInterval(() => this.look(), LOOKS_MS);
    }

    async look() {
        const box = find("tagger-card");
        if (!box || document.hidden || this.asking || !box.getClientRects().length) return;
        const name = box.dataset.tagger ?? "";
        const key = `${words.language} ${name}`;
        const due = this.active && Date.now() - this.asked >= DOWNLOADS_MS;
        if (key === this.shown && box.dataset.filled === key && !due) return;
        await this.tell(box, key, () => ask(`tagger?name=${encodeURIComponent(name)}`));
    }

    /**
     * @param {HTMLElement} box
     * @param {string} key
     * @param {() => Promise<TaggerAnswer>} how
     */
    async tell(box, key, how) {
        this.asking = true;
        try {
            this.fill(box, await how());
        } catch (error) {
            box.replaceChildren(make("p", "rimo-bad", refusal(error).message));
            this.active = false;
        } finally {
            this.asking = false;
            this.asked = Date.now();
            this.shown = box.dataset.filled = key;
        }
    }

    /**
     * @param {HTMLElement} box
     * @param {TaggerAnswer} about
     */
    fill(box, about) {
        const lines = about.told.length ? [make("p", "rimo-card-line")] : [];
        if (lines.length) lines[0].textContent = about.told.map((text) => say(text)).join(" ");
        const { download } = about;
        const began = this.active;
        this.active = Boolean(download?.active);
        /** @type {HTMLElement[]} */
        const extra = [];
        if (download?.active) {
            const bar = make("progress", "rimo-download");
            if (download.size_bytes) Object.assign(bar, { max: download.size_bytes, value: download.done_bytes });
            bar.setAttribute("aria-label", say("Download"));
            extra.push(bar, make("p", "rimo-card-line", about.progress ?? ""));
        } else if (about.kind === "known" && !about.here) {
            if (download?.error) {
                const told = make("p", "rimo-bad", download.error);
                told.setAttribute("role", "alert");
                extra.push(told);
            }
            const text = download?.error ? "Try the download again" : "Download it now";
            extra.push(makeButton(text, "rimo-fetch", () => this.fetch(box, about.name)));
        } else if (began) {
            extra.push(make("p", "rimo-good", "The download is complete."));
        }
        box.replaceChildren(...lines, ...extra);
    }

    /**
     * @param {HTMLElement} box
     * @param {string} name
     */
    fetch(box, name) {
        this.tell(box, `${words.language} ${name}`, () => ask("tagger/fetch", { name }));
    }
}
