import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import test from "node:test";

const FOLDER = new URL("../../javascript/", import.meta.url);

/** @param {string} folder */
async function modules(folder) {
    return (await readdir(new URL(folder, FOLDER))).filter((name) => name.endsWith(".mjs")).sort();
}

test("pages find one script to load by themselves; what it imports lies in a folder, or it would be loaded twice", async () => {
    assert.deepEqual(await modules("."), ["rimo.mjs"]);
});

test("the entry asks about every module after an update", async () => {
    const entry = await readFile(new URL("rimo.mjs", FOLDER), "utf8");
    const list = /MODULES = \[(.*?)\]/s.exec(entry)?.[1] ?? "";
    const named = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => `${name}.mjs`);
    assert.deepEqual(named, await modules("rimo/"));
});

test("every module has its types checked, and none leaves a name on the page", async () => {
    for (const name of ["rimo.mjs", ...(await modules("rimo/")).map((file) => `rimo/${file}`)]) {
        const text = await readFile(new URL(name, FOLDER), "utf8");
        assert.match(text, /^\/\/ @ts-check\n/, name);
        assert.doesNotMatch(text, /(window|globalThis)\.\w+ =[^=]/, name);
    }
});
