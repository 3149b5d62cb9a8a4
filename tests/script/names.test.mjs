import assert from "node:assert/strict";
import test from "node:test";
import { blockCount, groupLabel, side } from "../../javascript/rimo/groups.mjs";
import { distinct, nextName, stem } from "../../javascript/rimo/names.mjs";

test("a checkpoint's name loses the ending that all of them share, and no other", () => {
    assert.deepEqual(["a.safetensors", "b.v1.ckpt", "c.safetensors.bak"].map(stem), ["a", "b.v1", "c.safetensors.bak"]);
});

test("files of one name are told apart by their paths", () => {
    const files = [{ name: "a", path: "/x/a" }, { name: "b", path: "/x/b" }, { name: "a", path: "/y/a" }];
    assert.deepEqual(distinct(files), ["/x/a", "b", "/y/a"]);
});

test("the next name counts on", () => {
    assert.deepEqual(["mix", "mix-2", "mix-09", "a-b"].map(nextName), ["mix-2", "mix-3", "mix-10", "a-b-2"]);
});

test("block groups are called by what they are", () => {
    const called = ["in0-6", "out_3", "input", "mid", "text2", "anything"].map(groupLabel);
    assert.deepEqual(called, ["input 0\u20136", "output 3", "input", "middle", "second text encoder", "anything"]);
});

test("a group lies on the side of its blocks, and beside the network if it has both", () => {
    const groups = [
        { name: "in0-3", input: [0, 1, 2, 3] }, { name: "mid" }, { name: "out0" }, { name: "vae" },
        { name: "all", input: [0], output: [0] }, { name: "x", part: "input" },
    ];
    assert.deepEqual(groups.map(side), ["down", "middle", "up", "beside", "beside", "down"]);
    assert.deepEqual(groups.map((group) => blockCount(group, "down")), [4, 1, 1, 1, 1, 1]);
});
