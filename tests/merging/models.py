"""Small checkpoints with the topology of the real families, and Hypothesis strategies for what is mixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from hypothesis import strategies as st
from safetensors.torch import save_file

from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources

U = "model.diffusion_model."


def sd1_tensors(
    seed: int = 0,
    *,
    width: int = 4,
    blocks: int = 12,
    in_channels: int = 4,
    dtype: torch.dtype = torch.float16,
) -> dict[str, torch.Tensor]:
    """One or two tensors for each place of an SD1 checkpoint, of random numbers."""
    gen = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=gen).to(dtype)

    out = {
        f"{U}input_blocks.0.0.weight": some(width, in_channels, 3, 3),
        f"{U}time_embed.0.weight": some(width * 4, width),
        f"{U}middle_block.1.transformer_blocks.0.attn2.to_k.weight": some(width, 5),
        f"{U}middle_block.1.proj_in.weight": some(width, width, 1, 1),
        f"{U}out.0.bias": some(width),
        f"{U}out.2.weight": some(4, width, 3, 3),
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": some(11, 5),
        "cond_stage_model.transformer.text_model.final_layer_norm.bias": some(5),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(7)[None],
        "first_stage_model.decoder.conv_out.weight": some(3, width, 3, 3),
        "betas": torch.linspace(0.1, 0.9, 10),
        "model_ema.decay": torch.tensor(0.5),
    }
    for index in range(1, blocks):
        out[f"{U}input_blocks.{index}.0.weight"] = some(width, width, 3)
    for index in range(blocks):
        out[f"{U}output_blocks.{index}.0.weight"] = some(width, 2 * width)
    return out


def sdxl_tensors(seed: int = 0, *, width: int = 4) -> dict[str, torch.Tensor]:
    """The same for SDXL base: 9 blocks each way, two text encoders, label embedding."""
    out = {
        k: v
        for k, v in sd1_tensors(seed, width=width, blocks=9).items()
        if not k.startswith(("cond", "betas"))
    }
    gen = torch.Generator().manual_seed(seed + 1)
    for name, shape in (
        (f"{U}label_emb.0.0.weight", (8, 6)),
        ("conditioner.embedders.0.transformer.text_model.final_layer_norm.bias", (5,)),
        ("conditioner.embedders.1.model.ln_final.bias", (6,)),
        ("conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight", (18, 6)),
    ):
        out[name] = torch.randn(shape, generator=gen).half()
    return out


def write(path: Path, tensors: Mapping[str, torch.Tensor], **metadata: str) -> Path:
    """Saves tensors as another program would."""
    save_file(dict(tensors), str(path), metadata=metadata or None)
    return path


def bits(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor, for comparisons that know NaN and minus zero."""
    flat = tensor.detach().cpu().contiguous().view(-1)
    return bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def module_of(tensors: Mapping[str, torch.Tensor], dtype: torch.dtype | None = None) -> torch.nn.Module:
    """A module whose tensors are named like the checkpoint's; schedules and position ids are buffers."""
    root = torch.nn.Module()
    for key, tensor in tensors.items():
        *path, leaf = key.split(".")
        at = root
        for part in path:
            if part not in at._modules:
                at.add_module(part, torch.nn.Module())
            child = at._modules[part]
            assert child is not None
            at = child
        own = tensor.clone()
        if own.is_floating_point() and path:
            at.register_parameter(leaf, torch.nn.Parameter(own if dtype is None else own.to(dtype)))
        else:
            at.register_buffer(leaf, own)
    return root


class Family:
    """A base and partners on disk, opened."""

    def __init__(
        self,
        folder: Path,
        tensors: Sequence[Mapping[str, torch.Tensor]],
        *,
        partition: str = "theater",
    ) -> None:
        self.folder = folder
        self.tensors = tensors
        self.sources = Sources()
        names = ["base", *(f"partner{i}" for i in range(1, len(tensors)))]
        self.paths = [
            write(folder / f"{name}.safetensors", t) for name, t in zip(names, tensors, strict=True)
        ]
        self.named = [self.sources.source_of(path) for path in self.paths]
        self.partition = load_partition(partition)
        self.groups = self.partition.groups_present(tensors[0])

    def recipe(self, weights: Mapping[str, Sequence[float]]) -> Recipe:
        """A recipe over the family's own files."""
        return Recipe(
            self.named[0],
            tuple(self.named[1:]),
            self.partition.name,
            {g: tuple(float(w) for w in row) for g, row in weights.items()},
        )

    def everywhere(self, *row: float) -> Recipe:
        """A recipe with the same weights in every group."""
        return self.recipe(dict.fromkeys(self.groups, row))


def family(folder: Path, n_partners: int = 2, **options: object) -> Family:
    """A family of SD1 miniatures."""
    return Family(folder, [sd1_tensors(seed, **options) for seed in range(n_partners + 1)])  # type: ignore[arg-type]


WEIGHTS = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, 0.25, -0.5, 2.0]),
    st.floats(-1.5, 1.5, allow_nan=False, width=64),
)
"""Weights that searches try, and their special values."""


def rows(
    groups: Sequence[str], n_partners: int = 2, weights: st.SearchStrategy[float] = WEIGHTS
) -> st.SearchStrategy[dict[str, tuple[float, ...]]]:
    """Weights for some of the groups."""
    return st.dictionaries(st.sampled_from(list(groups)), st.tuples(*[weights] * n_partners))
