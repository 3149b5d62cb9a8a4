"""How long a swap takes, against the time that the machine needs to move the same bytes at all.

A swap of a recipe of base and two partners reads three models and writes one. The floor is torch's own copy of as many
bytes, measured in turns with the swaps, so that a busy machine slows both. Beside it stand the plain way to merge
(whole tensors in float32) and what other tools do for every trial: save the merged checkpoint and load it again.

    python tools/bench_speed.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without being installed

from lib_rimo.merging import (
    Checkpoint,
    LiveSlot,
    LiveWeights,
    Recipe,
    Sources,
    Swapper,
    load_partition,
    open_checkpoint,
    save_merged,
)
from lib_rimo.merging.checkpoints.header import TensorSpec, build_header
from lib_rimo.merging.mix.parallel import run_over, thread_count

STEM = "model.diffusion_model."
CHANNELS, MULTIPLIERS, DEPTH, CONTEXT = 320, (1, 2, 4, 4), 2, 768
"""SD1.5: 686 tensors, 859.5 million parameters."""
ATTENTION_LEVELS = 3
QUICK_STRIDE = 8
"""--quick takes every eighth tensor by size, the largest first: about an eighth of the bytes, the same mix."""
MARKS = tuple(f"{STEM}{name}.weight" for name in ("input_blocks.0.0", "out.2"))
"""What a checkpoint's family is told by."""
SEED = 1
WEIGHTS = ((0.3, 0.2), (0.25, -0.15))
"""Two recipes in turn, so that every swap writes every tensor."""

Shapes = dict[str, tuple[int, ...]]


def _resnet(name: str, in_: int, out: int) -> Shapes:
    shapes: Shapes = {
        f"{name}.in_layers.0.weight": (in_,),
        f"{name}.in_layers.2.weight": (out, in_, 3, 3),
        f"{name}.emb_layers.1.weight": (out, 4 * CHANNELS),
        f"{name}.out_layers.0.weight": (out,),
        f"{name}.out_layers.3.weight": (out, out, 3, 3),
    }
    if in_ != out:
        shapes[f"{name}.skip_connection.weight"] = (out, in_, 1, 1)
    return shapes


def _attention(name: str, width: int) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    shapes: Shapes = {f"{name}.norm.weight": (width,), f"{name}.proj_in.weight": (width, width, 1, 1)}
    for attention, keys in (("attn1", width), ("attn2", CONTEXT)):
        shapes[f"{block}.{attention}.to_q.weight"] = (width, width)
        shapes[f"{block}.{attention}.to_k.weight"] = (width, keys)
        shapes[f"{block}.{attention}.to_v.weight"] = (width, keys)
        shapes[f"{block}.{attention}.to_out.0.weight"] = (width, width)
    shapes[f"{block}.ff.net.0.proj.weight"] = (8 * width, width)
    shapes[f"{block}.ff.net.2.weight"] = (width, 4 * width)
    shapes |= {f"{block}.norm{i}.weight": (width,) for i in (1, 2, 3)}
    return shapes | {f"{name}.proj_out.weight": (width, width, 1, 1)}


def unet_shapes() -> Shapes:
    """Shapes of the SD1.5 UNet's tensors by their names in a checkpoint."""
    shapes: Shapes = {
        "time_embed.0.weight": (4 * CHANNELS, CHANNELS),
        "time_embed.2.weight": (4 * CHANNELS, 4 * CHANNELS),
        "input_blocks.0.0.weight": (CHANNELS, 4, 3, 3),
    }
    width, skips, block = CHANNELS, [CHANNELS], 0
    for level, multiplier in enumerate(MULTIPLIERS):
        for _ in range(DEPTH):
            block += 1
            shapes |= _resnet(f"input_blocks.{block}.0", width, multiplier * CHANNELS)
            width = multiplier * CHANNELS
            if level < ATTENTION_LEVELS:
                shapes |= _attention(f"input_blocks.{block}.1", width)
            skips.append(width)
        if level < len(MULTIPLIERS) - 1:
            block += 1
            shapes[f"input_blocks.{block}.0.op.weight"] = (width, width, 3, 3)
            skips.append(width)
    shapes |= _resnet("middle_block.0", width, width) | _attention("middle_block.1", width)
    shapes |= _resnet("middle_block.2", width, width)
    block = -1
    for level, multiplier in reversed(list(enumerate(MULTIPLIERS))):
        for i in range(DEPTH + 1):
            block += 1
            shapes |= _resnet(f"output_blocks.{block}.0", width + skips.pop(), multiplier * CHANNELS)
            width = multiplier * CHANNELS
            part = 1
            if level < ATTENTION_LEVELS:
                shapes |= _attention(f"output_blocks.{block}.1", width)
                part = 2
            if level and i == DEPTH:
                shapes[f"output_blocks.{block}.{part}.conv.weight"] = (width, width, 3, 3)
    shapes |= {"out.0.weight": (width,), "out.2.weight": (4, width, 3, 3)}
    without_bias = ("to_q.weight", "to_k.weight", "to_v.weight")
    biases = {
        name.removesuffix("weight") + "bias": shape[:1]
        for name, shape in shapes.items()
        if not name.endswith(without_bias)
    }
    return {STEM + name: shape for name, shape in (shapes | biases).items()}


