// @ts-check
import { stem } from "./names.mjs";
import { part, show } from "./parts.mjs";
import { keepApart, percentTick, spread } from "./scale.mjs";
import { draw } from "./svg.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").BenchPoint} BenchPoint */

const SPACE = { left: 58, right: 20, top: 18, bottom: 46 };

/**
 * Accuracy against diversity of the checkpoints, each a dot with its intervals as a cross.
 * @param {BenchPoint[]} points
 */
export function drawScatter(points) {
    const box = part("bench-scatter");
    show("bench-scatter-box", points.length > 0);
    const [width, height] = [box.clientWidth, box.clientHeight];
    if (!points.length || !width || !height) return;
    const { left, right, top, bottom } = SPACE;
    const label = say("Accuracy against diversity of {1} checkpoints", points.length);
    const svg = draw("svg", null, "rimo-svg", { role: "img", viewBox: `0 0 ${width} ${height}`, "aria-label": label });
    const x = spread(points.map((p) => p.accuracy), left, width - right);
    const y = spread(points.map((p) => p.diversity), height - bottom, top);
    const axes = draw("g", svg, "rimo-axes");
    for (const value of y.ticks) {
        draw("line", axes, "", { x1: left, x2: width - right, y1: y.at(value), y2: y.at(value) });
        draw("text", axes, "rimo-y", { x: left - 7, y: y.at(value) + 4 }, percentTick(value));
    }
    for (const value of x.ticks) {
        draw("text", axes, "rimo-x", { x: x.at(value), y: height - bottom + 18 }, percentTick(value));
    }
    draw("text", axes, "rimo-x", { x: (left + width - right) / 2, y: height - 6 }, say("accuracy"));
    const upwards = `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`;
    draw("text", axes, "rimo-x", { transform: upwards }, say("diversity"));
    /** @type {import("./scale.mjs").Label[]} */
    const names = [];
    for (const { name, accuracy, diversity } of [...points].sort((a, b) => b.diversity.mean - a.diversity.mean)) {
        const [cx, cy] = [x.at(accuracy.mean), y.at(diversity.mean)];
        const across = `M${x.at(accuracy.low)},${cy}H${x.at(accuracy.high)}`;
        draw("path", svg, "rimo-bench-cross", { d: `${across}M${cx},${y.at(diversity.low)}V${y.at(diversity.high)}` });
        draw("circle", svg, "rimo-bench-dot", { cx, cy, r: 5 });
        names.push({ name: stem(name), x: cx, y: cy - 7 });
    }
    keepApart(names, width - right);
    for (const { name, x: at, y: up, end } of names) {
        draw("text", svg, "rimo-bench-label", { x: at, y: up, "text-anchor": end ? "end" : "start" }, name);
    }
    box.replaceChildren(svg);
}
