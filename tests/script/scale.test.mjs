import assert from "node:assert/strict";
import test from "node:test";
import { keepApart, percentTick, roundStep, spread, ticks } from "../../javascript/rimo/scale.mjs";

test("steps are 1, 2 or 5 times a power of ten, about five to a range, and not below the least", () => {
    assert.deepEqual([10, 20, 40, 1000, 0.3].map((range) => roundStep(range, 0.001)), [2, 5, 10, 200, 0.1]);
    assert.equal(roundStep(0, 0.01), 0.01);
    assert.equal(roundStep(3, 1), 1);
});

test("ticks run from end to end, both included", () => {
    assert.deepEqual(ticks(0.5, 0.7, 0.05).map(percentTick), ["50 %", "55 %", "60 %", "65 %", "70 %"]);
});

test("a scale has room for all intervals and puts its ends where it was told", () => {
    const { at, ticks: steps } = spread([{ mean: 0.5, low: 0.42, high: 0.58 }, { mean: 0.61, low: 0.6, high: 0.7 }], 100, 0);
    assert.deepEqual([steps[0], steps.at(-1)].map((share) => Math.round(1000 * (share ?? 0))), [400, 800]);
    assert.deepEqual([at(steps[0]), at(steps.at(-1) ?? 0)], [100, 0]);
});

test("a scale of one point does not divide by nothing", () => {
    const { at } = spread([{ mean: 0.5, low: 0.5, high: 0.5 }], 0, 100);
    assert.ok(Number.isFinite(at(0.5)));
});

test("labels never lie on each other or on a dot, and stay inside", () => {
    const names = Array.from({ length: 12 }, (_, i) => ({ name: `checkpoint-${i}`, x: 100 + 30 * (i % 4), y: 50 + 3 * i }));
    keepApart(names, 300);
    const boxes = names.map(({ name, x, y, end }) => [end ? x - 7 * name.length : x, end ? x : x + 7 * name.length, y]);
    boxes.forEach(([from, to, y], i) => {
        assert.ok(to <= 300);
        for (const [from2, to2, y2] of boxes.slice(0, i)) assert.ok(to <= from2 || to2 <= from || Math.abs(y - y2) > 14.98);
    });
});
