"""What the program knows of each family's models, written down in short: held against ``golden/families.json``.

``python -m tests.merging.checkpoints.family_facts`` prints the file anew. It was made before families became data
files, and changes only where a fact is meant to change.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.keys import canonical_names, place_of
from lib_rimo.merging.mix.partition import PARTITIONS, load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.save import save_merged
from lib_rimo.study.analysis.block_labels import network_of, parts_of, title_of
from lib_rimo.toy.family import DATA
from tests.merging.models import U, sd1_tensors, sdxl_tensors, write

GOLDEN = Path(__file__).parent / "golden" / "families.json"
Tensors = Mapping[str, torch.Tensor]


def models() -> dict[str, Tensors]:
    """Models of every family, whole and in pieces."""
    sd1, sdxl = sd1_tensors(), sdxl_tensors()
    bare = _only(sd1, U)
    sd2 = _without(sd1, "cond") | {"cond_stage_model.model.ln_final.bias": torch.zeros(3)}
    return {
        "sd1": sd1,
        "sd1, six blocks": sd1_tensors(blocks=6),
        "sd1, inpainting": sd1_tensors(in_channels=9),
        "sd1, UNet alone": bare,
        "sd1, older names": {k.replace("transformer.text_model.", "transformer."): t for k, t in sd1.items()},
        "sd1, v and zero SNR": sd1 | {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)},
        "sd2": sd2,
        "sd2, in SDXL's spelling": _without(sd1, "cond")
        | {"conditioner.embedders.0.model.ln_final.bias": torch.zeros(3)},
        "sd2, UNet alone": bare | {f"{U}middle_block.1.proj_in.weight": torch.zeros(4, 4)},
        "sdxl": sdxl,
        "sdxl, EDM": sdxl | {"edm_vpred.sigma_max": torch.ones(1)},
        "sdxl, UNet alone": _without(sdxl, "conditioner."),
        "refiner": _without(sdxl, "conditioner.embedders.1."),
        "refiner, UNet alone": _without(sdxl, "conditioner.") | bare,
    }


def strangers() -> tuple[str, ...]:
    """Names of odd kinds: other programs', buffers, beginnings that end too soon."""
    return (
        "", "model.diffusion_model", "model.diffusion_model.", f"{U}input_blocks.", f"{U}input_blocks.0",
        f"{U}input_blocks.x.0", f"{U}input_blocks.1234567.0", f"{U}input_blocks.123456.0", f"{U}x.position_ids",
        f"{U}middle_block.77.a", f"{U}output_blocks.40.0.num_batches_tracked", "model_ema.decay", "betas",
        "model_ema.diffusion_modelinput_blocks00weight", "alphas_cumprod", "denoiser.sigmas", "v_pred", "ztsnr",
        "control_model.input_blocks.0.0.weight", "conditioner.embedders.0.x", "conditioner.embedders.1.x",
        "conditioner.embedders.2.x", "cond_stage_model.x", "first_stage_model.x", "vae.x", "text_encoders.x",
        "input_blocks.0.0.weight", f"{U}double_blocks.0.a", f"{U}joint_blocks.0.a", "position_ids",
    )  # fmt: skip


def facts_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """All that is said of one model."""
    kind = recognise(checkpoint)
    keys = checkpoint.keys()
    told: dict[str, Any] = {
        "kind": f"{kind.name} {kind.describe()} {kind.in_channels} {kind.prediction} {kind.predicts} {kind.zero_snr}",
        "keys": _hash(keys),
        "places": _hash(map(_place, keys)),
    }
    for name in PARTITIONS:
        partition = load_partition(name)
        present = partition.groups_present(keys)
        words = parts_of(present, partition, network_of(checkpoint.path))
        group_of_key = _hash(f"{key} {partition.group_of(key)}" for key in keys)
        parts = _hash(json.dumps(_known(words[group]), sort_keys=True) for group in present)
        told[name] = f"{' '.join(present)} | {group_of_key} {parts}"
    return told


def facts(folder: Path) -> dict[str, Any]:
    """Everything, as plain values."""
    out: dict[str, Any] = {"models": {}, "partitions": {}, "saved": {}}
    for number, (name, tensors) in enumerate(models().items()):
        with open_checkpoint(write(folder / f"{number}.safetensors", tensors)) as checkpoint:
            out["models"][name] = facts_of(checkpoint)
    with open_checkpoint(DATA / "toy-base.safetensors") as checkpoint:
        out["models"]["the tiny family"] = facts_of(checkpoint)
    for name in PARTITIONS:
        partition = load_partition(name)
        usual = parts_of(partition.groups, partition)
        out["partitions"][name] = {
            "form": _hash([json.dumps(partition.to_json())]),
            "groups": _hash(partition.groups),
            "titles": _hash(str(title_of(group)) for group in partition.groups),
            "parts": _hash(json.dumps(_known(usual[group]), sort_keys=True) for group in partition.groups),
            "strangers": _hash(f"{key} {partition.group_of(key)}" for key in strangers()),
        }
    out["strangers"] = _hash(map(_place, strangers()))
    out["canonical"] = _hash(map(repr, canonical_names(strangers()).items()))
    for kind, make in (("sd1", sd1_tensors), ("sdxl", sdxl_tensors)):
        for name in PARTITIONS:
            out["saved"][f"{kind}, {name}"] = _saved(folder / f"{kind}-{name}", make, name)
    return out


def _saved(folder: Path, make: Any, name: str) -> str:
    """The hash of a mix's tensors, and that of what its file says of recipe and parents."""
    folder.mkdir()
    partition = load_partition(name)
    with Sources() as sources:
        paths = [write(folder / f"{seed}.safetensors", make(seed)) for seed in range(2)]
        base, partner = map(sources.source_of, paths)
        groups = partition.groups_present(make(0))
        rows = {group: (0.25 + 0.01 * i,) for i, group in enumerate(groups)}
        saved = save_merged(Recipe(base, (partner,), partition.name, rows), sources, partition, folder, "mix")
    with open_checkpoint(saved) as mix:
        told = mix.metadata
        return f"{told['modelspec.hash_sha256'][:18]} {_hash([told['rimo_recipe']])} {told['modelspec.architecture']}"


def _place(key: str) -> str:
    place = place_of(key)
    return f"{key} " + ("" if place is None else f"{place.component} {place.chain} {place.block}")


def _known(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: words[name] for name in ("label", "part", "input", "output", "middle")}


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _only(tensors: Tensors, *starts: str) -> dict[str, torch.Tensor]:
    return {k: t for k, t in tensors.items() if k.startswith(starts)}


def _without(tensors: Tensors, *starts: str) -> dict[str, torch.Tensor]:
    return {k: t for k, t in tensors.items() if not k.startswith(starts)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(json.dumps(facts(Path(made)), indent=1) + "\n")
