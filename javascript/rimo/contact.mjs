/** Repairs the chosen mix by a checkpoint with sound shapes: tries it on the prompt above, and saves it. */
class RimoContact {
    constructor(tab) {
        this.tab = tab;
        const part = (name) => RimoFrame.part(`contact-${name}`);
        this.form = part("form");
        this.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.draw();
        });
        part("save").addEventListener("click", () => this.save());
        part("rank").addEventListener("input", () => this.rank(part("rank").value));
        part("details").addEventListener("toggle", () => this.offer());
        this.ranks = new RimoRanks(this);
    }

    /** Sets the rank; one beyond the slider's end makes the slider longer. */
    rank(value) {
        const slider = RimoFrame.part("contact-rank");
        slider.max = Math.max(slider.max, value);
        slider.value = RimoFrame.part("contact-rank-now").value = value;
    }

    on_choice() {
        RimoFrame.show("contact-result", false);
        RimoFrame.tell("contact-message");
        this.ranks.show();
    }

    async offer() {
        if (!RimoFrame.part("contact-details").open) return;
        try {
            const { checkpoints } = await RimoFrame.ask("options");
            const names = checkpoints.map((file) => file.name);
            const values = checkpoints.map((file) => (names.filter((name) => name === file.name).length > 1 ? file.path : file.name));
            RimoFrame.offer(RimoFrame.part("contact-donor"), values.map((value) => [value, value]));
            await this.ranks.shown();
        } catch (error) {
            RimoFrame.tell("contact-message", error.message);
        }
    }

    asked() {
        const value = (name) => RimoFrame.part(`contact-${name}`).value;
        return { ...this.tab.mix, repair: { donor: value("donor"), rank: value("rank"), vectors: value("vectors") } };
    }

    /** Runs something with the buttons off; what goes wrong is said at its field. */
    async busy(text, work) {
        const buttons = ["try", "save"].map((name) => RimoFrame.part(`contact-${name}`));
        this.wrong();
        RimoFrame.tell("contact-message", text, "busy");
        for (const button of buttons) button.disabled = true;
        try {
            await work();
        } catch (error) {
            if (this.wrong(error.field, error.message)) RimoFrame.tell("contact-message");
            else RimoFrame.tell("contact-message", error.message);
        } finally {
            for (const button of buttons) button.disabled = false;
        }
    }

    wrong(field = "", message = "") {
        return RimoFrame.wrong(RimoFrame.part("contact-details"), "contact", field, message);
    }

    draw() {
        const value = (name) => RimoFrame.part(`try-${name}`).value;
        const prompt = value("prompt").trim();
        if (!prompt) {
            RimoFrame.tell("contact-message", "Write a prompt first.");
            RimoFrame.part("try-prompt").focus();
            return;
        }
        const [name, { repair, ...mix }, { study }] = [this.tab.choiceName(), this.asked(), this.tab];
        const drawn = { study, prompt, ...mix, ...(value("negative").trim() && { negative: value("negative") }), seed: Number(value("seed")) || 0, count: Number(value("count")) };
        this.busy("Taking the difference apart, then drawing. The first time takes longest\u2026", async () => {
            const fused = await RimoFrame.ask("try", { ...drawn, repair });
            const plain = await RimoFrame.ask("try", drawn);
            RimoFrame.show("contact-result", true);
            this.show("mix", plain, name);
            this.show("fused", fused, RimoWords.say("Repaired with rank {1}", repair.rank));
            RimoFrame.tell("contact-message", RimoWords.say("Taken over: {1} % of the difference.", RimoFrame.percent(fused.captured)), "good");
        });
    }

    show(side, { study, files }, name) {
        RimoFrame.text(`contact-${side}-name`, name);
        RimoFrame.pictures(`contact-${side}`, study, files, name);
    }

    save() {
        const name = RimoFrame.part("contact-name");
        this.busy("Saving\u2026", async () => {
            const saved = await RimoFrame.ask("save", { name: name.value.trim(), number_type: RimoFrame.part("save-type").value, ...this.asked() });
            RimoFrame.tell("contact-message", `Saved as ${saved.file}`, "good");
            name.value = RimoSave.next(name.value.trim());
            this.tab.soon(0);
        });
    }
}
