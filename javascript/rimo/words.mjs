// @ts-check
/**
 * The tab's words in the user's language.
 *
 * The source is English; `lib_rimo/wording/translations/*.json` says the same in other languages. They are for the tab
 * alone: what lies in `localizations/` a WebUI applies to its whole page. A key is a whole text, or a template with
 * places: "{1} of {2} images".
 *
 * What the program puts together comes as English text and beside it as template and values, so that nothing here takes
 * a text apart: it is looked up as a whole, and said by the language's own template with the same values.
 */

/** @typedef {import("./answers.d.ts").Said} Said */

const MOST_HEARD = 5000;

/** What texts are in one language; English until another one is put to use. */
export class Words {
    constructor() {
        this.language = "en";
        /** @type {Map<string, string>} English text or template to translation. */
        this.known = new Map();
        /** @type {Map<string, Said>} What the program put together, by its English text. */
        this.heard = new Map();
    }

    /**
     * @param {string} language
     * @param {Record<string, string>} table English text to translation.
     * @param {Record<string, string>} [foreign] What a WebUI translates on its whole page: what it made of a text of
     *     ours ("Base") becomes what the text means here.
     */
    use(language, table, foreign = {}) {
        this.language = language;
        for (const [text, translation] of Object.entries(table)) this.known.set(text, translation);
        const own = new Set(Object.values(table));
        for (const [text, other] of Object.entries(foreign)) {
            if (Object.hasOwn(table, text) && !own.has(other) && !this.known.has(other)) this.known.set(other, table[text]);
        }
    }

    /**
     * Keeps how a text of the program was put together; the oldest is forgotten when there are too many.
     * @param {Said} said
     */
    hear(said) {
        this.heard.delete(said.text);
        this.heard.set(said.text, said);
        if (this.heard.size > MOST_HEARD) this.heard.delete(this.heard.keys().next().value ?? "");
    }

    /**
     * A text in the user's language; with values, a template whose places {1}, {2} they fill. Values stay as they are.
     * @param {string} text
     * @param {unknown[]} values
     * @returns {string}
     */
    say(text, ...values) {
        if (values.length) return fill(this.known.get(text) ?? text, values.map(String));
        const said = this.heard.get(text);
        return said ? this.put(said) : this.known.get(text) ?? this.known.get(flat(text)) ?? text;
    }

    /**
     * @param {Said} said
     * @returns {string}
     */
    put({ template, values }) {
        const told = values.map((value) => (typeof value === "object" ? this.put(value) : String(value)));
        return fill(this.known.get(template) ?? template, told);
    }
}

/**
 * @param {string} template
 * @param {string[]} values
 */
function fill(template, values) {
    return values.length ? template.replace(/\{(\d)\}/g, (_, place) => values[Number(place) - 1] ?? "") : template;
}

/** @param {string} text With every run of white space made one space, as markup is shown. */
function flat(text) {
    return text.replace(/\s+/g, " ").trim();
}

export const words = new Words();

/**
 * A text in the user's language; with values, a template whose places {1}, {2} they fill.
 * @param {string} text
 * @param {unknown[]} values
 */
export function say(text, ...values) {
    return words.say(text, ...values);
}
