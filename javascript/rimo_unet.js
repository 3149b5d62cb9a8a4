/** A drawing of the network: the way down on the left, the middle below, the way up on the right, the rest beside. */
class RimoUnet {
    static WIDE = 152;
    static BETWEEN = 130;
    static HIGH = 33;
    static GAP = 8;

    constructor(box) {
        this.box = box;
    }

    /** Where a block group belongs, by the part that it is. */
    static side(group) {
        const part = `${group.part || group.name}`.toLowerCase();
        if (/^(in|input|down)/.test(part)) return "down";
        if (/^mid/.test(part)) return "middle";
        if (/^(out|output|up)/.test(part)) return "up";
        return "beside";
    }

    /** What a block group is called: "in0-6" is "input 0\u20136". */
    static label(name) {
        const found = /^(in|out)(?:put)?_?([\d+-]*)$/.exec(name);
        if (found) return RimoWords.say(found[1] === "in" ? "input {1}" : "output {1}", found[2].replace("-", "\u2013")).trim();
        const names = { mid: "middle", text: "text encoder", text2: "second text encoder", vae: "VAE", rest: "the rest" };
        return RimoWords.say(names[name] ?? name);
    }

    /** Draws groups with a weight each; `tint(weight)` gives the colour of one. */
    draw(groups, weights, tint) {
        const { WIDE, HIGH, GAP, BETWEEN } = RimoUnet;
        const sides = { down: [], middle: [], up: [], beside: [] };
        groups.forEach((group, i) => sides[RimoUnet.side(group)].push({ group, weight: weights[i] }));
        const deep = Math.max(sides.down.length, sides.up.length, 1);
        const step = HIGH + GAP;
        const slant = Math.min(14, 60 / deep);
        const places = [];
        sides.down.forEach((entry, i) => places.push({ ...entry, x: i * slant, y: (i + deep - sides.down.length) * step }));
        sides.up.forEach((entry, i) => places.push({ ...entry, x: WIDE + BETWEEN - (sides.up.length - 1 - i) * slant, y: (deep - 1 - i) * step }));
        const low = deep * step + GAP;
        sides.middle.forEach((entry, i) => places.push({ ...entry, x: (BETWEEN + WIDE) / 2, y: low + i * step }));
        const floor = low + sides.middle.length * step + 14;
        sides.beside.forEach((entry, i) => places.push({ ...entry, x: (i % 2) * (WIDE + BETWEEN), y: floor + Math.floor(i / 2) * step }));
        const height = floor + Math.ceil(sides.beside.length / 2) * step;
        const width = 2 * WIDE + BETWEEN;
        const svg = RimoFrame.draw("svg", null, "rimo-unet", { viewBox: `-2 -2 ${width + 4} ${height + 4}`, "aria-hidden": "true" });
        this.paths(svg, sides, deep, step, low);
        for (const place of places) this.group(svg, place, tint);
        this.box.replaceChildren(svg);
    }

    /** The way of the picture through the network, and the shortcuts from each depth to its opposite. */
    paths(svg, sides, deep, step, low) {
        const { WIDE, HIGH, BETWEEN } = RimoUnet;
        const right = WIDE + BETWEEN;
        const middle = low + HIGH / 2;
        const line = (d, name) => RimoFrame.draw("path", svg, name, { d });
        if (sides.middle.length) {
            line(`M${WIDE / 2 + 20},${low - 8}V${middle}H${right / 2}M${right / 2 + WIDE},${middle}H${right + WIDE / 2}V${low - 8}`, "rimo-flow");
        }
        const least = Math.min(sides.down.length, sides.up.length);
        for (let i = 0; i < least; i += 1) {
            const y = (deep - 1 - i) * step + HIGH / 2;
            line(`M${WIDE + 4},${y}H${right - 4}`, "rimo-shortcut");
        }
    }

    group(svg, { group, weight, x, y }, tint) {
        const { WIDE, HIGH } = RimoUnet;
        const box = RimoFrame.draw("g", svg, group.frozen ? "rimo-box rimo-frozen" : "rimo-box", { transform: `translate(${x},${y})`, "data-group": group.name });
        const shape = RimoFrame.draw("rect", box, "", { width: WIDE, height: HIGH, rx: 7 });
        if (!group.frozen) shape.style.fill = tint(weight);
        RimoFrame.draw("text", box, "", { x: 9, y: HIGH / 2 + 4 }, RimoUnet.label(group.name));
        const value = group.frozen ? RimoWords.say("base") : RimoUnet.weight(weight);
        RimoFrame.draw("text", box, "rimo-value", { x: WIDE - 9, y: HIGH / 2 + 4 }, value);
    }

    /** A weight with two decimals and a real minus sign. */
    static weight(weight) {
        return (Math.round(100 * weight) / 100 + 0).toFixed(2).replace("-", "\u2212");
    }

    /** The colour of a weight: more of it the further from zero, another one below zero. */
    static tint(weight) {
        const share = Math.round(60 * Math.min(1, Math.abs(weight)));
        return `color-mix(in srgb, var(--rimo-${weight < 0 ? "cool" : "heat"}) ${share}%, transparent)`;
    }
}
