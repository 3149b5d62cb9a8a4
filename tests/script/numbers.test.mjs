import assert from "node:assert/strict";
import test from "node:test";
import { cost } from "../../javascript/rimo/bench.mjs";
import { timeLeft } from "../../javascript/rimo/background_job.mjs";
import { hundredths, percent, signed, whole } from "../../javascript/rimo/numbers.mjs";
import { tint } from "../../javascript/rimo/tables.mjs";

test("a share is said in percent with one decimal and a real minus sign", () => {
    assert.deepEqual([0.612, 1, 0, -0.0312].map(percent), ["61.2", "100.0", "0.0", "\u22123.1"]);
});

test("a difference has its sign, but zero has none, whatever it was rounded from", () => {
    assert.deepEqual([0.041, -0.041, 0, 0.0001, -0.0001].map(signed), ["+4.1", "\u22124.1", "0.0", "0.0", "0.0"]);
});

test("a weight has two decimals and no negative zero", () => {
    assert.deepEqual([0.5, -0.25, -0.001, 1].map(hundredths), ["0.50", "\u22120.25", "0.00", "1.00"]);
});

test("thousands are set apart", () => {
    assert.deepEqual([7, 1200, 1234567].map(whole), ["7", "1,200", "1,234,567"]);
});

test("the time left is in seconds, then minutes, then hours", () => {
    const said = [0.2, 89, 90, 5399, 5400].map(timeLeft);
    assert.deepEqual(said, ["about 1 s left", "about 89 s left", "about 2 min left", "about 90 min left", "about 1.5 h left"]);
});

test("a benchmark costs its single tags and its prompts of many tags", () => {
    assert.deepEqual(cost(16, 100, "2:50, 8:25", 4), { each: 1900, many: 300, all: false });
    assert.deepEqual(cost(16, 0, "", 4), { each: 0, many: 0, all: true });
});

test("a weight's colour is stronger the further it is from zero, another one below, and ends at 60 percent", () => {
    assert.match(tint(0.5), /rimo-heat\) 30%/);
    assert.match(tint(-0.5), /rimo-cool\) 30%/);
    assert.match(tint(7), /60%/);
});
