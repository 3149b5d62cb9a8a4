// @ts-check
/** Asking the program. Addresses are relative, so that a WebUI may be served below a path of its own. */
import { words } from "./words.mjs";

export const API = "rimo/v1/";

/** What the program refuses, in its own words. */
export class Refusal extends Error {
    /**
     * @param {string} message
     * @param {string} [field] The setting that it is about.
     */
    constructor(message, field = "") {
        super(message);
        this.field = field;
    }
}

/**
 * @param {unknown} error
 * @returns {Refusal}
 */
export function refusal(error) {
    return error instanceof Refusal ? error : new Refusal(error instanceof Error ? error.message : String(error));
}

/**
 * Asks the program; with a body it is told to do something.
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>} As `answers.d.ts` describes it.
 */
export async function ask(path, body) {
    const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer;
    try {
        answer = await fetch(API + path, body === undefined ? { cache: "no-store" } : post);
    } catch {
        throw new Refusal("No answer from the program.");
    }
    const told = await answer.json().catch(() => ({}));
    for (const said of told.said ?? []) words.hear(said);
    if (!answer.ok) throw new Refusal(told.error ?? "Something went wrong inside; the log says what.", told.field);
    return told;
}
