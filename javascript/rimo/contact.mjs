// @ts-check
import { ask, refusal } from "./api.mjs";
import { offer } from "./elements.mjs";
import { distinct, nextName } from "./names.mjs";
import { percent } from "./numbers.mjs";
import { markWrong, part, show, tell, write } from "./parts.mjs";
import { fillPictures } from "./picture_files.mjs";
import { Ranks } from "./ranks.mjs";
import { ownPrompt } from "./recipe.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Drawn} Drawn */

/** Repairs the chosen mix by a checkpoint with sound shapes: tries it on the prompt above, and saves it. */
export class Contact {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
        part("contact-form").addEventListener("submit", (event) => {
            event.preventDefault();
            this.draw();
        });
        part("contact-save").addEventListener("click", () => this.save());
        const slider = part("contact-rank", HTMLInputElement);
        slider.addEventListener("input", () => this.rank(Number(slider.value)));
        part("contact-details").addEventListener("toggle", () => this.offer());
        this.ranks = new Ranks(this);
    }

    /**
     * Sets the rank; one beyond the slider's end makes the slider longer.
     * @param {number} value
     */
    rank(value) {
        const slider = part("contact-rank", HTMLInputElement);
        slider.max = String(Math.max(Number(slider.max), value));
        slider.value = part("contact-rank-now", HTMLOutputElement).value = String(value);
    }

    on_choice() {
        show("contact-result", false);
        tell("contact-message");
        this.ranks.show();
    }

    async offer() {
        if (!part("contact-details", HTMLDetailsElement).open) return;
        try {
            const { checkpoints } = await ask("options");
            offer(part("contact-donor", HTMLSelectElement), distinct(checkpoints).map((name) => [name, name]), true);
            await this.ranks.shown();
        } catch (error) {
            tell("contact-message", refusal(error).message);
        }
    }

    /** The repair that the fields ask for. */
    repair() {
        return {
            donor: part("contact-donor", HTMLSelectElement).value,
            rank: part("contact-rank", HTMLInputElement).value,
            vectors: part("contact-vectors", HTMLSelectElement).value,
        };
    }

    /**
     * Runs something with the buttons off; what goes wrong is said at its field.
     * @param {string} text
     * @param {() => Promise<void>} work
     */
    async busy(text, work) {
        const buttons = ["try", "save"].map((name) => part(`contact-${name}`, HTMLButtonElement));
        this.wrong();
        tell("contact-message", text, "busy");
        for (const button of buttons) button.disabled = true;
        try {
            await work();
        } catch (error) {
            const { field, message } = refusal(error);
            tell("contact-message", this.wrong(field, message) ? "" : message);
        } finally {
            for (const button of buttons) button.disabled = false;
        }
    }

    /**
     * @param {string} [field]
     * @param {string} [message]
     */
    wrong(field = "", message = "") {
        return markWrong(part("contact-details"), "contact", field, message);
    }

    draw() {
        const asked = ownPrompt(this.tab.study);
        if (!asked) {
            tell("contact-message", "Write a prompt first.");
            return;
        }
        const [name, repair, drawn] = [this.tab.choiceName(), this.repair(), { ...asked, ...this.tab.mix }];
        this.busy("Taking the difference apart, then drawing. The first time takes longest\u2026", async () => {
            const fused = await ask("try", { ...drawn, repair });
            const plain = await ask("try", drawn);
            show("contact-result", true);
            this.show("mix", plain, name);
            this.show("fused", fused, say("Repaired with rank {1}", repair.rank));
            tell("contact-message", say("Taken over: {1} % of the difference.", percent(fused.captured)), "good");
        });
    }

    /**
     * @param {"mix" | "fused"} side
     * @param {Drawn} drawn
     * @param {string} name
     */
    show(side, { study, files }, name) {
        write(`contact-${side}-name`, name);
        fillPictures(`contact-${side}`, study, files, name);
    }

    save() {
        const name = part("contact-name", HTMLInputElement);
        this.busy("Saving\u2026", async () => {
            const saved = await ask("save", {
                name: name.value.trim(), number_type: part("save-type", HTMLSelectElement).value,
                ...this.tab.mix, repair: this.repair(),
            });
            tell("contact-message", say("Saved as {1}", saved.file), "good");
            name.value = nextName(name.value.trim());
            this.tab.soon(0);
        });
    }
}
