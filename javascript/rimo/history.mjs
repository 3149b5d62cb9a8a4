/** All studies: open one, go on with it, compare their curves, take a report along, delete. */
class RimoHistory {
    static TONES = { searching: "rimo-chip-running", measuring: "rimo-chip-running", finished: "rimo-chip-finished", failed: "rimo-chip-failed", broken: "rimo-chip-failed" };

    constructor(tab) {
        this.tab = tab;
        this.studies = [];
        this.compared = new Set();
        this.curves = new Map();
        this.state = "";
        this.reading = Promise.resolve();
        this.plot = new RimoCompare(RimoFrame.part("compare-plot"), RimoFrame.part("compare-legend"));
        this.dialog = RimoFrame.part("delete-dialog");
        RimoFrame.part("delete-no").addEventListener("click", () => this.dialog.close());
        RimoFrame.part("delete-yes").addEventListener("click", () => this.remove());
    }

    shown() {
        this.fetch();
    }

    /** Reads the list again when the study on display began, ended or was saved, and for its dates in another language. */
    on_news(news) {
        const state = `${this.tab.study} ${news?.state} ${this.tab.saved?.count} ${RimoWords.language}`;
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
            this.studies = (await RimoFrame.ask("studies")).studies;
        } catch (error) {
            RimoFrame.tell("history-message", error.message);
            return;
        }
        RimoFrame.show("history-wait", this.studies.length === 0);
        RimoFrame.show("history-box", this.studies.length > 0);
        RimoFrame.keep(RimoFrame.part("history"), this.studies.map((study) => JSON.stringify([study, this.tab.active, RimoWords.language])), (i) => this.card(this.studies[i]));
        this.compare();
    }

    card(study) {
        const card = RimoFrame.make("li", study.current ? "rimo-card rimo-current" : "rimo-card");
        const head = RimoFrame.make("div", "rimo-card-head");
        const when = new Date(study.started);
        head.append(
            RimoFrame.named("strong", "", Number.isNaN(when.getTime()) ? study.id : when.toLocaleString(RimoWords.language, { dateStyle: "medium", timeStyle: "short" })),
            RimoFrame.make("span", `rimo-chip ${RimoHistory.TONES[study.state] ?? ""}`, study.state[0].toUpperCase() + study.state.slice(1)));
        if (study.current) head.append(RimoFrame.make("span", "rimo-mark", "on display"));
        card.append(head);
        if (study.broken) {
            card.append(RimoFrame.make("p", "rimo-bad", study.broken), this.acts(study));
            return card;
        }
        const models = RimoFrame.make("p", "rimo-models");
        models.append(RimoFrame.named("b", "", study.base ?? ""), " + ", RimoFrame.named("span", "", (study.partners ?? []).join(", ")));
        const counts = RimoFrame.make("p", "rimo-quiet", RimoWords.say("{1} mixes tried · {2} images", study.trials, Number(study.images).toLocaleString("en")));
        card.append(models, this.gain(study), counts);
        if (study.saved?.length) {
            const saved = RimoFrame.make("p", "rimo-quiet", "Saved:");
            saved.append(" ", RimoFrame.named("span", "", study.saved.join(", ")));
            card.append(saved);
        }
        card.append(this.acts(study));
        return card;
    }

    gain({ gain, best }) {
        const line = RimoFrame.make("p", "rimo-card-gain");
        const span = (i) => [RimoFrame.percent(i.low), RimoFrame.percent(i.high)];
        if (gain) {
            line.dataset.tone = gain.low > 0 ? "up" : gain.high < 0 ? "down" : "unclear";
            line.append(RimoFrame.make("strong", "", RimoFrame.signed(gain.mean)), " ", RimoWords.say("points over the base ({1} to {2})", ...span(gain)));
        } else if (best) {
            line.append(RimoWords.say("Best so far, estimated: {1} % ({2} to {3})", RimoFrame.percent(best.mean), ...span(best)));
        } else line.append(RimoWords.say("Nothing measured yet"));
        return line;
    }

    acts(study) {
        const row = RimoFrame.make("div", "rimo-acts");
        const check = RimoFrame.make("input");
        check.type = "checkbox";
        check.checked = this.compared.has(study.id);
        check.addEventListener("change", () => {
            if (check.checked) this.compared.add(study.id);
            else this.compared.delete(study.id);
            this.compare();
        });
        const label = RimoFrame.make("label", "rimo-check");
        label.append(check, RimoFrame.make("span", "", "Compare"));
        if (!study.broken) {
            if (!study.current) row.append(this.act("Open", "open", study));
            if (["stopped", "failed", "paused"].includes(study.state)) row.append(this.act("Resume", "resume", study));
            const report = RimoFrame.make("a", "rimo-button rimo-small", "Report");
            report.href = `rimo/v1/report/${encodeURIComponent(study.id)}.html?lang=${RimoWords.language}`;
            report.download = "";
            row.append(report);
        }
        const running = study.current && this.tab.active;
        if (!running) row.append(RimoFrame.button("Delete", "rimo-small", () => this.ask(study)));
        if (!study.broken) row.append(label);
        return row;
    }

    act(text, path, study) {
        const button = RimoFrame.button(text, "rimo-small", async () => {
            RimoFrame.tell("history-message");
            try {
                await RimoFrame.ask(path, { study: study.id });
                this.tab.soon(0);
                await this.fetch();
            } catch (error) {
                RimoFrame.tell("history-message", error.message);
            }
        });
        button.disabled = this.tab.active;
        return button;
    }

    ask(study) {
        this.doomed = study.id;
        RimoFrame.text("delete-what", RimoWords.say("{1} mixes tried · {2} images", study.trials, Number(study.images).toLocaleString("en")));
        RimoFrame.part("delete-name").textContent = `${study.base} + ${(study.partners ?? []).join(", ")}`;
        this.dialog.showModal();
        RimoFrame.part("delete-no").focus();
    }

    async remove() {
        const study = this.doomed; // another one may be asked about before the answer comes
        this.dialog.close();
        try {
            await RimoFrame.ask("delete", { study });
            this.compared.delete(study);
            await this.fetch();
            RimoFrame.tell("history-message", "Deleted.", "good");
        } catch (error) {
            RimoFrame.tell("history-message", error.message);
        }
        this.tab.soon(0);
    }

    /** Draws the ticked studies over each other, once there are two. */
    async compare() {
        const ticked = this.studies.filter((study) => this.compared.has(study.id));
        this.ticked = ticked;
        RimoFrame.show("compare-studies", ticked.length > 1);
        RimoFrame.show("compare-hint", ticked.length === 1);
        if (ticked.length < 2) return;
        const shown = await Promise.all(ticked.map(async (study) => {
            const key = `${study.id} ${study.trials}`;
            if (!this.curves.has(key)) this.curves.set(key, (await RimoFrame.ask(`studies/${encodeURIComponent(study.id)}`)).curve);
            return { name: `${new Date(study.started).toLocaleDateString(RimoWords.language)} \u00b7 ${study.base} + ${study.partners.join(", ")}`, curve: this.curves.get(key) };
        })).catch((error) => RimoFrame.tell("history-message", error.message));
        if (shown && this.ticked === ticked) this.plot.draw(shown);
    }
}