def write_random(path: Path, shapes: Mapping[str, tuple[int, ...]], seed: int) -> None:
    """Writes a checkpoint of random half-precision numbers (one random block, read from changing places)."""
    specs = {name: TensorSpec(torch.float16, shape) for name, shape in shapes.items()}
    head, starts = build_header(specs, {})
    block = torch.randn(1 << 24, generator=torch.Generator().manual_seed(seed)).half()
    at = 0
    with path.open("wb") as file:
        file.write(head)
        for name in sorted(starts, key=lambda name: starts[name]):
            left = specs[name].numel
            while left:
                piece = block[at : at + left]
                file.write(piece.numpy().data)
                at, left = (at + piece.numel()) % block.numel(), left - piece.numel()


class ExtraMemory:
    """Greatest growth of the process's own memory while it is entered (Linux; elsewhere it stays None).

    Attributes:
        peak_bytes: The growth; pages of mapped files, which the system drops when it needs them, do not count.
    """

    def __init__(self) -> None:
        self.peak_bytes: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ExtraMemory:
        self._start_bytes = _own_memory_bytes()
        if self._start_bytes is not None:
            self.peak_bytes = 0
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._start_bytes is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            now = _own_memory_bytes() or 0
            self.peak_bytes = max(self.peak_bytes or 0, now - (self._start_bytes or 0))


def _own_memory_bytes() -> int | None:
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    return both_times(work)[0]


