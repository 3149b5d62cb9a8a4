// @ts-check

/**
 * Lets Tab pass the little crosses of chosen partners: gradio 4 takes every key there for a wish to remove, so that
 * whoever comes by with the keyboard would empty the list and never get out.
 */
export function freeKeys() {
    document.addEventListener("keydown", (event) => {
        const cross = event.target instanceof Element && event.target.closest("#rimo-tab .token-remove");
        if (cross && event.key !== "Enter" && event.key !== " ") event.stopPropagation();
    }, true);
}
