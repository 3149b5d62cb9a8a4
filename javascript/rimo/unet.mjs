/**
 * A drawing of the network: the way down on the left, the middle below, the way up on the right, the rest beside.
 *
 * Every block of the architecture has a place (12 on each side in SD 1, 9 in SDXL); a group covers those of its blocks.
 */
class RimoUnet {
    static WIDE = 168;
    static BETWEEN = 98;
    static HIGH = 30;
    static PLACE = 27;
    static GAP = 5;

    constructor(box) {
        this.box = box;
    }

    /** Where a block group belongs, by the part that it is. */
    static side(group) {
        if (group.input?.length && group.output?.length) return "beside"; // one that holds both ways
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

    /** How many blocks a group has on one side; a service that does not say counts as one. */
    static blocks(group, side) {
        return Math.max(1, (side === "down" ? group.input : group.output)?.length ?? 1);
    }

    /** Draws groups with a weight each; `tint(weight)` gives the colour of one. */
    draw(groups, weights, tint) {
        const { WIDE, HIGH, GAP, BETWEEN, PLACE } = RimoUnet;
        const sides = { down: [], middle: [], up: [], beside: [] };
        groups.forEach((group, i) => sides[RimoUnet.side(group)].push({ group, weight: weights[i] }));
        const counts = Object.fromEntries(["down", "up"].map((side) => [side, sides[side].map(({ group }) => RimoUnet.blocks(group, side))]));
        const total = (side) => counts[side].reduce((sum, n) => sum + n, 0);
        const deep = Math.max(total("down"), total("up"), 1);
        const places = [];
        let from = deep - total("down");
        sides.down.forEach((entry, i) => {
            places.push({ ...entry, x: 0, y: from * PLACE, blocks: counts.down[i] });
            from += counts.down[i];
        });
        from = deep;
        sides.up.forEach((entry, i) => {
            from -= counts.up[i];
            places.push({ ...entry, x: WIDE + BETWEEN, y: from * PLACE, blocks: counts.up[i] });
        });
        const low = deep * PLACE + 2 * GAP;
        const step = HIGH + GAP;
        sides.middle.forEach((entry, i) => places.push({ ...entry, x: (BETWEEN + WIDE) / 2, y: low + i * step }));
        const floor = low + sides.middle.length * step + 14;
        sides.beside.forEach((entry, i) => places.push({ ...entry, x: (i % 2) * (WIDE + BETWEEN), y: floor + Math.floor(i / 2) * step }));
        const height = floor + Math.ceil(sides.beside.length / 2) * step;
        const width = 2 * WIDE + BETWEEN;
        const svg = RimoFrame.draw("svg", null, "rimo-unet", { viewBox: `-2 -2 ${width + 4} ${height + 4}`, "aria-hidden": "true" });
        this.paths(svg, deep, Math.min(total("down"), total("up")), sides.middle.length > 0, low);
        for (const place of places) this.group(svg, place, tint);
        this.box.replaceChildren(svg);
    }

    /** The way of the picture through the network, and the shortcuts from each block to its opposite. */
    paths(svg, deep, pairs, turns, low) {
        const { WIDE, HIGH, BETWEEN, PLACE, GAP } = RimoUnet;
        const right = WIDE + BETWEEN;
        const middle = low + HIGH / 2;
        const line = (d, name) => RimoFrame.draw("path", svg, name, { d });
        if (turns) line(`M${WIDE / 2},${low - GAP}V${middle}H${right / 2}M${right / 2 + WIDE},${middle}H${right + WIDE / 2}V${low - GAP}`, "rimo-flow");
        for (let i = 0; i < pairs; i += 1) {
            const y = (deep - 1 - i) * PLACE + (PLACE - GAP) / 2;
            line(`M${WIDE + 4},${y}H${right - 4}`, "rimo-shortcut");
        }
    }

    group(svg, { group, weight, x, y, blocks }, tint) {
        const { WIDE, HIGH, PLACE, GAP } = RimoUnet;
        const high = blocks ? blocks * PLACE - GAP : HIGH;
        const box = RimoFrame.draw("g", svg, group.frozen ? "rimo-box rimo-frozen" : "rimo-box", { transform: `translate(${x},${y})`, "data-group": group.name, "data-blocks": blocks ?? 0 });
        const shape = RimoFrame.draw("rect", box, "", { width: WIDE, height: high, rx: 7 });
        if (!group.frozen) shape.style.fill = tint(weight);
        for (let i = 1; i < blocks; i += 1) { // where one block ends and the next begins
            const at = i * PLACE - GAP / 2;
            RimoFrame.draw("path", box, "rimo-joint", { d: `M0,${at}h5M${WIDE},${at}h-5` });
        }
        const value = group.frozen ? RimoWords.say("base") : RimoUnet.weight(weight);
        const name = RimoUnet.label(group.name);
        const room = WIDE - 30 - RimoUnet.length(value);
        const narrower = RimoUnet.length(name) > room ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};
        RimoFrame.draw("text", box, "", { x: 11, y: high / 2 + 4.5, ...narrower }, name);
        RimoFrame.draw("text", box, "rimo-value", { x: WIDE - 11, y: high / 2 + 4.5 }, value);
    }

    /** About how long a text is in the drawing, where Chinese and Japanese letters are as wide as they are high. */
    static length(text) {
        return [...text].reduce((sum, letter) => sum + (letter > "\u2e7f" ? 13 : 7), 0);
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
