// @ts-check
import { part, write } from "./parts.mjs";
import { pictureUrl } from "./picture_files.mjs";

/** @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
/** @type {Record<string, [number, number]>} */
const BUTTONS = { previous: [0, -1], next: [0, 1], earlier: [-1, 0], later: [1, 0] };

/** One picture of the grid at full size: left and right for the next prompt, up and down for the next epoch. */
export class Viewer {
    /** @param {import("./pictures.mjs").Pictures} pictures */
    constructor(pictures) {
        this.pictures = pictures;
        this.row = this.column = 0;
        this.dialog = part("viewer", HTMLDialogElement);
        this.dialog.addEventListener("keydown", (event) => {
            const step = KEYS[event.key];
            if (!step) return;
            event.preventDefault();
            this.move(...step);
        });
        this.dialog.addEventListener("click", (event) => {
            if (event.target === this.dialog) this.dialog.close(); // beside the picture
        });
        for (const [name, step] of Object.entries(BUTTONS)) {
            part(`viewer-${name}`).addEventListener("click", () => this.move(...step));
        }
        part("viewer-close").addEventListener("click", () => this.dialog.close());
    }

    /**
     * @param {number} row
     * @param {number} column
     */
    open(row, column) {
        [this.row, this.column] = [row, column];
        this.dialog.showModal();
        this.move(0, 0);
    }

    /**
     * @param {number} down
     * @param {number} right
     */
    move(down, right) {
        const { grids, prompts, tab } = this.pictures;
        const columns = grids[0].files.length;
        this.row = Math.min(grids.length - 1, Math.max(0, this.row + down));
        this.column = (this.column + right + columns) % columns;
        const prompt = prompts[this.column] ?? "";
        const picture = part("viewer-picture", HTMLImageElement);
        picture.src = pictureUrl(tab.study, grids[this.row].files[this.column]);
        picture.alt = prompt;
        write("viewer-epoch", grids[this.row].name);
        part("viewer-prompt").textContent = prompt;
        part("viewer-file", HTMLAnchorElement).href = picture.src;
        part("viewer-earlier", HTMLButtonElement).disabled = this.row === 0;
        part("viewer-later", HTMLButtonElement).disabled = this.row === grids.length - 1;
    }
}
