// @ts-check
/** The WebUI around the tab, if there is one. What it offers lies in globals of its page; nothing else touches them. */

const LOOK_MS = 500;
const MOST_LOOKS = 240;

/** Whether a WebUI is around the tab. */
export function hosted() {
    return typeof gradioApp === "function" && typeof opts === "object";
}

/** Waits until a WebUI knows its options, which is some seconds after its page is there; elsewhere there is no need. */
export async function optionsKnown() {
    if (!hosted()) return;
    if (typeof onOptionsAvailable === "function") await new Promise((go) => { onOptionsAvailable(() => go(undefined)); });
    for (let looks = 0; !Object.keys(opts).length && looks < MOST_LOOKS; looks += 1) await pause(LOOK_MS);
}

/** The language that the WebUI's own setting names. */
export function hostLanguage() {
    return opts.localization ?? "en";
}

/** What a WebUI translates on its whole page: text to text. */
export function hostTable() {
    return window.localization ?? {};
}

/** Makes the WebUI, if there is one, read its list of checkpoints again. */
export function refreshHost() {
    const page = typeof gradioApp === "function" ? gradioApp() : document;
    const button = page.querySelector("#refresh_sd_model_checkpoint, #forge_refresh_checkpoint");
    if (button instanceof HTMLElement) button.click();
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function pause(ms) {
    return new Promise((go) => { setTimeout(go, ms); });
}
