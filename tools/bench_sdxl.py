"""A whole SDXL model through the host without a WebUI: memory and time of each step, and whether all is right.

Base and two partners are files of random weights in the genuine shapes, fp16, 6.9 GB each, which are read where they
lie. The base is loaded, a recipe swapped in, a small picture drawn in few steps, the recipe saved and the file compared
with the live model, and the base restored and compared with its file, each number bit for bit.

    python -m tools.bench_sdxl FOLDER [--size 256] [--steps 2] [--device cpu] [--half] [--keep]
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

from lib_rimo.hosts.diffusers import DiffusersHost
from lib_rimo.hosts.diffusers.configuration import shipped
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging import (
    Checkpoint,
    LiveWeights,
    Recipe,
    Sources,
    Swapper,
    load_partition,
    open_checkpoint,
    save_merged,
)
from lib_rimo.merging.checkpoints.header import TensorSpec, build_header
from tests.hosts.tiny_models import clip_to_original, open_clip_to_original, unet_to_original, vae_to_original

FILES = ("base", "partner-1", "partner-2")
PARTITION = "mbw"
WEIGHTS = (0.3, 0.2)
PROMPT = "a (red:1.2) circle on a blue field, star \\(symbol\\)"
LIVE_GB = {False: 13.9, True: 7.0}
"""The live model in float32, which processors draw with, and in half precision."""
SPARE_GB = 2.0
GB = 1e9
SAMPLE_S = 0.1
PIECE = 1 << 22


def genuine() -> dict[str, TensorSpec]:
    """All tensors of an SDXL checkpoint, by their original names."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    with shipped("sdxl-base") as folder, torch.device("meta"):
        unet = UNet2DConditionModel.from_config(
            UNet2DConditionModel.load_config(str(folder), subfolder="unet")
        )
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(str(folder), subfolder="vae"))
        first = CLIPTextModel(CLIPTextConfig.from_pretrained(str(folder / "text_encoder")))
        second = CLIPTextModelWithProjection(CLIPTextConfig.from_pretrained(str(folder / "text_encoder_2")))
        named = unet_to_original(unet.state_dict(), unet.config.layers_per_block)
        named |= vae_to_original(vae.state_dict(), len(vae.config.block_out_channels))
        named |= clip_to_original(first.state_dict(), "conditioner.embedders.0.transformer.")
        named |= open_clip_to_original(second.state_dict(), "conditioner.embedders.1.model.")
    return {
        name: TensorSpec(torch.float16 if tensor.is_floating_point() else tensor.dtype, tuple(tensor.shape))
        for name, tensor in named.items()
    }


def write(path: Path, specs: dict[str, TensorSpec], seed: int) -> None:
    """Writes a checkpoint of random numbers that a network can compute with, a piece at a time.

    Each piece is another stretch of one row of random numbers: to draw them all anew would take longer than the rest.
    """
    head, starts = build_header(specs, {})
    dice = torch.Generator().manual_seed(seed)
    row = torch.randn(2 * PIECE, generator=dice)
    with path.open("wb") as file:
        file.write(head)
        for name in sorted(starts, key=lambda name: starts[name]):
            spec = specs[name]
            if not spec.dtype.is_floating_point:
                file.write(torch.arange(spec.numel).numpy().tobytes())
                continue
            is_matrix = len(spec.shape) > 1
            spread = 1 / math.sqrt(math.prod(spec.shape[1:])) if is_matrix else 0.02
            middle = 1.0 if not is_matrix and name.endswith("weight") else 0.0  # a norm
            for start in range(0, spec.numel, PIECE):
                at = int(torch.randint(PIECE, (1,), generator=dice))
                values = row[at : at + min(PIECE, spec.numel - start)]
                file.write((values * spread + middle).half().numpy().tobytes())


