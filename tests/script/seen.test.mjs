import assert from "node:assert/strict";
import test from "node:test";
import { Seen } from "../../javascript/rimo/seen.mjs";
import { nextTab } from "../../javascript/rimo/tabs.mjs";

/** @typedef {import("../../javascript/rimo/answers.d.ts").CurveRow} CurveRow */

/** @param {number} trial @returns {CurveRow} */
const point = (trial) => [1, trial, 8 * trial, 8, 0.5, 0.5, 0.4, 0.6, "blocks"];

/** @param {object} changes */
const news = (changes) => /** @type {any} */ ({
    run: "r", study: "s", version: 1, curve: { from: 0, total: 2, points: [point(1), point(2)] },
    parts: { notes: { mark: "n1", value: [] } }, ...changes,
});

test("a page that has seen nothing asks for everything", () => {
    assert.equal(String(new Seen().query()), "run=&study=&since=-1&points=0&have=");
});

test("what was answered is not asked for again", () => {
    const seen = new Seen();
    assert.equal(seen.take(news({})), false);
    assert.equal(String(seen.query()), "run=r&study=s&since=1&points=2&have=n1");
});

test("points are added where they belong, and parts keep their marks", () => {
    const seen = new Seen();
    seen.take(news({}));
    const more = { version: 2, curve: { from: 2, total: 3, points: [point(3)] }, parts: { saved: { mark: "s1", value: [] } } };
    assert.equal(seen.take(news(more)), true);
    assert.deepEqual(seen.points.map((row) => row[1]), [1, 2, 3]);
    assert.deepEqual(seen.marks, { notes: "n1", saved: "s1" });
});

test("another study, or another run of the program, begins anew", () => {
    for (const other of [{ study: "t" }, { run: "q" }]) {
        const seen = new Seen();
        seen.take(news({}));
        assert.equal(seen.take(news({ ...other, curve: { from: 0, total: 1, points: [point(9)] }, parts: {} })), false);
        assert.deepEqual(seen.points.map((row) => row[1]), [9]);
        assert.deepEqual(seen.marks, {});
    }
});

test("forgetting brings everything again but the points", () => {
    const seen = new Seen();
    seen.take(news({}));
    seen.forget();
    assert.equal(String(seen.query()), "run=&study=&since=-1&points=2&have=");
});

test("arrow keys go round the tabs, Home and End to their ends, and no key does anything elsewhere", () => {
    assert.deepEqual(["ArrowLeft", "ArrowRight", "Home", "End", "a"].map((key) => nextTab(key, 0, 6)), [5, 1, 0, 5, undefined]);
    assert.equal(nextTab("ArrowRight", 5, 6), 0);
    assert.equal(nextTab("Home", -1, 6), undefined);
});
