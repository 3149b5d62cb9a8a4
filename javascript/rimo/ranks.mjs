// @ts-check
import { ask, refusal } from "./api.mjs";
import { BackgroundJob } from "./background_job.mjs";
import { head, make } from "./elements.mjs";
import { percent, signed, whole } from "./numbers.mjs";
import { find, part, show, tell, write } from "./parts.mjs";
import { shareCell } from "./tables.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").RankTables} RankTables */
/** @typedef {import("./answers.d.ts").RankArm} RankArm */

/** @type {Record<string, string>} */
const OWN = { kept: "The mix", donor: "The sound checkpoint" };

/** Measures several ranks of a repair in the background: which ones, their table, and the rank that is proposed. */
export class Ranks {
    /** @param {import("./contact.mjs").Contact} contact */
    constructor(contact) {
        this.contact = contact;
        /** @type {RankTables | null} */
        this.found = null;
        this.job = new BackgroundJob("ranks", this);
        part("ranks-form").addEventListener("input", () => this.cost());
        part("ranks-take").addEventListener("click", () => this.take());
    }

    /** The fold was opened: offer what is usual, show what there is, then watch. */
    async shown() {
        try {
            for (const [name, value] of Object.entries(await ask("ranks/options"))) {
                const input = part(`ranks-${name}`, HTMLInputElement);
                input.value ||= String(value);
            }
        } catch (error) {
            this.job.tell(refusal(error).message);
        }
        this.cost();
        if (this.job.mark) this.tables();
        this.job.watch();
    }

    /** @param {string} field */
    input(field) {
        return find(`ranks-${field}`) ?? find(`contact-${field}`);
    }

    /**
     * @param {string} field
     * @param {string} message
     */
    wrong(field, message) {
        return this.contact.wrong(field, message);
    }

    asked() {
        const { donor, vectors } = this.contact.repair();
        const [ranks, images] = ["ranks", "images"].map((name) => part(`ranks-${name}`, HTMLInputElement).value);
        return { study: this.contact.tab.study, ...this.contact.tab.mix, donor, vectors, ranks, images };
    }

    /** @param {string} name */
    called(name) {
        if (name in OWN) return say(OWN[name]);
        return name.startsWith("rank ") ? say("Rank {1}", name.slice(5)) : name;
    }

    /** What it costs at most. */
    cost() {
        const { ranks, images } = this.asked();
        const all = (new Set(ranks.match(/\d+/g)).size + 2) * (Number(images) || 0);
        write("ranks-cost", say("At most {1} images in all; those that were drawn before are not drawn again.", whole(all)));
    }

    async tables() {
        this.found = await ask("ranks/tables").catch(() => null);
        this.show();
    }

    /** Shows the table if it is of the chosen mix. */
    show() {
        const { tab } = this.contact;
        const found = this.found;
        const here = found?.current && found.request.study === tab.study && same(found.request.choice, tab.mix);
        show("ranks-box", here);
        if (!found || !here) return;
        const { request, arms, done, of, proposed, reasons } = found;
        const complete = done === of;
        write("ranks-about", say("Repaired by {1}, {2} images of each.", request.donor, whole(request.images)));
        part("ranks-rows").replaceChildren(...arms.map((arm) => this.row(arm, complete && arm.rank === proposed)));
        const verdict = proposed === null ? "No rank is proposed." : say("Rank {1} is proposed.", proposed);
        write("ranks-verdict", complete
            ? [verdict, ...reasons].map((text) => say(text)).join(" ") : say("{1} of {2} are measured.", done, of));
        show("ranks-take", complete && proposed !== null);
        write("ranks-take", say("Take rank {1}", proposed));
    }

    /**
     * @param {RankArm} arm
     * @param {boolean} proposed
     */
    row({ rank, accuracy, gain, unusual, captured }, proposed) {
        const line = make("tr", proposed ? "rimo-proposed" : "");
        const own = OWN[rank];
        const name = head(own ?? String(rank), { scope: "row", name: !own });
        if (proposed) name.append(" ", make("span", "rimo-mark", "proposed"));
        const more = make("td", "", rank === "kept" ? "\u2013" : signed(gain.mean));
        if (rank !== "kept") more.append(" ", make("small", "", say("({1} to {2})", signed(gain.low), signed(gain.high))));
        const taken = make("td", "", own ? "\u2013" : `${percent(captured)} %`);
        line.append(name, shareCell(accuracy), more, shareCell(unusual), taken);
        return line;
    }

    /** Puts the proposed rank, with what it was measured with, into the fields above. */
    take() {
        if (!this.found || this.found.proposed === null) return;
        const { request, proposed } = this.found;
        part("contact-donor", HTMLSelectElement).value = request.donor;
        part("contact-vectors", HTMLSelectElement).value = request.vectors;
        this.contact.rank(proposed);
        tell("contact-message", say("Rank {1} is set: try it, or save it.", proposed), "good");
        part("contact-rank").focus();
    }
}

/**
 * @param {Record<string, any>} one
 * @param {Record<string, any>} other
 */
function same(one, other) {
    return String(new URLSearchParams(one)) === String(new URLSearchParams(other));
}
