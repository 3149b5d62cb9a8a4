"""What the text encoders make of prompts, kept until a text encoder changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.prompt_text import plain
from lib_rimo.merging.checkpoints.family import TextWindow
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

# A thousand SDXL prompts fit (77 x 2048 float16 each), and it is little beside any model that needs them.
CACHE_BYTES = 512 * 2**20


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

    Texts longer than the encoder's window are cut at commas into several windows, as the WebUIs do, so that no
    tag is lost.
    """

    def __init__(self, pipeline: DiffusionPipeline, window: TextWindow) -> None:
        self._pipeline = pipeline
        self._window = window
        self._kept: OrderedDict[tuple[str, bool], TextEmbedding] = OrderedDict()
        self._bytes = 0

    def clear(self) -> None:
        """Forgets everything: a text encoder's weights have changed."""
        self._kept.clear()
        self._bytes = 0

    def positive(self, text: str) -> TextEmbedding:
        """A prompt."""
        return self._get(text, zero=False)

    def negative(self, text: str) -> TextEmbedding:
        """A negative prompt; no text is what the model's configuration says it is (zeros for SDXL)."""
        return self._get(
            text, zero=not text and bool(self._pipeline.config.get("force_zeros_for_empty_prompt"))
        )

    @staticmethod
    def padded(embedding: TextEmbedding, n_chunks: int, empty: TextEmbedding) -> TextEmbedding:
        """The embedding followed by windows of ``empty`` until they are ``n_chunks``."""
        lacking = n_chunks - embedding.n_chunks
        if lacking <= 0:
            return embedding
        return TextEmbedding(
            torch.cat([embedding.tokens, *[empty.tokens] * lacking], dim=1), embedding.pooled, n_chunks
        )

    def _get(self, text: str, *, zero: bool) -> TextEmbedding:
        key = (text, zero)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        chunks = [self._encode(chunk) for chunk in self._chunks(plain(text))]
        made = TextEmbedding(torch.cat([c.tokens for c in chunks], dim=1), chunks[0].pooled, len(chunks))
        if zero:
            pooled = None if made.pooled is None else torch.zeros_like(made.pooled)
            made = TextEmbedding(torch.zeros_like(made.tokens), pooled, made.n_chunks)
        self._kept[key] = made
        self._bytes += made.size_bytes()
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes()
        return made

    def _encode(self, text: str) -> TextEmbedding:
        with torch.no_grad():
            encoded = self._pipeline.encode_prompt(
                prompt=text,
                device=self._pipeline.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
        # SD gives (prompt, negative), SDXL (prompt, negative, pooled, negative pooled).
        return TextEmbedding(encoded[0], encoded[2] if len(encoded) > 2 else None)

    def _chunks(self, text: str) -> list[str]:
        tokenizer = self._pipeline.tokenizer
        room = min(int(tokenizer.model_max_length), self._window.tokens) - self._window.ends

        def length(part: str) -> int:
            return len(tokenizer(part, add_special_tokens=False, verbose=False).input_ids)

        if length(text) <= room:
            return [text]
        chunks: list[str] = []
        current = ""
        for tag in (part.strip() for part in text.split(",")):
            longer = f"{current}, {tag}" if current else tag
            if current and length(longer) > room:
                chunks.append(current)
                current = tag
            else:
                current = longer
        chunks.append(current)
        if self._window.most is not None and len(chunks) > self._window.most:
            raise HostError(
                "A prompt is longer than the model reads",
                found=say("{1} tokens", length(text)),
                wanted=say("{1} or less", room * self._window.most),
                fix="Ask for fewer tags in a prompt",
            )
        return chunks
