/** Where the study is, its curve, and the picture drawn last. */
class RimoLive {
    constructor(tab) {
        this.tab = tab;
        this.lines = [];
        this.chart = new RimoChart(RimoFrame.part("plot"), (trial) => tab.choose({ trial }), (box, point) => this.weights(box, point));
        RimoFrame.part("choice-try").addEventListener("click", () => {
            tab.tabs.show("recipe");
            RimoFrame.part("try-prompt").focus();
        });
        RimoFrame.part("choice-save").addEventListener("click", () => document.querySelector("#rimo-name input").focus());
        RimoFrame.part("choice-best").addEventListener("click", () => tab.choose({}));
    }

    redraw() {
        this.chart.draw(this.tab.points, this.lines, this.tab.choice.trial);
    }

    on_news(news) {
        for (const name of ["state", "message", "error", "progress", "mix", "speed", "remaining"]) RimoFrame.text(name, news.text[name]);
        RimoFrame.show("error", news.text.error !== "");
        const percent = Math.round(1000 * news.fraction) / 10;
        RimoFrame.part("bar").setAttribute("aria-valuenow", percent);
        this.steps(news.steps);
        RimoFrame.show("progress-box", news.state !== "idle");
        RimoFrame.show("welcome", news.state === "idle");
        RimoFrame.show("main", news.state !== "idle");
        const any = this.tab.points.length > 0;
        RimoFrame.show("plot", any);
        RimoFrame.show("legend", any);
        RimoFrame.show("plot-wait", !any);
        RimoFrame.text("plot-wait", news.active ? "The first dot appears when the first mix has drawn its images." : "No mix was finished in this study.");
        RimoFrame.text("latest-wait", "The first image appears here in a moment.");
        this.aside(news.active);
        RimoFrame.show("message", news.text.message !== news.text.state);
        RimoFrame.show("mix", news.text.mix !== "");
        RimoFrame.part("mix").style.setProperty("--done", `${100 * news.mix}%`);
        this.redraw();
    }

    /** A study that is not running and whose last image is gone has nothing beside its curve, and claims nothing. */
    aside(active) {
        RimoFrame.show("latest-box", active || Boolean(this.latest));
        RimoFrame.part("main").classList.toggle("rimo-alone", !active && !this.latest);
    }

    /** The bar in as many pieces as the study has: one per epoch and the final measurement. */
    steps(steps) {
        const bar = RimoFrame.part("bar");
        RimoFrame.keep(bar, steps.map((step, i) => `${i} ${step.name}`), (i) => {
            const piece = RimoFrame.make("div", "rimo-step");
            piece.title = RimoWords.say(steps[i].name);
            piece.append(RimoFrame.make("div", "rimo-step-done"));
            return piece;
        });
        steps.forEach((step, i) => {
            bar.children[i].style.flexGrow = step.share;
            bar.children[i].firstChild.style.width = `${100 * step.done}%`;
        });
    }

    on_choice(choice) {
        const point = choice.trial && this.tab.points.find((p) => p[1] === choice.trial);
        RimoFrame.show("choice", this.tab.chose);
        RimoFrame.text("choice-name", this.tab.choiceName());
        const words = point ? RimoWords.say("{1} % of its tags found, in {2} images", RimoFrame.percent(point[4]), point[3]) : "";
        RimoFrame.text("choice-words", words);
        this.redraw();
    }

    /** Puts the weights of a mix under its words: a row for each partner, a cell for each block group. */
    weights(box, point) {
        clearTimeout(this.waiting);
        box.replaceChildren();
        this.waiting = setTimeout(async () => {
            const recipe = await this.tab.recipe.get({ trial: point.trial }).catch(() => null);
            if (!recipe || this.chart.points[this.chart.at]?.trial !== point.trial) return;
            box.replaceChildren(...recipe.partners.map((name, i) => {
                const row = RimoFrame.make("div", "rimo-mini");
                const cells = RimoFrame.make("span", "rimo-mini-cells");
                cells.append(...recipe.weights[i].map((weight) => {
                    const cell = RimoFrame.make("i");
                    cell.style.background = RimoUnet.tint(weight);
                    return cell;
                }));
                const mean = recipe.weights[i].reduce((sum, w) => sum + w, 0) / recipe.weights[i].length;
                row.append(RimoFrame.named("span", "rimo-mini-name", name), cells, RimoFrame.make("b", "", RimoUnet.weight(mean)));
                return row;
            }));
            this.chart.place();
        }, 120);
    }

    on_lines(lines) {
        this.lines = lines;
    }

    on_models({ base, partners }) {
        RimoFrame.show("models", base !== "");
        RimoFrame.part("base").textContent = base;
        RimoFrame.part("partners").textContent = partners.join(", ");
    }

    on_latest(latest) {
        this.latest = latest;
        RimoFrame.show("latest", latest !== null);
        RimoFrame.show("latest-wait", latest === null);
        if (!latest) return;
        const picture = RimoFrame.part("latest-picture");
        const next = new Image(); // shown when it is there, so that the old one stays until then
        next.onload = () => { picture.src = next.src; };
        next.src = RimoFrame.picture(this.tab.study, latest.file);
        RimoFrame.text("latest-score", latest.score);
        RimoFrame.part("latest-tags").replaceChildren(...latest.tags.map(([tag, found]) => {
            const item = RimoFrame.make("li", found ? "rimo-found" : "rimo-missed");
            item.append(RimoFrame.named("span", "", tag), " ", RimoFrame.make("span", "rimo-aside", found ? "(found)" : "(missed)"));
            return item;
        }));
    }

    on_notes(notes) {
        RimoFrame.show("notes-box", notes.length > 0);
        RimoFrame.text("notes-count", notes.length);
        RimoFrame.part("notes").replaceChildren(...notes.map((note) => RimoFrame.make("li", "", note)));
    }
}
