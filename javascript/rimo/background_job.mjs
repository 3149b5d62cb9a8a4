// @ts-check
import { ask, refusal } from "./api.mjs";
import { whole } from "./numbers.mjs";
import { part, show, tell, write } from "./parts.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").JobStatus} JobStatus */
/**
 * Who wants something measured: says what is asked for, has the fields, marks one that an error is about (true if there
 * is one) and reads new tables. If it wants to, it names what is drawn and is told how it stands.
 * @typedef {object} Owner
 * @property {() => object} asked
 * @property {(field: string) => HTMLElement | null} input
 * @property {(field: string, message: string) => boolean} wrong
 * @property {() => void} tables
 * @property {(name: string) => string} [called]
 * @property {(now: JobStatus) => void} [stands]
 */

const POLL_MS = 1000;

/** Something long that the program measures in the background: started, watched and stopped from one form. */
export class BackgroundJob {
    /**
     * @param {string} name Of its routes and of its parts.
     * @param {Owner} owner
     */
    constructor(name, owner) {
        this.name = name;
        this.owner = owner;
        this.mark = "";
        this.running = false;
        this.mine = false;
        this.timer = 0;
        this.form = this.part("form");
        this.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.start();
        });
        this.part("stop").addEventListener("click", () => this.stop());
    }

    /**
     * @template {HTMLElement} [T=HTMLElement]
     * @param {string} name
     * @param {new () => T} [kind]
     * @returns {T}
     */
    part(name, kind) {
        return part(`${this.name}-${name}`, kind);
    }

    /**
     * @param {string} [text]
     * @param {"good" | "bad" | "busy"} [tone]
     */
    tell(text = "", tone = "bad") {
        tell(this.part("message"), text, tone);
    }

    seen() {
        return !document.hidden && this.form.getClientRects().length > 0 && !this.form.closest("details:not([open])");
    }

    /** Asks how it stands, again and again while it runs and the form can be seen. */
    async watch() {
        clearTimeout(this.timer);
        if (this.seen()) {
            try {
                this.stand(await ask(this.name));
            } catch (error) {
                this.tell(refusal(error).message);
            }
        }
        if (this.running && this.form.isConnected) this.timer = window.setTimeout(() => this.watch(), POLL_MS);
    }

    /** @param {JobStatus} now */
    stand(now) {
        const mine = now.kind === this.name;
        const waited = this.running && !this.mine;
        this.running = now.state === "running";
        this.mine = mine;
        show(this.part("stop"), this.running && mine);
        this.part("start", HTMLButtonElement).disabled = this.running;
        show(this.part("progress"), mine && now.total > 0 && now.state !== "finished");
        if (mine) {
            const { name, done, total, images_per_s: speed } = now;
            this.part("bar", HTMLProgressElement).value = total ? done / total : 0;
            this.part("name").textContent = this.owner.called?.(name) ?? name;
            write(this.part("figures"), say("{1} of {2} images", whole(done), whole(total)));
            write(this.part("left"), this.running && speed ? timeLeft((total - done) / speed) : "");
            this.said(now);
        } else if (this.running) {
            this.tell("Something else is being measured. Stop it, or wait until it has ended.", "busy");
        } else if (waited) this.tell();
        this.owner.stands?.(now);
        if (now.mark !== this.mark) {
            this.mark = now.mark;
            this.owner.tables();
        }
    }

    /** @param {JobStatus} now */
    said({ state, total, error, field }) {
        if (state === "failed" && this.wrong(field, error)) return;
        if (error) this.tell(error);
        else if (state === "running" && !total) this.tell("Preparing\u2026", "busy");
        else if (state === "stopped") this.tell("Stopped. Run it again to go on where it was.", "busy");
        else if (state === "finished") this.tell("Finished.", "good");
        else this.tell();
    }

    /**
     * Marks the field that an error is about; says whether there is one.
     * @param {string} [field]
     * @param {string} [message]
     */
    wrong(field = "", message = "") {
        const marked = this.owner.wrong(field, message);
        if (marked) this.tell("Not started: see the marked field.");
        return marked;
    }

    async start() {
        this.wrong();
        this.tell("Preparing\u2026", "busy");
        const button = this.part("start", HTMLButtonElement);
        button.disabled = true;
        try {
            this.stand(await ask(`${this.name}/start`, this.owner.asked()));
        } catch (error) {
            const { field, message } = refusal(error);
            if (this.wrong(field, message)) this.owner.input(field)?.focus();
            else this.tell(message);
            button.disabled = false;
            return;
        }
        this.watch();
    }

    async stop() {
        this.tell("Stopping after the images that are being drawn\u2026", "busy");
        await ask(`${this.name}/stop`, {}).catch((error) => this.tell(refusal(error).message));
    }
}

/**
 * A time for a person: seconds under a minute and a half, then minutes, then hours.
 * @param {number} seconds
 */
export function timeLeft(seconds) {
    if (seconds < 90) return say("about {1} s left", Math.max(1, Math.round(seconds)));
    if (seconds < 5400) return say("about {1} min left", Math.round(seconds / 60));
    return say("about {1} h left", (seconds / 3600).toFixed(1));
}
