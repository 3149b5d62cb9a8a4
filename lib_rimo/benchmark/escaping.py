r"""Tags as prompts write them: what the WebUIs' prompts take for a sign of their own stays part of the tag.

In their prompts ``( ) [ ]`` are emphasis, ``|`` alternates, ``\\`` escapes, ``AND`` and ``BREAK`` part a prompt,
``<name:...>`` names a network, and a prompt that ends in ``:3`` is weighed three times. A tag such as ``star_(symbol)``
would be drawn as another prompt than the one that is scored. Every host reads this spelling.

Source: ``prompt_parser.py`` and ``extra_networks.py`` of AUTOMATIC1111's WebUI, the same in Forge and Forge Neo.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(r"[\\()\[\]|]")
_PARTING = re.compile(r"\b(?:AND|BREAK)\b")
_NETWORK = re.compile(r"<(?=\w+:)")
_WEIGHT = re.compile(r":\s*[-+]?(?:\d+\.?|\d*\.\d+)\s*$")


def escaped(tag: str) -> str:
    """A tag in a prompt; text encoders read it as they would read the tag itself.

    Words that part a prompt are written small, which text encoders do anyway; what looks like a network gets a space
    behind its ``<``, where they cut in any case.
    """
    return _NETWORK.sub("< ", _PARTING.sub(lambda word: word[0].lower(), _SIGNS.sub(r"\\\g<0>", tag)))


def ended(prompt: str) -> str:
    """A whole prompt that does not end in what looks like its weight (the face ``:3``)."""
    return f"{prompt}," if _WEIGHT.search(prompt) else prompt
