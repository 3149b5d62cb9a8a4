"""Widens the tiny family to the genuine shapes of Stable Diffusion 1.5, so that it draws the same pictures.

Forge recognises a model by its shapes and takes only full-size ones. Here every channel of the tiny networks is
repeated until the layer is as wide as the genuine one, what reads it reads one of the copies, and all else is zero:
norms see the same means and variances, so the function stays the same. It is linear in the weights, hence a mix of
widened checkpoints is the widened mix. A file takes 2.1 GB and is made when it is needed, never kept.

    python tools/widen_toy.py --config FORGE/backend/huggingface/runwayml/stable-diffusion-v1-5 --out FOLDER --check 4
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib_rimo.benchmark.catalogue import load_catalogue
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.toy.family import DATA, Family, unpack

log = logging.getLogger("rimo.widen")

COPIES = 10
"""Wide channels per channel of the noise predictor: 320 to 32."""
TEXT_WIDTH, TEXT_COPIES, TEXT_INNER = 64, 12, 256
TEXT_LAYERS, WIDE_TEXT_LAYERS = 2, 12
VAE_WIDTH, VAE_LEVELS = 64, (128, 256, 512, 512)

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer.text_model."
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Axis:
    """How a tiny axis lies in a wide one.

    Attributes:
        size: Length of the wide axis.
        writing: Wide positions that are written, ``(n,)``; the others stay zero.
        source: Tiny index that each of them repeats, ``(n,)``.
        reading: The wide position that stands for each tiny index when a layer reads, ``(tiny,)``.
    """

    size: int
    writing: torch.Tensor
    source: torch.Tensor
    reading: torch.Tensor


def copies(width: int, times: int) -> Axis:
    """Each channel ``times`` in a row, so that a norm group holds whole channels only."""
    wide = torch.arange(width * times)
    return Axis(width * times, wide, wide // times, torch.arange(width) * times)


def at(positions: torch.Tensor, size: int) -> Axis:
    """Each index once, at a position of its own."""
    return Axis(size, positions, torch.arange(len(positions)), positions)


def first(width: int, size: int) -> Axis:
    """The first positions; the others are unused."""
    return at(torch.arange(width), size)


def grown(tensor: torch.Tensor, out: Axis, into: Axis | None = None) -> torch.Tensor:
    """A weight or bias on wide axes: rows repeated, columns at the one position that is read."""
    columns = () if into is None else (into.size,)
    wide = tensor.new_zeros((out.size, *columns, *tensor.shape[1 + len(columns) :]))
    if into is None:
        wide[out.writing] = tensor[out.source]
    else:
        wide[out.writing.unsqueeze(1), into.reading] = tensor[out.source]
    return wide


@dataclass(frozen=True)
class Heads:
    """Attention heads inside wider and more ones; a wide head has at least twice the room of a tiny one.

    Attributes:
        count: Tiny heads.
        dim: Their width.
        wide_count: Wide heads; those beyond ``count`` are unused.
        wide_dim: Their width.
    """

    count: int
    dim: int
    wide_count: int
    wide_dim: int

    def axis(self, offset: int = 0) -> Axis:
        """The tiny heads at an offset in the wide ones."""
        tiny = torch.arange(self.count * self.dim)
        return at(
            tiny // self.dim * self.wide_dim + offset + tiny % self.dim, self.wide_count * self.wide_dim
        )

    def projection(self, part: str, tensor: torch.Tensor, into: Axis | None) -> torch.Tensor:
        """The weight or bias that makes queries (``q``), keys (``k``) or values (``v``).

        Attention divides by the root of a head's width, so queries in a wider head have to be longer, by a factor
        that fp16 does not hold. What its rounding loses stands in spare places of the head, beside a second copy
        of the key.
        """
        if part == "v":
            return grown(tensor, self.axis(), into)
        if part == "k":
            return grown(tensor, self.axis(), into) + grown(tensor, self.axis(self.dim), into)
        longer = tensor.double() * (self.wide_dim / self.dim) ** 0.5
        rounded = longer.to(tensor.dtype)
        lost = (longer - rounded.double()).to(tensor.dtype)
        return grown(rounded, self.axis(), into) + grown(lost, self.axis(self.dim), into)


# -- the noise predictor ---------------------------------------------------------------------------------------


def wide_unet(tiny: Mapping[str, torch.Tensor]) -> Tensors:
    """The noise predictor's 686 tensors."""
    return {name: _unet_tensor(name, tensor) for name, tensor in tiny.items()}


