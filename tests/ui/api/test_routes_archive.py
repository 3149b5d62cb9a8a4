"""The routes of stored studies and of their mixes, on real studies of a small real host."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from lib_rimo.study.store.snapshot import StudyState
from tests.study.conftest import Workshop, copied, open_workshop, played
from tests.ui.conftest import Api
from tests.ui.report.test_words import left_in_english


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished study of two epochs whose preparation had something to say."""
    folder = tmp_path_factory.mktemp("finished")
    workshop = open_workshop(folder)
    played(workshop, epochs=2, budget=256, unseen=40, grid_prompts=["red, <b>blue</b>", "high & wide"])
    workshop.studies.close()
    return folder


@pytest.fixture
def workshop(finished_folder: Path, tmp_path: Path) -> Iterator[Workshop]:
    """A fresh program on a copy of that folder."""
    workshop = copied(finished_folder, tmp_path)
    yield workshop
    workshop.studies.close()


@pytest.fixture
def api(serve_routes: Callable[..., Api], workshop: Workshop) -> Api:
    """Its routes."""
    return serve_routes(workshop.studies)


@pytest.fixture
def study(workshop: Workshop) -> str:
    """The id of its one study."""
    (row,) = workshop.studies.studies()
    return str(row["id"])


def test_the_history_is_listed_looked_at_and_cleared(api: Api, study: str) -> None:
    """Studies come as lines, each as a snapshot; opened it is on display; deleted it is not found."""
    status, answer = api.json("studies")
    assert (status, [row["id"] for row in answer["studies"]]) == (200, [study])
    assert answer["studies"][0]["gain"]["low"] < answer["studies"][0]["gain"]["high"]
    assert api.json(f"studies/{study}")[1]["result"]["merged"]["images"] == 40
    assert api.json("open", {"study": study})[1]["state"] == "finished"
    assert api.json("snapshot")[1] == api.json(f"studies/{study}")[1]
    assert api.json("delete", {"study": study}) == (200, {"deleted": study})
    assert api.json(f"studies/{study}")[0] == 404
    assert api.json("snapshot")[1]["state"] == "idle"


@pytest.mark.parametrize(
    "path",
    [
        "studies/none",
        "studies/..%2Fmodels",
        "recipe/none",
        "blocks/none",
        "report/none.html",
        "strip/none.gif",
    ],
)
def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    """An unknown study is 404 with a text, whatever is asked of it."""
    status, _, data = api.ask(path)
    assert status == 404
    assert json.loads(data).get("error") or json.loads(data)["detail"] == "Not Found"


@pytest.mark.parametrize(("path", "status"), [("open", 409), ("delete", 409), ("freeze", 409), ("try", 400)])
def test_commands_on_no_study_do_nothing(api: Api, workshop: Workshop, path: str, status: int) -> None:
    """A command for a study that is not there is refused; nothing starts."""
    body = {"study": "nowhere", "groups": ["mid"]}
    assert api.json(path, body)[0] == status
    assert workshop.studies.snapshot().state is StudyState.IDLE


def test_recipes_come_as_tables(api: Api, study: str) -> None:
    """Best, trial and epoch are asked for by number; a wrong number names its field."""
    _, best = api.json(f"recipe/{study}")
    assert (best["name"], best["base"], best["accuracy"]["kind"]) == ("best", "base.safetensors", "measured")
    assert api.json(f"recipe/{study}?epoch=2")[1]["weights"] == best["weights"]
    assert api.json(f"recipe/{study}?trial=2")[1]["images"] > 0
    status, answer = api.json(f"recipe/{study}?trial=9999")
    assert (status, answer["field"]) == (400, "trial")


def test_blocks_say_how_sure_they_are(api: Api, study: str) -> None:
    """Every group has its place, and searched ones a share with its range; the shares add up to one at most."""
    _, answer = api.json(f"blocks/{study}")
    groups = answer["groups"]
    assert [len(row) for row in answer["weights"]] == [len(groups)] * 2
    searched = [group for group in groups if not group["frozen"]]
    assert 0.5 < sum(group["importance"] for group in searched) < 1.01
    assert all(group["low"] <= group["importance"] <= group["high"] for group in searched)
    assert {group["name"]: group["part"] for group in groups}["in0-6"] == "input 0-6"
    assert [group["state"] for group in groups if group["frozen"]] == ["frozen"]
    assert set(answer["dead"]) <= {group["name"] for group in searched}


def test_going_on_with_frozen_groups_starts_a_study(api: Api, workshop: Workshop, study: str) -> None:
    """A freeze answers like a start; a wrong list is told beside the field."""
    assert api.json("freeze", {"study": study, "groups": "mid"})[1]["field"] == "groups"
    status, answer = api.json("freeze", {"study": study, "groups": ["mid"]})
    assert (status, answer["state"]) == (200, "preparing")
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED


def test_a_prompt_is_tried_and_its_pictures_served(api: Api, workshop: Workshop, study: str) -> None:
    """A try answers with pictures that the picture route serves; bad fields are told."""
    body = {"study": study, "trial": 3, "prompt": "red, square", "seed": 4, "count": 2}
    status, answer = api.json("try", body)
    assert (status, answer["name"], answer["seeds"], answer["study"]) == (200, "trial 3", [4, 5], study)
    for file in answer["files"]:
        code, headers, data = api.ask(f"picture/{study}/{file}")
        assert (code, headers["content-type"], data[:4]) == (200, "image/png", b"\x89PNG")
    assert api.json("try", {**body, "prompt": ""})[1]["field"] == "prompt"
    assert api.json("try", {**body, "count": 9})[1]["field"] == "count"