@dataclass
class Meter:
    """Time and memory of steps."""

    rows: list[tuple[str, float, float, float, str]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Measures what is done inside; what it gives takes a remark."""
        process, done, highest, remark = psutil.Process(), threading.Event(), [0.0], [""]

        def own() -> float:
            """Bytes that are this process's alone: without the files that are read where they lie."""
            memory = process.memory_info()
            return float(memory.rss - getattr(memory, "shared", 0))

        def watch() -> None:
            while not done.wait(SAMPLE_S):
                highest[0] = max(highest[0], own())

        watcher, began = threading.Thread(target=watch, daemon=True), time.monotonic()
        watcher.start()
        try:
            yield lambda text: remark.__setitem__(0, text)
        finally:
            seconds = time.monotonic() - began
            done.set()
            watcher.join()
            now = own()
            self.rows.append((name, seconds, max(highest[0], now) / GB, now / GB, remark[0]))
            sys.stdout.write(f"{name}: {seconds:.1f} s, {remark[0]}\n")
            sys.stdout.flush()

    def table(self) -> str:
        """All steps as Markdown."""
        lines = ["| step | seconds | own memory, peak | after it | |", "| --- | --: | --: | --: | --- |"]
        lines += [
            f"| {n} | {s:.1f} | {peak:.1f} GB | {now:.1f} GB | {text} |"
            for n, s, peak, now, text in self.rows
        ]
        return "\n".join(lines)


def differing(live: LiveWeights, file: Checkpoint) -> tuple[int, int]:
    """How many live tensors are not the file's bit for bit, of how many."""
    wrong = total = 0
    for key, slots in live.slots.items():
        tensor = file.tensor(key)
        for slot in slots:
            part = (tensor if slot.view is None else slot.view(tensor)).to(slot.tensor.dtype)
            total += 1
            bits = torch.int32 if slot.tensor.dtype == torch.float32 else torch.int16
            wrong += not torch.equal(slot.tensor.detach().cpu().view(bits), part.contiguous().view(bits))
    return wrong, total


def told(wrong: tuple[int, int]) -> str:
    """A comparison in words."""
    return f"{wrong[1] - wrong[0]} of {wrong[1]} tensors equal"


def run(folder: Path, size: int, steps: int, device: str, half: bool, meter: Meter) -> bool:
    """All steps; whether everything was equal."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    paths = [models / f"{name}.safetensors" for name in FILES]
    if missing := [path for path in paths if not path.exists()]:
        with meter.step(f"{len(missing)} files written") as say:
            specs = genuine()
            for path in missing:
                draft = path.with_suffix(".new")
                write(draft, specs, FILES.index(path.stem))
                draft.replace(path)
            say(
                f"{len(specs)} tensors, {sum(s.numel for s in specs.values()) / 1e9:.2f} billion numbers each"
            )
    host = DiffusersHost(models, device=device, dtype=torch.float16 if half else None)
    partition = load_partition(PARTITION)
    with meter.step("base loaded"):
        host.load(paths[0])
    with Sources() as sources, host.exclusive():
        base, *partners = (sources.source_of(path) for path in paths)
        groups = partition.groups_present(sources.open(base).keys())
        recipe = Recipe(base, tuple(partners), PARTITION, dict.fromkeys(groups, WEIGHTS))
        swapper = Swapper(sources, partition)
        with meter.step("recipe swapped in, first time") as say:
            report = swapper.swap(recipe, host.live())
            host.weights_changed(report.keys)
            say(f"{len(report.keys)} tensors, {report.bytes / GB:.1f} GB")
        request = ImageRequest(PROMPT, "blurry", 1, size, size, steps, 5.0, "Euler")
        with meter.step(f"picture drawn, {size} x {size}, {steps} steps") as say:
            picture = host.generate([request])[0]
            say(f"{len(picture.getcolors(size * size) or ())} colours")
        with meter.step("recipe saved") as say:
            saved = save_merged(recipe, sources, partition, models, "merged")
            say(f"{saved.stat().st_size / GB:.2f} GB")
        with meter.step("saved file compared with the live model") as say, open_checkpoint(saved) as file:
            as_saved = differing(host.live(), file)
            say(told(as_saved))
        with meter.step("base restored"):
            host.weights_changed(swapper.restore(host.live()).keys)
        with meter.step("base's file compared with the live model") as say:
            as_base = differing(host.live(), sources.open(base))
            say(told(as_base))
        with meter.step("recipe swapped in again") as say:
            say(f"{len(swapper.swap(recipe, host.live()).keys)} tensors")
        with meter.step("base restored again") as say:
            swapper.restore(host.live())
            again = differing(host.live(), sources.open(base))
            say(told(again))
    return not (as_saved[0] or as_base[0] or again[0])


def main() -> int:
    """Runs it and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="28 GB of room are needed")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="in half precision, on a processor too")
    parser.add_argument("--keep", action="store_true", help="leave the files for another run")
    options = parser.parse_args()
    free = psutil.virtual_memory().available / GB
    if options.device == "cpu" and free < (needed := LIVE_GB[options.half] + SPARE_GB):
        parser.error(f"{free:.1f} GB of memory are free, {needed:.1f} GB are needed")
    meter = Meter()
    try:
        fine = run(options.folder, options.size, options.steps, options.device, options.half, meter)
    finally:
        if not options.keep:
            shutil.rmtree(options.folder / "models", ignore_errors=True)
    sys.stdout.write(f"\n{meter.table()}\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
