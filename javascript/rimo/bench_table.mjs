// @ts-check
import { head, make, stemHead } from "./elements.mjs";
import { shareCell } from "./tables.mjs";
import { say } from "./words.mjs";

/** @typedef {import("./answers.d.ts").BenchTable} Table */

/**
 * One table of the benchmark: rows of tag counts or categories, a column for each checkpoint.
 * @param {Table} table
 */
export function benchTable({ title, about, columns, rows }) {
    const box = make("section");
    const scroll = make("div", "rimo-table-scroll");
    Object.assign(scroll, { tabIndex: 0, role: "group", ariaLabel: say(title) });
    const table = make("table", "rimo-table rimo-bench-table");
    const top = make("tr");
    top.append(head(rows.every(counts) ? "Tags" : "Category"), ...columns.map(stemHead));
    const body = make("tbody");
    body.append(...rows.map((row, i) => {
        const line = make("tr", i === 0 && row.label === "all" ? "rimo-whole" : "");
        const name = row.label === "all" ? "All" : row.label;
        line.append(head(name, { scope: "row", name: !counts(row) }), ...row.cells.map(shareCell));
        return line;
    }));
    const above = make("thead");
    above.append(top);
    table.append(above, body);
    scroll.append(table);
    box.append(make("h3", "", title), make("p", "rimo-note", about), scroll);
    return box;
}

/**
 * Whether a row is of so many tags, not of a category.
 * @param {{ label: string }} row
 */
export function counts({ label }) {
    return label === "all" || / tags$/.test(label);
}
