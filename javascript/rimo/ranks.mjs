/** Measures several ranks of a repair in the background: which ones, their table, and the rank that is proposed. */
class RimoRanks {
    static OWN = { kept: "The mix", donor: "The sound checkpoint" };

    constructor(contact) {
        this.contact = contact;
        this.found = null;
        this.errand = new RimoErrand("ranks", this);
        RimoFrame.part("ranks-form").addEventListener("input", () => this.cost());
        RimoFrame.part("ranks-take").addEventListener("click", () => this.take());
    }

    /** The fold was opened: offer what is usual, show what there is, then watch. */
    async shown() {
        try {
            for (const [name, value] of Object.entries(await RimoFrame.ask("ranks/options"))) {
                const input = RimoFrame.part(`ranks-${name}`);
                input.value ||= value;
            }
        } catch (error) {
            this.errand.tell(error.message);
        }
        this.cost();
        if (this.errand.mark) this.tables();
        this.errand.watch();
    }

    input(field) {
        return RimoFrame.part(`ranks-${field}`) ?? RimoFrame.part(`contact-${field}`);
    }

    wrong(field, message) {
        return this.contact.wrong(field, message);
    }

    asked() {
        const { repair: { donor, vectors }, ...mix } = this.contact.asked();
        return { study: this.contact.tab.study, ...mix, donor, vectors, ranks: this.input("ranks").value, images: this.input("images").value };
    }

    called(name) {
        if (name in RimoRanks.OWN) return RimoWords.say(RimoRanks.OWN[name]);
        return name.startsWith("rank ") ? RimoWords.say("Rank {1}", name.slice(5)) : name;
    }

    /** What it costs at most. */
    cost() {
        const ranks = new Set(this.input("ranks").value.match(/\d+/g));
        const images = (ranks.size + 2) * (Number(this.input("images").value) || 0);
        RimoFrame.text("ranks-cost", RimoWords.say("At most {1} images in all; those that were drawn before are not drawn again.", images.toLocaleString("en")));
    }

    async tables() {
        this.found = await RimoFrame.ask("ranks/tables").catch(() => null);
        this.show();
    }

    /** Shows the table if it is of the chosen mix. */
    show() {
        const { found, contact } = this;
        const { repair, ...mix } = contact.asked();
        const same = (one, other) => String(new URLSearchParams(one)) === String(new URLSearchParams(other));
        const here = found?.current && found.request.study === contact.tab.study && same(found.request.choice, mix);
        RimoFrame.show("ranks-box", here);
        if (!here) return;
        const { request, arms, done, of, proposed, reasons } = found;
        RimoFrame.text("ranks-about", RimoWords.say("Repaired by {1}, {2} images of each.", request.donor, request.images.toLocaleString("en")));
        RimoFrame.part("ranks-rows").replaceChildren(...arms.map((arm) => this.row(arm, done === of && arm.rank === proposed)));
        const verdict = [proposed === null ? "No rank is proposed." : RimoWords.say("Rank {1} is proposed.", proposed), ...reasons];
        RimoFrame.text("ranks-verdict", done < of ? RimoWords.say("{1} of {2} are measured.", done, of) : verdict.map((text) => RimoWords.say(text)).join(" "));
        RimoFrame.show("ranks-take", done === of && proposed !== null);
        RimoFrame.text("ranks-take", RimoWords.say("Take rank {1}", proposed));
    }

    row({ rank, accuracy, gain, unusual, captured }, proposed) {
        const line = RimoFrame.make("tr", proposed ? "rimo-proposed" : "");
        const own = RimoRanks.OWN[rank];
        const name = own ? RimoFrame.make("th", "", own) : RimoFrame.named("th", "", rank);
        name.scope = "row";
        if (proposed) name.append(" ", RimoFrame.make("span", "rimo-mark", RimoWords.say("proposed")));
        const more = RimoFrame.make("td", "", rank === "kept" ? "\u2013" : RimoFrame.signed(gain.mean));
        if (rank !== "kept") more.append(" ", RimoFrame.make("small", "", `(${RimoFrame.signed(gain.low)} to ${RimoFrame.signed(gain.high)})`));
        line.append(name, RimoBench.value(accuracy), more, RimoBench.value(unusual), RimoFrame.make("td", "", own ? "\u2013" : `${RimoFrame.percent(captured)} %`));
        return line;
    }

    /** Puts the proposed rank, with what it was measured with, into the fields above. */
    take() {
        const { request, proposed } = this.found;
        RimoFrame.part("contact-donor").value = request.donor;
        RimoFrame.part("contact-vectors").value = request.vectors;
        this.contact.rank(proposed);
        RimoFrame.tell("contact-message", RimoWords.say("Rank {1} is set: try it, or save it.", proposed), "good");
        RimoFrame.part("contact-rank").focus();
    }
}
