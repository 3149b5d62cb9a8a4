// @ts-check
import { blockCount, groupLabel, side } from "./groups.mjs";
import { hundredths } from "./numbers.mjs";
import { draw, textWidth } from "./svg.mjs";
import { tint } from "./tables.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Group} Group */
/** @typedef {{ group: Group, weight: number }} Entry */
/** @typedef {Entry & { x: number, y: number, blocks?: number }} Place */

const WIDE = 168;
const BETWEEN = 98;
const HIGH = 30;
const PLACE = 27;
const GAP = 5;

/**
 * A drawing of the network: the way down on the left, the middle below, the way up on the right, the rest beside.
 *
 * Every block of the architecture has a place (12 on each side in SD 1, 9 in SDXL); a group covers those of its blocks.
 */
export class Unet {
    /** @param {HTMLElement} box */
    constructor(box) {
        this.box = box;
    }

    /**
     * @param {Group[]} groups
     * @param {number[]} weights One for each group.
     */
    draw(groups, weights) {
        /** @type {Record<import("./groups.mjs").Side, Entry[]>} */
        const sides = { down: [], middle: [], up: [], beside: [] };
        groups.forEach((group, i) => sides[side(group)].push({ group, weight: weights[i] }));
        const counts = {
            down: sides.down.map(({ group }) => blockCount(group, "down")),
            up: sides.up.map(({ group }) => blockCount(group, "up")),
        };
        const [down, up] = [sum(counts.down), sum(counts.up)];
        const deep = Math.max(down, up, 1);
        /** @type {Place[]} */
        const places = [];
        let from = deep - down;
        sides.down.forEach((entry, i) => {
            places.push({ ...entry, x: 0, y: from * PLACE, blocks: counts.down[i] });
            from += counts.down[i];
        });
        from = deep;
        sides.up.forEach((entry, i) => {
            from -= counts.up[i];
            places.push({ ...entry, x: WIDE + BETWEEN, y: from * PLACE, blocks: counts.up[i] });
        });
        const low = deep * PLACE + 2 * GAP;
        const step = HIGH + GAP;
        sides.middle.forEach((entry, i) => places.push({ ...entry, x: (BETWEEN + WIDE) / 2, y: low + i * step }));
        const floor = low + sides.middle.length * step + 14;
        sides.beside.forEach((entry, i) => {
            places.push({ ...entry, x: (i % 2) * (WIDE + BETWEEN), y: floor + Math.floor(i / 2) * step });
        });
        const height = floor + Math.ceil(sides.beside.length / 2) * step;
        const width = 2 * WIDE + BETWEEN;
        const viewBox = `-2 -2 ${width + 4} ${height + 4}`;
        const svg = draw("svg", null, "rimo-unet", { viewBox, "aria-hidden": "true" });
        this.paths(svg, deep, Math.min(down, up), sides.middle.length > 0, low);
        for (const place of places) this.group(svg, place);
        this.box.replaceChildren(svg);
    }

    /**
     * The way of the picture through the network, and the shortcuts from each block to its opposite.
     * @param {SVGElement} svg
     * @param {number} deep In blocks.
     * @param {number} pairs Of opposite blocks.
     * @param {boolean} turns Whether there is a middle.
     * @param {number} low Where the middle is.
     */
    paths(svg, deep, pairs, turns, low) {
        const right = WIDE + BETWEEN;
        const middle = low + HIGH / 2;
        /** @type {(d: string, name: string) => SVGPathElement} */
        const line = (d, name) => draw("path", svg, name, { d });
        const [down, up] = [`M${WIDE / 2},${low - GAP}V${middle}H${right / 2}`, `H${right + WIDE / 2}V${low - GAP}`];
        if (turns) line(`${down}M${right / 2 + WIDE},${middle}${up}`, "rimo-flow");
        for (let i = 0; i < pairs; i += 1) {
            const y = (deep - 1 - i) * PLACE + (PLACE - GAP) / 2;
            line(`M${WIDE + 4},${y}H${right - 4}`, "rimo-shortcut");
        }
    }

    /**
     * @param {SVGElement} svg
     * @param {Place} place
     */
    group(svg, { group, weight, x, y, blocks }) {
        const high = blocks ? blocks * PLACE - GAP : HIGH;
        const box = draw("g", svg, group.frozen ? "rimo-box rimo-frozen" : "rimo-box", {
            transform: `translate(${x},${y})`, "data-group": group.name, "data-blocks": blocks ?? 0,
        });
        const shape = draw("rect", box, "", { width: WIDE, height: high, rx: 7 });
        if (!group.frozen) shape.style.fill = tint(weight);
        for (let i = 1; i < (blocks ?? 0); i += 1) { // where one block ends and the next begins
            const at = i * PLACE - GAP / 2;
            draw("path", box, "rimo-joint", { d: `M0,${at}h5M${WIDE},${at}h-5` });
        }
        const value = group.frozen ? say("base") : hundredths(weight);
        const name = groupLabel(group.name, group.title);
        const room = WIDE - 30 - textWidth(value);
        /** @type {Record<string, string | number>} */
        const narrower = textWidth(name) > room ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};
        draw("text", box, "", { x: 11, y: high / 2 + 4.5, ...narrower }, name);
        draw("text", box, "rimo-value", { x: WIDE - 11, y: high / 2 + 4.5 }, value);
    }
}

/** @param {number[]} counts */
function sum(counts) {
    return counts.reduce((all, n) => all + n, 0);
}
