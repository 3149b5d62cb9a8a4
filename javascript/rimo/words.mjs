// @ts-check
/**
 * The tab's words in the user's language.
 *
 * The source is English; `lib_rimo/wording/translations/*.json` says the same in other languages. They are for the tab
 * alone: what lies in `localizations/` a WebUI applies to its whole page. A key is an exact text, or a sentence with
 * places: "{1} of {2} images".
 */

const MOST_KEPT = 3000;
const FEW_LETTERS = 5;

/** What texts are in one language; English until another one is put to use. */
export class Words {
    constructor() {
        this.language = "en";
        /** @type {Map<string, string>} */
        this.exact = new Map();
        /** @type {Array<{ form: RegExp, order: number[], translation: string, size: number }>} */
        this.patterns = [];
        /** @type {Map<string, string>} */
        this.said = new Map();
    }

    /**
     * @param {string} language
     * @param {Record<string, string>} table English text to translation.
     * @param {Record<string, string>} [foreign] What a WebUI translates on its whole page.
     */
    use(language, table, foreign = {}) {
        this.language = language;
        for (const [text, translation] of Object.entries(table)) {
            if (!/\{\d\}/.test(text)) {
                this.exact.set(text, translation);
                continue;
            }
            const order = [...text.matchAll(/\{(\d)\}/g)].map((m) => Number(m[1]));
            this.exact.set(text, translation);
            this.patterns.push({ form: this.form(text), order, translation, size: text.length });
        }
        this.patterns.sort((a, b) => b.size - a.size);
        this.correct(table, foreign);
    }

    /**
     * A WebUI translates its whole page: what it made of a text of ours ("Base") becomes what the text means here.
     * @param {Record<string, string>} table
     * @param {Record<string, string>} foreign
     */
    correct(table, foreign) {
        const own = new Set(Object.values(table));
        for (const [text, other] of Object.entries(foreign)) {
            if (Object.hasOwn(table, text) && !own.has(other) && !this.exact.has(other)) this.exact.set(other, table[text]);
        }
    }

    /**
     * The form that a sentence with places has. What stands in a place does not run on into another sentence, and
     * is a single word where so little stands around it that anything would fit.
     * @param {string} text
     */
    form(text) {
        const pieces = text.split(/\{\d\}/);
        const bare = pieces.join("").replace(/[^A-Za-z]/g, "");
        const place = bare.length < FEW_LETTERS ? "(\\S+?)" : text.includes(". ") ? "(.+?)" : "((?:(?!\\. ).)+?)";
        const fixed = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
        return new RegExp(`^${fixed.join(place)}$`, "s");
    }

    /**
     * A text in the user's language; with values, a sentence whose places {1}, {2} they fill.
     * @param {string} text
     * @param {unknown[]} values
     * @returns {string}
     */
    say(text, ...values) {
        if (values.length) return this.fill(this.exact.get(text) ?? text, values.map((value) => this.say(String(value))));
        if (!this.exact.size || !/[A-Za-z]/.test(text)) return this.exact.get(text) ?? text;
        if (!this.said.has(text)) {
            if (this.said.size > MOST_KEPT) this.said.clear();
            this.said.set(text, this.find(text) ?? text);
        }
        return this.said.get(text) ?? text;
    }

    /**
     * @param {string} sentence
     * @param {string[]} values
     */
    fill(sentence, values) {
        return sentence.replace(/\{(\d)\}/g, (_, place) => values[Number(place) - 1] ?? "");
    }

    /**
     * @param {string} text
     * @returns {string | undefined}
     */
    find(text) {
        const plain = text.replace(/\s+/g, " ").trim();
        if (this.exact.has(plain)) return this.exact.get(plain);
        if (text.includes(" · ")) return this.pieces(text, " · ");
        if (text.trim().includes("\n") && !this.match(plain)) return this.pieces(text, "\n");
        return this.match(plain) ?? this.sentences(plain);
    }

    /**
     * @param {string} plain
     * @returns {string | undefined}
     */
    match(plain) {
        for (const { form, order, translation } of this.patterns) {
            const found = form.exec(plain);
            if (!found) continue;
            const values = /** @type {string[]} */ ([]);
            order.forEach((place, i) => { values[place - 1] = this.say(found[i + 1]); });
            return this.fill(translation, values);
        }
        return undefined;
    }

    /**
     * Translates what a separator holds apart.
     * @param {string} text
     * @param {string} separator
     */
    pieces(text, separator) {
        return text.split(separator).map((piece) => this.say(piece)).join(separator);
    }

    /**
     * Translates sentence by sentence; "Found" and "Wanted" of an error stand before values.
     * @param {string} text
     */
    sentences(text) {
        const parts = text.split(/(?<=\.) /);
        const said = parts.map((part) => {
            const whole = this.exact.get(part);
            if (whole) return whole;
            const bare = part.replace(/\.$/, "");
            const labelled = /^(Found|Wanted): (.*)$/s.exec(bare);
            if (labelled && this.exact.has(`${labelled[1]}:`)) return `${this.exact.get(`${labelled[1]}:`)}${this.say(labelled[2])}。`;
            const other = parts.length > 1 || bare !== part ? this.say(bare) : bare;
            return other === bare ? part : `${other}。`;
        });
        return said.some((part, i) => part !== parts[i]) ? said.join("") : undefined;
    }
}

export const words = new Words();

/**
 * A text in the user's language; with values, a sentence whose places {1}, {2} they fill.
 * @param {string} text
 * @param {unknown[]} values
 */
export function say(text, ...values) {
    return words.say(text, ...values);
}