def test_nothing_is_lent_where_there_is_nobody_to_lend_to(api: Api, study: str) -> None:
    """A host without tabs of its own says so; taking back what is not lent is no error."""
    assert api.json("options")[1]["plays"] is False
    assert api.json("play", {"study": study, "trial": 1})[0] == 409
    assert api.json("play/stop", {}) == (200, {"live": ""})


def test_any_mix_is_saved(api: Api, workshop: Workshop, study: str) -> None:
    """Trial, epoch and number type are taken from the body; a wrong one is told and writes nothing."""
    assert api.json("save", {"name": "early"})[0] == 409
    api.json("open", {"study": study})
    body = {"name": "early", "trial": 2, "number_type": "bf16"}
    assert api.json("save", body) == (200, {"file": "early.safetensors"})
    assert api.json("save", {**body, "name": "late", "number_type": "int4"})[1]["field"] == "number_type"
    assert api.json("save", {**body, "name": "late", "trial": 10**6})[1]["field"] == "trial"
    assert not (workshop.host.folder / "late.safetensors").exists()


def test_own_presets_are_kept(api: Api, workshop: Workshop) -> None:
    """Presets are kept, replaced and forgotten; what was started last is there after a restart."""
    _, first = api.json("presets")
    assert first["presets"] == {}
    assert first["last"]["budget"] == 256
    assert api.json("presets", {"name": " mine ", "settings": {"budget": 640}})[0] == 200
    assert api.json("presets", {"name": "mine", "settings": {"budget": 700}})[1]["presets"] == {
        "mine": {"budget": 700}
    }
    for wrong in ("", "x" * 61, "a\nb"):
        assert api.json("presets", {"name": wrong, "settings": {}})[1]["field"] == "name"
    assert api.json("presets", {"name": "x", "settings": [1]})[1]["field"] == "settings"
    assert api.json("presets/delete", {"name": "mine"})[1]["presets"] == {}
    assert api.json("presets/delete", {"name": "mine"})[0] == 400


def test_the_strip_is_an_animation_of_all_epochs(api: Api, study: str) -> None:
    """Both formats have one frame per epoch, the base's first, large enough to read the label."""
    for kind in ("webp", "gif"):
        status, headers, data = api.ask(f"strip/{study}.{kind}?prompt=1")
        assert (status, headers["content-type"]) == (200, f"image/{kind}")
        assert "attachment" in headers["content-disposition"]
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == kind.upper()
            assert picture.n_frames == 3
            assert picture.width >= 256
    assert api.ask(f"strip/{study}.gif?prompt=2")[0] == 404
    assert api.ask(f"strip/{study}.gif?prompt=-1")[0] == 404


def test_the_report_holds_everything_and_loads_nothing(api: Api, workshop: Workshop, study: str) -> None:
    """One file with curve, grids, tables, recipe, settings and versions; foreign text is escaped, no address in it."""
    status, headers, data = api.ask(f"report/{study}.html")
    page = data.decode()
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/html")
    assert f'filename="rimo-{study}.html"' in headers["content-disposition"]
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|@import|https?://", page)
    assert page.count("data:image/webp;base64,") == 1 + 3 * 2
    assert "&lt;b&gt;blue&lt;/b&gt;" in page
    assert "<b>blue</b>" not in page
    for words in (
        "Category by category",
        "Most gained",
        "second.safetensors",
        "torch",
        "rimo_recipe",
        "theater",
    ):
        assert words in page, words
    assert str(workshop.folder) not in page, "no folders of this machine"
    assert len(data) < 1_500_000


def test_tables_are_downloaded_of_any_study(api: Api, study: str) -> None:
    """Categories and tags come as CSV and Markdown, of a stored study too; before a result they are not found."""
    assert api.ask("categories.csv")[0] == 404
    head = api.ask(f"categories.csv?study={study}")[2].split(b"\n")[0]
    assert b"first.safetensors_percent" in head
    assert api.ask(f"tags.csv?study={study}")[2].count(b"\n") == 1 + 8
    table = api.ask(f"categories.md?study={study}")[2].decode().splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert api.ask(f"tags.md?study={study}")[2].startswith(b"| tag |")
    assert api.ask(f"curve.png?study={study}")[2][:4] == b"\x89PNG"


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_report_and_strip_are_in_the_language_of_the_page(api: Api, study: str, language: str) -> None:
    """No sentence of the report stays English, names stay as they are, and the strip's labels follow too."""
    status, _, data = api.ask(f"report/{study}.html?lang={language}")
    page = data.decode()
    assert (status, f'<html lang="{language}">' in page) == (200, True)
    assert left_in_english(page) == []
    assert "second.safetensors" in page
    assert "&lt;b&gt;blue&lt;/b&gt;" in page
    assert api.ask(f"strip/{study}.webp?lang={language}")[0] == 200


def test_a_report_never_touches_names(
    serve_routes: Callable[..., Api], finished_folder: Path, tmp_path: Path
) -> None:
    """A file whose name could be two sentences keeps it in a report in another language."""
    workshop = copied(finished_folder, tmp_path)
    study = str(workshop.studies.studies()[0]["id"])
    (journal,) = tmp_path.rglob(f"{study}/journal.jsonl")
    name = "my model v1. final.safetensors"
    journal.write_text(journal.read_text("utf-8").replace("second.safetensors", name), "utf-8")
    page = serve_routes(workshop.studies).ask(f"report/{study}.html?lang=zh")[2].decode()
    workshop.studies.close()
    assert name in page
    assert left_in_english(page.replace(name, "")) == []
