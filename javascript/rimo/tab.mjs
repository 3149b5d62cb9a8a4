// @ts-check
import { ask } from "./api.mjs";
import { Bench } from "./bench.mjs";
import { Blocks } from "./blocks.mjs";
import { Contact } from "./contact.mjs";
import { History } from "./history.mjs";
import { freeKeys } from "./keys.mjs";
import { loadWords, offerLanguages, waitForWords } from "./language.mjs";
import { Live } from "./live.mjs";
import { find, show } from "./parts.mjs";
import { Pictures } from "./pictures.mjs";
import { Play } from "./play.mjs";
import { Recipe } from "./recipe.mjs";
import { Result } from "./result.mjs";
import { Save } from "./save.mjs";
import { Seen } from "./seen.mjs";
import { Tabs } from "./tabs.mjs";
import { TaggerCard } from "./tagger_card.mjs";
import { translatePage } from "./translate_page.mjs";
import { say, words } from "./words.mjs";

/** @typedef {import("./answers.d.ts").News} News */
/** @typedef {import("./answers.d.ts").Parts} Parts */
/** @typedef {import("./answers.d.ts").Choice} Choice */
/**
 * What a view wants to be told: a part that changed, any news, another choice, that it came to the front.
 * @typedef {{ [K in keyof Parts as `on_${K}`]?: (value: Parts[K]) => void } & {
 *     on_news?: (news: News) => void, on_choice?: (choice: Choice) => void, shown?: () => void }} View
 */

const BUSY_MS = 1000;
const IDLE_MS = 4000;
const UNSEEN_MS = 500;
const EAGER_MS = 10000; // after a click: what it began may take a moment to show
const BUTTONS = ["start", "pause", "resume", "stop", "save"];

/**
 * The live part of the tab "Random mix".
 *
 * Asks the program once a second for what changed and hands it to the views, which fill the frame that the tab
 * brought along. An update changes data, never the elements around it, so nothing flickers and scroll, focus and
 * selection survive. While the tab cannot be seen nothing is asked.
 */
export class Tab {
    constructor() {
        this.seen = new Seen();
        this.study = "";
        /** @type {Choice} */
        this.choice = {};
        /** @type {{ study: string, count: number } | null} */
        this.saved = null;
        /** @type {View[]} */
        this.views = [];
        /** @type {Tabs | null} */
        this.tabs = null;
        /** @type {HTMLElement | null} */
        this.frame = null;
        this.timer = 0;
        this.asking = false;
        this.again = false;
        this.active = false;
        this.pressed = false;
        this.eager = 0;
    }

    /** The points of the curve that are here. */
    get points() {
        return this.seen.points;
    }

    /** Starts polling, which goes on for the life of the page. */
    run() {
        freeKeys();
        new TaggerCard().run();
        document.addEventListener("click", (event) => {
            if (!(event.target instanceof Element) || !event.target.closest("#rimo-tab button, [role=tab]")) return;
            this.eager = Date.now() + EAGER_MS;
            if (event.target.closest("#rimo-start")) this.pressed = true;
            this.soon(150);
        });
        document.addEventListener("visibilitychange", () => this.soon(0));
        window.addEventListener("resize", () => this.live?.redraw());
        loadWords().then(() => this.soon(0));
        this.soon(0);
    }

