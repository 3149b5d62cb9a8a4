// @ts-check
import { API } from "./api.mjs";
import { head, make, makeButton, named } from "./elements.mjs";
import { part, show, write } from "./parts.mjs";
import { textCell } from "./tables.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Result} Measured */
/** @typedef {import("./answers.d.ts").TagRow} TagRow */
/** @typedef {import("./answers.d.ts").Watch} Watch */

const FILES = {
    "csv-file": "categories.csv", "markdown-file": "categories.md",
    "tags-csv-file": "tags.csv", "tags-markdown-file": "tags.md",
};

/** What was measured on unseen prompts: the gain, every arm in its interval, category by category, tag by tag. */
export class Result {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
    }

    /** @param {Measured | null} result */
    on_result(result) {
        show("result", result !== null);
        show("categories-box", result !== null && result.categories.length > 0);
        show("categories-wait", result === null);
        if (!result) return;
        part("gain").dataset.tone = result.tone;
        write("gain-value", result.value);
        write("gain-sentence", result.sentence);
        write("gain-verdict", result.verdict);
        part("arms").replaceChildren(...result.arms.map((arm) => this.arm(arm, result.scale)));
        for (const [link, file] of Object.entries(FILES)) {
            part(link, HTMLAnchorElement).href = `${API}${file}?study=${encodeURIComponent(this.tab.study)}`;
        }
        categories(result);
        tags("tags-gained", result.gained);
        tags("tags-lost", result.lost);
        for (const name of ["tags-note", "tags-files"]) show(name, result.gained.length + result.lost.length > 0);
    }

    /**
     * @param {Measured["arms"][number]} arm
     * @param {[number, number]} scale
     */
    arm(arm, [from, to]) {
        const row = make("div", `rimo-arm rimo-arm-${arm.role}`);
        const track = make("div", "rimo-track");
        for (const end of /** @type {const} */ (["low", "mean", "high"])) {
            track.style.setProperty(`--${end}`, `${(100 * (arm[end] - from)) / (to - from)}%`);
        }
        track.append(make("i", "rimo-whisker"), make("i", "rimo-mean"));
        const name = arm.role === "parent" ? named("span", "", arm.name) : make("span", "", arm.name);
        name.className = "rimo-arm-name";
        row.append(name, track, make("span", "", arm.text));
        if (arm.role === "uniform") row.append(this.chooser());
        return row;
    }

    /** The plain average can be the better mix where the search had few images. */
    chooser() {
        const button = makeButton("Choose", "rimo-small", () => this.tab.choose({ average: true }));
        button.title = say("Choose the plain average: look at its weights, try it, save it");
        return button;
    }

    /**
     * Whether the winners' images of one prompt vary enough.
     * @param {string[]} told
     */
    on_variety(told) {
        show("variety-box", told.length > 0);
        part("variety").replaceChildren(...told.map((text) => make("li", "", text)));
    }

    /**
     * Signs of broken shapes after each epoch, and what another one promises.
     * @param {Watch | null} watch
     */
    on_watch(watch) {
        show("epochs", watch !== null);
        if (!watch) return;
        show("epochs-warning", watch.warning);
        write("epochs-warning-words", watch.warning);
        part("epochs-signs").replaceChildren(...watch.signs.map(([epoch, sign]) => {
            const item = make("li");
            item.append(make("strong", "", epoch), " ", make("span", "", sign));
            return item;
        }));
        write("epochs-outlook", watch.outlook);
        show("epochs-outlook", watch.outlook);
        part("epochs-outlook").dataset.flat = String(watch.flat);
        write("epochs-limit", watch.limit);
        const heads = ["Epoch", "Accuracy", "Gain in points", "Unusual pictures", "Drift"];
        part("epochs-head").replaceChildren(...heads.map((text) => head(text)));
        part("epochs-rows").replaceChildren(...watch.rows.map((row) => {
            const line = make("tr", row.warned ? "rimo-warned" : "");
            const gain = textCell(row.gain, row.gain_span);
            gain.dataset.tone = row.tone;
            line.append(head(row.name, { scope: "row" }), textCell(row.accuracy, row.accuracy_span), gain,
                textCell(row.unusual, row.unusual_span), textCell(row.drift));
            return line;
        }));
    }
}

/** @param {Measured} result */
function categories({ categories: rows, parents = [] }) {
    part("categories-head").replaceChildren(
        ...["Category", "Your mix", "Base"].map((text) => head(text)),
        ...parents.map((name) => head(name, { name: true })),
        ...["Mean of parents", "Deviation"].map((text) => head(text)));
    part("categories").replaceChildren(...rows.map((row) => {
        const line = make("tr", row.whole ? "rimo-whole" : "");
        const deviation = textCell(row.deviation, row.deviation_span);
        deviation.dataset.tone = row.tone ?? "";
        line.append(head(row.category, { scope: "row", name: !row.whole }),
            textCell(row.merged, row.merged_span), textCell(row.base, row.base_span),
            ...parents.map((_, i) => textCell(row.each?.[i] ?? "")), textCell(row.parents), deviation);
        return line;
    }));
}

/**
 * The tags that the mix draws more or less often than the base, with how sure that is.
 * @param {string} name Of the list.
 * @param {TagRow[]} rows
 */
function tags(name, rows) {
    show(`${name}-box`, rows.length > 0);
    part(name).replaceChildren(...rows.map((row) => {
        const item = make("li");
        item.append(named("span", "", row.tag), make("strong", "", row.value), make("small", "", say("({1})", say(row.span))));
        if (row.sure) item.append(make("span", "rimo-mark", "sure"));
        return item;
    }));
}
