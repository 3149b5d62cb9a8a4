// @ts-check
/** The frame that the tab brought along: elements with data-rimo="name". */
import { say } from "./words.mjs";

/** @type {WeakMap<Element, string>} What stands in a part, in the program's own words. */
const written = new WeakMap();

/**
 * An element of the frame, or nothing.
 * @param {string} name
 * @returns {HTMLElement | null}
 */
export function find(name) {
    return document.querySelector(`#rimo-tab [data-rimo="${name}"]`);
}

/**
 * An element of the frame that must be there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} name
 * @param {new () => T} [kind] What it has to be.
 * @returns {T}
 */
export function part(name, kind) {
    const found = /** @type {unknown} */ (find(name));
    if (!found || (kind && !(found instanceof kind))) throw new Error(`The frame lacks ${name}`);
    return /** @type {T} */ (found);
}

/** @param {string | HTMLElement | null} name */
const found = (name) => (typeof name === "string" ? find(name) : name);

/**
 * @param {string | HTMLElement | null} name
 * @param {unknown} yes
 */
export function show(name, yes) {
    const box = found(name);
    if (box && box.hidden === Boolean(yes)) box.hidden = !yes;
}

/**
 * Writes a text in the user's language; an unchanged one is left alone.
 * @param {string | HTMLElement | null} name
 * @param {unknown} value
 */
export function write(name, value) {
    const box = found(name);
    const text = String(value);
    if (!box || written.get(box) === text) return;
    written.set(box, text);
    box.textContent = say(text);
}

/**
 * Says below a button what came of it; no text clears it.
 * @param {string | HTMLElement | null} name
 * @param {string} [text]
 * @param {"good" | "bad" | "busy"} [tone]
 */
export function tell(name, text = "", tone = "bad") {
    const box = found(name);
    if (!box) return;
    box.className = text ? `rimo-told rimo-${tone}` : "rimo-told";
    written.delete(box);
    write(box, text);
}

/**
 * Says beside a field what is wrong with it, and nothing beside the others of a form; true if there is such a field.
 * @param {HTMLElement} form
 * @param {string} kind Of form: "bench" has its places marked with data-bench-bad.
 * @param {string} [field]
 * @param {string} [message]
 */
export function markWrong(form, kind, field = "", message = "") {
    let marked = null;
    for (const box of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll(`[data-${kind}-bad]`))) {
        const here = field !== "" && box.getAttribute(`data-${kind}-bad`) === field;
        tell(box, here ? message : "");
        if (here) marked = box;
    }
    marked?.closest("details")?.setAttribute("open", "");
    return marked !== null;
}
