// @ts-check
/** Elements of a drawing. */

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} kind
 * @param {Element | null} parent It is put into.
 * @param {string} [name] Of its class.
 * @param {Record<string, string | number>} [attributes]
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[K]}
 */
export function draw(kind, parent, name = "", attributes = {}, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    if (name) made.setAttribute("class", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== "") made.textContent = text;
    parent?.append(made);
    return made;
}

/**
 * About how long a text is in a drawing, in px; Chinese and Japanese letters are as wide as they are high.
 * @param {string} text
 */
export function textWidth(text) {
    return [...text].reduce((sum, letter) => sum + (letter > "\u2e7f" ? 13 : 7), 0);
}
