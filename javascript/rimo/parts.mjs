/** The frame that the tab brought along (elements with data-rimo="name"), and what the program answers. */
class RimoFrame {
    static part(name) {
        return document.querySelector(`#rimo-tab [data-rimo="${name}"]`);
    }

    static show(name, yes) {
        const part = typeof name === "string" ? this.part(name) : name;
        if (part && part.hidden === Boolean(yes)) part.hidden = !yes;
    }

    /** Writes a text in the user's language; an unchanged one is left alone. */
    static text(name, value) {
        const part = typeof name === "string" ? this.part(name) : name;
        const text = String(value);
        if (!part || part.rimoText === text) return;
        part.rimoText = text;
        part.textContent = RimoWords.say(text);
    }

    /** Says below a button what came of it: tone "good", "bad" or "busy"; no text clears it. */
    static tell(name, text = "", tone = "bad") {
        const part = typeof name === "string" ? this.part(name) : name;
        if (!part) return;
        part.className = text ? `rimo-told rimo-${tone}` : "rimo-told";
        part.rimoText = undefined;
        this.text(part, text);
    }

    /** Says beside a field what is wrong with it, and nothing beside the others of a form; true if there is such a field. */
    static wrong(form, kind, field = "", message = "") {
        let found = null;
        for (const box of form.querySelectorAll(`[data-${kind}-bad]`)) {
            const here = field !== "" && box.getAttribute(`data-${kind}-bad`) === field;
            this.tell(box, here ? message : "");
            if (here) found = box;
        }
        found?.closest("details")?.setAttribute("open", "");
        return found !== null;
    }

    static make(kind, name = "", text = "") {
        const made = document.createElement(kind);
        if (name) made.className = name;
        if (text) made.textContent = RimoWords.say(text);
        return made;
    }

    /** An element that holds a name, which no translation touches. */
    static named(kind, name, text) {
        const made = document.createElement(kind);
        if (name) made.className = name;
        made.translate = false;
        made.textContent = text;
        return made;
    }

    /** The head of a column for a checkpoint: its name without the ending, which all of them share. */
    static stem(head, name) {
        return Object.assign(head(name.replace(/\.(safetensors|ckpt)$/, ""), true), { title: name });
    }

    static button(text, name, act) {
        const made = this.make("button", `rimo-button ${name}`, text);
        made.type = "button";
        made.addEventListener("click", act);
        return made;
    }

    /** An element of a drawing. */
    static draw(kind, parent, name = "", attributes = {}, text = "") {
        const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
        if (name) made.setAttribute("class", name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        if (text !== "") made.textContent = text;
        parent?.append(made);
        return made;
    }

    /** Makes a list's children follow its keys, keeping those that are there already. */
    static keep(box, keys, make) {
        const old = new Map([...box.children].map((child) => [child.dataset.key, child]));
        const children = keys.map((key, i) => {
            const child = old.get(key) ?? make(i);
            child.dataset.key = key;
            return child;
        });
        if (children.length !== box.children.length || children.some((child, i) => child !== box.children[i])) {
            box.replaceChildren(...children);
        }
    }

    /** Makes a choice offer these [value, text] pairs; what was chosen stays chosen where it is still offered. */
    static offer(select, pairs) {
        const key = JSON.stringify(pairs);
        if (select.rimoOffer === key) return;
        select.rimoOffer = key;
        const chosen = select.value;
        select.replaceChildren(...pairs.map(([value, text]) => {
            const option = this.make("option", "", text);
            option.value = value;
            return option;
        }));
        if (pairs.some(([value]) => String(value) === chosen)) select.value = chosen;
    }

    static picture(study, file) {
        return `rimo/v1/picture/${encodeURIComponent(study)}/${file.split("/").map(encodeURIComponent).join("/")}`;
    }

    /** Fills a part with drawn pictures, each a link to itself. */
    static pictures(part, study, files, name) {
        RimoFrame.part(part).replaceChildren(...files.map((file) => {
            const link = RimoFrame.make("a");
            const picture = RimoFrame.make("img");
            link.href = picture.src = RimoFrame.picture(study, file);
            link.target = "_blank";
            picture.alt = RimoWords.say(name);
            link.append(picture);
            return link;
        }));
    }

    /** Asks the program; a refusal becomes an Error with the program's own words. */
    static async ask(path, body) {
        const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
        let answer;
        try {
            answer = await fetch(`rimo/v1/${path}`, body === undefined ? { cache: "no-store" } : post);
        } catch {
            throw new Error("No answer from the program.");
        }
        const said = await answer.json().catch(() => ({}));
        if (!answer.ok) throw Object.assign(new Error(said.error ?? "Something went wrong inside; the log says what."), { status: answer.status, field: said.field ?? "" });
        return said;
    }

    /** 1 is full; "12 %" and "+4.1" as the program writes them. */
    static percent(share) {
        return (100 * share).toFixed(1).replace("-", "\u2212");
    }

    static signed(share) {
        const text = this.percent(share).replace(/^\u22120\.0$/, "0.0");
        return share > 0 && text !== "0.0" ? `+${text}` : text;
    }
}
