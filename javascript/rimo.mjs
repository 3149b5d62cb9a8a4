// @ts-check
/**
 * The only script of the tab that a page loads by itself: A1111 and Forge link every `javascript/*.mjs` of an
 * extension as a module, our own page links this one. All others lie in `rimo/` and come through imports.
 *
 * A WebUI names this file with its time of change (`?mtime`), but not those that it imports, and says nothing about how
 * long a browser may keep them: after an update it could go on with some from before. So the browser is made to ask
 * about each of them first; what has not changed is answered without its content. Our own page says so itself.
 */
const MODULES = [
    "api", "background_job", "bench", "bench_table", "blocks", "chart", "compare", "contact", "elements", "groups",
    "history", "host", "keys", "language", "live", "names", "numbers", "parts", "picture_files", "pictures", "play",
    "ranks", "recipe", "result", "save", "scale", "scatter", "seen", "svg", "tab", "tables", "tabs", "tagger_card",
    "translate_page", "unet", "viewer", "words",
];

/** @param {string} name */
const address = (name) => new URL(`rimo/${name}.mjs`, import.meta.url);

/** A WebUI tells once when its page is there, soon after this script has run: nothing may be waited for before. */
const laidOut = new Promise((go) => {
    if (typeof onUiLoaded === "function") onUiLoaded(() => go(undefined));
    else if (document.readyState === "complete") go(undefined);
    else window.addEventListener("load", go);
});

if (new URL(import.meta.url).search) {
    await Promise.allSettled(MODULES.map((name) => fetch(address(name), { cache: "no-cache" })));
}
const { Tab } = await import("./rimo/tab.mjs");
await laidOut;
new Tab().run();
