// @ts-check
import { ask, refusal } from "./api.mjs";
import { refreshHost } from "./host.mjs";
import { nextName } from "./names.mjs";
import { part, show, tell, write } from "./parts.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./tab.mjs").Tab} Tab */

/** The field with the name of the checkpoint to be saved. */
export function nameField() {
    return /** @type {HTMLInputElement} */ (document.querySelector("#rimo-name input"));
}

/** Saves the chosen mix as a checkpoint, and tells the WebUI around the tab that it is there. */
export class Save {
    /** @param {Tab} tab */
    constructor(tab) {
        this.tab = tab;
        part("saving").addEventListener("submit", (event) => {
            event.preventDefault();
            this.save();
        });
        part("save-best").addEventListener("click", () => tab.choose({}));
    }

    on_choice() {
        write("save-what", this.tab.choiceName());
        show("save-best", this.tab.chose);
    }

    async save() {
        const name = nameField();
        const button = /** @type {HTMLButtonElement} */ (document.getElementById("rimo-save"));
        const message = document.getElementById("rimo-save-message");
        button.disabled = true;
        tell(message, "Saving\u2026", "busy");
        try {
            const saved = await ask("save", {
                name: name.value.trim(), number_type: part("save-type", HTMLSelectElement).value,
                vae: part("save-vae", HTMLInputElement).checked, ema: part("save-ema", HTMLInputElement).checked,
                ...this.tab.choice,
            });
            const { file, folder } = saved;
            tell(message, folder ? say("Saved as {1} in {2}", file, folder) : say("Saved as {1}", file), "good");
            name.value = nextName(name.value.trim());
            this.tab.soon(0);
        } catch (error) {
            tell(message, refusal(error).message);
            name.focus();
        } finally {
            button.disabled = false;
        }
    }

    /** @param {string[]} saved */
    on_saved(saved) {
        const before = this.tab.saved;
        if (before?.study === this.tab.study && saved.length > before.count) refreshHost();
        this.tab.saved = { study: this.tab.study, count: saved.length };
        show("saved-box", saved.length > 0);
        write("saved", saved.join(", "));
    }
}
