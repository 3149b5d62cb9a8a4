// @ts-check
/** Numbers as people read them, the same as the program writes them: real minus signs, no negative zero. */

/** @typedef {import("./answers.d.ts").Interval} Interval */

const MINUS = "\u2212";

/**
 * A share (1 is full) in percent with one decimal, without the sign: "61.2".
 * @param {number} share
 */
export function percent(share) {
    return unsignedZero((100 * share).toFixed(1)).replace("-", MINUS);
}

/**
 * A difference of shares in points with its sign; zero has none.
 * @param {number} share
 */
export function signed(share) {
    const text = percent(share);
    return share > 0 && text !== "0.0" ? `+${text}` : text;
}

/**
 * A weight with two decimals.
 * @param {number} weight
 */
export function hundredths(weight) {
    return unsignedZero(weight.toFixed(2)).replace("-", MINUS);
}

/**
 * A whole number with its thousands apart: "1,200".
 * @param {number} amount
 */
export function whole(amount) {
    return amount.toLocaleString("en");
}

/** @param {string} text */
function unsignedZero(text) {
    return text.replace(/^-(0\.0+)$/, "$1");
}
