/**
 * The tab's words in the user's language.
 *
 * The source is English; `lib_rimo/wording/translations/*.json` beside this folder says the same in other languages. They
 * are for the tab alone: what lies in `localizations/` a WebUI applies to its whole page. A key is an exact text, or a sentence with places: "{1} of {2} images". Whatever appears in
 * the tab is translated as it appears, whether gradio, the script or the program wrote it; elements marked
 * translate="no" hold names and stay as they are.
 */
class RimoWords {
    static FILES = { zh: "zh_CN", ja: "ja_JP" };
    static FOLDER = "../lib_rimo/wording/translations/"; // from this folder's address, in a WebUI as on our own page
    static KEPT = "rimo-language";
    static ATTRIBUTES = ["placeholder", "title", "aria-label", "aria-valuetext", "alt"];
    static MOST_KEPT = 3000;
    static FEW_LETTERS = 5;
    static PATIENCE_MS = 1000; // how long the tab waits for its words before it begins without them
    static LOOK_MS = 500;
    static MOST_LOOKS = 240;
    static home = document.currentScript?.src ?? "";
    static exact = new Map();
    static patterns = [];
    static said = new Map();
    static language = "en";
    static ready = null;
    static waited = null;

    /** Whether a WebUI is around the tab. */
    static hosted() {
        return typeof gradioApp === "function" && typeof opts === "object";
    }

    /** Waits until a WebUI knows its options, which is some seconds after its page is there; elsewhere there is no need. */
    static async options() {
        if (!this.hosted()) return;
        if (typeof onOptionsAvailable === "function") await new Promise((go) => { onOptionsAvailable(go); });
        for (let looks = 0; !Object.keys(opts).length && looks < this.MOST_LOOKS; looks += 1) await this.pause(this.LOOK_MS);
    }

    static pause(ms) {
        return new Promise((go) => { setTimeout(go, ms); });
    }

    /** The language to use: the user's choice on our own page, the WebUI's setting, else the browser's. */
    static wanted() {
        const asked = this.hosted() ? [opts.localization ?? "en"] : [localStorage.getItem(this.KEPT), ...navigator.languages];
        for (const name of asked.filter(Boolean)) {
            const short = name.slice(0, 2).toLowerCase();
            if (short in this.FILES || short === "en") return short;
        }
        return "en";
    }

    /** Reads the language's file once; without it everything stays English. */
    static load() {
        this.ready ??= this.options().then(async () => {
            const language = this.wanted();
            if (!(language in this.FILES)) return;
            const answer = await fetch(new URL(`${this.FOLDER}${this.FILES[language]}.json`, this.home));
            if (answer.ok) this.use(language, await answer.json());
        }).catch(() => {});
        return this.ready;
    }

    /** Waits for the words, but not long: what is shown without them is said in them as soon as they are there. */
    static wait() {
        this.waited ??= Promise.race([this.load(), this.pause(this.PATIENCE_MS)]);
        return this.waited;
    }

    static use(language, words) {
        this.language = language;
        for (const [text, translation] of Object.entries(words)) {
            if (!/\{\d\}/.test(text)) {
                this.exact.set(text, translation);
                continue;
            }
            const order = [...text.matchAll(/\{(\d)\}/g)].map((m) => m[1]);
            this.exact.set(text, translation);
            this.patterns.push({ form: this.form(text), order, translation, size: text.length });
        }
        this.patterns.sort((a, b) => b.size - a.size);
        this.correct(words);
    }

    /** A WebUI translates its whole page: what it made of a text of ours ("Base") becomes what the text means here. */
    static correct(words) {
        const own = new Set(Object.values(words));
        for (const [text, other] of Object.entries(window.localization ?? {})) {
            if (Object.hasOwn(words, text) && !own.has(other) && !this.exact.has(other)) this.exact.set(other, words[text]);
        }
    }

    /**
     * The form that a sentence with places has. What stands in a place does not run on into another sentence, and
     * is a single word where so little stands around it that anything would fit.
     */
    static form(text) {
        const pieces = text.split(/\{\d\}/);
        const bare = pieces.join("").replace(/[^A-Za-z]/g, "");
        const place = bare.length < this.FEW_LETTERS ? "(\\S+?)" : text.includes(". ") ? "(.+?)" : "((?:(?!\\. ).)+?)";
        const fixed = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
        return new RegExp(`^${fixed.join(place)}$`, "s");
    }

    /** A text in the user's language; with values, a sentence whose places {1}, {2} they fill. */
    static say(text, ...values) {
        if (values.length) return this.fill(this.exact.get(text) ?? text, values.map((value) => this.say(String(value))));
        if (!this.exact.size || !/[A-Za-z]/.test(text)) return this.exact.get(text) ?? text;
        if (!this.said.has(text)) {
            if (this.said.size > this.MOST_KEPT) this.said.clear();
            this.said.set(text, this.find(text) ?? text);
        }
        return this.said.get(text);
    }

    static fill(sentence, values) {
        return sentence.replace(/\{(\d)\}/g, (_, place) => values[place - 1] ?? "");
    }

    static find(text) {
        const plain = text.replace(/\s+/g, " ").trim();
        if (this.exact.has(plain)) return this.exact.get(plain);
        if (text.includes(" · ")) return this.pieces(text, " · ");
        if (text.trim().includes("\n") && !this.match(plain)) return this.pieces(text, "\n");
        return this.match(plain) ?? this.sentences(plain);
    }

    static match(plain) {
        for (const { form, order, translation } of this.patterns) {
            const found = form.exec(plain);
            if (!found) continue;
            const values = [];
            order.forEach((place, i) => { values[place - 1] = this.say(found[i + 1]); });
            return this.fill(translation, values);
        }
        return undefined;
    }

    /** Translates what a separator holds apart. */
    static pieces(text, separator) {
        return text.split(separator).map((piece) => this.say(piece)).join(separator);
    }

    /** Translates sentence by sentence; "Found" and "Wanted" of an error stand before values. */
    static sentences(text) {
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

    /** Translates what stands in an element, and from now on whatever appears in it. */
    static watch(root) {
        if (!this.exact.size || root.rimoWatched) return;
        root.rimoWatched = true;
        this.below(root);
        new MutationObserver((changes) => {
            for (const { type, target, addedNodes } of changes) {
                if (type === "characterData") this.node(target);
                else if (type === "attributes") this.attributes(target);
                else addedNodes.forEach((node) => (node.nodeType === 1 ? this.below(node) : this.node(node)));
            }
        }).observe(root, { childList: true, characterData: true, subtree: true, attributeFilter: this.ATTRIBUTES });
    }

    static below(root) {
        this.attributes(root);
        root.querySelectorAll("*").forEach((element) => this.attributes(element));
        const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) this.node(node);
    }

    static node(node) {
        const parent = node.parentElement;
        if (node.nodeType !== 3 || !parent || parent.closest("[translate=no], textarea, script, style")) return;
        const text = node.data.trim();
        const said = text && this.say(text);
        if (said && said !== text) node.data = node.data.replace(text, () => said);
    }

    static attributes(element) {
        if (element.closest("[translate=no]")) return;
        for (const name of this.ATTRIBUTES) {
            const text = element.getAttribute(name);
            const said = text && this.say(text);
            if (said && said !== text) element.setAttribute(name, said);
        }
    }
}
