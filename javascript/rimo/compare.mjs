// @ts-check
import { make, named } from "./elements.mjs";
import { whole } from "./numbers.mjs";
import { percentTick, roundStep, ticks } from "./scale.mjs";
import { draw } from "./svg.mjs";
import { say } from "./words.mjs";

/** @typedef {{ name: string, curve: import("./answers.d.ts").CurvePoint[] }} Curve */

const SPACE = { left: 44, right: 12, top: 12, bottom: 38 };
const DASHES = ["", "8 4", "2 4", "12 4 2 4", "5 3", "1 3"];

/** The curves of several studies in one plot; each line has its own dashes besides its colour. */
export class Compare {
    /**
     * @param {HTMLElement} box
     * @param {HTMLElement} legend
     */
    constructor(box, legend) {
        this.box = box;
        this.legend = legend;
        this.svg = draw("svg", null, "rimo-svg", { role: "img" });
        box.replaceChildren(this.svg);
    }

    /** @param {Curve[]} studies */
    draw(studies) {
        const points = studies.flatMap((study) => study.curve);
        this.legend.replaceChildren(...studies.map((study, i) => legendKey(study.name, i)));
        this.svg.replaceChildren();
        const [width, height] = [this.box.clientWidth, this.box.clientHeight];
        if (!points.length || !width) return;
        const { left, right, top, bottom } = SPACE;
        const ends = [Math.min(...points.map((p) => p.best)), Math.max(...points.map((p) => p.best))];
        const step = roundStep(ends[1] - ends[0], 0.01);
        const low = Math.max(0, Math.floor(ends[0] / step) * step);
        const high = Math.min(1, Math.ceil(ends[1] / step + 0.1) * step);
        const most = Math.max(...points.map((p) => p.images));
        /** @param {number} images */
        const x = (images) => left + ((width - left - right) * images) / most;
        /** @param {number} share */
        const y = (share) => top + ((height - top - bottom) * (high - share)) / (high - low || 1);
        this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        const told = say("Best estimates of {1} studies against images drawn", studies.length);
        this.svg.setAttribute("aria-label", told);
        const axes = draw("g", this.svg, "rimo-axes");
        for (const share of ticks(low, high, step)) {
            draw("line", axes, "", { x1: left, x2: width - right, y1: y(share), y2: y(share) });
            draw("text", axes, "rimo-y", { x: left - 7, y: y(share) + 4 }, percentTick(share));
        }
        const stride = roundStep(most * Math.min(1, 480 / width), 1);
        for (let images = 0; images <= most; images += stride) {
            draw("text", axes, "rimo-x", { x: x(images), y: height - bottom + 17 }, whole(images));
        }
        const middle = { x: (width + left - right) / 2, y: height - 4 };
        draw("text", axes, "rimo-x", middle, say("images drawn by the search"));
        studies.forEach((study, i) => {
            const way = study.curve.map((p) => `${x(p.images).toFixed(1)},${y(p.best).toFixed(1)}`).join("L");
            draw("path", this.svg, `rimo-study rimo-study-${i % 6}`, { d: `M${way}`, "stroke-dasharray": DASHES[i % 6] });
        });
    }
}

/**
 * @param {string} name
 * @param {number} i
 */
function legendKey(name, i) {
    const item = make("li");
    const sample = draw("svg", null, "", { width: 34, height: 8, "aria-hidden": "true" });
    draw("path", sample, `rimo-study rimo-study-${i % 6}`, { d: "M0,4H34", "stroke-dasharray": DASHES[i % 6] });
    item.append(sample, named("span", "", name));
    return item;
}
