// @ts-check
import { make } from "./elements.mjs";
import { stem } from "./names.mjs";
import { percent, whole } from "./numbers.mjs";
import { percentTick, roundStep, ticks } from "./scale.mjs";
import { draw, textWidth } from "./svg.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").CurveRow} CurveRow */
/** @typedef {import("./answers.d.ts").Level} Level */
/**
 * One mix that was tried.
 * @typedef {{ epoch: number, trial: number, images: number, pictures: number, accuracy: number, best: number,
 *     low: number, high: number, stage: string }} Point
 */

const SPACE = { left: 44, right: 14, top: 16, bottom: 40 };
const MOST_NAME = 150; // px beside the plot for the names of base and parents
const LEAST_WIDTH = 560; // px from which there is room for them
const STEPS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 });

/**
 * The curve: mixes as dots, the best so far as a line in its interval band, levels as dashed lines.
 *
 * It is a slider to the keyboard: the arrows walk from mix to mix, Home and End jump, Enter or a click chooses one.
 */
export class Chart {
    /**
     * @param {HTMLElement} box
     * @param {(trial: number) => void} pick Is called when a mix is chosen.
     * @param {(box: HTMLElement, trial: number) => void} tell Is called when one is pointed at.
     */
    constructor(box, pick, tell) {
        this.box = box;
        this.pick = pick;
        this.tell = tell;
        /** @type {Point[]} */
        this.points = [];
        this.at = -1;
        this.right = SPACE.right;
        /** @type {(images: number) => number} */
        this.x = () => 0;
        /** @type {(share: number) => number} */
        this.y = () => 0;
        this.svg = draw("svg", null, "rimo-svg", { "aria-hidden": "true" });
        /** @type {(name: string) => SVGGElement} */
        const layer = (name) => draw("g", this.svg, `rimo-${name}`);
        /** @type {(name: string) => SVGPathElement} */
        const path = (name) => draw("path", this.svg, `rimo-${name}`);
        this.layers = { axes: layer("axes"), marks: layer("marks"), levels: layer("levels") };
        this.paths = {
            band: path("band"), dots: path("dots"), line: path("line"), chosen: path("chosen"), spot: path("spot"),
        };
        this.names = layer("names"); // above all, to stay readable
        this.tip = make("div", "rimo-tip");
        this.words = make("div", "rimo-tip-words");
        this.more = make("div", "rimo-tip-more");
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

    /** @param {KeyboardEvent} event */
    key(event) {
        const step = STEPS[event.key];
        if (event.key === "Home") this.point(0);
        else if (event.key === "End") this.point(this.last);
        else if (step) this.point(this.at < 0 ? this.last : Math.min(this.last, Math.max(0, this.at + step)));
        else if (event.key === "Enter" || event.key === " ") this.choose();
        else if (event.key === "Escape") this.point(-1);
        else return;
        event.preventDefault();
    }

    choose() {
        if (this.points[this.at]) this.pick(this.points[this.at].trial);
    }

    /**
     * Shows what was tried, levels across it, and which mix is chosen.
     * @param {CurveRow[]} rows
     * @param {Level[]} levels
     * @param {number} [choice] A trial; 0 is none of them.
     */
    draw(rows, levels, choice = 0) {
        this.points = rows.map(pointOf);
        const width = this.box.clientWidth;
        const height = this.box.clientHeight;
        if (!this.points.length || !width || !height) return;
        const { left, top, bottom } = SPACE;
        const right = this.right = this.margin(levels, width);
        const heights = this.points.flatMap((p) => [p.accuracy, p.low, p.high]).concat(levels.map((l) => l.at));
        const [least, upper] = [Math.min(...heights), Math.max(...heights)];
        const step = roundStep(upper - least, 0.01);
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
        /** @type {(points: Point[], name: "best" | "low" | "high") => string[]} */
        const trace = (points, name) => points.map((p) => `${this.x(p.images).toFixed(1)},${this.y(p[name]).toFixed(1)}`);
        this.paths.line.setAttribute("d", epochs.map((e) => `M${trace(e, "best").join("L")}`).join(""));
        this.paths.band.setAttribute(
            "d", epochs.map((e) => `M${trace(e, "high").concat(trace(e, "low").reverse()).join("L")}Z`).join(""));
        this.paths.dots.setAttribute("d", this.points.map((p) => this.circle(p, 3)).join(""));
        const chosen = this.points.find((p) => p.trial === choice);
        this.paths.chosen.setAttribute("d", chosen ? this.circle(chosen, 6) : "");
        this.summary();
        this.point(this.at);
    }

    summary() {
        const { best, low, high } = this.points[this.last];
        this.box.setAttribute("aria-label", say(
            "Accuracy curve: {1} mixes tried, best estimate {2} percent, {3} to {4}",
            this.points.length, percent(best), percent(low), percent(high)));
        this.box.setAttribute("aria-valuemin", "1");
        this.box.setAttribute("aria-valuemax", String(this.points.length));
    }

    epochs() {
        /** @type {Point[][]} */
        const out = [];
        for (const p of this.points) (out[p.epoch] ??= []).push(p);
        return out.filter(Boolean);
    }

    /**
     * @param {number} width
     * @param {number} height
     * @param {number} most Images.
     * @param {number} low
     * @param {number} high
     * @param {number} step
     */
    axes(width, height, most, low, high, step) {
        const { left, bottom } = SPACE;
        const { right } = this;
        const group = this.layers.axes;
        group.replaceChildren();
        for (const share of ticks(low, high, step)) {
            const y = this.y(share);
            draw("line", group, "", { x1: left, x2: width - right, y1: y, y2: y });
            draw("text", group, "rimo-y", { x: left - 7, y: y + 4 }, percentTick(share));
        }
        const stride = roundStep((most * Math.min(1, 480 / width)) || 1, 1);
        for (let images = 0; images <= most; images += stride) {
            draw("text", group, "rimo-x", { x: this.x(images), y: height - bottom + 17 }, whole(images));
        }
        const middle = { x: (width + left - right) / 2, y: height - 5 };
        draw("text", group, "rimo-x", middle, say("images drawn by the search"));
    }

    /**
     * Where an epoch begins.
     * @param {number} height
     */
    marks(height) {
        const { top, bottom } = SPACE;
        this.layers.marks.replaceChildren();
        this.points.forEach((p, i) => {
            const before = this.points[i - 1];
            if (!before || before.epoch === p.epoch) return;
            const x = this.x((before.images + p.images) / 2);
            draw("line", this.layers.marks, "", { x1: x, x2: x, y1: top - 10, y2: height - bottom });
            draw("text", this.layers.marks, "", { x: x + 5, y: top - 3 }, say("epoch {1}", p.epoch));
        });
    }

    /**
     * How much room the names need to the right of the plot; none where it is narrow or nothing is measured.
     * @param {Level[]} levels
     * @param {number} width
     */
    margin(levels, width) {
        const { right } = SPACE;
        if (width < LEAST_WIDTH || levels.length < 2) return right;
        return Math.min(MOST_NAME, 18 + Math.max(...levels.map((level) => textWidth(levelName(level)))));
    }

    /**
     * The base and the parents; their names keep a line's distance from each other, beside the plot if there is room.
     * @param {Level[]} levels
     * @param {number} width
     */
    levels(levels, width) {
        const { left } = SPACE;
        const edge = width - this.right;
        const beside = this.right > SPACE.right;
        this.layers.levels.replaceChildren();
        this.names.replaceChildren();
        let lowest = -Infinity;
        for (const level of [...levels].sort((a, b) => b.at - a.at)) {
            const y = this.y(level.at);
            if (beside || level.kind !== "parent") lowest = Math.max(beside ? y + 4 : y - 5, lowest + 14);
            draw("line", this.layers.levels, `rimo-${level.kind}`, { x1: left, x2: edge, y1: y, y2: y });
            if (beside) draw("line", this.layers.levels, "rimo-leader", { x1: edge, x2: edge + 9, y1: y, y2: lowest - 4 });
            if (!beside && level.kind === "parent") continue; // without room only the two that matter are named
            const name = levelName(level);
            const room = this.right - 14;
            /** @type {Record<string, string | number>} */
            const narrower = beside && textWidth(name) > room ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};
            draw("text", this.names, "", { x: beside ? edge + 12 : left + 5, y: lowest, ...narrower }, name);
        }
    }

