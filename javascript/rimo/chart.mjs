/**
 * The curve: mixes as dots, the best so far as a line in its interval band, levels as dashed lines.
 *
 * It is a slider to the keyboard: the arrows walk from mix to mix, Home and End jump, Enter or a click chooses one.
 */
class RimoChart {
    static SPACE = { left: 44, right: 14, top: 16, bottom: 40 };
    static MOST_NAME = 150; // px beside the plot for the names of base and parents
    static LEAST_WIDTH = 560; // px from which there is room for them
    static NAMES = ["epoch", "trial", "images", "pictures", "accuracy", "best", "low", "high", "stage"];
    static LAYERS = ["axes", "marks", "levels"];
    static SHAPES = ["band", "dots", "line", "chosen", "spot"];

    /** `pick(trial)` is called when a mix is chosen, `tell(box, point)` when one is pointed at. */
    constructor(box, pick, tell) {
        Object.assign(this, { box, pick, tell, shapes: {}, points: [], at: -1, choice: 0 });
        this.svg = RimoFrame.draw("svg", null, "rimo-svg", { "aria-hidden": "true" });
        for (const name of RimoChart.LAYERS) this.shapes[name] = RimoFrame.draw("g", this.svg, `rimo-${name}`);
        for (const name of RimoChart.SHAPES) this.shapes[name] = RimoFrame.draw("path", this.svg, `rimo-${name}`);
        this.shapes.names = RimoFrame.draw("g", this.svg, "rimo-names"); // above all, to stay readable
        this.tip = RimoFrame.make("div", "rimo-tip");
        this.words = RimoFrame.make("div", "rimo-tip-words");
        this.more = RimoFrame.make("div", "rimo-tip-more");
        this.tip.append(this.words, this.more);
        this.tip.hidden = true;
        box.replaceChildren(this.svg, this.tip);
        box.addEventListener("pointermove", (event) => this.hover(event.clientX, event.clientY));
        box.addEventListener("pointerleave", () => this.point(-1));
        box.addEventListener("blur", () => this.point(-1));
        box.addEventListener("click", () => this.choose());
        box.addEventListener("keydown", (event) => this.key(event));
    }

    get last() {
        return this.points.length - 1;
    }

    key(event) {
        const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
        const jump = { Home: 0, End: this.last }[event.key];
        if (jump !== undefined) this.point(jump);
        else if (step) this.point(this.at < 0 ? this.last : Math.min(this.last, Math.max(0, this.at + step)));
        else if (event.key === "Enter" || event.key === " ") this.choose();
        else if (event.key === "Escape") this.point(-1);
        else return;
        event.preventDefault();
    }

    choose() {
        if (this.points[this.at]) this.pick(this.points[this.at].trial);
    }

    /** Shows rows of points, levels across them, and which mix is chosen (0: none of them). */
    draw(rows, levels, choice = 0) {
        this.points = rows.map((row) => Object.fromEntries(RimoChart.NAMES.map((name, i) => [name, row[i]])));
        this.choice = choice;
        const width = this.box.clientWidth;
        const height = this.box.clientHeight;
        if (!this.points.length || !width || !height) return;
        const { left, top, bottom } = RimoChart.SPACE;
        const right = this.right = this.margin(levels, width);
        const heights = this.points.flatMap((p) => [p.accuracy, p.low, p.high]).concat(levels.map((l) => l.at));
        const [least, upper] = [Math.min(...heights), Math.max(...heights)];
        const step = RimoChart.step(upper - least, 0.01);
        const low = Math.max(0, Math.floor(least / step - 0.2) * step);
        const high = Math.min(1, Math.ceil(upper / step + 0.2) * step);
        const most = this.points[this.last].images;
        this.x = (images) => left + ((width - left - right) * images) / most;
        this.y = (share) => top + ((height - top - bottom) * (high - share)) / (high - low || 1);
        this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        this.axes(width, height, most, low, high, step);
        this.marks(height);
        this.levels(levels, width);
        const epochs = this.epochs();
        const trace = (points, name) => points.map((p) => `${this.x(p.images).toFixed(1)},${this.y(p[name]).toFixed(1)}`);
        this.shapes.line.setAttribute("d", epochs.map((e) => `M${trace(e, "best").join("L")}`).join(""));
        this.shapes.band.setAttribute(
            "d", epochs.map((e) => `M${trace(e, "high").concat(trace(e, "low").reverse()).join("L")}Z`).join(""));
        this.shapes.dots.setAttribute("d", this.points.map((p) => this.circle(p, 3)).join(""));
        const chosen = this.points.find((p) => p.trial === choice);
        this.shapes.chosen.setAttribute("d", chosen ? this.circle(chosen, 6) : "");
        this.summary();
        this.point(this.at);
    }

