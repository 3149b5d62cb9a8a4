// @ts-check
/** Which language the tab is in, and reading its words. */
import { named } from "./elements.mjs";
import { hosted, hostLanguage, hostTable, optionsKnown, pause } from "./host.mjs";
import { find, show } from "./parts.mjs";
import { words } from "./words.mjs";

const NAMES = { en: "English", zh: "\u7b80\u4f53\u4e2d\u6587", ja: "\u65e5\u672c\u8a9e" };
/** @type {Record<string, string>} */
const FILES = { zh: "zh_CN", ja: "ja_JP" };
const FOLDER = "../../lib_rimo/wording/translations/"; // from this file's address, in a WebUI as on our own page
const KEPT = "rimo-language";
const PATIENCE_MS = 1000; // how long the tab waits for its words before it begins without them

/** @type {Promise<void> | undefined} */
let ready;
/** @type {Promise<void> | undefined} */
let waited;

/** The language to use: the user's choice on our own page, the WebUI's setting, else the browser's. */
function wanted() {
    const asked = hosted() ? [hostLanguage()] : [localStorage.getItem(KEPT), ...navigator.languages];
    for (const name of asked) {
        const short = (name ?? "").slice(0, 2).toLowerCase();
        if (short in NAMES) return short;
    }
    return "en";
}

/** Reads the language's file once; without it everything stays English. */
export function loadWords() {
    ready ??= optionsKnown().then(async () => {
        const language = wanted();
        if (!(language in FILES)) return;
        const answer = await fetch(new URL(`${FOLDER}${FILES[language]}.json`, import.meta.url));
        if (answer.ok) words.use(language, await answer.json(), hostTable());
    }).catch(() => {});
    return ready;
}

/** Waits for the words, but not long: what is shown without them is said in them as soon as they are there. */
export function waitForWords() {
    waited ??= Promise.race([loadWords(), pause(PATIENCE_MS)]);
    return waited;
}

/** The choice of language on our own page; in a WebUI its own setting decides. */
export function offerLanguages() {
    const select = find("language");
    if (!(select instanceof HTMLSelectElement)) return;
    show(select.parentElement, typeof gradioApp !== "function");
    select.replaceChildren(...Object.entries(NAMES).map(([name, text]) => {
        const option = named("option", "", text);
        option.value = option.lang = name;
        return option;
    }));
    select.value = words.language;
    select.onchange = () => {
        localStorage.setItem(KEPT, select.value);
        location.reload();
    };
}