    /**
     * @param {Point} point
     * @param {number} radius
     */
    circle(point, radius) {
        const [x, y] = [this.x(point.images), this.y(point.accuracy)];
        return `M${(x - radius).toFixed(1)},${y.toFixed(1)}a${radius},${radius} 0 1 0 ${2 * radius},0a${radius},${radius} 0 1 0 ${-2 * radius},0`;
    }

    /**
     * The nearest dot; beside, not above it, counts most, so that a sweep meets all of them.
     * @param {number} clientX
     * @param {number} clientY
     */
    hover(clientX, clientY) {
        if (!this.points.length) return;
        const box = this.box.getBoundingClientRect();
        /** @param {Point} p */
        const far = (p) => Math.abs(this.x(p.images) - clientX + box.left) + 0.15 * Math.abs(this.y(p.accuracy) - clientY + box.top);
        this.point(this.points.reduce((best, p, i) => (far(p) < far(this.points[best]) ? i : best), 0));
    }

    /**
     * Shows the words of one point; -1 hides them.
     * @param {number} at
     */
    point(at) {
        const p = this.points[at];
        const moved = this.at !== at;
        this.at = p ? at : -1;
        this.tip.hidden = !p;
        this.paths.spot.setAttribute("d", p ? this.circle(p, 5) : "");
        if (!p) return;
        const lines = [
            say("Mix {1}, epoch {2}: {3}", p.trial, p.epoch, say(p.stage)),
            say("{1} % of its tags found, in {2} images", percent(p.accuracy), p.pictures),
            say("Best so far, estimated: {1} % ({2} to {3})", percent(p.best), percent(p.low), percent(p.high)),
            say("{1} images drawn by then", whole(p.images)),
        ];
        const text = lines.join("\n");
        if (this.words.textContent !== text) this.words.textContent = text;
        this.box.setAttribute("aria-valuenow", String(at + 1));
        this.box.setAttribute("aria-valuetext", lines.join(". "));
        if (moved) this.tell(this.more, p.trial);
        this.place();
    }

    /** Puts the words into the half of the plot where the point is not. */
    place() {
        const p = this.points[this.at];
        if (!p) return;
        const room = this.box.clientWidth - this.tip.offsetWidth - 4;
        this.tip.style.left = `${Math.max(4, Math.min(room, this.x(p.images) - this.tip.offsetWidth / 2))}px`;
        const { top, bottom } = SPACE;
        const height = this.box.clientHeight;
        const floor = height - bottom - this.tip.offsetHeight - 6;
        this.tip.style.top = `${this.y(p.accuracy) > height / 2 ? top : floor}px`;
    }
}

/**
 * @param {CurveRow} row
 * @returns {Point}
 */
function pointOf([epoch, trial, images, pictures, accuracy, best, low, high, stage]) {
    return { epoch, trial, images, pictures, accuracy, best, low, high, stage };
}

/** @param {Level} level */
function levelName({ name, label = "" }) {
    return name === undefined ? say(label) : stem(name);
}
