// @ts-check
/**
 * Translates whatever appears in the tab as it appears, whether gradio, the script or the program wrote it. Elements
 * marked translate="no" hold names and stay as they are.
 */
import { say, words } from "./words.mjs";

const ATTRIBUTES = ["placeholder", "title", "aria-label", "aria-valuetext", "alt"];
const KEPT = "[translate=no], textarea, script, style";

/** @type {WeakSet<Element>} */
const watched = new WeakSet();

/**
 * Translates what stands in an element, and from now on whatever appears in it.
 * @param {Element} root
 */
export function translatePage(root) {
    if (!words.known.size || watched.has(root)) return;
    watched.add(root);
    below(root);
    new MutationObserver((changes) => {
        for (const { type, target, addedNodes } of changes) {
            if (type === "childList") addedNodes.forEach((node) => (node instanceof Element ? below(node) : oneText(node)));
            else if (target instanceof Element) attributes(target);
            else oneText(target);
        }
    }).observe(root, { childList: true, characterData: true, subtree: true, attributeFilter: ATTRIBUTES });
}

/** @param {Element} root */
function below(root) {
    for (const element of [root, ...root.querySelectorAll("*")]) {
        if (element instanceof HTMLElement && element.dataset.said) words.hear(JSON.parse(element.dataset.said));
        attributes(element);
    }
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) oneText(node);
}

/** @param {Node} node */
function oneText(node) {
    if (!(node instanceof Text) || !node.parentElement || node.parentElement.closest(KEPT)) return;
    const text = node.data.trim();
    const said = text && say(text);
    if (said && said !== text) node.data = node.data.replace(text, () => said);
}

/** @param {Element} element */
function attributes(element) {
    if (element.closest("[translate=no]")) return;
    for (const name of ATTRIBUTES) {
        const text = element.getAttribute(name);
        const said = text && say(text);
        if (said && said !== text) element.setAttribute(name, said);
    }
}
