/** The curve: trials as dots, the best so far as a line in its interval band, levels as dashed lines. */
class RimoChart {
    static SPACE = { left: 44, right: 14, top: 14, bottom: 40 };
    static NAMES = ["epoch", "trial", "images", "pictures", "accuracy", "best", "low", "high", "stage"];

    constructor(box) {
        this.box = box;
        this.shapes = {};
        this.svg = this.add("svg", null, "rimo-svg");
        this.tip = document.createElement("div");
        this.tip.className = "rimo-tip";
        this.tip.hidden = true;
        for (const name of ["axes", "marks", "levels"]) this.shapes[name] = this.add("g", this.svg, `rimo-${name}`);
        for (const name of ["band", "dots", "line", "spot"]) this.shapes[name] = this.add("path", this.svg, `rimo-${name}`);
        box.replaceChildren(this.svg, this.tip);
        box.addEventListener("pointermove", (event) => this.hover(event.clientX));
        box.addEventListener("pointerleave", () => this.point(-1));
        box.addEventListener("blur", () => this.point(-1));
        box.addEventListener("keydown", (event) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!step) return;
            event.preventDefault();
            const last = this.points.length - 1;
            this.point(this.at < 0 ? last : Math.min(last, Math.max(0, this.at + step)));
        });
        this.at = -1;
        this.points = [];
    }

    add(kind, parent, name = "", attributes = {}, text = "") {
        const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
        if (name) made.setAttribute("class", name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        if (text) made.textContent = text;
        parent?.append(made);
        return made;
    }

    draw(rows, levels) {
        this.points = rows.map((row) => Object.fromEntries(RimoChart.NAMES.map((name, i) => [name, row[i]])));
        const width = this.box.clientWidth;
        const height = this.box.clientHeight;
        if (!this.points.length || !width || !height) return;
        const { left, right, top, bottom } = RimoChart.SPACE;
        const heights = this.points.flatMap((p) => [p.accuracy, p.low, p.high]).concat(levels.map((l) => l.at));
        const step = RimoChart.step(Math.max(...heights) - Math.min(...heights), 0.01);
        const low = Math.max(0, Math.floor(Math.min(...heights) / step - 0.2) * step);
        const high = Math.min(1, Math.ceil(Math.max(...heights) / step + 0.2) * step);
        const most = this.points[this.points.length - 1].images;
        this.x = (images) => left + ((width - left - right) * images) / most;
        this.y = (share) => top + ((height - top - bottom) * (high - share)) / (high - low || 1);
        this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        this.axes(width, height, most, low, high, step);
        this.marks(height);
        this.levels(levels, width);
        const epochs = Map.groupBy ? [...Map.groupBy(this.points, (p) => p.epoch).values()] : this.epochs();
        const trace = (points, name) => points.map((p) => `${this.x(p.images).toFixed(1)},${this.y(p[name]).toFixed(1)}`);
        this.shapes.line.setAttribute("d", epochs.map((e) => `M${trace(e, "best").join("L")}`).join(""));
        this.shapes.band.setAttribute(
            "d", epochs.map((e) => `M${trace(e, "high").concat(trace(e, "low").reverse()).join("L")}Z`).join(""));
        this.shapes.dots.setAttribute("d", this.points.map((p) => this.circle(p.images, p.accuracy, 3)).join(""));
        const { best, low: least, high: upper } = this.points[this.points.length - 1];
        this.box.setAttribute("aria-label", RimoChart.fill(this.box.dataset.summary, {
            total: this.points.length, best: RimoChart.percent(best), low: RimoChart.percent(least), high: RimoChart.percent(upper),
        }));
        this.point(this.at);
    }

    epochs() {
        const out = [];
        for (const p of this.points) (out[p.epoch] ??= []).push(p);
        return out.filter(Boolean);
    }

    axes(width, height, most, low, high, step) {
        const { left, right, bottom } = RimoChart.SPACE;
        const group = this.shapes.axes;
        group.replaceChildren();
        for (let i = Math.round(low / step); i * step <= high + step / 9; i += 1) {
            const y = this.y(i * step);
            this.add("line", group, "", { x1: left, x2: width - right, y1: y, y2: y });
            this.add("text", group, "rimo-y", { x: left - 7, y: y + 4 }, `${+(100 * i * step).toFixed(1)} %`);
        }
        const stride = RimoChart.step((most * Math.min(1, 480 / width)) || 1, 1);
        for (let images = 0; images <= most; images += stride) {
            this.add("text", group, "rimo-x", { x: this.x(images), y: height - bottom + 17 }, images.toLocaleString("en"));
        }
        this.add("text", group, "rimo-x", { x: (width + left - right) / 2, y: height - 5 }, this.box.dataset.x);
    }

    marks(height) {
        const { top, bottom } = RimoChart.SPACE;
        this.shapes.marks.replaceChildren();
        this.points.forEach((p, i) => {
            const before = this.points[i - 1];
            if (!before || before.epoch === p.epoch) return;
            const x = this.x((before.images + p.images) / 2);
            this.add("line", this.shapes.marks, "", { x1: x, x2: x, y1: top - 8, y2: height - bottom });
            this.add("text", this.shapes.marks, "", { x: x + 5, y: top }, RimoChart.fill(this.box.dataset.epoch, p));
        });
    }

    levels(levels, width) {
        const { left, right } = RimoChart.SPACE;
        this.shapes.levels.replaceChildren();
        const close = levels.length > 1 && Math.abs(this.y(levels[0].at) - this.y(levels[1].at)) < 14;
        levels.forEach((level) => {
            const y = this.y(level.at);
            const lower = levels.every((other) => level.at <= other.at);
            this.add("line", this.shapes.levels, `rimo-${level.kind}`, { x1: left, x2: width - right, y1: y, y2: y });
            this.add("text", this.shapes.levels, "", { x: left + 5, y: close && lower ? y + 14 : y - 5 }, level.label);
        });
    }

    circle(images, share, radius) {
        const [x, y] = [this.x(images), this.y(share)];
        return `M${(x - radius).toFixed(1)},${y.toFixed(1)}a${radius},${radius} 0 1 0 ${2 * radius},0a${radius},${radius} 0 1 0 ${-2 * radius},0`;
    }

    hover(clientX) {
        if (!this.points.length || !this.x) return;
        const x = clientX - this.box.getBoundingClientRect().left;
        const distance = (p) => Math.abs(this.x(p.images) - x);
        this.point(this.points.reduce((best, p, i) => (distance(p) < distance(this.points[best]) ? i : best), 0));
    }

    /** Shows the words of one point; -1 hides them. */
    point(at) {
        const p = this.points[at];
        this.at = p ? at : -1;
        this.tip.hidden = !p;
        this.shapes.spot.setAttribute("d", p ? this.circle(p.images, p.accuracy, 5) : "");
        if (!p) return;
        const words = { ...p, images: p.images.toLocaleString("en") };
        for (const name of ["accuracy", "best", "low", "high"]) words[name] = RimoChart.percent(p[name]);
        const text = RimoChart.fill(this.box.dataset.tip, words).replaceAll("|", "\n");
        if (this.tip.textContent !== text) this.tip.textContent = text;
        const x = this.x(p.images);
        const room = this.box.clientWidth - this.tip.offsetWidth - 4;
        this.tip.style.left = `${Math.max(4, Math.min(room, x - this.tip.offsetWidth / 2))}px`;
        const { top, bottom } = RimoChart.SPACE; // in the half where the point is not
        const height = this.box.clientHeight;
        const floor = height - bottom - this.tip.offsetHeight - 6;
        this.tip.style.top = `${this.y(p.accuracy) > height / 2 ? top : floor}px`;
    }

    static percent(share) {
        return (100 * share).toFixed(1);
    }

    static fill(text, words) {
        return text.replace(/\{(\w+)\}/g, (_, name) => words[name] ?? "");
    }

    /** A round distance (1, 2 or 5 times a power of ten) that cuts a range into about five. */
    static step(range, least) {
        const rough = Math.max(range / 5, least / 2);
        const power = 10 ** Math.floor(Math.log10(rough));
        return Math.max(least, [1, 2, 5, 10].find((n) => n * power >= rough) * power);
    }
}
