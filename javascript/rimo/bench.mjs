/** Upstream's benchmark on any checkpoints: choosing them, watching it, its tables and its scatter. */
class RimoBench {
    static SPACE = { left: 58, right: 20, top: 18, bottom: 46 };
    static ZERO_IS_USUAL = ["steps", "cfg", "width", "height"];
    static SIZE = ["per_tag", "tags", "many", "per_prompt"];

    constructor(tab) {
        this.tab = tab;
        this.files = [];
        this.chosen = new Set();
        this.sizes = {};
        const part = (name) => RimoFrame.part(`bench-${name}`);
        this.form = part("form");
        this.errand = new RimoErrand("bench", this);
        part("search").addEventListener("input", () => this.list());
        part("size").addEventListener("change", () => this.fill(this.sizes[part("size").value] ?? {}));
        this.form.addEventListener("input", (event) => {
            if (event.target.dataset.bench) this.size();
        });
        new ResizeObserver(() => this.found && this.scatter(this.found.points)).observe(part("scatter"));
    }

    input(name) {
        return this.form.querySelector(`[data-bench="${name}"]`);
    }

    /** The view came to the front: read what there is, then watch. */
    async shown() {
        try {
            const { sizes, checkpoints } = await RimoFrame.ask("bench/options");
            const names = checkpoints.map((file) => file.name);
            this.files = checkpoints.map((file) => ({ ...file, value: names.filter((name) => name === file.name).length > 1 ? file.path : file.name }));
            if (!Object.keys(this.sizes).length) {
                this.sizes = sizes;
                RimoFrame.offer(RimoFrame.part("bench-size"), [...Object.entries(sizes).map(([name, { label }]) => [name, label]), ["own", "Own numbers"]]);
                this.fill({ ...Object.fromEntries([...RimoBench.ZERO_IS_USUAL, "seed"].map((name) => [name, 0])), ...Object.values(sizes)[0] });
                this.errand.mark = (await RimoFrame.ask("bench")).mark;
                if (this.errand.mark) await this.tables(true);
            }
            this.list();
        } catch (error) {
            RimoFrame.tell("bench-message", error.message);
        }
        this.errand.watch();
    }

    /** Marks the field that an error is about; says whether there is one. */
    wrong(field, message) {
        return RimoFrame.wrong(this.form, "bench", field, message);
    }

    stands({ mark }) {
        RimoFrame.show("bench-wait", this.errand.running && !mark);
    }

    asked() {
        const values = { checkpoints: this.files.map((file) => file.value).filter((value) => this.chosen.has(value)) };
        for (const input of this.form.querySelectorAll("[data-bench]")) {
            const name = input.dataset.bench;
            const usual = RimoBench.ZERO_IS_USUAL.includes(name) && Number(input.value) === 0;
            if (name === "many" || (input.value !== "" && !usual)) values[name] = input.value;
        }
        return values;
    }

    fill(values) {
        for (const input of this.form.querySelectorAll("[data-bench]")) {
            const value = values[input.dataset.bench];
            if (value !== undefined) input.value = value;
        }
        this.size();
    }

    /** Which of the sizes the numbers are, and what they cost at most. */
    size() {
        const same = ([, size]) => RimoBench.SIZE.every((name) => String(size[name]) === this.input(name).value.trim());
        RimoFrame.part("bench-size").value = Object.entries(this.sizes).find(same)?.[0] ?? "own";
        const number = (name) => Number(this.input(name).value) || 0;
        const prompts = [...this.input("many").value.matchAll(/\d+:(\d+)/g)].reduce((sum, found) => sum + Number(found[1]), 0);
        const many = prompts * number("per_prompt");
        const each = number("per_tag") * number("tags") + many;
        const all = number("tags") === 0 && number("per_tag") > 0;
        RimoFrame.text("bench-cost", all
            ? RimoWords.say("For each checkpoint {1} images, and {2} of every tag.", many.toLocaleString("en"), number("per_tag"))
            : RimoWords.say("For each checkpoint at most {1} images, {2} in all.", each.toLocaleString("en"), (each * this.chosen.size).toLocaleString("en")));
        RimoFrame.text("bench-count", RimoWords.say("{1} of {2} chosen", this.chosen.size, this.files.length));
    }

