// @ts-check
/** Cells that several tables have. */
import { make, named } from "./elements.mjs";
import { hundredths, percent } from "./numbers.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").Interval} Interval */

/**
 * A share with its interval.
 * @param {Interval & { marked?: boolean }} share
 */
export function shareCell({ mean, low, high, marked }) {
    const cell = make("td");
    cell.append(named(marked ? "strong" : "span", "", `${percent(mean)} %`), " ",
        make("small", "", say("({1} to {2})", percent(low), percent(high))));
    return cell;
}

/**
 * A text, and below it a smaller one between brackets if there is one.
 * @param {string} value
 * @param {string} [span]
 */
export function textCell(value, span = "") {
    const cell = make("td", "", value);
    if (span) cell.append(" ", make("small", "", say("({1})", say(span))));
    return cell;
}

/**
 * A weight on its colour.
 * @param {number} weight
 */
export function weightCell(weight) {
    const cell = make("td", "rimo-heat", hundredths(weight));
    cell.style.background = tint(weight);
    return cell;
}

/**
 * The colour of a weight: more of it the further from zero, another one below zero.
 * @param {number} weight
 */
export function tint(weight) {
    const share = Math.round(60 * Math.min(1, Math.abs(weight)));
    return `color-mix(in srgb, var(--rimo-${weight < 0 ? "cool" : "heat"}) ${share}%, transparent)`;
}