    /** @param {number} ms */
    soon(ms) {
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => this.tick(), ms);
    }

    /** One round: ask, show, plan the next. */
    async tick() {
        if (this.asking) {
            this.again = true; // the answer under way may be from before what is wanted now
            return;
        }
        this.asking = true;
        let pause = UNSEEN_MS;
        try {
            await waitForWords();
            const root = this.visible();
            if (root) pause = await this.refresh(root);
        } catch {
            show("lost", true);
            pause = IDLE_MS;
        } finally {
            this.asking = false;
            this.soon(this.again ? 0 : pause);
            this.again = false;
        }
    }

    /** The tab, laid out for us, if it can be seen now. */
    visible() {
        const [root, frame] = [document.getElementById("rimo-tab"), find("live")];
        if (!root || !frame || document.hidden || !frame.getClientRects().length) return null;
        if (frame !== this.frame) { // the page, or the tab in it, was made anew
            this.frame = frame;
            this.seen = new Seen();
            Object.assign(this, { study: "", choice: {}, saved: null });
            this.speak(root);
            this.attach();
        } else if (root.lang !== words.language) this.speak(root);
        return root;
    }

    /**
     * Says everything in the language that is known by now: a WebUI may tell it after the tab was laid out.
     * @param {HTMLElement} root
     */
    speak(root) {
        root.lang = words.language;
        translatePage(root);
        offerLanguages();
        this.seen.forget();
    }

    attach() {
        this.tabs = null;
        const recipe = new Recipe(this);
        this.live = new Live(this, recipe);
        const [pictures, blocks, bench, history] = [new Pictures(this), new Blocks(this), new Bench(), new History(this)];
        this.views = [this.live, new Result(this), new Save(this), new Play(this), pictures, blocks, recipe,
            new Contact(this), bench, history];
        this.tabs = new Tabs({ pictures, blocks, recipe, bench, history });
    }

    /** @param {HTMLElement} root */
    async refresh(root) {
        const news = await ask(`status?${this.seen.query()}`);
        show("lost", false);
        if ("state" in news) this.update(root, news);
        if (news.curve && this.points.length < news.curve.total) return 0;
        return this.active || Date.now() < this.eager ? BUSY_MS : IDLE_MS;
    }

    /**
     * @param {HTMLElement} root
     * @param {News} news
     */
    update(root, news) {
        if (news.active && !this.active && this.pressed) this.follow();
        this.active = news.active;
        const same = this.seen.take(news);
        if (this.study !== news.study) Object.assign(this, { study: news.study, choice: {}, saved: null });
        for (const [name, { value }] of Object.entries(news.parts)) this.tell(`on_${name}`, value);
        this.buttons(root, news);
        this.tell("on_news", news);
        if (!same) this.tell("on_choice", this.choice);
    }

    /** Whoever pressed Start shall see what came of it, on a small screen too. */
    follow() {
        this.pressed = false;
        const place = document.getElementById("rimo-steering");
        if (place && place.getBoundingClientRect().bottom > window.innerHeight) place.scrollIntoView({ block: "start" });
    }

    /**
     * @param {string} name
     * @param {unknown} value
     */
    tell(name, value) {
        for (const view of /** @type {Array<Record<string, any>>} */ (this.views)) view[name]?.(value);
    }

    /**
     * @param {HTMLElement} root
     * @param {News} news
     */
    buttons(root, news) {
        root.dataset.state = news.state;
        for (const name of BUTTONS) {
            root.classList.toggle(`rimo-can-${name}`, news.can[name]);
            const button = document.getElementById(`rimo-${name}`);
            const inner = button?.matches("button") ? button : button?.querySelector("button");
            if (inner instanceof HTMLButtonElement) inner.disabled = !news.can[name];
        }
    }

    /**
     * Makes a mix the one that is shown under "Recipe", tried and saved: a trial, an epoch's winner, the plain average,
     * or, where nothing is named, the best.
     * @param {Choice} choice
     */
    choose(choice) {
        this.choice = choice;
        this.tell("on_choice", choice);
    }

    /** Whether another mix than the best is chosen. */
    get chose() {
        return Object.keys(this.choice).length > 0;
    }

    /** The chosen mix as requests name it. */
    get mix() {
        return this.chose ? this.choice : { best: true };
    }

    choiceName() {
        const { trial, epoch, average } = this.choice;
        if (average) return say("the plain average");
        if (trial) return say("mix {1}", trial);
        return epoch ? say("the winner of epoch {1}", epoch) : say("the best mix so far");
    }
}