    list() {
        const wanted = RimoFrame.part("bench-search").value.trim().toLowerCase();
        const shown = this.files.filter((file) => file.value.toLowerCase().includes(wanted) || this.chosen.has(file.value));
        RimoFrame.keep(RimoFrame.part("bench-checkpoints"), shown.map((file) => file.value), (i) => this.tick(shown[i].value));
        for (const item of RimoFrame.part("bench-checkpoints").children) item.querySelector("input").checked = this.chosen.has(item.dataset.key);
        this.size();
    }

    tick(value) {
        const item = RimoFrame.make("li");
        const label = RimoFrame.make("label", "rimo-check");
        const check = RimoFrame.make("input");
        check.type = "checkbox";
        check.addEventListener("change", () => {
            if (check.checked) this.chosen.add(value);
            else this.chosen.delete(value);
            RimoFrame.tell(this.form.querySelector('[data-bench-bad="checkpoints"]'));
            this.size();
        });
        label.append(check, RimoFrame.named("span", "", value));
        item.append(label);
        return item;
    }

    /** Reads the latest tables; `asked` also fills in what they were asked with. */
    async tables(asked = false) {
        this.found = await RimoFrame.ask("bench/tables").catch(() => null);
        RimoFrame.show("bench-box", this.found !== null);
        if (!this.found) return;
        if (asked) {
            this.chosen = new Set(this.found.request.checkpoints.filter((name) => this.files.some((file) => file.value === name)));
            this.fill(this.found.request);
        }
        this.scatter(this.found.points);
        RimoFrame.part("bench-tables").replaceChildren(...this.found.tables.map((table) => this.table(table)));
        RimoFrame.part("bench-notes").replaceChildren(...this.found.notes.map((note) => RimoFrame.make("li", "", note)));
    }

    table({ title, about, columns, rows }) {
        const box = RimoFrame.make("section");
        const scroll = RimoFrame.make("div", "rimo-table-scroll");
        Object.assign(scroll, { tabIndex: 0, role: "group", ariaLabel: RimoWords.say(title) });
        const table = RimoFrame.make("table", "rimo-table rimo-bench-table");
        const head = RimoFrame.make("tr");
        const cell = (made, scope) => Object.assign(made, { scope });
        const counts = ({ label }) => label === "all" || / tags$/.test(label);
        head.append(cell(RimoFrame.make("th", "", rows.every(counts) ? "Tags" : "Category"), "col"), ...columns.map((name) => RimoFrame.stem((text) => cell(RimoFrame.named("th", "", text), "col"), name)));
        const body = RimoFrame.make("tbody");
        body.append(...rows.map((row, i) => {
            const line = RimoFrame.make("tr", i === 0 && row.label === "all" ? "rimo-whole" : "");
            const name = counts(row) ? RimoFrame.make("th", "", row.label === "all" ? "All" : row.label) : RimoFrame.named("th", "", row.label);
            line.append(cell(name, "row"), ...row.cells.map((value) => RimoBench.value(value)));
            return line;
        }));
        const top = RimoFrame.make("thead");
        top.append(head);
        table.append(top, body);
        scroll.append(table);
        box.append(RimoFrame.make("h3", "", title), RimoFrame.make("p", "rimo-note", about), scroll);
        return box;
    }

    static value({ mean, low, high, marked }) {
        const cell = RimoFrame.make("td");
        cell.append(RimoFrame.named(marked ? "strong" : "span", "", `${RimoFrame.percent(mean)} %`), " ",
            RimoFrame.make("small", "", `(${RimoFrame.percent(low)} to ${RimoFrame.percent(high)})`));
        return cell;
    }

