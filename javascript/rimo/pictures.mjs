// @ts-check
import { API } from "./api.mjs";
import { keep, make, makeButton, offer } from "./elements.mjs";
import { part, show, write } from "./parts.mjs";
import { pictureUrl } from "./picture_files.mjs";
import { Viewer } from "./viewer.mjs";
import { say, words } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Grid} Grid */

/** The same pictures after each epoch: the grid, one of them full size, and any two epochs over each other. */
export class Pictures {
    /** @param {import("./tab.mjs").Tab} tab */
    constructor(tab) {
        this.tab = tab;
        /** @type {Grid[]} */
        this.grids = [];
        /** @type {string[]} */
        this.prompts = [];
        this.at = 0;
        this.viewer = new Viewer(this);
        for (const name of ["before", "after"]) part(name).addEventListener("change", () => this.compare());
        part("slide").addEventListener("input", () => this.slide());
        part("compare-previous").addEventListener("click", () => this.turn(-1));
        part("compare-next").addEventListener("click", () => this.turn(1));
    }

    /** @param {string[]} prompts */
    on_prompts(prompts) {
        this.prompts = prompts;
    }

    /** @param {Grid[]} grids */
    on_grids(grids) {
        this.grids = grids;
        show("grids-box", grids.length > 0);
        show("grids-wait", grids.length === 0);
        show("compare-box", grids.length > 1);
        const box = part("grids");
        box.style.setProperty("--rimo-columns", String(Math.max(1, ...grids.map((grid) => grid.files.length))));
        const keys = grids.map((grid) => words.language + this.tab.study + grid.name + grid.files.join());
        keep(box, keys, (row) => this.row(row));
        const names = grids.map((grid, i) => /** @type {[number, string]} */ ([i, grid.name]));
        const [before, after] = [part("before", HTMLSelectElement), part("after", HTMLSelectElement)];
        const known = before.options.length;
        for (const select of [before, after]) offer(select, names);
        if (known !== names.length) {
            before.value = "0";
            after.value = String(Math.max(0, names.length - 1));
        }
        this.compare();
    }

    /** @param {number} row */
    row(row) {
        const grid = this.grids[row];
        const line = make("div", "rimo-grid-row");
        const top = make("div", "rimo-grid-head");
        top.append(make("h4", "", grid.name));
        if (grid.epoch) top.append(this.chooser(grid.epoch));
        line.append(top);
        grid.files.forEach((file, column) => {
            const open = make("button", "rimo-thumb");
            open.type = "button";
            open.title = this.prompts[column] ?? "";
            open.translate = false;
            const picture = make("img");
            picture.loading = "lazy";
            picture.src = pictureUrl(this.tab.study, file);
            picture.alt = `${say(grid.name)}: ${this.prompts[column] ?? ""}`;
            open.append(picture);
            open.addEventListener("click", () => this.viewer.open(row, column));
            line.append(open);
        });
        return line;
    }

    /** @param {number} epoch */
    chooser(epoch) {
        const button = makeButton("Choose", "rimo-small", () => this.tab.choose({ epoch }));
        button.title = say("Choose the winner of this epoch: look at its weights, try it, save it");
        return button;
    }

    /** @param {number} by */
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
            const grid = this.grids[Number(part(side, HTMLSelectElement).value)] ?? this.grids[0];
            const picture = part(`${side}-picture`, HTMLImageElement);
            const source = pictureUrl(this.tab.study, grid.files[this.at] ?? grid.files[0]);
            if (picture.getAttribute("src") !== source) picture.src = source;
            picture.alt = say(grid.name);
            write(`${side}-name`, grid.name);
        }
        write("compare-prompt", this.prompts[this.at] ?? "");
        write("compare-place", `${this.at + 1} / ${count}`);
        const strip = `${API}strip/${encodeURIComponent(this.tab.study)}`;
        for (const kind of ["webp", "gif"]) {
            part(`strip-${kind}`, HTMLAnchorElement).href = `${strip}.${kind}?prompt=${this.at}&lang=${words.language}`;
        }
        this.slide();
    }

    slide() {
        const slider = part("slide", HTMLInputElement);
        part("stack").style.setProperty("--rimo-cut", `${slider.value}%`);
        slider.setAttribute("aria-valuetext", say("{1} % of the first picture", slider.value));
    }
}
