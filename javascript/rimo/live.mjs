// @ts-check
import { Chart } from "./chart.mjs";
import { childrenOf, keep, make, named } from "./elements.mjs";
import { hundredths, percent } from "./numbers.mjs";
import { part, show, write } from "./parts.mjs";
import { pictureUrl } from "./picture_files.mjs";
import { nameField } from "./save.mjs";
import { tint } from "./tables.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").News} News */
/** @typedef {import("./answers.d.ts").Parts} Parts */
/** @typedef {import("./answers.d.ts").Choice} Choice */

const WRITTEN = /** @type {const} */ (["state", "message", "error", "progress", "mix", "speed", "remaining"]);
const REST_MS = 120; // how long one points at a mix before its weights are asked for

/** Where the study is, its curve, and the picture drawn last. */
export class Live {
    /**
     * @param {import("./tab.mjs").Tab} tab
     * @param {import("./recipe.mjs").Recipe} recipe
     */
    constructor(tab, recipe) {
        this.tab = tab;
        this.recipe = recipe;
        this.waiting = 0;
        /** @type {Parts["lines"]} */
        this.lines = [];
        /** @type {Parts["latest"]} */
        this.latest = null;
        this.chart = new Chart(part("plot"), (trial) => tab.choose({ trial }), (box, trial) => this.weights(box, trial));
        part("choice-try").addEventListener("click", () => {
            tab.tabs?.show("recipe");
            part("try-prompt").focus();
        });
        part("choice-save").addEventListener("click", () => nameField().focus());
        part("choice-best").addEventListener("click", () => tab.choose({}));
    }

    redraw() {
        this.chart.draw(this.tab.points, this.lines, this.tab.choice.trial);
    }

    /** @param {News} news */
    on_news(news) {
        for (const name of WRITTEN) write(name, news.text[name]);
        show("error", news.text.error !== "");
        part("bar").setAttribute("aria-valuenow", String(Math.round(1000 * news.fraction) / 10));
        this.steps(news.steps);
        show("progress-box", news.state !== "idle");
        show("welcome", news.state === "idle");
        show("main", news.state !== "idle");
        const any = this.tab.points.length > 0;
        show("plot", any);
        show("legend", any);
        show("plot-wait", !any);
        write("plot-wait", news.active
            ? "The first dot appears when the first mix has drawn its images." : "No mix was finished in this study.");
        write("latest-wait", "The first image appears here in a moment.");
        this.aside(news.active);
        show("message", news.text.message !== news.text.state);
        show("mix", news.text.mix !== "");
        part("mix").style.setProperty("--done", `${100 * news.mix}%`);
        this.redraw();
    }

    /**
     * A study that is not running and whose last image is gone has nothing beside its curve, and claims nothing.
     * @param {boolean} active
     */
    aside(active) {
        show("latest-box", active || this.latest);
        part("main").classList.toggle("rimo-alone", !active && !this.latest);
    }

    /**
     * The bar in as many pieces as the study has: one per epoch and the final measurement.
     * @param {News["steps"]} steps
     */
    steps(steps) {
        const bar = part("bar");
        keep(bar, steps.map((step, i) => `${i} ${step.name}`), (i) => {
            const piece = make("div", "rimo-step");
            piece.title = say(steps[i].name);
            piece.append(make("div", "rimo-step-done"));
            return piece;
        });
        childrenOf(bar).forEach((piece, i) => {
            piece.style.flexGrow = String(steps[i].share);
            childrenOf(piece)[0].style.width = `${100 * steps[i].done}%`;
        });
    }

    /** @param {Choice} choice */
    on_choice(choice) {
        const point = choice.trial && this.tab.points.find((p) => p[1] === choice.trial);
        show("choice", this.tab.chose);
        write("choice-name", this.tab.choiceName());
        write("choice-words", point ? say("{1} % of its tags found, in {2} images", percent(point[4]), point[3]) : "");
        this.redraw();
    }

    /**
     * Puts the weights of a mix under its words: a row for each partner, a cell for each block group.
     * @param {HTMLElement} box
     * @param {number} trial
     */
    weights(box, trial) {
        clearTimeout(this.waiting);
        box.replaceChildren();
        this.waiting = window.setTimeout(async () => {
            const recipe = await this.recipe.get({ trial }).catch(() => null);
            if (!recipe || this.chart.points[this.chart.at]?.trial !== trial) return;
            box.replaceChildren(...recipe.partners.map((name, i) => {
                const row = make("div", "rimo-mini");
                const cells = make("span", "rimo-mini-cells");
                cells.append(...recipe.weights[i].map((weight) => {
                    const cell = make("i");
                    cell.style.background = tint(weight);
                    return cell;
                }));
                const mean = recipe.weights[i].reduce((sum, w) => sum + w, 0) / recipe.weights[i].length;
                row.append(named("span", "rimo-mini-name", name), cells, make("b", "", hundredths(mean)));
                return row;
            }));
            this.chart.place();
        }, REST_MS);
    }

    /** @param {Parts["lines"]} lines */
    on_lines(lines) {
        this.lines = lines;
    }

    /** @param {Parts["models"]} models */
    on_models({ base, partners }) {
        show("models", base !== "");
        part("base").textContent = base;
        part("partners").textContent = partners.join(", ");
    }

    /** @param {Parts["latest"]} latest */
    on_latest(latest) {
        this.latest = latest;
        show("latest", latest !== null);
        show("latest-wait", latest === null);
        if (!latest) return;
        const picture = part("latest-picture", HTMLImageElement);
        const next = new Image(); // shown when it is there, so that the old one stays until then
        next.onload = () => { picture.src = next.src; };
        next.src = pictureUrl(this.tab.study, latest.file);
        write("latest-score", latest.score);
        part("latest-tags").replaceChildren(...latest.tags.map(([tag, found]) => {
            const item = make("li", found ? "rimo-found" : "rimo-missed");
            item.append(named("span", "", tag), " ", make("span", "rimo-aside", found ? "(found)" : "(missed)"));
            return item;
        }));
    }

    /** @param {Parts["notes"]} notes */
    on_notes(notes) {
        show("notes-box", notes.length > 0);
        write("notes-count", notes.length);
        part("notes").replaceChildren(...notes.map((note) => make("li", "", note)));
    }
}
