// @ts-check
/** Pictures of a study, as files that the program hands out. */
import { API } from "./api.mjs";
import { make } from "./elements.mjs";
import { part } from "./parts.mjs";
import { say } from "./words.mjs";

/**
 * @param {string} study
 * @param {string} file
 */
export function pictureUrl(study, file) {
    return `${API}picture/${encodeURIComponent(study)}/${file.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * Fills a part with drawn pictures, each a link to itself.
 * @param {string} name Of the part.
 * @param {string} study
 * @param {string[]} files
 * @param {string} shown What they show.
 */
export function fillPictures(name, study, files, shown) {
    part(name).replaceChildren(...files.map((file) => {
        const link = make("a");
        const picture = make("img");
        link.href = picture.src = pictureUrl(study, file);
        link.target = "_blank";
        picture.alt = say(shown);
        link.append(picture);
        return link;
    }));
}
