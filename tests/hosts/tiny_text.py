"""CLIP's text encoders in miniature, with the tokenizer of the real ones and weights that are the same everywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from lib_rimo.hosts.diffusers.configuration import shipped

FAMILIES = {"sd1": "sd1", "sdxl": "sdxl-base"}
PIPELINES = {"sd1": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline"}
LAYERS = 4

PROMPTS = (
    "",
    "red circle, blue sky",
    "a (red:1.3) circle, [blue] sky, ((green)) star",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
    r"star \(symbol\), (bow \(weapon\):0.7)",
    "(unbalanced, red",
    "one] two) three :1.2) [four",
    "red circle BREAK blue sky",
    "BREAK red BREAK BREAK (blue:1.2) BREAK",
    "(red BREAK blue:1.4), sky",
    "a (:1.2) b (c:) : d, e:1.1",
    ", ".join(["red circle"] * 40),
    " ".join(["red circle"] * 45 + ["blue sky"] * 10),
    ", ".join(["red"] * 36) + ", a very long row of words without a comma that does not fit, (sky:1.5)",
    "x" * 3 + " " + " ".join(["(blue:1.1) sky"] * 60),
)
"""Short and long, weighed and broken, as people write them and as they mistype them."""


def _fill(module: torch.nn.Module, seed: int) -> None:
    """Weights from numpy's frozen generator: no version of torch or transformers has a say in them."""
    dice = np.random.RandomState(seed)
    for name, tensor in sorted(
        module.state_dict().items(), key=lambda item: item[0].removeprefix("text_model.")
    ):
        if tensor.is_floating_point():
            values = torch.from_numpy(dice.standard_normal(tuple(tensor.shape)).astype(np.float32))
            tensor.copy_(values * 0.3 + (1.0 if "norm" in name and name.endswith("weight") else 0.0))


def _encoder(cls: Any, seed: int, width: int, **more: object) -> torch.nn.Module:
    from transformers import CLIPTextConfig

    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=width,
        eos_token_id=2,  # as in the published configurations: the last token is the largest id
        **more,
    )
    made: torch.nn.Module = cls(config).eval().requires_grad_(False)
    _fill(made, seed)
    return made


def text_pipeline(kind: str) -> Any:
    """Of a pipeline what encodes its prompts."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    parts: dict[str, Any] = {
        "config": {"force_zeros_for_empty_prompt": kind == "sdxl"},
        "device": torch.device("cpu"),
    }
    with shipped(FAMILIES[kind]) as folder:
        parts["tokenizer"] = CLIPTokenizer.from_pretrained(str(folder / "tokenizer"))
        parts["text_encoder"] = _encoder(CLIPTextModel, 1, 12)
        if kind == "sdxl":
            parts["tokenizer_2"] = CLIPTokenizer.from_pretrained(str(folder / "tokenizer_2"))
            parts["text_encoder_2"] = _encoder(CLIPTextModelWithProjection, 2, 20, hidden_act="gelu")
    return type(PIPELINES[kind], (SimpleNamespace,), {})(**parts)


def told(tokens: torch.Tensor) -> list[float]:
    """A number for each token of an embedding ``(1, n, width)``, that a change anywhere in it changes."""
    by = torch.cos(torch.arange(1, tokens.shape[-1] + 1, dtype=torch.float64))
    return [round(float(value), 5) for value in tokens[0].double() @ by]
