// @ts-check
/** Elements made anew, and those of a list kept where they stay. */
import { stem } from "./names.mjs";
import { say } from "./words.mjs";

/** @type {WeakMap<HTMLSelectElement, string>} What a choice offers. */
const offered = new WeakMap();

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} kind
 * @param {string} [name] Of its class.
 * @param {string} [text] In the program's own words.
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(kind, name = "", text = "") {
    const made = document.createElement(kind);
    if (name) made.className = name;
    if (text) made.textContent = say(text);
    return made;
}

/**
 * An element that holds a name, which no translation touches.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} kind
 * @param {string} name Of its class.
 * @param {string} text
 * @returns {HTMLElementTagNameMap[K]}
 */
export function named(kind, name, text) {
    const made = make(kind, name);
    made.translate = false;
    made.textContent = text;
    return made;
}

/**
 * @param {string} text
 * @param {string} name Of its class.
 * @param {(event: Event) => void} act
 */
export function makeButton(text, name, act) {
    const made = make("button", `rimo-button ${name}`, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
}

/**
 * The head of a row or a column.
 * @param {string} text
 * @param {{ scope?: "col" | "row", name?: boolean }} [how] A name is not translated.
 */
export function head(text, { scope = "col", name = false } = {}) {
    return Object.assign(name ? named("th", "", text) : make("th", "", text), { scope });
}

/**
 * The head of a column for a checkpoint: its name without the ending, which all of them share.
 * @param {string} name
 */
export function stemHead(name) {
    return Object.assign(head(stem(name), { name: true }), { title: name });
}

/**
 * Makes a list's children follow its keys, keeping those that are there already.
 * @param {Element} box
 * @param {string[]} keys
 * @param {(i: number) => HTMLElement} made Makes the child of the i-th key.
 */
export function keep(box, keys, made) {
    const old = new Map(childrenOf(box).map((child) => [child.dataset.key, child]));
    const children = keys.map((key, i) => {
        const child = old.get(key) ?? made(i);
        child.dataset.key = key;
        return child;
    });
    if (children.length !== box.children.length || children.some((child, i) => child !== box.children[i])) {
        box.replaceChildren(...children);
    }
}

/**
 * @param {Element} box
 * @returns {HTMLElement[]}
 */
export function childrenOf(box) {
    return /** @type {HTMLElement[]} */ ([...box.children]);
}

/**
 * Makes a choice offer these [value, text] pairs; what was chosen stays chosen where it is still offered.
 * @param {HTMLSelectElement} select
 * @param {Array<[string | number, string]>} pairs
 * @param {boolean} [names] Their texts are names, which no translation touches.
 */
export function offer(select, pairs, names = false) {
    const key = JSON.stringify(pairs);
    if (offered.get(select) === key) return;
    offered.set(select, key);
    const chosen = select.value;
    select.replaceChildren(...pairs.map(([value, text]) => {
        const option = names ? named("option", "", text) : make("option", "", text);
        option.value = String(value);
        return option;
    }));
    if (pairs.some(([value]) => String(value) === chosen)) select.value = chosen;
}
