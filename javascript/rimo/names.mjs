// @ts-check
/** Names of checkpoints. */

/**
 * Without the ending that all of them share.
 * @param {string} name
 */
export function stem(name) {
    return name.replace(/\.(safetensors|ckpt)$/, "");
}

/**
 * What lists offer: names, and paths where a name stands for two files.
 * @param {Array<{ name: string, path: string }>} files
 */
export function distinct(files) {
    const names = files.map((file) => file.name);
    return files.map(({ name, path }) => (names.filter((other) => other === name).length > 1 ? path : name));
}

/**
 * The name with its closing number raised: "mix" gives "mix-2", "mix-2" gives "mix-3".
 * @param {string} name
 */
export function nextName(name) {
    const found = /^(.*)-(\d{1,6})$/s.exec(name);
    return found ? `${found[1]}-${Number(found[2]) + 1}` : `${name}-2`;
}
