/** What was measured on unseen prompts: the gain, every arm in its interval, category by category, tag by tag. */
class RimoResult {
    constructor(tab) {
        this.tab = tab;
    }

    on_result(result) {
        RimoFrame.show("result", result !== null);
        RimoFrame.show("categories-box", result !== null && result.categories.length > 0);
        RimoFrame.show("categories-wait", result === null);
        if (!result) return;
        RimoFrame.part("gain").dataset.tone = result.tone;
        RimoFrame.text("gain-value", result.value);
        RimoFrame.text("gain-sentence", result.sentence);
        RimoFrame.text("gain-verdict", result.verdict);
        const [from, to] = result.scale;
        const at = (share) => `${(100 * (share - from)) / (to - from)}%`;
        RimoFrame.part("arms").replaceChildren(...result.arms.map((arm) => {
            const row = RimoFrame.make("div", `rimo-arm rimo-arm-${arm.role}`);
            const track = RimoFrame.make("div", "rimo-track");
            track.style.setProperty("--low", at(arm.low));
            track.style.setProperty("--mean", at(arm.mean));
            track.style.setProperty("--high", at(arm.high));
            track.append(RimoFrame.make("i", "rimo-whisker"), RimoFrame.make("i", "rimo-mean"));
            const name = arm.role === "parent" ? RimoFrame.named("span", "rimo-arm-name", arm.name) : RimoFrame.make("span", "rimo-arm-name", arm.name);
            row.append(name, track, RimoFrame.make("span", "", arm.text));
            if (arm.role === "uniform") row.append(this.chooser());
            return row;
        }));
        const files = { "csv-file": "categories.csv", "markdown-file": "categories.md", "tags-csv-file": "tags.csv", "tags-markdown-file": "tags.md" };
        for (const [link, file] of Object.entries(files)) {
            RimoFrame.part(link).href = `rimo/v1/${file}?study=${encodeURIComponent(this.tab.study)}`;
        }
        this.table(result);
        this.tags("tags-gained", result.gained);
        this.tags("tags-lost", result.lost);
        for (const name of ["tags-note", "tags-files"]) RimoFrame.show(name, result.gained.length + result.lost.length > 0);
    }

    /** The plain average can be the better mix where the search had few images. */
    chooser() {
        const button = RimoFrame.button("Choose", "rimo-small", () => this.tab.choose({ average: true }));
        button.title = RimoWords.say("Choose the plain average: look at its weights, try it, save it");
        return button;
    }

    table(result) {
        const parents = result.parents ?? [];
        RimoFrame.part("categories-head").replaceChildren(
            ...["Category", "Your mix", "Base"].map((text) => this.head(text)),
            ...parents.map((name) => this.head(name, true)),
            ...["Mean of parents", "Deviation"].map((text) => this.head(text)));
        RimoFrame.part("categories").replaceChildren(...result.categories.map((row) => {
            const line = RimoFrame.make("tr", row.whole ? "rimo-whole" : "");
            const name = row.whole ? RimoFrame.make("th", "", row.category) : RimoFrame.named("th", "", row.category);
            name.scope = "row";
            line.append(name, this.cell(row.merged, row.merged_span), this.cell(row.base, row.base_span));
            parents.forEach((_, i) => line.append(this.cell(row.each?.[i] ?? "", row.each_span?.[i])));
            const deviation = this.cell(row.deviation, row.deviation_span);
            deviation.dataset.tone = row.tone ?? "";
            line.append(this.cell(row.parents), deviation);
            return line;
        }));
    }

    /** Whether the winners' images of one prompt vary enough. */
    on_variety(told) {
        RimoFrame.show("variety-box", told.length > 0);
        RimoFrame.part("variety").replaceChildren(...told.map((text) => RimoFrame.make("li", "", text)));
    }

    /** Signs of broken shapes after each epoch, and what another one promises. */
    on_watch(watch) {
        RimoFrame.show("epochs", watch !== null);
        if (!watch) return;
        RimoFrame.show("epochs-warning", Boolean(watch.warning));
        RimoFrame.text("epochs-warning-words", watch.warning);
        RimoFrame.part("epochs-signs").replaceChildren(...watch.signs.map(([epoch, sign]) => {
            const item = RimoFrame.make("li");
            item.append(RimoFrame.make("strong", "", epoch), " ", RimoFrame.make("span", "", sign));
            return item;
        }));
        RimoFrame.text("epochs-outlook", watch.outlook);
        RimoFrame.show("epochs-outlook", Boolean(watch.outlook));
        RimoFrame.part("epochs-outlook").dataset.flat = watch.flat;
        RimoFrame.text("epochs-limit", watch.limit);
        RimoFrame.part("epochs-head").replaceChildren(
            ...["Epoch", "Accuracy", "Gain in points", "Unusual pictures", "Drift"].map((text) => this.head(text)));
        RimoFrame.part("epochs-rows").replaceChildren(...watch.rows.map((row) => {
            const line = RimoFrame.make("tr", row.warned ? "rimo-warned" : "");
            const name = RimoFrame.make("th", "", row.name);
            name.scope = "row";
            const gain = this.cell(row.gain, row.gain_span);
            gain.dataset.tone = row.tone;
            line.append(name, this.cell(row.accuracy, row.accuracy_span), gain, this.cell(row.unusual, row.unusual_span), this.cell(row.drift));
            return line;
        }));
    }

    head(text, name = false) {
        const head = name ? RimoFrame.named("th", "", text) : RimoFrame.make("th", "", text);
        head.scope = "col";
        return head;
    }

    cell(value, span = "") {
        const cell = RimoFrame.make("td", "", value);
        if (span) cell.append(" ", RimoFrame.make("small", "", `(${span})`));
        return cell;
    }

    /** The tags that the mix draws more or less often than the base, with how sure that is. */
    tags(name, rows) {
        RimoFrame.show(`${name}-box`, rows.length > 0);
        RimoFrame.part(name).replaceChildren(...rows.map((row) => {
            const item = RimoFrame.make("li");
            item.append(RimoFrame.named("span", "", row.tag), RimoFrame.make("strong", "", row.value), RimoFrame.make("small", "", `(${row.span})`));
            if (row.sure) item.append(RimoFrame.make("span", "rimo-mark", "sure"));
            return item;
        }));
    }
}
