import assert from "node:assert/strict";
import test from "node:test";
import { ask, Refusal, refusal } from "../../javascript/rimo/api.mjs";

/**
 * @param {import("node:test").TestContext} t
 * @param {number} status
 * @param {string} body
 */
function answering(t, status, body) {
    return t.mock.method(globalThis, "fetch", async () => new Response(body, { status }));
}

test("addresses are relative, for a WebUI below a path of its own; only what tells something is posted", async (t) => {
    const asked = answering(t, 200, "{}");
    await ask("options");
    await ask("save", { name: "mix" });
    const [[read, how], [told, post]] = asked.mock.calls.map((call) => call.arguments);
    assert.deepEqual([read, how?.method, told, post?.method], ["rimo/v1/options", undefined, "rimo/v1/save", "POST"]);
    assert.equal(post?.body, '{"name":"mix"}');
});

test("a refusal has the program's own words and the field that they are about", async (t) => {
    answering(t, 400, '{"error": "Too many. Found: 9.", "field": "epochs"}');
    await assert.rejects(ask("start", {}), { message: "Too many. Found: 9.", field: "epochs" });
});

test("an answer that is no JSON, and none at all, are said", async (t) => {
    answering(t, 500, "<html>");
    await assert.rejects(ask("start", {}), { message: "Something went wrong inside; the log says what.", field: "" });
    t.mock.method(globalThis, "fetch", async () => { throw new TypeError("no network"); });
    await assert.rejects(ask("start", {}), Refusal);
    assert.equal(refusal(new TypeError("x")).message, "x");
});
