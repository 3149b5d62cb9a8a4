// @ts-check
/** Block groups: what they are called and where they belong in the network. */
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Group} Group */
/** @typedef {import("./answers.d.ts").Said} Said */
/** @typedef {"down" | "middle" | "up" | "beside"} Side */

/** @type {Record<string, string>} */
const NAMES = { mid: "middle", text: "text encoder", text2: "second text encoder", vae: "VAE", rest: "the rest" };

/**
 * Where a block group belongs: as its family says, else by the part that it is.
 * @param {Group} group
 * @returns {Side}
 */
export function side(group) {
    if (group.side) return group.side;
    if (group.input?.length && group.output?.length) return "beside"; // one that holds both ways
    const name = `${group.part || group.name}`.toLowerCase();
    if (/^(in|input|down)/.test(name)) return "down";
    if (/^mid/.test(name)) return "middle";
    if (/^(out|output|up)/.test(name)) return "up";
    return "beside";
}

/**
 * What a block group is called: "in0-6" is "input 0\u20136", and one of a family from outside is as that family says.
 * @param {string} name
 * @param {Said} [title]
 */
export function groupLabel(name, title) {
    const found = /^(in|out)(?:put)?_?([\d+-]*)$/.exec(name);
    if (!found) return say(NAMES[name] ?? title?.text ?? name);
    return say(found[1] === "in" ? "input {1}" : "output {1}", found[2].replace("-", "\u2013")).trim();
}

/**
 * How many blocks a group has on one side; a service that does not say counts as one.
 * @param {Group} group
 * @param {"down" | "up"} way
 */
export function blockCount(group, way) {
    return Math.max(1, (way === "down" ? group.input : group.output)?.length ?? 1);
}
