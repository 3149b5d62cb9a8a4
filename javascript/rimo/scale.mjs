// @ts-check
/** Where numbers lie in a plot: round steps, ticks, and labels that keep apart. */

/** @typedef {import("./answers.d.ts").Interval} Interval */

/**
 * A round distance (1, 2 or 5 times a power of ten) that cuts a range into about five.
 * @param {number} range
 * @param {number} least
 */
export function roundStep(range, least) {
    const rough = Math.max(range / 5, least / 2);
    const power = 10 ** Math.floor(Math.log10(rough));
    const times = [1, 2, 5, 10].find((n) => n * power >= rough) ?? 10;
    return Math.max(least, times * power);
}

/**
 * Multiples of a step between two ends.
 * @param {number} low
 * @param {number} high
 * @param {number} step
 */
export function ticks(low, high, step) {
    const out = [];
    for (let i = Math.round(low / step); i * step <= high + step / 9; i += 1) out.push(i * step);
    return out;
}

/**
 * Where shares lie between two ends (px), with room for all intervals; and round numbers on the way.
 * @param {Interval[]} intervals
 * @param {number} from
 * @param {number} to
 */
export function spread(intervals, from, to) {
    const ends = [Math.min(...intervals.map((i) => i.low)), Math.max(...intervals.map((i) => i.high))];
    const step = roundStep(ends[1] - ends[0], 0.001);
    const [low, high] = [Math.floor(ends[0] / step) * step, Math.ceil(ends[1] / step + 1e-9) * step];
    const steps = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
    /** @param {number} value */
    const at = (value) => Math.round(10 * (from + ((to - from) * (value - low)) / (high - low || 1))) / 10;
    return { ticks: steps, at };
}

/**
 * A share beside an axis: "12.5 %", "60 %".
 * @param {number} share
 */
export function percentTick(share) {
    return `${+(100 * share).toFixed(1)} %`;
}

/** @typedef {{ name: string, x: number, y: number, end?: boolean }} Label `end`: it ends at x instead of beginning. */

/**
 * Moves names down until none lies on another, and to the left of their dot where the right has no room.
 * @param {Label[]} names At their dots; changed in place.
 * @param {number} most Where the plot ends, px.
 */
export function keepApart(names, most) {
    const [letter, line] = [7, 15];
    const dots = names.map(({ x, y }) => ({ from: x - 7, to: x + 7, y: y + 11 }));
    const placed = /** @type {typeof dots} */ ([]);
    for (const one of names) {
        const long = letter * one.name.length;
        one.end = one.x + 9 + long > most;
        const [from, to] = one.end ? [one.x - 9 - long, one.x - 9] : [one.x + 9, one.x + 9 + long];
        one.x += one.end ? -9 : 9;
        for (let moved = true; moved;) {
            const other = [...placed, ...dots].find((o) => o.from < to && from < o.to && Math.abs(o.y - one.y) < line - 0.01);
            moved = other !== undefined;
            if (other) one.y = other.y + line;
        }
        placed.push({ from, to, y: one.y });
    }
}
