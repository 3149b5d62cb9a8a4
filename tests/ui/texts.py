"""Every text that the tab can show, collected from the sources; places in a sentence are numbered: ``{1}``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from lib_rimo.ui.page import frame
from tests.house.source import ROOT, python_files, tree

ATTRIBUTES = ("aria-label", "placeholder", "title", "alt")
KEYS = {
    "ArrowLeft",
    "ArrowRight",
    "ArrowUp",
    "ArrowDown",
    "Enter",
    "Escape",
    "Home",
    "End",
    "Image",
    "Content-Type",
}
"""Names of keys and headers in the scripts, which nobody reads."""

_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'/])//[^\n]*|^(?:import|} from) [^;]*;", re.DOTALL | re.MULTILINE)
_SENTENCE = re.compile(r"[A-Za-z(){}\d%+.,:;?!' \u00b7\u2026\u2013-]+")


class _Frame(HTMLParser):
    """Texts and spoken attributes of markup, but for what is a name."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._kept: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kept = given.get("translate") == "no" or (self._kept[-1] if self._kept else False)
        if tag not in ("input", "img", "br", "path", "circle"):
            self._kept.append(kept)
        if not kept:
            self.texts |= {value for name in ATTRIBUTES if (value := given.get(name))}

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle"):
            self._kept.pop()

    def handle_data(self, data: str) -> None:
        if not (self._kept and self._kept[-1]):
            self.texts.add(data.strip())


def frame_texts() -> set[str]:
    """What stands in the frame of the live view."""
    reader = _Frame()
    for markup in (frame.INTRODUCTION, frame.PROGRESS, frame.LIVE):
        reader.feed(markup)
    return {text for text in reader.texts if re.search("[A-Za-z]", text)}


def script_literals() -> set[str]:
    """Every string in the scripts."""
    found: set[str] = set()
    for path in sorted((ROOT / "javascript").rglob("*.mjs")):
        code = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        found |= {
            text.encode().decode("unicode_escape") if "\\u" in text else text
            for text in _LITERAL.findall(code)
        }
    return found


def script_texts() -> set[str]:
    """The strings in the scripts that are words for the user: capitalised, or several words that are no classes."""
    return {text for text in script_literals() if _is_shown(text)}


def _is_shown(text: str) -> bool:
    bare = text.strip()
    if not _SENTENCE.fullmatch(text) or not re.search("[A-Za-z]{2}", bare) or bare in KEYS:
        return False
    if re.match(r"rimo-|[a-z-]+\.[a-z]|M\d|translate\(|color-mix|\d", bare) or re.search(
        r"[a-z]-[a-z]+\(|\$\{", bare
    ):
        return False
    return " " in bare or bare[0].isupper()


def python_texts(*files: Path) -> Iterator[str]:
    """Every string constant of modules, with the places of f-strings numbered."""
    for file in files:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.JoinedStr | ast.Constant) and (text := template(node)) is not None:
                yield " ".join(text.split())


def error_texts(*rooms: str) -> set[str]:
    """What the errors of some rooms say: what happened, what was wanted (and found, if a text), what to do."""
    texts: set[str] = set()
    for file in python_files("lib_rimo"):
        where = file.relative_to("lib_rimo").with_suffix("")
        if not any(where.is_relative_to(room) for room in rooms):
            continue
        for node in ast.walk(tree(file)):
            if (
                isinstance(node, ast.Call)
                and _name(node.func).endswith("Error")
                and _name(node.func) != "HTTPError"
            ):
                said = [*node.args, *(k.value for k in node.keywords if k.arg in ("wanted", "fix", "found"))]
                if _name(node.func) == "SettingsError":
                    said = said[1:]
                texts |= {text.rstrip(".") for part in said if (text := template(part)) is not None}
    return {text for text in texts if re.search("[A-Za-z]{2}", re.sub(r"\{\d\}", "", text))}


def said_texts(*rooms: str) -> set[str]:
    """Templates and words of some rooms: what ``say``, ``sentences`` and ``joined`` are given."""
    texts: set[str] = set()
    for file in python_files("lib_rimo"):
        where = file.relative_to("lib_rimo").with_suffix("")
        if not any(where.is_relative_to(room) for room in rooms):
            continue
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call) and _name(node.func) in ("say", "sentences", "joined"):
                told = node.args[:1] if _name(node.func) == "say" else node.args
                texts |= {
                    text for part in told if isinstance(part, ast.Constant) and (text := template(part))
                }
    return {text for text in texts if re.search("[A-Za-z]{2}", re.sub(r"\{\d\}", "", text)) or "." in text}


def template(node: ast.expr) -> str | None:
    """A constant, the template of ``say``, or an f-string with numbered places; None for other expressions."""
    if isinstance(node, ast.Call) and _name(node.func) == "say":
        return template(node.args[0])
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    out, place = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            out += str(part.value)
        else:
            place += 1
            out += f"{{{place}}}"
    return out


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
