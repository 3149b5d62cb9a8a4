/** One picture of the grid at full size: left and right for the next prompt, up and down for the next epoch. */
class RimoViewer {
    constructor(pictures) {
        this.pictures = pictures;
        this.dialog = RimoFrame.part("viewer");
        this.dialog.addEventListener("keydown", (event) => {
            const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
            if (!step) return;
            event.preventDefault();
            this.move(...step);
        });
        this.dialog.addEventListener("click", (event) => {
            if (event.target === this.dialog) this.dialog.close(); // beside the picture
        });
        const buttons = { previous: [0, -1], next: [0, 1], earlier: [-1, 0], later: [1, 0] };
        for (const [name, step] of Object.entries(buttons)) {
            RimoFrame.part(`viewer-${name}`).addEventListener("click", () => this.move(...step));
        }
        RimoFrame.part("viewer-close").addEventListener("click", () => this.dialog.close());
    }

    open(row, column) {
        [this.row, this.column] = [row, column];
        this.dialog.showModal();
        this.move(0, 0);
    }

    move(down, right) {
        const grids = this.pictures.grids;
        const columns = grids[0].files.length;
        this.row = Math.min(grids.length - 1, Math.max(0, this.row + down));
        this.column = (this.column + right + columns) % columns;
        const prompt = this.pictures.prompts[this.column] ?? "";
        const picture = RimoFrame.part("viewer-picture");
        picture.src = RimoFrame.picture(this.pictures.tab.study, grids[this.row].files[this.column]);
        picture.alt = prompt;
        RimoFrame.text("viewer-epoch", grids[this.row].name);
        RimoFrame.part("viewer-prompt").textContent = prompt;
        RimoFrame.part("viewer-file").href = picture.src;
        RimoFrame.part("viewer-earlier").disabled = this.row === 0;
        RimoFrame.part("viewer-later").disabled = this.row === grids.length - 1;
    }
}
