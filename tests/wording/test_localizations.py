"""The translations of the tab, and the few that a WebUI applies to its whole page, held against the sources."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from lib_rimo.benchmark.hub import KNOWN_TAGGERS
from lib_rimo.merging.checkpoints.families import FAMILIES, OWN
from lib_rimo.study.settings.profiles import PROFILES
from lib_rimo.ui.page import form
from lib_rimo.wording.sentences import STAGES, STATES
from tests.house.source import ROOT, python_files
from tests.ui import texts
from tests.ui.tabs import tab_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both generations of gradio warn of their own imports
    from lib_rimo.extension import SETTINGS
    from lib_rimo.ui.page.tab import TITLE

LANGUAGES = ("ja_JP", "zh_CN")
UNTRANSLATED = {
    "English", "POST", "bf16", "fp16", "model-resnet_custom_v3.pt",
    "CFG {1}", "clip skip {1}",
    "modules_forge without sd_models.forge_model_reload", "{1} without lora_loader", "{1} in {2}",
    "{1} is no function decorated with merge_method", "name=value",
}  # fmt: skip
"""Names that are the same everywhere, and a word of the protocol."""
ROOMS = (
    "study",
    "ui",
    "hosts",
    "benchmark/catalogue",
    *(f"benchmark/{name}" for name in ("taggers", "hub", "scoring")),
    *(f"merging/checkpoints/{name}" for name in ("checkpoint", "architecture", "quantised")),
    *(f"merging/mix/{name}" for name in ("method", "sources", "mixable")),
    *(f"merging/saving/{name}" for name in ("names", "save")),
)
"""Where the errors come from that a user of the tab meets; those of other rooms are for those who use the library."""
PLACE = re.compile(r"\{(\d)\}")


FOR_THE_TAB = "lib_rimo/wording/translations"
FOR_A_WEBUI = "localizations"
"""A WebUI makes one table of these files of all extensions and translates its whole page by it."""


def read(language: str, folder: str = FOR_THE_TAB) -> dict[str, str]:
    """English text -> translation."""
    found: dict[str, str] = json.loads((ROOT / folder / f"{language}.json").read_text(encoding="utf-8"))
    return found


def data_texts() -> set[str]:
    """Words in data files: partitions, families and their block groups; what taggers are for, profiles' sources."""
    own = [FAMILIES[name] for name in OWN]
    titles = {words.title for family in own for words in family.groups.values()}
    blocks = {f"{c.label} {{1}}" for family in own for c in family.chains if c.side != "middle"}
    said = {text for tagger in KNOWN_TAGGERS.values() for text in (tagger.good_for, tagger.source)}
    said |= {text for profile in PROFILES.values() for text in (profile.title, profile.source)}
    return titles | blocks | said | {*form.PARTITIONS.values(), *form.GROUPS.values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_page_is_translated(language: str) -> None:
    """Frame, scripts, states and the errors of a study: what the page can say it says in this language."""
    known = read(language)
    wanted = texts.frame_texts() | texts.script_texts() | texts.error_texts(*ROOMS)
    wanted |= texts.said_texts(*ROOMS, "wording", "errors", "said", "benchmark/guard")
    wanted |= {*STATES.values(), *STAGES.values(), *data_texts()}
    wanted |= {text for f in form.FIELDS.values() for text in (f.label, f.reason)}
    assert (
        sorted(t for t in wanted if t not in known and t.strip() not in known and t not in UNTRANSLATED) == []
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_component_is_translated(language: str, tmp_path: Path) -> None:
    """Labels, hints and buttons of the form: all that gradio shows of them."""
    known = read(language)
    shown: set[str] = set()
    for component in tab_of(tmp_path).blocks.values():
        kind = type(component).__name__
        shown |= {str(getattr(component, name, None) or "") for name in ("label", "info")}
        if kind == "Button":
            shown.add(str(component.value))
        if kind == "Radio":
            shown |= {str(c[0] if isinstance(c, tuple) else c) for c in component.choices}
    shown -= {"", "HTML"}
    assert len(shown) > 40
    assert sorted(shown - set(known)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_translated_text_is_shown_somewhere(language: str) -> None:
    """A text that was reworded or removed since shows up here, so that no translation is dead."""
    sources = "\n".join(sorted(set(texts.python_texts(*python_files("lib_rimo"))) | texts.script_literals()))
    sources = PLACE.sub("#", " ".join([sources, *texts.frame_texts(), *data_texts()])).lower()
    pieces = {
        text: [p.strip(" .:()") for p in PLACE.sub("#", text).lower().split("#")] for text in read(language)
    }
    assert [text for text, parts in pieces.items() if not all(part in sources for part in parts)] == []


@pytest.mark.parametrize("folder", [FOR_THE_TAB, FOR_A_WEBUI])
def test_languages_translate_the_same_texts(folder: str) -> None:
    """What is translated into one language is translated into the other, and nothing is left empty."""
    first, second = (read(language, folder) for language in LANGUAGES)
    assert set(first) == set(second)
    assert all(first.values())
    assert all(second.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_webui_gets_only_what_is_ours_outside_the_tab(language: str) -> None:
    """The tab's title and our settings are translated, and nothing that a WebUI or another extension could also say."""
    infos = {f"({setting.info})" for setting in SETTINGS}  # a WebUI puts them between brackets
    assert set(read(language, FOR_A_WEBUI)) == {TITLE, *(setting.label for setting in SETTINGS), *infos}
    assert [text for text in read(language, FOR_A_WEBUI) if TITLE not in text and text not in infos] == []


def test_languages_have_one_file_in_each_place() -> None:
    """There is no language that only the tab or only a WebUI's page speaks."""
    for folder in (FOR_THE_TAB, FOR_A_WEBUI):
        assert sorted(path.stem for path in (ROOT / folder).glob("*.json")) == sorted(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_place_is_lost(language: str) -> None:
    """Every number and name of a sentence has its place in the translation."""
    wrong = [t for t, said in read(language).items() if set(PLACE.findall(t)) != set(PLACE.findall(said))]
    assert wrong == []