    scatter(points) {
        const box = RimoFrame.part("bench-scatter");
        RimoFrame.show("bench-scatter-box", points.length > 0);
        const [width, height] = [box.clientWidth, box.clientHeight];
        if (!points.length || !width || !height) return;
        const { left, right, top, bottom } = RimoBench.SPACE;
        const svg = RimoFrame.draw("svg", null, "rimo-svg", { role: "img", viewBox: `0 0 ${width} ${height}`, "aria-label": RimoWords.say("Accuracy against diversity of {1} checkpoints", points.length) });
        const x = RimoBench.scale(points.map((p) => p.accuracy), left, width - right);
        const y = RimoBench.scale(points.map((p) => p.diversity), height - bottom, top);
        const axes = RimoFrame.draw("g", svg, "rimo-axes");
        for (const value of y.ticks) {
            RimoFrame.draw("line", axes, "", { x1: left, x2: width - right, y1: y.at(value), y2: y.at(value) });
            RimoFrame.draw("text", axes, "rimo-y", { x: left - 7, y: y.at(value) + 4 }, RimoBench.tick(value));
        }
        for (const value of x.ticks) RimoFrame.draw("text", axes, "rimo-x", { x: x.at(value), y: height - bottom + 18 }, RimoBench.tick(value));
        RimoFrame.draw("text", axes, "rimo-x", { x: (left + width - right) / 2, y: height - 6 }, RimoWords.say("accuracy"));
        RimoFrame.draw("text", axes, "rimo-x", { transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)` }, RimoWords.say("diversity"));
        const names = [];
        for (const { name, accuracy, diversity } of [...points].sort((a, b) => b.diversity.mean - a.diversity.mean)) {
            const [cx, cy] = [x.at(accuracy.mean), y.at(diversity.mean)];
            RimoFrame.draw("path", svg, "rimo-bench-cross", { d: `M${x.at(accuracy.low)},${cy}H${x.at(accuracy.high)}M${cx},${y.at(diversity.low)}V${y.at(diversity.high)}` });
            RimoFrame.draw("circle", svg, "rimo-bench-dot", { cx, cy, r: 5 });
            names.push({ name: name.replace(/\.(safetensors|ckpt)$/, ""), x: cx, y: cy - 7 });
        }
        RimoBench.apart(names, width - right);
        for (const { name, x: at, y: up, end } of names) RimoFrame.draw("text", svg, "rimo-bench-label", { x: at, y: up, "text-anchor": end ? "end" : "start" }, name);
        box.replaceChildren(svg);
    }

    /** Moves names down until none lies on another, and to the left of their dot where the right has no room. */
    static apart(names, most) {
        const [letter, line] = [7, 15];
        const dots = names.map(({ x, y }) => ({ from: x - 7, to: x + 7, y: y + 11 }));
        for (const [i, one] of names.entries()) {
            const long = letter * one.name.length;
            one.end = one.x + 9 + long > most;
            [one.from, one.to] = one.end ? [one.x - 9 - long, one.x - 9] : [one.x + 9, one.x + 9 + long];
            one.x += one.end ? -9 : 9;
            for (let moved = true; moved;) {
                const other = [...names.slice(0, i), ...dots].find((o) => o.from < one.to && one.from < o.to && Math.abs(o.y - one.y) < line - 0.01);
                moved = other !== undefined;
                if (moved) one.y = other.y + line;
            }
        }
    }

    /** Where shares lie between two ends, with room for all intervals; and round numbers on the way. */
    static scale(intervals, from, to) {
        const ends = [Math.min(...intervals.map((i) => i.low)), Math.max(...intervals.map((i) => i.high))];
        const step = RimoChart.step(ends[1] - ends[0], 0.001);
        const [low, high] = [Math.floor(ends[0] / step) * step, Math.ceil(ends[1] / step + 1e-9) * step];
        const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
        return { ticks, at: (value) => Math.round(10 * (from + ((to - from) * (value - low)) / (high - low || 1))) / 10 };
    }

    static tick(value) {
        return `${+(100 * value).toFixed(1)} %`;
    }
}
