/** The same pictures after each epoch: the grid, one of them full size, and any two epochs over each other. */
class RimoPictures {
    constructor(tab) {
        this.tab = tab;
        this.grids = [];
        this.prompts = [];
        this.at = 0;
        this.viewer = new RimoViewer(this);
        for (const name of ["before", "after"]) RimoFrame.part(name).addEventListener("change", () => this.compare());
        RimoFrame.part("slide").addEventListener("input", () => this.slide());
        RimoFrame.part("compare-previous").addEventListener("click", () => this.turn(-1));
        RimoFrame.part("compare-next").addEventListener("click", () => this.turn(1));
    }

    on_prompts(prompts) {
        this.prompts = prompts;
    }

    on_grids(grids) {
        this.grids = grids;
        RimoFrame.show("grids-box", grids.length > 0);
        RimoFrame.show("grids-wait", grids.length === 0);
        RimoFrame.show("compare-box", grids.length > 1);
        const box = RimoFrame.part("grids");
        box.style.setProperty("--rimo-columns", Math.max(1, ...grids.map((grid) => grid.files.length)));
        RimoFrame.keep(box, grids.map((grid) => RimoWords.language + this.tab.study + grid.name + grid.files.join()), (row) => this.row(row));
        const names = grids.map((grid, i) => [i, grid.name]);
        const known = RimoFrame.part("before").options.length;
        for (const name of ["before", "after"]) RimoFrame.offer(RimoFrame.part(name), names);
        if (known !== names.length) {
            RimoFrame.part("before").value = "0";
            RimoFrame.part("after").value = String(Math.max(0, names.length - 1));
        }
        this.compare();
    }

    row(row) {
        const grid = this.grids[row];
        const line = RimoFrame.make("div", "rimo-grid-row");
        const head = RimoFrame.make("div", "rimo-grid-head");
        head.append(RimoFrame.make("h4", "", grid.name));
        if (grid.epoch) head.append(this.chooser(grid.epoch));
        line.append(head);
        grid.files.forEach((file, column) => {
            const open = RimoFrame.make("button", "rimo-thumb");
            open.type = "button";
            open.title = this.prompts[column] ?? "";
            open.translate = false;
            const picture = RimoFrame.make("img");
            picture.loading = "lazy";
            picture.src = RimoFrame.picture(this.tab.study, file);
            picture.alt = `${RimoWords.say(grid.name)}: ${this.prompts[column] ?? ""}`;
            open.append(picture);
            open.addEventListener("click", () => this.viewer.open(row, column));
            line.append(open);
        });
        return line;
    }

    chooser(epoch) {
        const button = RimoFrame.button("Choose", "rimo-small", () => this.tab.choose({ epoch }));
        button.title = RimoWords.say("Choose the winner of this epoch: look at its weights, try it, save it");
        return button;
    }

    turn(by) {
        const count = this.grids[0]?.files.length || 1;
        this.at = (this.at + by + count) % count;
        this.compare();
    }

    /** Lays the chosen epochs over each other. */
    compare() {
        if (this.grids.length < 2) return;
        const count = this.grids[0].files.length;
        this.at = Math.min(this.at, count - 1);
        for (const side of ["before", "after"]) {
            const grid = this.grids[RimoFrame.part(side).value] ?? this.grids[0];
            const picture = RimoFrame.part(`${side}-picture`);
            const source = RimoFrame.picture(this.tab.study, grid.files[this.at] ?? grid.files[0]);
            if (picture.getAttribute("src") !== source) picture.src = source;
            picture.alt = RimoWords.say(grid.name);
            RimoFrame.text(`${side}-name`, grid.name);
        }
        RimoFrame.text("compare-prompt", this.prompts[this.at] ?? "");
        RimoFrame.text("compare-place", `${this.at + 1} / ${count}`);
        const strip = `rimo/v1/strip/${encodeURIComponent(this.tab.study)}`;
        for (const kind of ["webp", "gif"]) RimoFrame.part(`strip-${kind}`).href = `${strip}.${kind}?prompt=${this.at}&lang=${RimoWords.language}`;
        this.slide();
    }

    slide() {
        const share = RimoFrame.part("slide").value;
        RimoFrame.part("stack").style.setProperty("--rimo-cut", `${share}%`);
        RimoFrame.part("slide").setAttribute("aria-valuetext", RimoWords.say("{1} % of the first picture", share));
    }
}
