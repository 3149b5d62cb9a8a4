/**
 * The live part of the tab "Random mix".
 *
 * Asks the program once a second for what changed and hands it to the views, which fill the frame that the tab
 * brought along. An update changes data, never the elements around it, so nothing flickers and scroll, focus and
 * selection survive. While the tab cannot be seen nothing is asked.
 */
class RimoTab {
    static BUSY_MS = 1000;
    static IDLE_MS = 4000;
    static UNSEEN_MS = 500;
    static EAGER_MS = 10000; // after a click: what it began may take a moment to show
    static BUTTONS = ["start", "pause", "resume", "stop", "save"];

    constructor() {
        this.forget();
        this.views = [];
        this.frame = null;
        this.timer = 0;
        this.asking = false;
        this.again = false;
        this.active = false;
        this.eager = 0;
    }

    /** Starts polling, which goes on for the life of the page. */
    run() {
        RimoSetup.freeKeys();
        document.addEventListener("click", (event) => {
            if (!event.target.closest?.("#rimo-tab button, [role=tab]")) return;
            this.eager = Date.now() + RimoTab.EAGER_MS;
            if (event.target.closest("#rimo-start")) this.pressed = true;
            this.soon(150);
        });
        document.addEventListener("visibilitychange", () => this.soon(0));
        window.addEventListener("resize", () => this.live?.redraw());
        RimoWords.load().then(() => this.soon(0));
        this.soon(0);
    }

    soon(ms) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.tick(), ms);
    }

    /** Holds no answer, so that the next one brings everything. */
    unsee() {
        this.seen = { run: "", study: "", version: -1, marks: {} };
    }

    forget() {
        this.unsee();
        this.study = "";
        this.points = [];
        this.choice = {};
        this.saved = null;
    }

    /** One round: ask, show, plan the next. */
    async tick() {
        if (this.asking) {
            this.again = true; // the answer under way may be from before what is wanted now
            return;
        }
        this.asking = true;
        let pause = RimoTab.UNSEEN_MS;
        try {
            await RimoWords.wait();
            if (this.visible()) pause = await this.refresh();
        } catch (error) {
            RimoFrame.show("lost", true);
            pause = RimoTab.IDLE_MS;
        } finally {
            this.asking = false;
            this.soon(this.again ? 0 : pause);
            this.again = false;
        }
    }

    visible() {
        const frame = RimoFrame.part("live");
        if (!frame || document.hidden || !frame.getClientRects().length) return false;
        if (frame !== this.frame) { // the page, or the tab in it, was made anew
            this.frame = frame;
            this.forget();
            this.speak();
            this.attach();
        } else if (document.getElementById("rimo-tab").lang !== RimoWords.language) this.speak();
        return true;
    }

    /** Says everything in the language that is known by now: a WebUI may tell it after the tab was laid out. */
    speak() {
        const root = document.getElementById("rimo-tab");
        root.lang = RimoWords.language;
        RimoWords.watch(root);
        RimoLanguage.offer();
        this.unsee();
    }

    attach() {
        this.tabs = null;
        this.recipe = new RimoRecipe(this);
        this.live = new RimoLive(this);
        const [pictures, blocks, bench, history] = [new RimoPictures(this), new RimoBlocks(this), new RimoBench(this), new RimoHistory(this)];
        this.views = [this.live, new RimoResult(this), new RimoSave(this), new RimoPlay(this), pictures, blocks, this.recipe, new RimoContact(this), bench, history];
        this.tabs = new RimoTabs({ pictures, blocks, recipe: this.recipe, bench, history });
    }

    async refresh() {
        const { run, study, version, marks } = this.seen;
        const query = new URLSearchParams({
            run, study, since: version, points: this.points.length, have: Object.values(marks).join("."),
        });
        const answer = await fetch(`rimo/v1/status?${query}`, { cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const news = await answer.json();
        RimoFrame.show("lost", false);
        if ("state" in news) this.update(news);
        if (news.curve && this.points.length < news.curve.total) return 0;
        return this.active || Date.now() < this.eager ? RimoTab.BUSY_MS : RimoTab.IDLE_MS;
    }

    update(news) {
        if (news.active && !this.active && this.pressed) this.follow();
        this.active = news.active;
        const same = news.run === this.seen.run && news.study === this.seen.study;
        const marks = same ? { ...this.seen.marks } : {};
        this.points = this.points.slice(0, news.curve.from).concat(news.curve.points);
        if (this.study !== news.study) Object.assign(this, { study: news.study, choice: {}, saved: null });
        for (const [name, { mark, value }] of Object.entries(news.parts)) {
            marks[name] = mark;
            this.tell(`on_${name}`, value);
        }
        this.seen = { run: news.run, study: news.study, version: news.version, marks };
        this.buttons(news);
        this.tell("on_news", news);
        if (!same) this.tell("on_choice", this.choice);
    }

    /** Whoever pressed Start shall see what came of it, on a small screen too. */
    follow() {
        this.pressed = false;
        const place = document.getElementById("rimo-steering");
        if (place.getBoundingClientRect().bottom > window.innerHeight) place.scrollIntoView({ block: "start" });
    }

    tell(name, value) {
        for (const view of this.views) view[name]?.(value);
    }

    buttons(news) {
        const tab = document.getElementById("rimo-tab");
        tab.dataset.state = news.state;
        for (const name of RimoTab.BUTTONS) {
            tab.classList.toggle(`rimo-can-${name}`, news.can[name]);
            const button = document.getElementById(`rimo-${name}`);
            const inner = button?.matches("button") ? button : button?.querySelector("button");
            if (inner) inner.disabled = !news.can[name];
        }
    }

    /**
     * Makes a mix the one that is shown under "Recipe", tried and saved: a trial, an epoch's winner, the plain average,
     * or, where nothing is named, the best.
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
        if (average) return RimoWords.say("the plain average");
        if (trial) return RimoWords.say("mix {1}", trial);
        return epoch ? RimoWords.say("the winner of epoch {1}", epoch) : RimoWords.say("the best mix so far");
    }
}

(function () {
    const tab = new RimoTab();
    if (typeof onUiLoaded === "function") onUiLoaded(() => tab.run());
    else if (document.readyState === "complete") tab.run();
    else window.addEventListener("load", () => tab.run()); // by then the other scripts are there
})();
