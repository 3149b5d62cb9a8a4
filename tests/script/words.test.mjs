import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { Words } from "../../javascript/rimo/words.mjs";

const FOLDER = new URL("../../lib_rimo/wording/translations/", import.meta.url);
const zh = JSON.parse(await readFile(new URL("zh_CN.json", FOLDER), "utf8"));
const NAME = "my model v1. final.safetensors";

/** @param {Record<string, string>} [foreign] */
function chinese(foreign) {
    const words = new Words();
    words.use("zh", zh, foreign);
    return words;
}

/** @param {string} template @param {any[]} values */
function said(template, ...values) {
    const text = template.replace(/\{(\d)\}/g, (_, place) => values[place - 1].text ?? values[place - 1]);
    return { text, template, values };
}

test("without a table everything stays English, and places are filled", () => {
    assert.equal(new Words().say("{1} of {2} chosen", 2, 5), "2 of 5 chosen");
});

test("a sentence is said by the language's own template, its values stay as they are", () => {
    assert.equal(chinese().say("Saved as {1}", NAME), `\u5df2\u4fdd\u5b58\u4e3a ${NAME}`);
    assert.equal(chinese().say("Saved as {1}", "Base"), "\u5df2\u4fdd\u5b58\u4e3a Base");
});

test("what the program put together is said by its template, words in it too, names not", () => {
    const words = chinese();
    const error = said("{1} {2}", said("{1}.", said("{1} is chosen twice", NAME)), said("Found: {1}.", "Base"));
    assert.equal(error.text, `${NAME} is chosen twice. Found: Base.`);
    assert.equal(words.say(error.text), error.text);
    words.hear(error);
    assert.equal(words.say(error.text), `${NAME} \u88ab\u9009\u4e86\u4e24\u6b21\u3002\u5b9e\u9645\uff1aBase\u3002`);
});

test("no text is taken apart: a name that looks like words stays", () => {
    for (const name of [NAME, "Base \u00b7 Seed", "3 of 16 images", "Base. Seed."]) assert.equal(chinese().say(name), name);
});

test("braces in a value are no places", () => {
    assert.equal(new Words().say("{1} and {2}", "{2}", "b"), "{2} and b");
});

test("the oldest is forgotten when too much was heard", () => {
    const words = new Words();
    for (let i = 0; i < 6000; i += 1) words.hear(said("mix {1}", i));
    assert.equal(words.heard.size, 5000);
    assert.ok(words.heard.has("mix 5999"));
});

test("what a WebUI made of a text of ours is said in our words", () => {
    assert.equal(chinese({ Base: "\u57fa\u5c42" }).say("\u57fa\u5c42"), zh.Base);
});

test("a translation is not translated again", () => {
    const words = chinese();
    assert.deepEqual(Object.values(zh).filter((text) => words.say(text) !== text), []);
});