    summary() {
        const { best, low, high } = this.points[this.last];
        const percent = RimoFrame.percent;
        this.box.setAttribute("aria-label", RimoWords.say(
            "Accuracy curve: {1} mixes tried, best estimate {2} percent, {3} to {4}",
            this.points.length, percent(best), percent(low), percent(high)));
        this.box.setAttribute("aria-valuemin", 1);
        this.box.setAttribute("aria-valuemax", this.points.length);
    }

    epochs() {
        const out = [];
        for (const p of this.points) (out[p.epoch] ??= []).push(p);
        return out.filter(Boolean);
    }

    axes(width, height, most, low, high, step) {
        const { left, bottom } = RimoChart.SPACE;
        const { right } = this;
        const group = this.shapes.axes;
        group.replaceChildren();
        for (let i = Math.round(low / step); i * step <= high + step / 9; i += 1) {
            const y = this.y(i * step);
            RimoFrame.draw("line", group, "", { x1: left, x2: width - right, y1: y, y2: y });
            RimoFrame.draw("text", group, "rimo-y", { x: left - 7, y: y + 4 }, `${+(100 * i * step).toFixed(1)} %`);
        }
        const stride = RimoChart.step((most * Math.min(1, 480 / width)) || 1, 1);
        for (let images = 0; images <= most; images += stride) {
            RimoFrame.draw("text", group, "rimo-x", { x: this.x(images), y: height - bottom + 17 }, images.toLocaleString("en"));
        }
        const middle = { x: (width + left - right) / 2, y: height - 5 };
        RimoFrame.draw("text", group, "rimo-x", middle, RimoWords.say("images drawn by the search"));
    }

    marks(height) {
        const { top, bottom } = RimoChart.SPACE;
        this.shapes.marks.replaceChildren();
        this.points.forEach((p, i) => {
            const before = this.points[i - 1];
            if (!before || before.epoch === p.epoch) return;
            const x = this.x((before.images + p.images) / 2);
            RimoFrame.draw("line", this.shapes.marks, "", { x1: x, x2: x, y1: top - 10, y2: height - bottom });
            RimoFrame.draw("text", this.shapes.marks, "", { x: x + 5, y: top - 3 }, RimoWords.say("epoch {1}", p.epoch));
        });
    }

    /** How much room the names need to the right of the plot; none where it is narrow or nothing is measured. */
    margin(levels, width) {
        const { right } = RimoChart.SPACE;
        if (width < RimoChart.LEAST_WIDTH || levels.length < 2) return right;
        return Math.min(RimoChart.MOST_NAME, 18 + Math.max(...levels.map((level) => RimoUnet.length(RimoChart.levelName(level)))));
    }

    static levelName({ name, label }) {
        return name === undefined ? RimoWords.say(label) : name.replace(/\.(safetensors|ckpt)$/, "");
    }

