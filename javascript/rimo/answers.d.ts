/** What the program answers (`/rimo/v1/...`), and what the tab asks with. Types only: nothing loads this file. */

/** A text that was put together. Values that are `Said` themselves are words, all others names and numbers. */
export interface Said {
    text: string;
    template: string;
    values: Array<Said | string | number>;
}

/** Shares are between 0 and 1; intervals are of 95 %. */
export interface Interval {
    mean: number;
    low: number;
    high: number;
}

/** What came of the study since the page's last question. */
export interface News {
    said?: Said[];
    version: number;
    run: string;
    study: string;
    state: string;
    active: boolean;
    can: Record<string, boolean>;
    fraction: number;
    mix: number;
    steps: Step[];
    text: Record<"state" | "message" | "error" | "progress" | "mix" | "speed" | "remaining", string>;
    curve: { from: number; total: number; points: CurveRow[] };
    parts: { [K in keyof Parts]?: { mark: string; value: Parts[K] } };
}

/** A page that has seen everything gets no more than this. */
export type Status = News | { version: number; run: string };

export interface Step {
    name: string;
    share: number;
    done: number;
}

/** Epoch, trial, images drawn by then, images of the mix, accuracy, best, its low and high end, stage. */
export type CurveRow = [number, number, number, number, number, number, number, number, string];

/** The rarely changing parts; each is sent again when its content changed. */
export interface Parts {
    models: { base: string; partners: string[] };
    lines: Level[];
    prompts: string[];
    grids: Grid[];
    latest: { file: string; tags: Array<[string, boolean]>; score: string } | null;
    result: Result | null;
    variety: string[];
    watch: Watch | null;
    notes: string[];
    saved: string[];
    live: string;
}

export interface Level {
    kind: "base" | "best-parent" | "parent";
    name?: string;
    label?: string;
    at: number;
}

export interface Grid {
    epoch: number;
    name: string;
    files: string[];
}

export interface Result {
    value: string;
    sentence: string;
    verdict: string;
    tone: string;
    arms: Array<Interval & { name: string; role: string; text: string }>;
    scale: [number, number];
    parents: string[];
    categories: CategoryRow[];
    gained: TagRow[];
    lost: TagRow[];
}

export interface CategoryRow {
    category: string;
    whole: boolean;
    merged: string;
    merged_span: string;
    base: string;
    base_span: string;
    parents: string;
    deviation: string;
    each?: string[];
    deviation_span?: string;
    tone?: string;
}

export interface TagRow {
    tag: string;
    value: string;
    span: string;
    sure: boolean;
}

export interface Watch {
    rows: EpochRow[];
    warning: string;
    signs: Array<[string, string]>;
    outlook: string;
    flat: boolean;
    limit: string;
}

export interface EpochRow {
    name: string;
    accuracy: string;
    accuracy_span: string;
    gain: string;
    gain_span: string;
    tone: string;
    unusual: string;
    unusual_span: string;
    drift: string;
    warned: boolean;
}

/** One mix of a study as requests name it; nothing is the best. */
export interface Choice {
    trial?: number;
    epoch?: number;
    average?: boolean;
}

export interface Recipe {
    base: string;
    partners: string[];
    groups: string[];
    weights: number[][];
    titles?: Said[];
    linear?: boolean;
    recipe?: unknown;
}

export interface Group {
    name: string;
    title?: Said;
    side?: "down" | "middle" | "up" | "beside";
    part?: string;
    input?: number[];
    output?: number[];
    frozen?: boolean;
    importance?: number | null;
    low?: number | null;
    high?: number | null;
    state?: string;
}

export interface Blocks {
    study: string;
    partners: string[];
    groups: Group[];
    weights: number[][];
    dead?: string[];
}

export interface Checkpoint {
    name: string;
    path: string;
}

export interface Options {
    checkpoints: Checkpoint[];
    plays: boolean;
}

export interface Drawn {
    study: string;
    files: string[];
    captured?: number;
}

/** A study of the folder. */
export interface PastStudy {
    id: string;
    started: string;
    state: string;
    current: boolean;
    broken?: string;
    base?: string;
    partners?: string[];
    trials: number;
    images: number;
    saved?: string[];
    gain?: Interval | null;
    best?: Interval | null;
}

/** A point of a curve as a snapshot has it. */
export interface CurvePoint {
    images: number;
    best: number;
}

/** How a job in the background stands. */
export interface JobStatus {
    kind: string;
    state: string;
    name: string;
    done: number;
    total: number;
    images_per_s: number;
    error: string;
    field: string;
    mark: string;
}

export type BenchValues = Record<string, string | number>;

export interface BenchOptions {
    sizes: Record<string, BenchValues & { label: string }>;
    checkpoints: Checkpoint[];
}

export interface BenchPoint {
    name: string;
    accuracy: Interval;
    diversity: Interval;
}

export interface BenchTable {
    title: string;
    about: string;
    columns: string[];
    rows: Array<{ label: string; cells: Array<Interval & { marked?: boolean }> }>;
}

export interface BenchTables {
    request: BenchValues & { checkpoints: string[] };
    points: BenchPoint[];
    tables: BenchTable[];
    notes: string[];
}

export interface RankArm {
    rank: number | "kept" | "donor";
    accuracy: Interval;
    gain: Interval;
    unusual: Interval;
    captured: number;
}

export interface RankTables {
    request: { study: string; choice: Record<string, string>; donor: string; vectors: string; images: number };
    arms: RankArm[];
    done: number;
    of: number;
    proposed: number | null;
    reasons: string[];
    current: boolean;
}

/** `GET tagger` and `POST tagger/fetch`: what is known of a tagger, and how far its download is. */
export interface TaggerAnswer {
    name: string;
    kind: "known" | "own" | "folder" | "none";
    here: boolean;
    told: string[];
    progress?: string;
    download?: { active: boolean; done_bytes: number; size_bytes: number; error: string };
}
