"""What the text encoders make of prompts, kept until a text encoder changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.windows import Window, windows_of
from lib_rimo.hosts.prompt_text import plain
from lib_rimo.merging.checkpoints.family import TextWindow
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

# A thousand SDXL prompts fit (77 x 2048 float16 each), and it is little beside any model that needs them.
CACHE_BYTES = 512 * 2**20


CLIP_PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Whose text encoders are CLIP's. Others encode their prompts themselves, in one window and without emphasis."""


@dataclass(frozen=True, slots=True)
class TextEmbedding:
    """One text as the UNet sees it.

    Attributes:
        tokens: Shape ``(1, window * n_chunks, width)``, ``window`` tokens being what the encoder reads at once.
        pooled: Shape ``(1, pooled width)`` for SDXL, else None.
        n_chunks: How many windows of the text encoder the text took.
    """

    tokens: torch.Tensor
    pooled: torch.Tensor | None
    n_chunks: int = 1

    def size_bytes(self) -> int:
        """Memory held."""
        parts = [self.tokens] if self.pooled is None else [self.tokens, self.pooled]
        return sum(part.numel() * part.element_size() for part in parts)


class TextCache:
    """Encodes texts, each by itself, so that an embedding does not depend on what it was batched with.

    Prompts are read as the WebUIs read them: emphasis, BREAK, and as many windows of the text encoder as a prompt
    takes (``windows``). A window's output is multiplied by its tokens' weights and then brought back to the mean that
    it had; where nothing is weighed, it is what diffusers itself makes of the text.

    Source: ``sd_hijack_clip.py`` and ``sd_emphasis.py`` of AUTOMATIC1111's WebUI (82a973c0), whose own values on a
    tiny text encoder the tests compare with.
    """

    def __init__(self, pipeline: DiffusionPipeline, window: TextWindow) -> None:
        self._pipeline = pipeline
        self._window = window
        self._kept: OrderedDict[tuple[str, bool, int], TextEmbedding] = OrderedDict()
        self._bytes = 0

    def clear(self) -> None:
        """Forgets everything: a text encoder's weights have changed."""
        self._kept.clear()
        self._bytes = 0

    def positive(self, text: str, clip_skip: int = 1) -> TextEmbedding:
        """A prompt.

        Args:
            text: As the WebUIs write it.
            clip_skip: 1 reads the text encoder's last layer, 2 the one before, and so on. SDXL was trained on the one
                before the last, which is read whatever is said here, as AUTOMATIC1111's WebUI does.
        """
        return self._get(text, clip_skip, zero=False)

    def negative(self, text: str, clip_skip: int = 1) -> TextEmbedding:
        """A negative prompt; no text is what the model's configuration says it is (zeros for SDXL)."""
        zero = not text and bool(self._pipeline.config.get("force_zeros_for_empty_prompt"))
        return self._get(text, clip_skip, zero=zero)

    @staticmethod
    def repeated(embedding: TextEmbedding, n_chunks: int) -> TextEmbedding:
        """The embedding again and again until it is ``n_chunks`` windows, a multiple of its own.

        Attention to it gives what attention to it once gives: so prompts of different lengths can be drawn in one go.
        """
        tokens = embedding.tokens.repeat(1, n_chunks // embedding.n_chunks, 1)
        return TextEmbedding(tokens, embedding.pooled, n_chunks)

    def _get(self, text: str, clip_skip: int, *, zero: bool) -> TextEmbedding:
        key = (text, zero, clip_skip)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._encode(text, clip_skip)
        if zero:
            pooled = None if made.pooled is None else torch.zeros_like(made.pooled)
            made = TextEmbedding(torch.zeros_like(made.tokens), pooled, made.n_chunks)
        self._kept[key] = made
        self._bytes += made.size_bytes()
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes()
        return made

    def _encode(self, text: str, clip_skip: int) -> TextEmbedding:
        if type(self._pipeline).__name__ not in CLIP_PIPELINES:
            return self._encoded_by_itself(plain(text))
        parts_of = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
        found = [tuple(getattr(self._pipeline, name, None) for name in names) for names in parts_of]
        encoders = [(tokenizer, encoder) for tokenizer, encoder in found if encoder is not None]
        windows = [self._windows(text, tokenizer) for tokenizer, _ in encoders]
        is_xl = hasattr(encoders[-1][1], "text_projection")
        rows: list[torch.Tensor] = []
        pooled: torch.Tensor | None = None
        for together in zip_longest(*windows):  # each encoder's share of the same window
            parts = []
            for (tokenizer, encoder), window in zip(encoders, together, strict=True):
                full = window or windows_of("", tokenizer, self._room(tokenizer))[0]
                tokens, of_text = _read(encoder, full, None if is_xl else clip_skip)
                parts.append(_weighed(tokens, full))
                pooled = of_text if pooled is None else pooled  # a text's is that of its first window
            rows.append(torch.cat(parts, dim=-1))
        return TextEmbedding(torch.cat(rows, dim=1), pooled, len(rows))

    def _encoded_by_itself(self, text: str) -> TextEmbedding:
        with torch.no_grad():
            encoded = self._pipeline.encode_prompt(
                prompt=text,
                device=self._pipeline.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
        # Most give (prompt, negative), those with a text as a whole (prompt, negative, pooled, negative pooled).
        return TextEmbedding(encoded[0], encoded[2] if len(encoded) > 2 else None)

    def _room(self, tokenizer: Any) -> int:
        return min(int(tokenizer.model_max_length), self._window.tokens) - self._window.ends

    def _windows(self, text: str, tokenizer: Any) -> list[Window]:
        windows = windows_of(text, tokenizer, self._room(tokenizer))
        if self._window.most is not None and len(windows) > self._window.most:
            raise HostError(
                "A prompt is longer than the model reads",
                found=say("{1} windows of {2} tokens", len(windows), self._room(tokenizer)),
                wanted=say("{1} or less", self._window.most),
                fix="Ask for fewer tags in a prompt",
            )
        return windows


@torch.no_grad()
def _read(encoder: Any, window: Window, clip_skip: int | None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """A window's tokens ``(1, n, width)``, and for SDXL's second encoder the text as a whole ``(1, width)``.

    Args:
        encoder: CLIP's text model, with or without projection.
        window: To read.
        clip_skip: None for SDXL's way: the last layer but one, as it is.

    Raises:
        HostError: The encoder has no such layer.
    """
    ids = torch.tensor([window.ids], device=encoder.device)
    output = encoder(ids, attention_mask=None, output_hidden_states=True)
    layers = output.hidden_states
    if clip_skip is None:
        return layers[-2], getattr(output, "text_embeds", None)
    if clip_skip <= 1:
        return output.last_hidden_state, None
    if clip_skip > len(layers):
        raise HostError(
            "The text encoder has fewer layers than clip skip leaves out",
            found=say("clip skip {1}", clip_skip),
            wanted=say("{1} or less", len(layers)),
            fix="Lower clip skip",
        )
    # transformers 5.6 took the `text_model` level out of CLIPTextModel.
    return getattr(encoder, "text_model", encoder).final_layer_norm(layers[-clip_skip]), None


def _weighed(tokens: torch.Tensor, window: Window) -> torch.Tensor:
    if all(weight == 1 for weight in window.weights):
        return tokens
    weights = torch.tensor(window.weights, device=tokens.device).reshape(1, -1, 1)
    weighed = tokens * weights  # float32 whatever the encoder computes in
    made: torch.Tensor = (weighed * (tokens.mean() / weighed.mean())).to(tokens.dtype)
    return made
