"""Prompts become what the WebUIs make of them: emphasis, BREAK, clip skip, and as many windows as they take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.diffusers.text import TextCache
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.prompt_text import not_read, pieces
from lib_rimo.merging.checkpoints.family import TextWindow
from tests.hosts.conformance_weights import same
from tests.hosts.conftest import KINDS
from tests.hosts.tiny_text import PROMPTS, text_pipeline, told

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GOLDEN = json.loads((Path(__file__).parent / "golden" / "prompts.json").read_text("utf-8"))
"""What AUTOMATIC1111's own code made of the prompts on these text encoders; see ``golden/make_prompts.py``."""
LARGEST_DIFFERENCE = 5e-4
"""Of numbers up to a hundred, summed up in another order by another version of torch."""


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Of model."""
    return str(request.param)


@pytest.fixture(scope="module")
def texts(kind: str) -> TextCache:
    """Its text encoders in miniature."""
    return TextCache(text_pipeline(kind), TextWindow(77))


@pytest.mark.parametrize("skip", [1, 2, 3])
def test_embeddings_are_those_of_automatic1111_s_code(texts: TextCache, kind: str, skip: int) -> None:
    """Token by token, for weighed, broken, long and mistyped prompts; SDXL's do not depend on clip skip, as there."""
    for number, prompt in enumerate(PROMPTS):
        wanted = GOLDEN[f"{kind} {1 if kind == 'sdxl' else skip} {number}"]
        made = texts.positive(prompt, skip)
        assert made.tokens.shape[1] == len(wanted["tokens"]) == 77 * made.n_chunks
        assert told(made.tokens) == pytest.approx(wanted["tokens"], abs=LARGEST_DIFFERENCE), prompt
        if kind == "sdxl":
            assert made.pooled is not None
            assert told(made.pooled[:, None])[0] == pytest.approx(wanted["pooled"], abs=LARGEST_DIFFERENCE)


def test_weights_and_breaks_change_what_is_read(texts: TextCache) -> None:
    """A weighed word differs from a plain one, BREAK begins a window, escaped brackets weigh nothing."""
    plain, weighed = (texts.positive(text).tokens for text in ("red, star", "(red:1.3), star"))
    assert not torch.equal(plain, weighed)
    assert torch.equal(texts.positive("(red:1.0), star").tokens, plain)
    assert [texts.positive(text).n_chunks for text in ("red, star", "red BREAK star")] == [1, 2]
    assert pieces(r"star \(symbol\)")[0].text == "star (symbol)"
    assert pieces(r"star \(symbol\)")[0].weight == 1


@pytest.mark.parametrize("side", ["positive", "negative"])
def test_the_end_of_a_long_sentence_counts(texts: TextCache, side: str) -> None:
    """A sentence of 110 words without a comma goes on in a second window, in a prompt and in a negative one."""
    read = getattr(texts, side)
    blue, green = (read(" ".join(["red circle"] * 45 + [end] * 10)) for end in ("blue sky", "green star"))
    assert (blue.n_chunks, green.n_chunks) == (2, 2)
    assert torch.equal(blue.tokens[:, :77], green.tokens[:, :77])
    assert not torch.equal(blue.tokens[:, 77:], green.tokens[:, 77:])


def test_repeated_windows_are_read_as_once() -> None:
    """Attention to an embedding that is repeated gives what attention to it once gives."""
    dice = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, 2, n, 8, generator=dice) for n in (5, 77, 77))
    attend: Any = torch.nn.functional.scaled_dot_product_attention
    once, thrice = attend(query, key, value), attend(query, key.repeat(1, 1, 3, 1), value.repeat(1, 1, 3, 1))
    torch.testing.assert_close(once, thrice)


def test_too_much_clip_skip_is_refused() -> None:
    """More layers than the encoder has is a HostError that says how many there are."""
    texts = TextCache(text_pipeline("sd1"), TextWindow(77))
    with pytest.raises(HostError, match=r"clip skip 6\. Wanted: 5 or less"):
        texts.positive("red", 6)


@pytest.mark.parametrize(
    ("prompt", "what"),
    [
        ("red, <lora:hat:0.8>", "networks"),
        ("red AND blue", "words joined by AND"),
        ("a [red:blue:0.5] hat", "words that change while a picture is drawn"),
        ("a [red|blue] hat", "words that change while a picture is drawn"),
        (r"\[red\|blue\], (a:1.2), [b], <3, :d, BREAK, sand", None),
    ],
)
def test_what_is_not_read_here_is_known(prompt: str, what: str | None) -> None:
    """Networks, AND and prompts that change have a name; emphasis, faces and escaped brackets are read."""
    assert not_read(prompt) == what


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_pictures_follow_weights_and_refuse_the_rest(root: Path) -> None:
    """The same words weighed otherwise are another picture; a network in a negative prompt is refused by name."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    host.load(root / "models" / "base.safetensors")
    d = host.image_defaults()
    one = ImageRequest("red, 4", "", 3, d.width, d.height, 2, 5.0, "Euler")
    with host.exclusive():
        plain, weighed, again = (
            host.generate([replace(one, prompt=prompt)])
            for prompt in ("red, 4", "(red:1.9), 4", "(red:1), 4")
        )
        assert same(plain, again)
        assert not same(plain, weighed)
        skipped = host.generate([replace(one, clip_skip=2)])
        assert same(plain, skipped) == (root / "config" / "text_encoder_2").is_dir()
        with pytest.raises(HostError, match=r"cannot have networks here.*<lora:hat:1>"):
            host.generate([replace(one, negative="<lora:hat:1>")])
