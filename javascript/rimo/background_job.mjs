/** Something long that the program measures in the background: started, watched and stopped from one form. */
class RimoErrand {
    static POLL_MS = 1000;

    /**
     * `name` is that of its routes and of its parts. `owner` says what is asked for (`asked()`), has the fields
     * (`input(name)`) and marks one that an error is about (`wrong(name, message)`, true if there is one), and reads new
     * tables (`tables()`). If it wants to, it names what is drawn (`called(name)`) and is told how it stands (`stands`).
     */
    constructor(name, owner) {
        Object.assign(this, { name, owner, mark: "", running: false, timer: 0 });
        this.form = this.part("form");
        this.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.start();
        });
        this.part("stop").addEventListener("click", () => this.stop());
    }

    part(name) {
        return RimoFrame.part(`${this.name}-${name}`);
    }

    tell(text = "", tone = "bad") {
        RimoFrame.tell(this.part("message"), text, tone);
    }

    seen() {
        return !document.hidden && this.form.getClientRects().length > 0 && !this.form.closest("details:not([open])");
    }

    /** Asks how it stands, again and again while it runs and the form can be seen. */
    async watch() {
        clearTimeout(this.timer);
        if (this.seen()) {
            try {
                this.stand(await RimoFrame.ask(this.name));
            } catch (error) {
                this.tell(error.message);
            }
        }
        if (this.running && this.form.isConnected) this.timer = setTimeout(() => this.watch(), RimoErrand.POLL_MS);
    }

    /** How it stands now. */
    stand(now) {
        const mine = now.kind === this.name;
        const waited = this.running && !this.mine;
        this.running = now.state === "running";
        this.mine = mine;
        RimoFrame.show(this.part("stop"), this.running && mine);
        this.part("start").disabled = this.running;
        RimoFrame.show(this.part("progress"), mine && now.total > 0 && now.state !== "finished");
        if (mine) {
            const { name, done, total, images_per_s: speed } = now;
            this.part("bar").value = total ? done / total : 0;
            this.part("name").textContent = this.owner.called?.(name) ?? name;
            RimoFrame.text(this.part("figures"), RimoWords.say("{1} of {2} images", done.toLocaleString("en"), total.toLocaleString("en")));
            RimoFrame.text(this.part("left"), this.running && speed ? RimoErrand.left((total - done) / speed) : "");
            this.said(now);
        } else if (this.running) this.tell("Something else is being measured. Stop it, or wait until it has ended.", "busy");
        else if (waited) this.tell();
        this.owner.stands?.(now);
        if (now.mark !== this.mark) {
            this.mark = now.mark;
            this.owner.tables();
        }
    }

    said({ state, total, error, field }) {
        if (state === "failed" && this.wrong(field, error)) return;
        if (error) this.tell(error);
        else if (state === "running" && !total) this.tell("Preparing\u2026", "busy");
        else if (state === "stopped") this.tell("Stopped. Run it again to go on where it was.", "busy");
        else if (state === "finished") this.tell("Finished.", "good");
        else this.tell();
    }

    static left(seconds) {
        if (seconds < 90) return RimoWords.say("about {1} s left", Math.max(1, Math.round(seconds)));
        if (seconds < 5400) return RimoWords.say("about {1} min left", Math.round(seconds / 60));
        return RimoWords.say("about {1} h left", (seconds / 3600).toFixed(1));
    }

    /** Marks the field that an error is about; says whether there is one. */
    wrong(field = "", message = "") {
        const marked = this.owner.wrong(field, message);
        if (marked) this.tell("Not started: see the marked field.");
        return marked;
    }

    async start() {
        this.wrong();
        this.tell("Preparing\u2026", "busy");
        this.part("start").disabled = true;
        try {
            this.stand(await RimoFrame.ask(`${this.name}/start`, this.owner.asked()));
        } catch (error) {
            if (this.wrong(error.field, error.message)) this.owner.input(error.field)?.focus();
            else this.tell(error.message);
            this.part("start").disabled = false;
            return;
        }
        this.watch();
    }

    async stop() {
        this.tell("Stopping after the images that are being drawn\u2026", "busy");
        await RimoFrame.ask(`${this.name}/stop`, {}).catch((error) => this.tell(error.message));
    }
}
