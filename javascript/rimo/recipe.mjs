/** The chosen mix: its weights as a table and as JSON, and the user's own prompt drawn with it beside the base. */
class RimoRecipe {
    constructor(tab) {
        this.tab = tab;
        this.kept = new Map();
        this.asked = "";
        RimoFrame.part("recipe-copy").addEventListener("click", () => this.copy());
        RimoFrame.part("recipe-best").addEventListener("click", () => tab.choose({}));
        RimoFrame.part("recipe-save").addEventListener("click", () => document.querySelector("#rimo-name input").focus());
        RimoFrame.part("try-form").addEventListener("submit", (event) => {
            event.preventDefault();
            this.draw();
        });
    }

    /** A first prompt to try, until the user writes one. */
    on_prompts(prompts) {
        const box = RimoFrame.part("try-prompt");
        if (!box.value) box.value = prompts[0] ?? "";
    }

    /** Query of a choice; nothing is the best. */
    static query(choice) {
        const text = new URLSearchParams(choice).toString();
        return text ? `?${text}` : "";
    }

    /** The recipe of a choice; those that cannot change any more are asked for once. */
    async get(choice) {
        const path = `recipe/${encodeURIComponent(this.tab.study)}${RimoRecipe.query(choice)}`;
        if (this.kept.has(path)) return this.kept.get(path);
        const recipe = await RimoFrame.ask(path);
        if (this.tab.chose) this.kept.set(path, recipe);
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

    async fetch(wanted) {
        let recipe = null;
        if (this.tab.points.length) recipe = await this.get(this.tab.choice).catch(() => null);
        if (wanted !== this.asked) return;
        this.recipe = recipe;
        RimoFrame.show("recipe-box", recipe !== null);
        RimoFrame.show("recipe-wait", recipe === null);
        if (!recipe) return;
        RimoFrame.text("recipe-name", this.tab.choiceName());
        RimoFrame.show("recipe-best", this.tab.chose);
        this.table(recipe);
    }

    table({ base, partners, groups, weights }) {
        const head = (text, name) => Object.assign(name ? RimoFrame.named("th", "", text) : RimoFrame.make("th", "", text), { scope: "col" });
        RimoFrame.part("recipe-head").replaceChildren(head("Block group"), ...[base, ...partners].map((name) => RimoFrame.stem(head, name)));
        RimoFrame.part("recipe").replaceChildren(...groups.map((group, i) => {
            const line = RimoFrame.make("tr");
            const name = RimoFrame.make("th", "", RimoUnet.label(group));
            name.scope = "row";
            const own = weights.map((row) => row[i] ?? 0);
            line.append(name);
            for (const weight of [1 - own.reduce((sum, w) => sum + w, 0), ...own]) {
                const cell = RimoFrame.make("td", "rimo-heat", RimoUnet.weight(weight));
                cell.style.background = RimoUnet.tint(weight);
                line.append(cell);
            }
            return line;
        }));
    }

    async copy() {
        const text = JSON.stringify(this.recipe.recipe ?? this.recipe, null, 2);
        try {
            await navigator.clipboard.writeText(text);
        } catch { // pages without https have no clipboard of that kind
            const area = document.createElement("textarea");
            area.value = text;
            RimoFrame.part("recipe-box").append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
        }
        RimoFrame.tell("recipe-message", "Copied.", "good");
    }

    /** Draws the prompt with base and mix, the same noise for both. */
    async draw() {
        const value = (name) => RimoFrame.part(`try-${name}`).value;
        const prompt = value("prompt").trim();
        if (!prompt) {
            RimoFrame.tell("try-message", "Write a prompt first.");
            RimoFrame.part("try-prompt").focus();
            return;
        }
        const button = RimoFrame.part("try-start");
        const asked = { study: this.tab.study, prompt, ...(value("negative").trim() && { negative: value("negative") }), seed: Number(value("seed")) || 0, count: Number(value("count")) };
        const name = this.tab.choiceName();
        button.disabled = true;
        RimoFrame.tell("try-message", this.tab.active ? "Waiting for a gap in the study, then drawing\u2026" : "Drawing\u2026", "busy");
        try {
            const base = await RimoFrame.ask("try", { ...asked, base: true });
            this.show("base", base, "Base");
            const mix = await RimoFrame.ask("try", { ...asked, ...this.tab.mix });
            this.show("mix", mix, name);
            RimoFrame.tell("try-message");
        } catch (error) {
            RimoFrame.tell("try-message", error.message);
        } finally {
            button.disabled = false;
        }
    }

    show(side, { study, files }, name) {
        if (side === "base") RimoFrame.part("try-mix").replaceChildren();
        RimoFrame.show("try-result", true);
        RimoFrame.text(`try-${side}-name`, name);
        RimoFrame.pictures(`try-${side}`, study, files, name);
    }
}
