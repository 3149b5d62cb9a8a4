"""What a contact fusion of two full-size SD1.5 networks costs, against an ordinary merge of the same files.

Time depends on the tensors' shapes, not on their numbers, so the files are random. Everything is told as a ratio,
because seconds are the machine's; beside it stands the full decomposition that upstream uses, on a sample of matrices.

    python tools/bench_contact.py [--quick] [--ranks 4 16 64] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without being installed

from lib_rimo.merging import Recipe, Sources, load_partition, save_merged
from lib_rimo.merging.contact.contact import ContactFactors, contact_recipe
from lib_rimo.merging.contact.contact_spec import SKETCH, ContactSpec
from lib_rimo.merging.contact.low_rank import decompose
from lib_rimo.merging.mix.parallel import one_torch_thread
from tools.bench_speed import QUICK_STRIDE, ExtraMemory, both_times, unet_shapes, write_random

SAMPLE = ((320, 320), (1280, 1280), (640, 5760), (1280, 11520))
"""Matrices that are decomposed both ways: attention and convolutions of SD1.5."""
PARTITION = "theater"


def measure(folder: Path, ranks: list[int], *, quick: bool, threads: int) -> dict[str, Any]:
    """Builds two networks in ``folder`` and fuses them at each rank.

    Args:
        folder: Room for four half-precision networks (6.9 GB; 0.9 GB with ``quick``).
        ranks: To fuse at.
        quick: An eighth of the network.
        threads: Threads of merge and fusion.
    """
    shapes = unet_shapes()
    if quick:
        chosen = sorted(shapes, key=lambda name: -torch.Size(shapes[name]).numel())[::QUICK_STRIDE]
        needed = [name for name in shapes if name.endswith(("input_blocks.0.0.weight", "out.2.weight"))]
        shapes = {name: shapes[name] for name in shapes if name in {*chosen, *needed}}
    paths = [folder / "kept.safetensors", folder / "donor.safetensors"]
    for seed, path in enumerate(paths):
        write_random(path, shapes, seed)
    partition = load_partition(PARTITION)
    out: dict[str, Any] = {"parameters": sum(torch.Size(s).numel() for s in shapes.values()), "ranks": {}}
    with Sources() as sources:
        kept, donor = (sources.source_of(path) for path in paths)
        groups = partition.groups_present(sources.open(kept).keys())

        def save(recipe: Recipe, name: str) -> None:
            save_merged(recipe, sources, partition, folder, name, threads=threads).unlink()

        plain = Recipe(kept, (donor,), PARTITION, dict.fromkeys(groups, (0.5,)))
        save(plain, "warm-up")  # reads both files into the page cache
        merge_s, merge_cpu_s = both_times(lambda: save(plain, "merged"))
        out["merge"] = {"wall_s": merge_s, "cpu_s": merge_cpu_s}
        for rank in ranks:
            factors = ContactFactors(sources.open(kept), sources.open(donor), device="cpu")
            spec = ContactSpec(kept, donor, PARTITION, dict.fromkeys(groups, rank))
            recipe = contact_recipe(sources, partition, spec, factors=factors)
            with ExtraMemory() as memory:
                wall_s, cpu_s = both_times(partial(save, recipe, f"rank{rank}"))
            largest_bytes = max(torch.Size(s).numel() for s in shapes.values()) * torch.float32.itemsize
            out["ranks"][rank] = {
                "wall_s": wall_s,
                "cpu_s": cpu_s,
                "wall_over_merge": wall_s / merge_s,
                "cpu_over_merge": cpu_s / merge_cpu_s,
                "peak_extra_bytes": memory.peak_bytes,
                "peak_over_largest_tensor": None
                if memory.peak_bytes is None
                else memory.peak_bytes / largest_bytes,
            }
            print(f"rank {rank}: {out['ranks'][rank]}", file=sys.stderr)
    return out


def against_full() -> dict[str, float]:
    """Processor time of the full decomposition over that of ours, by shape."""
    out = {}
    for shape in SAMPLE:
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with one_torch_thread():
            decompose(matrix, SKETCH, "warm-up")
            ours = both_times(partial(decompose, matrix, SKETCH, "x"))[1]
            full = both_times(partial(torch.linalg.svd, matrix, full_matrices=False))[1]
        out["x".join(map(str, shape))] = full / ours
    return out


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="an eighth of the network")
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.ranks, quick=options.quick, threads=options.threads)
    found["full_over_ours"] = against_full()
    print(f"{found['parameters'] / 1e6:.0f} million parameters, {options.threads} threads")
    print("rank  time / merge  processor time / merge  extra memory")
    for rank, row in found["ranks"].items():
        memory = "?" if row["peak_extra_bytes"] is None else f"{row['peak_extra_bytes'] / 1e6:.0f} MB"
        print(f"{rank:>4} {row['wall_over_merge']:>13.1f} {row['cpu_over_merge']:>23.1f}  {memory}")
    for shape, ratio in found["full_over_ours"].items():
        print(f"full decomposition of {shape}: {ratio:.1f} times ours")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
