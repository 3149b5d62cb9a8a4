/**
 * The live view of the tab "Random mix".
 *
 * Asks the program once a second for what changed and puts it into the frame that the tab brought along
 * (elements with data-rimo="name"). An update changes data, never the elements around it, so nothing flickers
 * and scroll, focus and selection survive. While the tab cannot be seen nothing is asked.
 */
class RimoTab {
    static BUSY_MS = 1000;
    static IDLE_MS = 4000;
    static UNSEEN_MS = 500;
    static BUTTONS = ["start", "pause", "resume", "stop", "save"];

    constructor() {
        this.seen = { run: "", study: "", version: -1, marks: {} };
        this.points = [];
        this.lines = [];
        this.chart = null;
        this.frame = null;
        this.timer = 0;
        this.asking = false;
    }

    /** Starts polling, which goes on for the life of the page. */
    run() {
        document.addEventListener("click", (event) => {
            if (event.target.closest?.("#rimo-tab button, [role=tab]")) this.soon(150);
        });
        document.addEventListener("visibilitychange", () => this.soon(0));
        window.addEventListener("resize", () => this.chart?.draw(this.points, this.lines));
        this.soon(0);
    }

    soon(ms) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.tick(), ms);
    }

    /** One round: ask, show, plan the next. */
    async tick() {
        if (this.asking) return;
        this.asking = true;
        let pause = RimoTab.UNSEEN_MS;
        try {
            if (this.visible()) pause = await this.refresh();
        } catch (error) {
            this.show("lost", true);
            pause = RimoTab.IDLE_MS;
        } finally {
            this.asking = false;
            this.soon(pause);
        }
    }

    visible() {
        const live = document.querySelector('#rimo-tab [data-rimo="live"]');
        if (!live || document.hidden || !live.getClientRects().length) return false;
        if (live !== this.frame) { // the page, or the tab in it, was made anew
            this.frame = live;
            this.chart = new RimoChart(this.part("plot"));
            this.seen = { run: "", study: "", version: -1, marks: {} };
            this.points = [];
        }
        return true;
    }

    async refresh() {
        const { run, study, version, marks } = this.seen;
        const query = new URLSearchParams({
            run, study, since: version, points: this.points.length, have: Object.values(marks).join("."),
        });
        const answer = await fetch(`rimo/v1/status?${query}`, { cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const news = await answer.json();
        this.show("lost", false);
        if ("state" in news) this.update(news);
        if (news.curve && this.points.length < news.curve.total) return 0;
        return this.active ? RimoTab.BUSY_MS : RimoTab.IDLE_MS;
    }

    update(news) {
        this.active = news.active;
        const same = news.run === this.seen.run && news.study === this.seen.study;
        const marks = same ? { ...this.seen.marks } : {};
        this.points = this.points.slice(0, news.curve.from).concat(news.curve.points);
        this.study = news.study;
        for (const [name, { mark, value }] of Object.entries(news.parts)) {
            marks[name] = mark;
            this[`on_${name}`]?.(value, mark);
        }
        this.seen = { run: news.run, study: news.study, version: news.version, marks };
        this.on_state(news);
        this.on_curve();
    }

    on_state(news) {
        const tab = document.getElementById("rimo-tab");
        tab.dataset.state = news.state;
        for (const name of RimoTab.BUTTONS) {
            tab.classList.toggle(`rimo-can-${name}`, news.can[name]);
            const button = document.getElementById(`rimo-${name}`);
            const inner = button?.matches("button") ? button : button?.querySelector("button");
            if (inner) inner.disabled = !news.can[name];
        }
        for (const name of ["state", "message", "error", "progress", "speed", "remaining"]) {
            this.text(name, news.text[name]);
        }
        this.show("error", news.text.error !== "");
        const percent = Math.round(1000 * news.fraction) / 10;
        this.part("bar-done").style.width = `${percent}%`;
        this.part("bar").setAttribute("aria-valuenow", percent);
        this.show("progress-box", news.state !== "idle");
        this.show("welcome", news.state === "idle");
        this.show("main", news.state !== "idle");
    }

    on_curve() {
        const any = this.points.length > 0;
        this.show("plot", any);
        this.show("legend", any);
        this.show("plot-wait", !any);
        if (any) this.part("curve-file").href = "rimo/v1/curve.png";
        this.chart.draw(this.points, this.lines);
    }

    on_lines(lines) {
        this.lines = lines;
    }

    on_models({ base, partners }) {
        this.text("base", base);
        this.text("partners", partners.join(", "));
    }

    on_latest(latest) {
        this.show("latest", latest !== null);
        this.show("latest-wait", latest === null);
        if (!latest) return;
        const picture = this.part("latest-picture");
        const next = new Image(); // shown when it is there, so that the old one stays until then
        next.onload = () => { picture.src = next.src; };
        next.src = this.picture(latest.file);
        this.text("latest-score", latest.score);
        const list = this.part("latest-tags");
        list.replaceChildren(...latest.tags.map(([tag, found]) => {
            const item = this.make("li", found ? "rimo-found" : "rimo-missed", tag);
            item.append(this.make("span", "rimo-aside", ` (${found ? list.dataset.found : list.dataset.missed})`));
            return item;
        }));
    }

    on_prompts(prompts) {
        this.prompts = prompts;
    }

    on_grids(grids) {
        this.show("grids-box", grids.length > 0);
        const box = this.part("grids");
        box.style.setProperty("--rimo-columns", Math.max(1, ...grids.map((g) => g.files.length)));
        this.keep(box, grids.map((g) => g.name + g.files.join()), (i) => {
            const row = this.make("div", "rimo-grid-row");
            row.append(this.make("h4", "", grids[i].name));
            grids[i].files.forEach((file, j) => {
                const link = this.make("a");
                const picture = this.make("img");
                link.href = picture.src = this.picture(file);
                link.target = "_blank";
                picture.loading = "lazy";
                picture.alt = picture.title = this.prompts?.[j] ?? "";
                link.append(picture);
                row.append(link);
            });
            return row;
        });
    }

    on_result(result) {
        this.show("result", result !== null);
        this.show("categories-box", result !== null && result.categories.length > 0);
        if (!result) return;
        this.part("gain").dataset.tone = result.tone;
        this.text("gain-value", result.value);
        this.text("gain-sentence", result.sentence);
        this.text("gain-verdict", result.verdict);
        const [from, to] = result.scale;
        const at = (share) => `${(100 * (share - from)) / (to - from)}%`;
        this.part("arms").replaceChildren(...result.arms.map((arm) => {
            const row = this.make("div", `rimo-arm rimo-arm-${arm.role}`);
            const track = this.make("div", "rimo-track");
            track.style.setProperty("--low", at(arm.low));
            track.style.setProperty("--mean", at(arm.mean));
            track.style.setProperty("--high", at(arm.high));
            track.append(this.make("i", "rimo-whisker"), this.make("i", "rimo-mean"));
            row.append(this.make("span", "rimo-arm-name", arm.name), track, this.make("span", "", arm.text));
            return row;
        }));
        this.part("csv-file").href = "rimo/v1/categories.csv";
        this.part("markdown-file").href = "rimo/v1/categories.md";
        this.part("categories").replaceChildren(...result.categories.map((row) => {
            const line = this.make("tr", row.whole ? "rimo-whole" : "");
            const name = this.make("th", "", row.category);
            name.scope = "row";
            line.append(name);
            for (const [value, span] of [[row.merged, row.merged_span], [row.base, row.base_span],
                [row.parents, ""], [row.deviation, ""]]) {
                const cell = this.make("td", "", value);
                if (span) cell.append(this.make("small", "", ` (${span})`));
                line.append(cell);
            }
            return line;
        }));
    }

    on_notes(notes) {
        this.show("notes-box", notes.length > 0);
        this.text("notes-count", notes.length);
        this.part("notes").replaceChildren(...notes.map((note) => this.make("li", "", note)));
    }

    on_saved(saved) {
        this.show("saved-box", saved.length > 0);
        this.text("saved", saved.join(", "));
    }

    part(name) {
        return document.querySelector(`#rimo-tab [data-rimo="${name}"]`);
    }

    show(name, yes) {
        const part = this.part(name);
        if (part) part.hidden = !yes;
    }

    text(name, value) {
        const part = this.part(name);
        if (part && part.textContent !== String(value)) part.textContent = value;
    }

    make(kind, name = "", text = "") {
        const made = document.createElement(kind);
        if (name) made.className = name;
        if (text) made.textContent = text;
        return made;
    }

    /** Makes a list's children follow its keys, keeping those that are there already. */
    keep(box, keys, make) {
        const old = new Map([...box.children].map((child) => [child.dataset.key, child]));
        box.replaceChildren(...keys.map((key, i) => {
            const child = old.get(key) ?? make(i);
            child.dataset.key = key;
            return child;
        }));
    }

    picture(file) {
        return `rimo/v1/picture/${encodeURIComponent(this.study)}/${file.split("/").map(encodeURIComponent).join("/")}`;
    }
}

(function () {
    const tab = new RimoTab();
    if (typeof onUiLoaded === "function") onUiLoaded(() => tab.run());
    else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => tab.run());
    else tab.run();
})();
