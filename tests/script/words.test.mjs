import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { Words } from "../../javascript/rimo/words.mjs";

const FOLDER = new URL("../../lib_rimo/wording/translations/", import.meta.url);
const zh = JSON.parse(await readFile(new URL("zh_CN.json", FOLDER), "utf8"));

/** @param {Record<string, string>} [foreign] */
function chinese(foreign) {
    const words = new Words();
    words.use("zh", zh, foreign);
    return words;
}

test("without a table everything stays English, and places are filled", () => {
    assert.equal(new Words().say("{1} of {2} chosen", 2, 5), "2 of 5 chosen");
});

test("a sentence is said in the user's language with its values", () => {
    assert.match(chinese().say("{1} of {2} chosen", 2, 5), /2.*5/);
    assert.doesNotMatch(chinese().say("{1} of {2} chosen", 2, 5), /chosen/);
});

test("what a WebUI made of a text of ours is said in our words", () => {
    assert.equal(chinese({ Base: "\u57fa\u5c42" }).say("\u57fa\u5c42"), zh.Base);
});

test("a translation is not translated again", () => {
    const words = chinese();
    assert.deepEqual(Object.values(zh).filter((text) => !/\{\d\}/.test(text) && words.say(text) !== text), []);
});
