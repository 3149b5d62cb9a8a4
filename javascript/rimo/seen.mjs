// @ts-check
/** What the page has of a study, and what an answer adds to it. */

/** @typedef {import("./answers.d.ts").News} News */
/** @typedef {import("./answers.d.ts").CurveRow} CurveRow */

export class Seen {
    constructor() {
        /** @type {CurveRow[]} */
        this.points = [];
        this.run = "";
        this.study = "";
        this.version = -1;
        /** @type {Record<string, string>} By part. */
        this.marks = {};
    }

    /** Holds no answer, so that the next one brings everything but the points that are here. */
    forget() {
        Object.assign(this, { run: "", study: "", version: -1, marks: {} });
    }

    /** What to ask with. */
    query() {
        return new URLSearchParams({
            run: this.run, study: this.study, since: `${this.version}`, points: `${this.points.length}`,
            have: Object.values(this.marks).join("."),
        });
    }

    /**
     * Takes an answer.
     * @param {News} news
     * @returns {boolean} Whether it is of the study that was seen before.
     */
    take(news) {
        const same = news.run === this.run && news.study === this.study;
        this.points = this.points.slice(0, news.curve.from).concat(news.curve.points);
        if (!same) this.marks = {};
        for (const [name, { mark }] of Object.entries(news.parts)) this.marks[name] = mark;
        this.run = news.run;
        this.study = news.study;
        this.version = news.version;
        return same;
    }
}
