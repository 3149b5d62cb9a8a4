"""A real CLIP byte-pair tokenizer whose small vocabulary knows the world's words.

Every tag is one token, as in OpenAI CLIP's vocabulary; any other text falls apart into
shorter pieces and letters, as there.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from tools.toy_family import world
from tools.toy_family.networks import N_TOKENS

START, END = "<|startoftext|>", "<|endoftext|>"


def _alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in CLIP's order."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]


def merges(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Learn pair merges, most frequent first, until each word is one token."""
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    learned: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for parts in pieces.values() for pair in pairwise(parts))
        if not pairs:
            return learned
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        learned.append(best)
        for word, parts in pieces.items():
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] += part
                else:
                    joined.append(part)
            pieces[word] = joined


def vocabulary() -> dict[str, int]:
    """Token to number: letters, letters at a word's end, merges, start, end."""
    letters = _alphabet()
    tokens = [*letters, *(c + "</w>" for c in letters), *(a + b for a, b in merges(world.TAGS)), START, END]
    return {token: i for i, token in enumerate(tokens)}


def tag_tokens() -> list[int]:
    """Token number of each tag, in the order of :data:`world.TAGS`."""
    numbers = vocabulary()
    return [numbers[tag + "</w>"] for tag in world.TAGS]


def comma_token() -> int:
    """Token number of the comma between two tags."""
    return vocabulary()[",</w>"]


def write(folder: Path) -> None:
    """Write the tokenizer's files in the format of ``transformers.CLIPTokenizer``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary(), ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges(world.TAGS))]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    special = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n", "utf-8")
    config = {
        **special,
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": N_TOKENS,
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
