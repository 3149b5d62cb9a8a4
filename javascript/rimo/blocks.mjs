/** Which part of which model went into the best mix, which of them matter, and going on without the rest. */
class RimoBlocks {
    static AGAIN_MS = 15000;
    static LEAST_MIXES = 8; // before, the program has nothing to say

    constructor(tab) {
        this.tab = tab;
        this.drawing = new RimoUnet(RimoFrame.part("unet"));
        this.partner = 0;
        this.asked = { study: "", trials: -1, at: 0, language: "" };
        RimoFrame.part("unet-partner").addEventListener("change", (event) => {
            this.partner = Number(event.target.value);
            this.paint();
        });
        RimoFrame.part("freeze").addEventListener("click", () => this.freeze());
    }

    shown() {
        this.on_news();
    }

    /** Asks again when the view is in front and something was tried since, but not all the time. */
    on_news() {
        const { study, points } = this.tab;
        this.allow();
        const { language } = RimoWords; // the drawing makes room for its names
        const same = this.asked.study === study && this.asked.language === language;
        if (this.tab.tabs?.front !== "blocks" || (same && this.asked.trials === points.length)) return;
        if (same && Date.now() - this.asked.at < RimoBlocks.AGAIN_MS && this.tab.active) return;
        this.asked = { study, trials: points.length, at: Date.now(), language };
        this.fetch(study, this.asked);
    }

    /** Freezing starts a study, so it waits until none runs. */
    allow() {
        RimoFrame.part("freeze").disabled = this.tab.active;
        RimoFrame.show("freeze-later", this.tab.active);
    }

    async fetch(study, asked) {
        let blocks = null;
        const enough = Boolean(study) && this.tab.points.length >= RimoBlocks.LEAST_MIXES;
        const first = this.blocks?.study !== study;
        RimoFrame.show("blocks-busy", enough && first);
        if (first) RimoFrame.show("blocks-wait", !enough);
        if (enough) blocks = await RimoFrame.ask(`blocks/${encodeURIComponent(study)}`).catch(() => null);
        if (study !== this.tab.study || asked !== this.asked) return;
        this.blocks = blocks;
        RimoFrame.show("blocks-busy", false);
        RimoFrame.show("blocks-box", blocks !== null);
        RimoFrame.show("blocks-wait", blocks === null);
        if (!blocks) return;
        this.partner = Math.min(this.partner, blocks.partners.length - 1);
        const select = RimoFrame.part("unet-partner");
        select.replaceChildren(...blocks.partners.map((name, i) => {
            const option = RimoFrame.named("option", "", name);
            option.value = i;
            return option;
        }));
        select.value = String(this.partner);
        this.paint();
        this.table();
        const dead = blocks.dead ?? [];
        RimoFrame.show("freeze-box", dead.length > 0);
        RimoFrame.part("freeze-names").replaceChildren(...dead.map((name) => RimoFrame.make("span", "rimo-mark", RimoUnet.label(name))));
    }

    paint() {
        if (this.blocks) this.drawing.draw(this.blocks.groups, this.blocks.weights[this.partner] ?? [], RimoUnet.tint);
    }

    table() {
        const { partners, groups, weights } = this.blocks;
        const head = (text, name) => Object.assign(name ? RimoFrame.named("th", "", text) : RimoFrame.make("th", "", text), { scope: "col" });
        RimoFrame.part("blocks-head").replaceChildren(head("Block group"), ...partners.map((name) => RimoFrame.stem(head, name)), Object.assign(head("What it decides"), { className: "rimo-left-head" }));
        const most = Math.max(0.01, ...groups.map((g) => g.high ?? g.importance ?? 0));
        RimoFrame.part("blocks").replaceChildren(...groups.map((group, i) => {
            const line = RimoFrame.make("tr", group.frozen ? "rimo-frozen" : "");
            const name = RimoFrame.make("th", "", RimoUnet.label(group.name));
            name.scope = "row";
            line.append(name);
            for (const row of weights) {
                const cell = RimoFrame.make("td", "rimo-heat", group.frozen ? "\u2013" : RimoUnet.weight(row[i] ?? 0));
                if (!group.frozen) cell.style.background = RimoUnet.tint(row[i] ?? 0);
                line.append(cell);
            }
            line.append(this.importance(group, most));
            return line;
        }));
    }

    importance(group, most) {
        const cell = RimoFrame.make("td", "rimo-importance");
        if (group.frozen) return cell.append(RimoFrame.make("span", "rimo-quiet", "kept as in the base")), cell;
        if (group.importance === null || group.importance === undefined) return cell.append(RimoFrame.make("span", "rimo-quiet", "not known yet")), cell;
        const bar = RimoFrame.make("span", "rimo-share");
        bar.style.setProperty("--share", `${(100 * group.importance) / most}%`);
        bar.style.setProperty("--low", `${(100 * (group.low ?? group.importance)) / most}%`);
        bar.style.setProperty("--high", `${(100 * (group.high ?? group.importance)) / most}%`);
        bar.append(RimoFrame.make("i"), RimoFrame.make("b"));
        const text = `${Math.round(100 * group.importance)} %`;
        cell.append(bar, RimoFrame.make("span", "", text));
        const claim = { matters: "matters", dead: "no effect seen", unclear: "unclear" }[group.state];
        if (claim) cell.append(RimoFrame.make("span", `rimo-mark rimo-${group.state}`, claim));
        return cell;
    }

    async freeze() {
        RimoFrame.tell("freeze-message", "Starting\u2026", "busy");
        try {
            await RimoFrame.ask("freeze", { study: this.tab.study, groups: this.blocks.dead });
            RimoFrame.tell("freeze-message");
            this.tab.soon(0);
            document.getElementById("rimo-steering")?.scrollIntoView({ block: "start" });
        } catch (error) {
            RimoFrame.tell("freeze-message", error.message);
        }
    }
}
