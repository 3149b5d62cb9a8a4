// @ts-check
import { ask, refusal } from "./api.mjs";
import { head, make, stemHead } from "./elements.mjs";
import { groupLabel } from "./groups.mjs";
import { part, show, tell, write } from "./parts.mjs";
import { fillPictures } from "./picture_files.mjs";
import { nameField } from "./save.mjs";
import { weightCell } from "./tables.mjs";

/** @typedef {import("./answers.d.ts").Choice} Choice */
/** @typedef {import("./answers.d.ts").Drawn} Drawn */
/** @typedef {import("./answers.d.ts").Recipe} Weights */

/**
 * What the box for the user's own prompt asks to be drawn; nothing without a prompt.
 * @param {string} study
 */
export function ownPrompt(study) {
    /** @param {string} name */
    const value = (name) => /** @type {HTMLInputElement} */ (part(`try-${name}`)).value;
    const prompt = value("prompt").trim();
    if (!prompt) {
        part("try-prompt").focus();
        return null;
    }
    const negative = value("negative").trim() && { negative: value("negative") };
    return { study, prompt, ...negative, seed: Number(value("seed")) || 0, count: Number(value("count")) };
}

/** The chosen mix: its weights as a table and as JSON, and the user's own prompt drawn with it beside the base. */
export class Recipe {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
        /** @type {Map<string, Weights>} */
        this.kept = new Map();
        /** @type {Weights | null} */
        this.recipe = null;
        this.asked = "";
        part("recipe-copy").addEventListener("click", () => this.copy());
        part("recipe-best").addEventListener("click", () => tab.choose({}));
        part("recipe-save").addEventListener("click", () => nameField().focus());
        part("try-form").addEventListener("submit", (event) => {
            event.preventDefault();
            this.draw();
        });
    }

    /**
     * A first prompt to try, until the user writes one.
     * @param {string[]} prompts
     */
    on_prompts(prompts) {
        const box = part("try-prompt", HTMLTextAreaElement);
        if (!box.value) box.value = prompts[0] ?? "";
    }

    /**
     * The recipe of a choice; those that cannot change any more are asked for once.
     * @param {Choice} choice
     * @returns {Promise<Weights>}
     */
    async get(choice) {
        const query = new URLSearchParams(/** @type {Record<string, any>} */ (choice)).toString();
        const path = `recipe/${encodeURIComponent(this.tab.study)}${query ? `?${query}` : ""}`;
        const known = this.kept.get(path);
        if (known) return known;
        const recipe = await ask(path);
        if (query) this.kept.set(path, recipe);
        return recipe;
    }

    shown() {
        this.on_news();
    }

    on_choice() {
        this.asked = "";
        this.on_news();
    }

    on_news() {
        const { study, points, choice } = this.tab;
        const moment = this.tab.chose ? 0 : points.length;
        const wanted = `${study} ${JSON.stringify(choice)} ${moment}`;
        if (this.tab.tabs?.front !== "recipe" || wanted === this.asked) return;
        this.asked = wanted;
        this.fetch(wanted);
    }

    /** @param {string} wanted */
    async fetch(wanted) {
        const recipe = this.tab.points.length ? await this.get(this.tab.choice).catch(() => null) : null;
        if (wanted !== this.asked) return;
        this.recipe = recipe;
        show("recipe-box", recipe !== null);
        show("recipe-wait", recipe === null);
        if (!recipe) return;
        write("recipe-name", this.tab.choiceName());
        show("recipe-best", this.tab.chose);
        this.table(recipe);
    }

    /** @param {Weights} recipe */
    table({ base, partners, groups, weights, titles, linear }) {
        part("recipe-head").replaceChildren(head("Block group"), ...[base, ...partners].map(stemHead));
        part("recipe").replaceChildren(...groups.map((group, i) => {
            const line = make("tr");
            const own = weights.map((row) => row[i] ?? 0);
            const rest = linear === false // then the base has no share that could be told
                ? make("td", "rimo-heat", "\u2013")
                : weightCell(1 - own.reduce((sum, w) => sum + w, 0));
            line.append(head(groupLabel(group, titles?.[i]), { scope: "row" }), rest, ...own.map(weightCell));
            return line;
        }));
    }

    async copy() {
        const text = JSON.stringify(this.recipe?.recipe ?? this.recipe, null, 2);
        try {
            await navigator.clipboard.writeText(text);
        } catch { // pages without https have no clipboard of that kind
            const area = document.createElement("textarea");
            area.value = text;
            part("recipe-box").append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
        }
        tell("recipe-message", "Copied.", "good");
    }

    /** Draws the prompt with base and mix, the same noise for both. */
    async draw() {
        const asked = ownPrompt(this.tab.study);
        if (!asked) {
            tell("try-message", "Write a prompt first.");
            return;
        }
        const button = part("try-start", HTMLButtonElement);
        const name = this.tab.choiceName();
        button.disabled = true;
        tell("try-message", this.tab.active ? "Waiting for a gap in the study, then drawing\u2026" : "Drawing\u2026", "busy");
        try {
            const base = await ask("try", { ...asked, base: true });
            this.show("base", base, "Base");
            const mix = await ask("try", { ...asked, ...this.tab.mix });
            this.show("mix", mix, name);
            tell("try-message");
        } catch (error) {
            tell("try-message", refusal(error).message);
        } finally {
            button.disabled = false;
        }
    }

    /**
     * @param {"base" | "mix"} side
     * @param {Drawn} drawn
     * @param {string} name
     */
    show(side, { study, files }, name) {
        if (side === "base") part("try-mix").replaceChildren();
        show("try-result", true);
        write(`try-${side}-name`, name);
        fillPictures(`try-${side}`, study, files, name);
    }
}