def _unet_tensor(name: str, tensor: torch.Tensor) -> torch.Tensor:
    rows = len(tensor)
    columns = copies(tensor.shape[1], COPIES) if tensor.ndim > 1 else None
    whole = copies(rows, COPIES)
    if name == "time_embed.0.weight":
        # Cosines, then sines, of frequencies that the wide network has as well: every tenth of its own.
        return grown(tensor, whole, at(torch.arange(tensor.shape[1]) * COPIES, tensor.shape[1] * COPIES))
    if name == "input_blocks.0.0.weight":
        return grown(tensor, whole, first(4, 4))
    if name.startswith("out.2."):
        return grown(tensor, first(rows, rows), columns)
    if part := re.search(r"\.attn([12])\.to_(\w+)\.", name):
        width = tensor.shape[1] if part[2] == "out" and tensor.ndim > 1 else rows
        heads = Heads(2, width // 2, 8, width * COPIES // 8)
        if part[2] == "out":
            return grown(tensor, whole, None if tensor.ndim == 1 else heads.axis())
        is_context = part[1] == "2" and part[2] != "q"
        return heads.projection(part[2], tensor, copies(TEXT_WIDTH, TEXT_COPIES) if is_context else columns)
    if ".ff.net.0." in name:
        values = torch.arange(rows // 2)
        gates = values + rows // 2 * COPIES
        return grown(tensor, at(torch.cat([values, gates]), rows * COPIES), columns)
    if name.endswith(".ff.net.2.weight"):
        return grown(tensor, whole, first(tensor.shape[1], tensor.shape[1] * COPIES))
    return grown(tensor, whole, columns)


# -- the text encoder ------------------------------------------------------------------------------------------


def wide_text(tiny: Mapping[str, torch.Tensor], tokens: Mapping[int, int], vocabulary: int) -> Tensors:
    """The text encoder's tensors.

    Args:
        tiny: The tiny one's, by the names behind ``text_model.``.
        tokens: Tiny token -> the genuine tokenizer's number for it.
        vocabulary: How many tokens the genuine tokenizer has.
    """
    wide: Tensors = {}
    spare: Tensors = {}
    for name, tensor in tiny.items():
        grew = _text_tensor(name, tensor, tokens, vocabulary)
        # The layers between the first and the last do nothing, so that "CLIP skip 2" means the same in both.
        wide[name.replace(f"layers.{TEXT_LAYERS - 1}.", f"layers.{WIDE_TEXT_LAYERS - 1}.")] = grew
        if "layers.0." in name:
            for layer in range(1, WIDE_TEXT_LAYERS - 1):
                spare[name.replace("layers.0.", f"layers.{layer}.")] = torch.zeros_like(grew)
    return wide | spare


def _text_tensor(name: str, tensor: torch.Tensor, tokens: Mapping[int, int], vocabulary: int) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    whole = copies(TEXT_WIDTH, TEXT_COPIES)
    into = whole if tensor.ndim > 1 else None
    if name == "embeddings.token_embedding.weight":
        table = tensor.new_zeros((vocabulary, whole.size))
        table[list(tokens.values())] = tensor[list(tokens)][:, whole.source]
        return table
    if name == "embeddings.position_embedding.weight":
        return tensor[:, whole.source]
    if part := re.search(r"\.(q|k|v|out)_proj\.", name):
        heads = Heads(2, 32, 12, 64)
        if part[1] != "out":
            return heads.projection(part[1], tensor, into)
        return grown(tensor, whole, None if tensor.ndim == 1 else heads.axis())
    if ".fc1." in name:
        return grown(tensor, first(TEXT_INNER, TEXT_INNER * TEXT_COPIES), into)
    if name.endswith(".fc2.weight"):
        return grown(tensor, whole, first(TEXT_INNER, TEXT_INNER * TEXT_COPIES))
    return grown(tensor, whole, into)


def shared_tokens(config: Path) -> tuple[dict[int, int], int]:
    """Tiny token -> genuine token, and the size of the genuine vocabulary."""
    tiny = json.loads((DATA / "clip" / "vocab.json").read_text(encoding="utf-8"))
    genuine = json.loads((config / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    return {number: genuine[word] for word, number in tiny.items() if word in genuine}, len(genuine)


# -- the autoencoder -------------------------------------------------------------------------------------------


def wide_vae(tiny: Mapping[str, torch.Tensor]) -> Tensors:
    """The autoencoder's 248 tensors."""
    wide = {name: _vae_tensor(name, tensor) for name, tensor in tiny.items()}
    like = tiny["decoder.conv_in.weight"]
    for level, width in enumerate(VAE_LEVELS):
        below = VAE_LEVELS[max(0, level - 1)]
        above = VAE_LEVELS[min(len(VAE_LEVELS) - 1, level + 1)]
        for block in (0, 1):
            wide |= _idle_block(
                f"encoder.down.{level}.block.{block}", like, below if block == 0 else width, width
            )
        for block in (1, 2):
            wide |= _idle_block(f"decoder.up.{level}.block.{block}", like, width, width)
        if above != width:
            wide |= _passing(f"decoder.up.{level}.block.0", like, above, width)
    return wide


def _vae_tensor(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if "quant_conv" in name:
        return tensor
    width_in = width_out = VAE_LEVELS[-1]
    if level := re.search(r"\.(?:down|up)\.(\d)\.", name):
        width_in = width_out = VAE_LEVELS[int(level[1])]
        if re.search(r"block\.0\.(norm1|conv1)", name):
            width_in = VAE_LEVELS[min(len(VAE_LEVELS) - 1, int(level[1]) + 1)]
            width_out = width_in if "norm1" in name else width_out
    elif name.startswith(("encoder.conv_in", "decoder.conv_out", "decoder.norm_out")):
        width_in = width_out = VAE_LEVELS[0]
    rows = copies(VAE_WIDTH, width_out // VAE_WIDTH)
    columns = copies(VAE_WIDTH, width_in // VAE_WIDTH)
    if part := re.search(r"attn_1\.(q|k|v|proj_out)\.", name):
        heads = Heads(1, VAE_WIDTH, 1, width_in)
        if part[1] != "proj_out":
            return heads.projection(part[1], tensor, columns if tensor.ndim > 1 else None)
        columns = heads.axis()
    if name.endswith(("conv_out.weight", "conv_out.bias")):
        rows = first(len(tensor), len(tensor))
    if name.endswith("conv_in.weight"):
        columns = first(tensor.shape[1], tensor.shape[1])
    return grown(tensor, rows, columns if tensor.ndim > 1 else None)


def _idle_block(name: str, like: torch.Tensor, width_in: int, width_out: int) -> Tensors:
    """A residual block whose own part is zero."""
    shapes: dict[str, tuple[int, ...]] = {
        "norm1.weight": (width_in,),
        "norm1.bias": (width_in,),
        "conv1.weight": (width_out, width_in, 3, 3),
        "conv1.bias": (width_out,),
        "norm2.weight": (width_out,),
        "norm2.bias": (width_out,),
        "conv2.weight": (width_out, width_out, 3, 3),
        "conv2.bias": (width_out,),
    }
    block = {f"{name}.{part}": like.new_zeros(shape) for part, shape in shapes.items()}
    return block if width_in == width_out else block | _passing(name, like, width_in, width_out)


def _passing(name: str, like: torch.Tensor, width_in: int, width_out: int) -> Tensors:
    """The shortcut of a block that changes the width: the same channels, in another number of copies."""
    same = torch.eye(VAE_WIDTH, dtype=like.dtype)[:, :, None, None]
    rows, columns = copies(VAE_WIDTH, width_out // VAE_WIDTH), copies(VAE_WIDTH, width_in // VAE_WIDTH)
    return {
        f"{name}.nin_shortcut.weight": grown(same, rows, columns),
        f"{name}.nin_shortcut.bias": like.new_zeros(width_out),
    }


# -- files -----------------------------------------------------------------------------------------------------


def widen(tiny: Path, wide: Path, config: Path) -> None:
    """Writes the widened checkpoint of a tiny one."""
    tensors = load_file(str(tiny))
    parts: dict[str, Tensors] = {prefix: {} for prefix in (UNET, VAE, TEXT)}
    out: Tensors = {}
    for key, tensor in tensors.items():
        prefix = next((prefix for prefix in parts if key.startswith(prefix)), "")
        if prefix:
            parts[prefix][key.removeprefix(prefix)] = tensor
        else:
            out[key] = tensor
    tokens, vocabulary = shared_tokens(config)
    out |= {UNET + name: tensor for name, tensor in wide_unet(parts[UNET]).items()}
    out |= {VAE + name: tensor for name, tensor in wide_vae(parts[VAE]).items()}
    out |= {TEXT + name: tensor for name, tensor in wide_text(parts[TEXT], tokens, vocabulary).items()}
    half = wide.with_suffix(".part")
    save_file({key: tensor.contiguous() for key, tensor in out.items()}, str(half), {"format": "pt"})
    half.replace(wide)
    # Tells the size of its pictures; Forge reads other things in such a file.
    shutil.copy(tiny.with_suffix(".yaml"), wide.with_suffix(".yaml"))


def difference(family: Family, wide: Path, config: Path, count: int) -> list[int]:
    """The largest difference in a channel of each of some pictures (0 to 255), base against widened base."""
    hints = json.loads((family.config_dir / "rimo.json").read_text(encoding="utf-8"))
    categories: dict[str, list[str]] = {}
    for tag in load_catalogue(family.catalogue).tags:
        categories.setdefault(tag.category, []).append(tag.name)
    chosen = np.random.default_rng(0)
    requests = [
        ImageRequest(
            ", ".join(str(chosen.choice(tags)) for tags in categories.values()),
            "",
            seed,
            *(hints[name] for name in ("width", "height", "steps", "cfg", "sampler")),
        )
        for seed in range(count)
    ]
    drawn = []
    for file, folder in ((family.base, family.config_dir), (wide, config)):
        host = DiffusersHost(file.parent, config_dir=folder, device="cpu")
        host.load(file)
        with host.exclusive():
            drawn.append(
                [np.asarray(picture, dtype=np.int16) for r in requests for picture in host.generate([r])]
            )
        del host
    return [int(np.abs(tiny - full).max()) for tiny, full in zip(*drawn, strict=True)]


def main() -> None:
    """Widens the family and, if asked, compares pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="diffusers folder of Stable Diffusion 1.5")
    parser.add_argument("--out", type=Path, required=True, help="folder of the widened checkpoints")
    parser.add_argument("--check", type=int, default=0, metavar="N", help="compare N pictures of the base")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        family = unpack(Path(folder))
        for tiny in (family.base, *family.specialists):
            wide = arguments.out / f"wide-{tiny.stem.removeprefix('toy-')}.safetensors"
            if not wide.is_file():
                widen(tiny, wide, arguments.config)
            log.info("%s: %.2f GB", wide.name, wide.stat().st_size / 1e9)
        if arguments.check:
            found = difference(
                family, arguments.out / "wide-base.safetensors", arguments.config, arguments.check
            )
            log.info("largest difference in a channel, of 255, picture by picture: %s", found)


if __name__ == "__main__":
    main()
