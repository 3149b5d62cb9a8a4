// @ts-check
import { ask, refusal } from "./api.mjs";
import { BackgroundJob } from "./background_job.mjs";
import { benchTable } from "./bench_table.mjs";
import { childrenOf, keep, make, named, offer } from "./elements.mjs";
import { distinct } from "./names.mjs";
import { whole } from "./numbers.mjs";
import { markWrong, part, show, tell, write } from "./parts.mjs";
import { drawScatter } from "./scatter.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").BenchOptions} BenchOptions */
/** @typedef {import("./answers.d.ts").BenchTables} BenchTables */
/** @typedef {import("./answers.d.ts").BenchValues} BenchValues */
/** @typedef {import("./answers.d.ts").JobStatus} JobStatus */

const ZERO_IS_USUAL = ["steps", "cfg", "width", "height"];
const SIZE = ["per_tag", "tags", "many", "per_prompt"];

/** Upstream's benchmark on any checkpoints: choosing them, watching it, its tables and its scatter. */
export class Bench {
    constructor() {
        /** @type {string[]} */
        this.files = [];
        /** @type {Set<string>} */
        this.chosen = new Set();
        /** @type {BenchOptions["sizes"]} */
        this.sizes = {};
        /** @type {BenchTables | null} */
        this.found = null;
        this.form = part("bench-form");
        this.job = new BackgroundJob("bench", this);
        part("bench-search").addEventListener("input", () => this.list());
        const size = part("bench-size", HTMLSelectElement);
        size.addEventListener("change", () => this.fill(this.sizes[size.value] ?? {}));
        this.form.addEventListener("input", (event) => {
            if (event.target instanceof HTMLElement && event.target.dataset.bench) this.size();
        });
        new ResizeObserver(() => { if (this.found) drawScatter(this.found.points); }).observe(part("bench-scatter"));
    }

    /** @returns {HTMLInputElement[]} */
    inputs() {
        return [...this.form.querySelectorAll("[data-bench]")].map((input) => /** @type {HTMLInputElement} */ (input));
    }

    /** @param {string} name */
    input(name) {
        return this.inputs().find((input) => input.dataset.bench === name) ?? null;
    }

    /** The view came to the front: read what there is, then watch. */
    async shown() {
        try {
            const { sizes, checkpoints } = /** @type {BenchOptions} */ (await ask("bench/options"));
            this.files = distinct(checkpoints);
            if (!Object.keys(this.sizes).length) await this.begin(sizes);
            this.list();
        } catch (error) {
            tell("bench-message", refusal(error).message);
        }
        this.job.watch();
    }

    /** @param {BenchOptions["sizes"]} sizes */
    async begin(sizes) {
        this.sizes = sizes;
        const labels = Object.entries(sizes).map(([name, { label }]) => /** @type {[string, string]} */ ([name, label]));
        offer(part("bench-size", HTMLSelectElement), [...labels, ["own", "Own numbers"]]);
        const usual = Object.fromEntries([...ZERO_IS_USUAL, "seed"].map((name) => [name, 0]));
        this.fill({ ...usual, ...Object.values(sizes)[0] });
        this.job.mark = (await ask("bench")).mark;
        if (this.job.mark) await this.tables(true);
    }

    /**
     * Marks the field that an error is about; says whether there is one.
     * @param {string} field
     * @param {string} message
     */
    wrong(field, message) {
        return markWrong(this.form, "bench", field, message);
    }

    /** @param {JobStatus} now */
    stands({ mark }) {
        show("bench-wait", this.job.running && !mark);
    }

    asked() {
        /** @type {Record<string, unknown>} */
        const values = { checkpoints: this.files.filter((name) => this.chosen.has(name)) };
        for (const { dataset, value } of this.inputs()) {
            const name = dataset.bench ?? "";
            const usual = ZERO_IS_USUAL.includes(name) && Number(value) === 0;
            if (name === "many" || (value !== "" && !usual)) values[name] = value;
        }
        return values;
    }

    /** @param {Record<string, unknown>} values */
    fill(values) {
        for (const input of this.inputs()) {
            const value = values[input.dataset.bench ?? ""];
            if (value !== undefined) input.value = String(value);
        }
        this.size();
    }

    /** Which of the sizes the numbers are, and what they cost at most. */
    size() {
        /** @param {string} name */
        const text = (name) => this.input(name)?.value.trim() ?? "";
        const same = Object.entries(this.sizes).find(([, size]) => SIZE.every((name) => String(size[name]) === text(name)));
        part("bench-size", HTMLSelectElement).value = same?.[0] ?? "own";
        const per_tag = Number(text("per_tag")) || 0;
        const { each, many, all } = cost(per_tag, Number(text("tags")) || 0, text("many"), Number(text("per_prompt")) || 0);
        write("bench-cost", all
            ? say("For each checkpoint {1} images, and {2} of every tag.", whole(many), per_tag)
            : say("For each checkpoint at most {1} images, {2} in all.", whole(each), whole(each * this.chosen.size)));
        write("bench-count", say("{1} of {2} chosen", this.chosen.size, this.files.length));
    }

    list() {
        const wanted = part("bench-search", HTMLInputElement).value.trim().toLowerCase();
        const shown = this.files.filter((name) => name.toLowerCase().includes(wanted) || this.chosen.has(name));
        const box = part("bench-checkpoints");
        keep(box, shown, (i) => this.tick(shown[i]));
        for (const item of childrenOf(box)) {
            const check = item.querySelector("input");
            if (check) check.checked = this.chosen.has(item.dataset.key ?? "");
        }
        this.size();
    }

    /** @param {string} name */
    tick(name) {
        const item = make("li");
        const label = make("label", "rimo-check");
        const check = make("input");
        check.type = "checkbox";
        check.addEventListener("change", () => {
            if (check.checked) this.chosen.add(name);
            else this.chosen.delete(name);
            tell(document.getElementById("rimo-bench-bad-checkpoints"));
            this.size();
        });
        label.append(check, named("span", "", name));
        item.append(label);
        return item;
    }

    /** Reads the latest tables; `asked` also fills in what they were asked with. */
    async tables(asked = false) {
        this.found = /** @type {BenchTables | null} */ (await ask("bench/tables").catch(() => null));
        show("bench-box", this.found !== null);
        if (!this.found) return;
        const { request, points, tables, notes } = this.found;
        if (asked) {
            this.chosen = new Set(request.checkpoints.filter((name) => this.files.includes(name)));
            this.fill(request);
        }
        drawScatter(points);
        part("bench-tables").replaceChildren(...tables.map(benchTable));
        part("bench-notes").replaceChildren(...notes.map((note) => make("li", "", note)));
    }
}

/**
 * How many images a checkpoint needs: at most, of those with many tags, and whether all tags make the most unknown.
 * @param {number} per_tag
 * @param {number} tags 0 for all.
 * @param {string} many "tags:prompts", several of them.
 * @param {number} per_prompt
 */
export function cost(per_tag, tags, many, per_prompt) {
    const prompts = [...many.matchAll(/\d+:(\d+)/g)].reduce((sum, found) => sum + Number(found[1]), 0);
    const drawn = prompts * per_prompt;
    return { each: per_tag * tags + drawn, many: drawn, all: tags === 0 && per_tag > 0 };
}
