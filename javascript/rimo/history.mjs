// @ts-check
import { API, ask, refusal } from "./api.mjs";
import { Compare } from "./compare.mjs";
import { keep, make, makeButton, named } from "./elements.mjs";
import { percent, signed, whole } from "./numbers.mjs";
import { part, show, tell, write } from "./parts.mjs";
import { say, words } from "./words.mjs";

/** @typedef {import("./answers.d.ts").PastStudy} PastStudy */
/** @typedef {import("./answers.d.ts").CurvePoint} CurvePoint */
/** @typedef {import("./answers.d.ts").Interval} Interval */

/** @type {Record<string, string>} */
const TONES = {
    searching: "rimo-chip-running", measuring: "rimo-chip-running", finished: "rimo-chip-finished",
    failed: "rimo-chip-failed", broken: "rimo-chip-failed",
};
const RESUMABLE = ["stopped", "failed", "paused"];

/** All studies: open one, go on with it, compare their curves, take a report along, delete. */
export class History {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
        /** @type {PastStudy[]} */
        this.studies = [];
        /** @type {Set<string>} */
        this.compared = new Set();
        /** @type {PastStudy[]} */
        this.ticked = [];
        /** @type {Map<string, CurvePoint[]>} */
        this.curves = new Map();
        this.state = "";
        this.doomed = "";
        /** @type {Promise<void>} */
        this.reading = Promise.resolve();
        this.plot = new Compare(part("compare-plot"), part("compare-legend"));
        this.dialog = part("delete-dialog", HTMLDialogElement);
        part("delete-no").addEventListener("click", () => this.dialog.close());
        part("delete-yes").addEventListener("click", () => this.remove());
    }

    shown() {
        this.fetch();
    }

    /**
     * Reads the list again when the study on display began, ended or was saved, and for its dates in another language.
     * @param {{ state: string }} news
     */
    on_news(news) {
        const state = `${this.tab.study} ${news.state} ${this.tab.saved?.count} ${words.language}`;
        if (state === this.state) return;
        this.state = state;
        if (this.tab.tabs?.front === "history") this.fetch();
    }

    /** Reads the list, one time after the other: an answer from before a change never comes after one from behind it. */
    fetch() {
        this.reading = this.reading.catch(() => {}).then(() => this.read());
        return this.reading;
    }

    async read() {
        try {
            this.studies = (await ask("studies")).studies;
        } catch (error) {
            tell("history-message", refusal(error).message);
            return;
        }
        show("history-wait", this.studies.length === 0);
        show("history-box", this.studies.length > 0);
        const keys = this.studies.map((study) => JSON.stringify([study, this.tab.active, words.language]));
        keep(part("history"), keys, (i) => this.card(this.studies[i]));
        this.compare();
    }

    /** @param {PastStudy} study */
    card(study) {
        const card = make("li", study.current ? "rimo-card rimo-current" : "rimo-card");
        const top = make("div", "rimo-card-head");
        const tone = `rimo-chip ${TONES[study.state] ?? ""}`;
        top.append(named("strong", "", when(study)), make("span", tone, study.state[0].toUpperCase() + study.state.slice(1)));
        if (study.current) top.append(make("span", "rimo-mark", "on display"));
        card.append(top);
        if (study.broken) {
            card.append(make("p", "rimo-bad", study.broken), this.acts(study));
            return card;
        }
        const models = make("p", "rimo-models");
        const partners = (study.partners ?? []).join(", ");
        models.append(named("b", "", study.base ?? ""), " + ", named("span", "", partners));
        card.append(models, gainLine(study), make("p", "rimo-quiet", amount(study)));
        if (study.saved?.length) {
            const saved = make("p", "rimo-quiet", "Saved:");
            saved.append(" ", named("span", "", study.saved.join(", ")));
            card.append(saved);
        }
        card.append(this.acts(study));
        return card;
    }

    /** @param {PastStudy} study */
    acts(study) {
        const row = make("div", "rimo-acts");
        if (!study.broken) {
            if (!study.current) row.append(this.act("Open", "open", study));
            if (RESUMABLE.includes(study.state)) row.append(this.act("Resume", "resume", study));
            const report = make("a", "rimo-button rimo-small", "Report");
            report.href = `${API}report/${encodeURIComponent(study.id)}.html?lang=${words.language}`;
            report.download = "";
            row.append(report);
        }
        const running = study.current && this.tab.active;
        if (!running) row.append(makeButton("Delete", "rimo-small", () => this.ask(study)));
        if (!study.broken) row.append(this.tick(study));
        return row;
    }

    /** @param {PastStudy} study */
    tick(study) {
        const check = make("input");
        check.type = "checkbox";
        check.checked = this.compared.has(study.id);
        check.addEventListener("change", () => {
            if (check.checked) this.compared.add(study.id);
            else this.compared.delete(study.id);
            this.compare();
        });
        const label = make("label", "rimo-check");
        label.append(check, make("span", "", "Compare"));
        return label;
    }

    /**
     * @param {string} text
     * @param {string} path
     * @param {PastStudy} study
     */
    act(text, path, study) {
        const button = makeButton(text, "rimo-small", async () => {
            tell("history-message");
            try {
                await ask(path, { study: study.id });
                this.tab.soon(0);
                await this.fetch();
            } catch (error) {
                tell("history-message", refusal(error).message);
            }
        });
        button.disabled = this.tab.active;
        return button;
    }

    /** @param {PastStudy} study */
    ask(study) {
        this.doomed = study.id;
        write("delete-what", amount(study));
        part("delete-name").textContent = `${study.base} + ${(study.partners ?? []).join(", ")}`;
        this.dialog.showModal();
        part("delete-no").focus();
    }

    async remove() {
        const study = this.doomed; // another one may be asked about before the answer comes
        this.dialog.close();
        try {
            await ask("delete", { study });
            this.compared.delete(study);
            await this.fetch();
            tell("history-message", "Deleted.", "good");
        } catch (error) {
            tell("history-message", refusal(error).message);
        }
        this.tab.soon(0);
    }

    /** Draws the ticked studies over each other, once there are two. */
    async compare() {
        const ticked = this.studies.filter((study) => this.compared.has(study.id));
        this.ticked = ticked;
        show("compare-studies", ticked.length > 1);
        show("compare-hint", ticked.length === 1);
        if (ticked.length < 2) return;
        try {
            const shown = await Promise.all(ticked.map((study) => this.curve(study)));
            if (this.ticked === ticked) this.plot.draw(shown);
        } catch (error) {
            tell("history-message", refusal(error).message);
        }
    }

    /** @param {PastStudy} study */
    async curve(study) {
        const key = `${study.id} ${study.trials}`;
        const curve = this.curves.get(key) ?? (await ask(`studies/${encodeURIComponent(study.id)}`)).curve;
        this.curves.set(key, curve);
        const day = new Date(study.started).toLocaleDateString(words.language);
        return { name: `${day} \u00b7 ${study.base} + ${(study.partners ?? []).join(", ")}`, curve };
    }
}

/** @param {PastStudy} study */
function when({ id, started }) {
    const date = new Date(started);
    if (Number.isNaN(date.getTime())) return id;
    return date.toLocaleString(words.language, { dateStyle: "medium", timeStyle: "short" });
}

/** @param {PastStudy} study */
function amount({ trials, images }) {
    return say("{1} mixes tried \u00b7 {2} images", trials, whole(Number(images)));
}

/** @param {PastStudy} study */
function gainLine({ gain, best }) {
    const line = make("p", "rimo-card-gain");
    /** @param {Interval} i */
    const span = (i) => [percent(i.low), percent(i.high)];
    if (gain) {
        line.dataset.tone = gain.low > 0 ? "up" : gain.high < 0 ? "down" : "unclear";
        const points = say("points over the base ({1} to {2})", ...span(gain));
        line.append(make("strong", "", signed(gain.mean)), " ", points);
    } else if (best) {
        line.append(say("Best so far, estimated: {1} % ({2} to {3})", percent(best.mean), ...span(best)));
    } else line.append(say("Nothing measured yet"));
    return line;
}