def both_times(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of processor time over all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(folder: Path, *, quick: bool, rounds: int, threads: int) -> dict[str, Any]:
    """Builds the models in ``folder`` and measures.

    Args:
        folder: Room for five half-precision models (8.6 GB; 1.1 GB with ``quick``).
        quick: An eighth of the model.
        rounds: Turns of floor, swap and restore; medians are reported.
        threads: Threads of the swap.
    """
    shapes = unet_shapes()
    if quick:
        by_size = sorted(shapes, key=lambda name: (math.prod(shapes[name]), name))
        shapes = {name: shapes[name] for name in (*by_size[::-QUICK_STRIDE], *MARKS)}
    paths = [folder / f"{name}.safetensors" for name in ("base", "one", "two")]
    for seed, path in enumerate(paths):
        write_random(path, shapes, SEED + seed)
    with ExitStack() as stack:
        sources = stack.enter_context(Sources())
        named = [sources.source_of(path) for path in paths]
        files = [sources.open(source) for source in named]
        partition = load_partition("theater")
        groups = partition.groups_present(shapes)
        recipes = [
            Recipe(named[0], tuple(named[1:]), partition.name, dict.fromkeys(groups, row)) for row in WEIGHTS
        ]
        live = {key: files[0].tensor(key).clone() for key in shapes}
        other = {key: torch.zeros_like(tensor) for key, tensor in live.items()}
        slots = LiveWeights({key: (LiveSlot(tensor),) for key, tensor in live.items()}, {})
        model_bytes = sum(tensor.numel() * 2 for tensor in live.values())

        def floor_by_torch() -> None:
            for key, tensor in other.items():
                tensor.copy_(files[1].tensor(key))
            for key, tensor in other.items():
                tensor.copy_(files[2].tensor(key))

        def copy(job: tuple[str, Checkpoint], _: object) -> None:
            other[job[0]].copy_(job[1].tensor(job[0]))

        def floor_by_threads() -> None:
            jobs = [(key, file) for file in files[1:] for key in shapes]
            run_over(jobs, copy, threads=threads)

        def plain() -> None:
            for key, tensor in other.items():
                one, two = (file.tensor(key).float() for file in files[1:])
                tensor.copy_(files[0].tensor(key).float() * 0.5 + one * 0.3 + two * 0.2)

        for file in files:  # into the system's file cache, which is where a study's files are
            file.nonfinite_keys()
        floor_by_torch()
        swapper = Swapper(sources, partition, threads=threads)
        first_s = timed(lambda: swapper.swap(recipes[1], slots))
        floors, swaps, ratios, cpu_ratios, restores = [], [], [], [], []
        for _ in range(rounds):
            for recipe in recipes:
                # Whichever way of copying is quicker now: torch's own threads do badly on a busy machine.
                by_threads_s, floor_cpu_s = both_times(floor_by_threads)
                floor_s = min(timed(floor_by_torch), by_threads_s)
                swap_s, swap_cpu_s = both_times(lambda recipe=recipe: swapper.swap(recipe, slots))  # type: ignore[misc]
                floors.append(floor_s)
                swaps.append(swap_s)
                ratios.append(swap_s / floor_s)
                cpu_ratios.append(swap_cpu_s / floor_cpu_s)
            restores.append(timed(lambda: swapper.restore(slots)))
            swapper.swap(recipes[1], slots)
        # Not during the timed swaps: watching takes time itself.
        with ExtraMemory() as extra:
            for recipe in recipes:
                swapper.swap(recipe, slots)
        plain_s = timed(plain)
        save_s = timed(lambda: save_merged(recipes[0], sources, partition, folder, "saved", threads=threads))

        def reload() -> None:
            with open_checkpoint(folder / "saved.safetensors") as saved:
                for key, tensor in live.items():
                    tensor.copy_(saved.tensor(key))

        reload_s = timed(reload)
    floor_s, swap_s = statistics.median(floors), statistics.median(swaps)
    return {
        "quick": quick,
        "threads": threads,
        "tensors": len(shapes),
        "parameters": model_bytes // 2,
        "model_bytes": model_bytes,
        "copy_gb_per_s": 4 * model_bytes / floor_s / 1e9,
        "floor_s": floor_s,
        "swap_s": swap_s,
        "swap_over_floor": statistics.median(ratios),
        "swap_over_floor_processor": statistics.median(cpu_ratios),
        "first_swap_s": first_s,
        "restore_s": statistics.median(restores),
        "peak_extra_bytes": extra.peak_bytes,
        "plain_s": plain_s,
        "plain_over_floor": plain_s / floor_s,
        "save_s": save_s,
        "reload_s": reload_s,
    }


def table(found: Mapping[str, Any]) -> str:
    """The result for people."""
    peak = found["peak_extra_bytes"]
    memory = "not known on this system" if peak is None else f"{peak / 1e6:.1f} MB"
    floor_s = found["floor_s"]
    rows = [
        ("copying the same bytes (floor)", floor_s, f"{found['copy_gb_per_s']:.1f} GB/s"),
        ("swap", found["swap_s"], f"{found['swap_over_floor']:.2f} x floor"),
        (
            "first swap, with its check",
            found["first_swap_s"],
            f"{found['first_swap_s'] / floor_s:.2f} x floor",
        ),
        ("restore", found["restore_s"], f"{found['restore_s'] / floor_s:.2f} x floor"),
        ("the plain way", found["plain_s"], f"{found['plain_over_floor']:.2f} x floor"),
        ("save", found["save_s"], f"{found['save_s'] / floor_s:.2f} x floor"),
        ("load the saved file", found["reload_s"], f"{found['reload_s'] / floor_s:.2f} x floor"),
    ]
    head = (
        f"{found['tensors']} tensors, {found['parameters'] / 1e6:.1f} M parameters, "
        f"{found['model_bytes'] / 1e9:.2f} GB, {found['threads']} threads"
    )
    lines = [f"{name:32s}{seconds:8.3f} s   {note}" for name, seconds, note in rows]
    processor = f"swap by processor time: {found['swap_over_floor_processor']:.2f} x floor (steadier on a busy machine)"
    return "\n".join([head, *lines, processor, f"memory on top while swapping: {memory}"])


def main() -> int:
    """Runs the benchmark; 0 on success."""
    parser = argparse.ArgumentParser(description="Times weight swaps against copying the same bytes.")
    parser.add_argument("--quick", action="store_true", help="an eighth of the model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=5, help="turns to take medians over (default 5)")
    parser.add_argument("--threads", type=int, help="threads of the swap (default: as many as torch uses)")
    parser.add_argument("--folder", type=Path, help="where the temporary models go (default: the system's)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rimo-bench-", dir=options.folder) as folder:
        found = measure(
            Path(folder), quick=options.quick, rounds=options.rounds, threads=thread_count(options.threads)
        )
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
