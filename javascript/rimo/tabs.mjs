// @ts-check
import { part } from "./parts.mjs";

/** @typedef {import("./tab.mjs").View} View */

const KEPT = "rimo-view";

/** The lower half: one view at a time, chosen with mouse or arrow keys as a list of tabs is. */
export class Tabs {
    /** @param {Record<string, View>} views By the name of their tab; the one that comes to the front is told. */
    constructor(views) {
        this.views = views;
        this.front = "";
        const list = part("tabs");
        /** @type {HTMLElement[]} */
        this.tabs = [...list.querySelectorAll("[role=tab]")].map((tab) => /** @type {HTMLElement} */ (tab));
        list.addEventListener("click", (event) => {
            const tab = event.target instanceof Element && event.target.closest("[role=tab]");
            if (tab instanceof HTMLElement) this.show(tab.dataset.view);
        });
        list.addEventListener("keydown", (event) => {
            const at = this.tabs.findIndex((tab) => tab === document.activeElement);
            const next = nextTab(event.key, at, this.tabs.length);
            if (next === undefined) return;
            event.preventDefault();
            this.tabs[next].focus();
            this.show(this.tabs[next].dataset.view);
        });
        this.show(sessionStorage.getItem(KEPT) ?? this.tabs[0].dataset.view);
    }

    /** @param {string} [name] */
    show(name = "") {
        if (!this.tabs.some((tab) => tab.dataset.view === name)) return;
        this.front = name;
        sessionStorage.setItem(KEPT, name);
        for (const tab of this.tabs) {
            const chosen = tab.dataset.view === name;
            tab.setAttribute("aria-selected", String(chosen));
            tab.tabIndex = chosen ? 0 : -1;
            const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
            if (panel) panel.hidden = !chosen;
        }
        this.views[name]?.shown?.();
    }
}

/**
 * Which tab a key leads to.
 * @param {string} key
 * @param {number} at The one that has the focus; -1 is none.
 * @param {number} count
 * @returns {number | undefined}
 */
export function nextTab(key, at, count) {
    if (at < 0) return undefined;
    const last = count - 1;
    /** @type {Record<string, number>} */
    const keys = { ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last };
    return keys[key];
}