    /** The base and the parents; their names keep a line's distance from each other, beside the plot if there is room. */
    levels(levels, width) {
        const { left } = RimoChart.SPACE;
        const edge = width - this.right;
        const beside = this.right > RimoChart.SPACE.right;
        this.shapes.levels.replaceChildren();
        this.shapes.names.replaceChildren();
        let lowest = -Infinity;
        for (const level of [...levels].sort((a, b) => b.at - a.at)) {
            const y = this.y(level.at);
            if (beside || level.kind !== "parent") lowest = Math.max(beside ? y + 4 : y - 5, lowest + 14);
            RimoFrame.draw("line", this.shapes.levels, `rimo-${level.kind}`, { x1: left, x2: edge, y1: y, y2: y });
            if (beside) RimoFrame.draw("line", this.shapes.levels, "rimo-leader", { x1: edge, x2: edge + 9, y1: y, y2: lowest - 4 });
            if (!beside && level.kind === "parent") continue; // without room only the two that matter are named
            const text = RimoFrame.draw("text", this.shapes.names, "", { x: beside ? edge + 12 : left + 5, y: lowest }, RimoChart.levelName(level));
            const room = this.right - 14;
            if (beside && RimoUnet.length(text.textContent) > room) text.setAttribute("textLength", room);
            if (beside && text.hasAttribute("textLength")) text.setAttribute("lengthAdjust", "spacingAndGlyphs");
        }
    }

    circle(point, radius) {
        const [x, y] = [this.x(point.images), this.y(point.accuracy)];
        return `M${(x - radius).toFixed(1)},${y.toFixed(1)}a${radius},${radius} 0 1 0 ${2 * radius},0a${radius},${radius} 0 1 0 ${-2 * radius},0`;
    }

    /** The nearest dot; beside, not above it, counts most, so that a sweep meets all of them. */
    hover(clientX, clientY) {
        if (!this.points.length || !this.x) return;
        const box = this.box.getBoundingClientRect();
        const far = (p) => Math.abs(this.x(p.images) - clientX + box.left) + 0.15 * Math.abs(this.y(p.accuracy) - clientY + box.top);
        this.point(this.points.reduce((best, p, i) => (far(p) < far(this.points[best]) ? i : best), 0));
    }

    /** Shows the words of one point; -1 hides them. */
    point(at) {
        const p = this.points[at];
        const moved = this.at !== at;
        this.at = p ? at : -1;
        this.tip.hidden = !p;
        this.shapes.spot.setAttribute("d", p ? this.circle(p, 5) : "");
        if (!p) return;
        const percent = RimoFrame.percent;
        const lines = [
            RimoWords.say("Mix {1}, epoch {2}: {3}", p.trial, p.epoch, p.stage),
            RimoWords.say("{1} % of its tags found, in {2} images", percent(p.accuracy), p.pictures),
            RimoWords.say("Best so far, estimated: {1} % ({2} to {3})", percent(p.best), percent(p.low), percent(p.high)),
            RimoWords.say("{1} images drawn by then", p.images.toLocaleString("en")),
        ];
        const text = lines.join("\n");
        if (this.words.textContent !== text) this.words.textContent = text;
        this.box.setAttribute("aria-valuenow", at + 1);
        this.box.setAttribute("aria-valuetext", lines.join(". "));
        if (moved) this.tell(this.more, p);
        this.place();
    }

    /** Puts the words into the half of the plot where the point is not. */
    place() {
        const p = this.points[this.at];
        if (!p) return;
        const room = this.box.clientWidth - this.tip.offsetWidth - 4;
        this.tip.style.left = `${Math.max(4, Math.min(room, this.x(p.images) - this.tip.offsetWidth / 2))}px`;
        const { top, bottom } = RimoChart.SPACE;
        const height = this.box.clientHeight;
        const floor = height - bottom - this.tip.offsetHeight - 6;
        this.tip.style.top = `${this.y(p.accuracy) > height / 2 ? top : floor}px`;
    }

    /** A round distance (1, 2 or 5 times a power of ten) that cuts a range into about five. */
    static step(range, least) {
        const rough = Math.max(range / 5, least / 2);
        const power = 10 ** Math.floor(Math.log10(rough));
        return Math.max(least, [1, 2, 5, 10].find((n) => n * power >= rough) * power);
    }
}
