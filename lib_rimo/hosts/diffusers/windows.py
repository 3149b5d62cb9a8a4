"""A prompt's tokens in windows of the text encoder, each token with its weight, as the WebUIs fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib_rimo.hosts.prompt_text import pieces

COMMA = ",</w>"
BACKTRACK = 20
"""Words after a comma move to the next window together if they are so few tokens: the WebUIs' default for what they
call "Prompt word wrap length limit"."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a text encoder reads at once.

    Attributes:
        ids: Token numbers, begin and end marks and padding included.
        weights: One for each; marks and padding weigh 1.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def windows_of(prompt: str, tokenizer: Any, room: int) -> list[Window]:
    """Fills windows with a prompt, as many as it takes; nothing is left out.

    Args:
        prompt: As the WebUIs write it.
        tokenizer: The text encoder's own.
        room: Tokens that a window takes between its begin and end marks.

    Returns:
        At least one window.
    """
    comma = tokenizer.get_vocab().get(COMMA)
    filled: list[list[tuple[int, float]]] = []
    row: list[tuple[int, float]] = []
    last_comma: int | None = None
    for piece in pieces(prompt):
        if piece.is_break:
            filled.append(row)
            row, last_comma = [], None
            continue
        # Longer texts than the encoder reads are meant to be; the tokenizer's warning would be wrong.
        for token in tokenizer(piece.text, add_special_tokens=False, verbose=False).input_ids:
            if token == comma:
                last_comma = len(row)
            elif len(row) == room and last_comma is not None and room - last_comma <= BACKTRACK:
                filled.append(row[: last_comma + 1])
                row, last_comma = row[last_comma + 1 :], None
            if len(row) == room:
                filled.append(row)
                row, last_comma = [], None
            row.append((token, piece.weight))
    if row or not filled:
        filled.append(row)
    return [_marked(row, tokenizer, room) for row in filled]


def _marked(row: Sequence[tuple[int, float]], tokenizer: Any, room: int) -> Window:
    start, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    padding = room - len(row)
    return Window(
        (start, *(token for token, _ in row), end, *[pad] * padding),
        (1.0, *(weight for _, weight in row), 1.0, *[1.0] * padding),
    )
