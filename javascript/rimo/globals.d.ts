/** What a WebUI has on its page. On our own page none of it is there: `typeof` says so. */
declare function gradioApp(): Document | HTMLElement;
declare function onUiLoaded(callback: () => void): void;
declare function onOptionsAvailable(callback: () => void): void;
declare const opts: { localization?: string };

interface Window {
    localization?: Record<string, string>;
}
