// @ts-check
import { ask, refusal } from "./api.mjs";
import { head, make, named, stemHead } from "./elements.mjs";
import { groupLabel } from "./groups.mjs";
import { part, show, tell } from "./parts.mjs";
import { weightCell } from "./tables.mjs";
import { Unet } from "./unet.mjs";
import { words } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Group} Group */

const AGAIN_MS = 15000;
const LEAST_MIXES = 8; // before, the program has nothing to say
/** @type {Record<string, string>} */
const CLAIMS = { matters: "matters", dead: "no effect seen", unclear: "unclear" };

/** Which part of which model went into the best mix, which of them matter, and going on without the rest. */
export class Blocks {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
        this.drawing = new Unet(part("unet"));
        this.partner = 0;
        this.asked = { study: "", trials: -1, at: 0, language: "" };
        /** @type {import("./answers.d.ts").Blocks | null} */
        this.blocks = null;
        const select = part("unet-partner", HTMLSelectElement);
        select.addEventListener("change", () => {
            this.partner = Number(select.value);
            this.paint();
        });
        part("freeze").addEventListener("click", () => this.freeze());
    }

    shown() {
        this.on_news();
    }

    /** Asks again when the view is in front and something was tried since, but not all the time. */
    on_news() {
        const { study, points } = this.tab;
        this.allow();
        const { language } = words; // the drawing makes room for its names
        const same = this.asked.study === study && this.asked.language === language;
        if (this.tab.tabs?.front !== "blocks" || (same && this.asked.trials === points.length)) return;
        if (same && Date.now() - this.asked.at < AGAIN_MS && this.tab.active) return;
        this.asked = { study, trials: points.length, at: Date.now(), language };
        this.fetch(study, this.asked);
    }

    /** Freezing starts a study, so it waits until none runs. */
    allow() {
        part("freeze", HTMLButtonElement).disabled = this.tab.active;
        show("freeze-later", this.tab.active);
    }

    /**
     * @param {string} study
     * @param {object} asked
     */
    async fetch(study, asked) {
        const enough = Boolean(study) && this.tab.points.length >= LEAST_MIXES;
        const first = this.blocks?.study !== study;
        show("blocks-busy", enough && first);
        if (first) show("blocks-wait", !enough);
        const blocks = enough ? await ask(`blocks/${encodeURIComponent(study)}`).catch(() => null) : null;
        if (study !== this.tab.study || asked !== this.asked) return;
        this.blocks = blocks;
        show("blocks-busy", false);
        show("blocks-box", blocks !== null);
        show("blocks-wait", blocks === null);
        if (!this.blocks) return;
        const { partners, dead = [] } = this.blocks;
        this.partner = Math.min(this.partner, partners.length - 1);
        const select = part("unet-partner", HTMLSelectElement);
        select.replaceChildren(...partners.map((name, i) => {
            const option = named("option", "", name);
            option.value = String(i);
            return option;
        }));
        select.value = String(this.partner);
        this.paint();
        this.table(this.blocks);
        show("freeze-box", dead.length > 0);
        part("freeze-names").replaceChildren(...dead.map((name) => make("span", "rimo-mark", groupLabel(name))));
    }

    paint() {
        if (this.blocks) this.drawing.draw(this.blocks.groups, this.blocks.weights[this.partner] ?? []);
    }

    /** @param {import("./answers.d.ts").Blocks} blocks */
    table({ partners, groups, weights }) {
        const decides = Object.assign(head("What it decides"), { className: "rimo-left-head" });
        part("blocks-head").replaceChildren(head("Block group"), ...partners.map(stemHead), decides);
        const most = Math.max(0.01, ...groups.map((g) => g.high ?? g.importance ?? 0));
        part("blocks").replaceChildren(...groups.map((group, i) => {
            const line = make("tr", group.frozen ? "rimo-frozen" : "");
            const own = weights.map((row) => (group.frozen ? make("td", "rimo-heat", "\u2013") : weightCell(row[i] ?? 0)));
            line.append(head(groupLabel(group.name, group.title), { scope: "row" }), ...own, importanceCell(group, most));
            return line;
        }));
    }

    async freeze() {
        if (!this.blocks) return;
        tell("freeze-message", "Starting\u2026", "busy");
        try {
            await ask("freeze", { study: this.tab.study, groups: this.blocks.dead });
            tell("freeze-message");
            this.tab.soon(0);
            document.getElementById("rimo-steering")?.scrollIntoView({ block: "start" });
        } catch (error) {
            tell("freeze-message", refusal(error).message);
        }
    }
}

/**
 * How much of the differences between mixes a group explains, with its interval.
 * @param {Group} group
 * @param {number} most What fills the bar.
 */
function importanceCell({ frozen, importance, low, high, state = "" }, most) {
    const cell = make("td", "rimo-importance");
    if (frozen || importance === null || importance === undefined) {
        cell.append(make("span", "rimo-quiet", frozen ? "kept as in the base" : "not known yet"));
        return cell;
    }
    const bar = make("span", "rimo-share");
    for (const [name, share] of Object.entries({ share: importance, low: low ?? importance, high: high ?? importance })) {
        bar.style.setProperty(`--${name}`, `${(100 * share) / most}%`);
    }
    bar.append(make("i"), make("b"));
    cell.append(bar, make("span", "", `${Math.round(100 * importance)} %`));
    if (CLAIMS[state]) cell.append(make("span", `rimo-mark rimo-${state}`, CLAIMS[state]));
    return cell;
}
