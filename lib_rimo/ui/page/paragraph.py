"""Texts as HTML for the components of the page."""

from __future__ import annotations

import html
import json

from lib_rimo.said import Said, to_json


def paragraph(text: str, kind: str, extra: str = "") -> str:
    """A text as HTML; one that was put together says of what, for the script to say it in the page's language.

    Args:
        text: Nothing gives nothing.
        kind: Its class.
        extra: Further attributes, with a space before them.
    """
    if not text:
        return ""
    if isinstance(text, Said) and text.values:
        extra += f' data-said="{html.escape(json.dumps(to_json(text)))}"'
    return f'<p class="{kind}"{extra}>{html.escape(text)}</p>'
