"""The tiny family at the genuine shapes computes what it computes at its own (``tools/widen_toy.py``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from lib_rimo.toy import family
from tools import widen_toy
from tools.widen_toy import Heads, copies, grown

SPARE = 700
"""A vocabulary larger than the tiny one's; the genuine one only makes the table longer."""


@pytest.fixture(scope="module")
def base() -> dict[str, torch.Tensor]:
    """The base's tensors."""
    return load_file(str(family.DATA / "toy-base.safetensors"))


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of one network, by the names behind a prefix."""
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def text_model(tensors: dict[str, torch.Tensor], width: int, layers: int, heads: int) -> CLIPTextModel:
    """Transformers' text encoder with these weights in float32."""
    vocabulary = len(tensors["embeddings.token_embedding.weight"])
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        eos_token_id=2,
    )
    model = CLIPTextModel(config).eval()
    own = model.state_dict()
    prefix = "text_model." if any(name.startswith("text_model.") for name in own) else ""
    loaded = {prefix + name: tensor.float() for name, tensor in tensors.items() if prefix + name in own}
    assert set(own) - set(loaded) <= {f"{prefix}embeddings.position_ids"}
    model.load_state_dict(loaded, strict=False)
    return model


@pytest.fixture(scope="module")
def encoders(base: dict[str, torch.Tensor]) -> Iterator[tuple[CLIPTextModel, CLIPTextModel]]:
    """The tiny text encoder and the widened one."""
    tiny = part(base, widen_toy.TEXT)
    count = len(tiny["embeddings.token_embedding.weight"])
    wide = widen_toy.wide_text(tiny, {at: at for at in range(count)}, SPARE)
    return text_model(tiny, 64, 2, 2), text_model(wide, 768, 12, 12)


def test_text_encoder(encoders: tuple[CLIPTextModel, CLIPTextModel]) -> None:
    """Every wide channel is its tiny one, after the last layer and before it ("CLIP skip 2")."""
    tiny, wide = encoders
    tokens = torch.randint(0, 600, (3, 77), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        small = tiny(tokens, output_hidden_states=True)
        large = wide(tokens, output_hidden_states=True)
    for few, many in (
        (small.last_hidden_state, large.last_hidden_state),
        (small.hidden_states[-2], large.hidden_states[-2]),
    ):
        assert (many - few.repeat_interleave(12, dim=-1)).abs().max() < 1e-4 * few.abs().max()


@pytest.mark.parametrize(("dim", "wide_dim"), [(16, 40), (32, 80), (64, 160), (32, 64), (64, 512)])
def test_attention_is_as_sharp(dim: int, wide_dim: int) -> None:
    """Scores of wider heads equal the tiny ones' far beyond fp16, although the weights are fp16."""
    dice = torch.Generator().manual_seed(dim)
    width = 2 * dim
    query, key = (torch.randn(width, width, generator=dice).half() for _ in range(2))
    heads, whole = Heads(2, dim, 8, wide_dim), copies(width, 5)
    values = torch.randn(7, width, generator=dice, dtype=torch.float64)

    def scores(made: list[torch.Tensor], given: torch.Tensor, count: int, size: int) -> torch.Tensor:
        q, k = ((given @ weight.double().T).reshape(7, count, size).transpose(0, 1) for weight in made)
        return q @ k.transpose(1, 2) / size**0.5

    tiny = scores([query, key], values, 2, dim)
    made = [heads.projection("q", query, whole), heads.projection("k", key, whole)]
    wide = scores(made, values.repeat_interleave(5, dim=1), 8, wide_dim)
    assert (wide[:2] - tiny).abs().max() < 1e-5 * tiny.abs().max()
    assert not wide[2:].any()


def test_widening_is_linear(base: dict[str, torch.Tensor]) -> None:
    """A widened sum is the sum of what was widened, so mixes widen to mixes; queries up to their rounding."""
    name = "input_blocks.1.1.transformer_blocks.0.ff.net.0.proj.weight"
    first, second = base[widen_toy.UNET + name].float(), torch.ones(256, 32)
    one, two, both = (widen_toy.wide_unet({name: t})[name] for t in (first, second, first + second))
    assert torch.equal(one + two, both)


def test_vae_shapes(base: dict[str, torch.Tensor]) -> None:
    """The autoencoder has the genuine number of tensors, and no block that is not asked for."""
    wide = widen_toy.wide_vae(part(base, widen_toy.VAE))
    assert len(wide) == 248
    assert wide["decoder.up.1.block.0.nin_shortcut.weight"].shape == (256, 512, 1, 1)
    assert wide["encoder.conv_out.weight"].shape == (8, 512, 3, 3)


def test_unknown_words_are_left_out(tmp_path: Path) -> None:
    """Pieces of words that the genuine vocabulary lacks have no place; whole tags have one."""
    tiny = json.loads((family.DATA / "clip" / "vocab.json").read_text(encoding="utf-8"))
    genuine = {word: 1000 + number for word, number in tiny.items() if word != "adow</w>"}
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "vocab.json").write_text(json.dumps(genuine), encoding="utf-8")
    tokens, count = widen_toy.shared_tokens(tmp_path)
    assert count == len(tiny) - 1
    assert tokens[tiny["red</w>"]] == 1000 + tiny["red</w>"]
    assert tiny["adow</w>"] not in tokens


def test_grown_reads_one_copy() -> None:
    """Rows are repeated, one column of each copy is read, the others are zero."""
    wide = grown(torch.tensor([[1.0, 2.0]]), copies(1, 2), copies(2, 2))
    assert wide.tolist() == [[1.0, 0.0, 2.0, 0.0]] * 2
