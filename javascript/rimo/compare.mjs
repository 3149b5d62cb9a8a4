/** The curves of several studies in one plot; each line has its own dashes besides its colour. */
class RimoCompare {
    static SPACE = { left: 44, right: 12, top: 12, bottom: 38 };
    static DASHES = ["", "8 4", "2 4", "12 4 2 4", "5 3", "1 3"];

    constructor(box, legend) {
        this.box = box;
        this.legend = legend;
        this.svg = RimoFrame.draw("svg", null, "rimo-svg", { role: "img" });
        box.replaceChildren(this.svg);
    }

    /** `studies` are `{name, curve}` with the points of the program's snapshot. */
    draw(studies) {
        this.studies = studies;
        const points = studies.flatMap((study) => study.curve);
        this.legend.replaceChildren(...studies.map((study, i) => this.key(study.name, i)));
        this.svg.replaceChildren();
        const [width, height] = [this.box.clientWidth, this.box.clientHeight];
        if (!points.length || !width) return;
        const { left, right, top, bottom } = RimoCompare.SPACE;
        const ends = [Math.min(...points.map((p) => p.best)), Math.max(...points.map((p) => p.best))];
        const step = RimoChart.step(ends[1] - ends[0], 0.01);
        const [low, high] = [Math.max(0, Math.floor(ends[0] / step) * step), Math.min(1, Math.ceil(ends[1] / step + 0.1) * step)];
        const most = Math.max(...points.map((p) => p.images));
        const x = (images) => left + ((width - left - right) * images) / most;
        const y = (share) => top + ((height - top - bottom) * (high - share)) / (high - low || 1);
        this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        this.svg.setAttribute("aria-label", RimoWords.say("Best estimates of {1} studies against images drawn", studies.length));
        const axes = RimoFrame.draw("g", this.svg, "rimo-axes");
        for (let i = Math.round(low / step); i * step <= high + step / 9; i += 1) {
            RimoFrame.draw("line", axes, "", { x1: left, x2: width - right, y1: y(i * step), y2: y(i * step) });
            RimoFrame.draw("text", axes, "rimo-y", { x: left - 7, y: y(i * step) + 4 }, `${+(100 * i * step).toFixed(1)} %`);
        }
        const stride = RimoChart.step(most * Math.min(1, 480 / width), 1);
        for (let images = 0; images <= most; images += stride) {
            RimoFrame.draw("text", axes, "rimo-x", { x: x(images), y: height - bottom + 17 }, images.toLocaleString("en"));
        }
        RimoFrame.draw("text", axes, "rimo-x", { x: (width + left - right) / 2, y: height - 4 }, RimoWords.say("images drawn by the search"));
        studies.forEach((study, i) => {
            const way = study.curve.map((p) => `${x(p.images).toFixed(1)},${y(p.best).toFixed(1)}`).join("L");
            RimoFrame.draw("path", this.svg, `rimo-study rimo-study-${i % 6}`, { d: `M${way}`, "stroke-dasharray": RimoCompare.DASHES[i % 6] });
        });
    }

    key(name, i) {
        const item = RimoFrame.make("li");
        const sample = RimoFrame.draw("svg", null, "", { width: 34, height: 8, "aria-hidden": "true" });
        RimoFrame.draw("path", sample, `rimo-study rimo-study-${i % 6}`, { d: "M0,4H34", "stroke-dasharray": RimoCompare.DASHES[i % 6] });
        item.append(sample, RimoFrame.named("span", "", name));
        return item;
    }
}
