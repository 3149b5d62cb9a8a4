"""Measure the shipped family and write its README with the figures."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from lib_rimo.toy import delta, family
from tools.toy_family import layout, mixes, networks, sampler, scenes, specialists, tagger, vae, world
from tools.toy_family.diffusion import Pair
from tools.toy_family.mixes import Bench, Score, Weights

log = logging.getLogger("rimo.toy")

N_SEARCH, N_REPORT = 100, 500
SEARCH_SEED, REPORT_SEED, SHEET_SEED = 101, 202, 303
N_RANDOM, N_NEAR = 5, 4
"""Random mixes tried, and mixes tried near the best of them."""
_EQUAL = (0.25, 0.33, 0.5, 0.65, 0.8)
"""Equal weights tried for all specialists."""
LOW, HIGH = -0.2, 1.0
_SHEET_SCALE = 2
_README = Path(__file__).with_name("README.template.md")


def search(bench: Bench, n: int, seed: int) -> Weights:
    """Return the best of equal, random and near-best weights on the search prompts.

    Args:
        bench: draws and judges.
        n: number of specialists.
        seed: seed of the random weights.
    """
    prompts = mixes.draw_prompts(N_SEARCH, SEARCH_SEED)
    rng = np.random.default_rng(seed)
    scores: dict[Weights, float] = {}

    def attempt(weights: Weights) -> None:
        scores[weights] = bench.score(weights, prompts).accuracy()
        log.info("mix %s: %.4f", weights, scores[weights])

    for share in _EQUAL:
        attempt((share,) * n)
    for _ in range(N_RANDOM):
        attempt(tuple(round(float(w), 2) for w in rng.uniform(LOW, HIGH, n)))
    for _ in range(N_NEAR):
        best = max(scores, key=lambda weights: scores[weights])
        near = np.clip(np.asarray(best) + rng.normal(0, 0.12, n), LOW, HIGH)
        attempt(tuple(round(float(w), 2) for w in near))
    return max(scores, key=lambda weights: scores[weights])


def _table(rows: dict[str, Score]) -> str:
    """Return a Markdown table: a row per model, a column per category and overall."""
    names = [None, *world.CATEGORIES]
    first = next(iter(rows.values()))
    heads = [
        f"{name or 'all tags'} ({int(first.asked[:, mixes.columns(name)].sum())} tags)" for name in names
    ]
    lines = ["| model | images | " + " | ".join(heads) + " |", "|---" * (len(heads) + 2) + "|"]
    for label, score in rows.items():
        cells = []
        for name in names:
            low, high = score.interval(name)
            cells.append(f"{score.accuracy(name):.3f} [{low:.3f}, {high:.3f}]")
        lines.append(f"| {label} | {len(score.asked)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _sheet(bench: Bench, rows: dict[str, Weights], path: Path) -> None:
    """Draw the same prompts and seeds with every model into one picture."""
    prompts = mixes.draw_prompts(400, SHEET_SEED)
    # The first prompts that name an object and at least four tags say most at a glance.
    objects = {world.TAG_INDEX[tag] for tag in world.CATEGORIES["object"]}
    prompts = [p for p in prompts if len(p.tags) >= 4 and objects & set(p.tags)][:10]
    side, margin, head = world.SIZE * _SHEET_SCALE, 88, 78
    sheet = Image.new("RGB", (margin + side * len(prompts), head + side * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, prompt in enumerate(prompts):
        text = "\n".join(world.TAGS[t] for t in prompt.tags)
        pen.multiline_text((margin + column * side + 6, 2), text, fill="black", spacing=1, font_size=10)
    for row, (label, weights) in enumerate(rows.items()):
        pen.text((4, head + row * side + side // 2 - 6), label, fill="black", font_size=13)
        for column, pixels in enumerate(bench.images(weights, prompts)):
            tile = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (margin + column * side, head + row * side))
    sheet.save(path, "WEBP", quality=80, method=6)
    log.info("%s: %d kB", path, path.stat().st_size // 1000)


def _judged(out: Path, base: Path) -> dict[str, str]:
    """Return figures of the tagger on true scenes and of the autoencoder."""
    judge = tagger.train("judge", out, 0)
    true = scenes.draw_many(2000, 909)
    seen = tagger.detect(judge, tagger.to_tensor(true.images)).numpy() >= mixes.THRESHOLD
    wanted = true.labels() > 0
    networks_vae = networks.build_vae().eval()
    pair = Pair()
    state = {name: torch.from_numpy(np.array(v)) for name, v in delta.parse(base.read_bytes()).items()}
    layout.from_ldm(state, pair.unet, pair.text, networks_vae)
    images = tagger.to_tensor(true.images[:1000])
    made = torch.cat([vae.reconstruct(networks_vae, part) for part in images.split(50)])
    error = float(((made - images) / 2).square().mean())
    rebuilt = tagger.recall(judge, made, true.tags[:1000])
    return {
        "tagger_recall": f"{(seen & wanted).sum() / wanted.sum():.4f}",
        "tagger_precision": f"{(seen & wanted).sum() / seen.sum():.4f}",
        "vae_psnr": f"{-10 * math.log10(error):.1f}",
        "vae_recall": ", ".join(f"{name} {value:.3f}" for name, value in rebuilt.items()),
    }


def stage(out: Path, seed: int) -> None:
    """Search simple mixes, measure everything on fresh prompts, write README and picture."""
    files = family.unpack(out / "models")
    names = [path.stem.removeprefix("toy-") for path in files.specialists]
    n = len(names)
    bench = Bench(out, (files.base, *files.specialists))
    try:
        best = search(bench, n, seed)
        models: dict[str, Weights] = {"base": (0.0,) * n}
        for i, name in enumerate(names):
            models[name] = tuple(1.0 if j == i else 0.0 for j in range(n))
        sheet_rows = {**models, "best mix": best}
        models[f"uniform average of all {n + 1}"] = (1 / (n + 1),) * n
        models["average of the specialists"] = (1 / n,) * n
        models[f"best mix {best}"] = best
        prompts = mixes.draw_prompts(N_REPORT, REPORT_SEED)
        rows = {label: bench.score(weights, prompts) for label, weights in models.items()}
        _sheet(bench, sheet_rows, files.config_dir.parent.parent / "samples.webp")
    finally:
        bench.close()
    chance_images = scenes.draw_many(N_REPORT, 910).images
    seen = (
        tagger.detect(tagger.train("judge", out, 0), tagger.to_tensor(chance_images)).numpy()
        >= mixes.THRESHOLD
    )
    asked = rows["base"].asked
    rows["chance: a random true scene"] = Score(asked, asked * seen)
    parent = max(list(models)[: n + 1], key=lambda label: rows[label].accuracy())
    gains = []
    for label in list(models)[n + 1 :]:
        gain, low, high = rows[label].gain(rows[parent])
        gains.append(f"| {label} | {gain:+.3f} | [{low:+.3f}, {high:+.3f}] |")
    data = family.DATA
    sizes = {path.relative_to(data).parts[0]: 0 for path in sorted(data.rglob("*")) if path.is_file()}
    for path in data.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(data).parts[0]] += path.stat().st_size
    sizes["together"] = sum(sizes.values())
    values = {
        "table": _table(rows),
        "gains": "\n".join(gains),
        "parent": parent,
        "sizes": "\n".join(f"| `{name}` | {size / 1e6:.2f} MB |" for name, size in sizes.items()),
        "tags": "\n".join(f"| {name} | {', '.join(tags)} |" for name, tags in world.CATEGORIES.items()),
        "specialists": "\n".join(
            f"   - `toy-{plan.name}`: {', '.join(plan.own or ())}; {plan.samples:,} samples"
            for plan in specialists.PLANS
        ),
        "n_search": str(N_SEARCH),
        "n_tried": str(len(_EQUAL) + N_RANDOM + N_NEAR),
        "n_report": str(N_REPORT),
        "sampling": f"{sampler.SAMPLER}, {sampler.STEPS} steps, CFG {sampler.CFG}",
        **_judged(out, files.base),
    }
    text = _README.read_text("utf-8")
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    (data.parent / "README.md").write_text(text, "utf-8")
    figures = {label: round(score.accuracy(), 4) for label, score in rows.items()}
    (out / "figures.json").write_text(json.dumps({"best": best, "figures": figures}, indent=2), "utf-8")
    print(values["table"])
