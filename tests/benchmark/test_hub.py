from __future__ import annotations

import sys

import pytest
from huggingface_hub import constants
from huggingface_hub.file_download import http_get

from lib_rimo.benchmark import KNOWN_TAGGERS, fetch_tagger, open_tagger
from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.errors import TaggerError
from tests.benchmark.local_hub import PIECE_BYTES, local_hub
from tests.benchmark.onnx_folders import ML_TAGS, WD_TAGS, write_ml_danbooru, write_wd14

try:  # up to 0.x; from 1.0 on one client is shared and closed
    from huggingface_hub.utils._http import reset_sessions
except ImportError:
    from huggingface_hub import close_session as reset_sessions


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine with one tagger of each style; the client may talk to it."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    reset_sessions()  # one that was made offline stays offline
    files = {}
    write_wd14(tmp_path / "wd")
    for file in ("model.onnx", "selected_tags.csv"):
        files["SmilingWolf/wd-vit-tagger-v3", file] = (tmp_path / "wd" / file).read_bytes()
    model = "ml_caformer_m36_dec-5-97527.onnx"
    write_ml_danbooru(tmp_path / "ml", name=model)
    for file in (model, "classes.json"):
        files["deepghs/ml-danbooru-onnx", file] = (tmp_path / "ml" / file).read_bytes()
    with local_hub(files) as server:
        yield server


@pytest.mark.parametrize(("name", "tags"), [("wd-vit-tagger-v3", WD_TAGS), ("ml-danbooru-caformer", ML_TAGS)])
def test_a_known_tagger_is_fetched_once(hub, tmp_path, capsys, monkeypatch, name, tags):
    """The first use downloads a tagger with a progress bar and it works; the second asks the hub nothing."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)  # bars are for terminals
    folder = fetch_tagger(name, tmp_path / "taggers", endpoint=hub.url)
    assert folder == tmp_path / "taggers" / name
    assert open_tagger(folder).tags == tags
    shown = capsys.readouterr().err
    for file in KNOWN_TAGGERS[name].files:
        assert f"{file[-16:]}: 100%" in shown.replace("…", "")  # long names are cut at the front
        assert ("GET", file) in hub.asked
    hub.asked.clear()
    assert fetch_tagger(name, tmp_path / "taggers", endpoint=hub.url) == folder
    assert hub.asked == []


def test_only_missing_files_are_fetched(hub, tmp_path):
    """A file that the user put there by hand is not downloaded again."""
    folder = tmp_path / "wd-vit-tagger-v3"
    folder.mkdir()
    (folder / "selected_tags.csv").write_text("mine")
    fetch_tagger("wd-vit-tagger-v3", tmp_path, endpoint=hub.url)
    assert {file for _, file in hub.asked} == {"model.onnx"}
    assert (folder / "selected_tags.csv").read_text() == "mine"


def test_a_file_that_the_hub_lacks(hub, tmp_path):
    """A download that fails half-way keeps what is complete and leaves nothing that looks complete but is not."""
    del hub.files["SmilingWolf/wd-vit-tagger-v3", "model.onnx"]
    with pytest.raises(TaggerError, match=r"could not be fetched.*model\.onnx") as caught:
        fetch_tagger("wd-vit-tagger-v3", tmp_path, endpoint=hub.url)
    assert f"put them into {tmp_path / 'wd-vit-tagger-v3'}" in str(caught.value)
    assert [p.name for p in (tmp_path / "wd-vit-tagger-v3").iterdir() if p.is_file()] == ["selected_tags.csv"]


def test_a_download_that_broke_off_goes_on(hub, tmp_path, monkeypatch):
    """What is here already is not asked for again, and the whole is what the hub has."""
    model = bytes(range(256)) * 1024
    hub.files["SmilingWolf/wd-vit-tagger-v3", "model.onnx"] = model
    monkeypatch.setattr("huggingface_hub.file_download.http_get", without_retries(http_get))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", PIECE_BYTES)
    hub.breaks_after = len(model) // 2
    with pytest.raises(TaggerError, match="could not be fetched"):
        fetch_tagger("wd-vit-tagger-v3", tmp_path, endpoint=hub.url)
    assert not (tmp_path / "wd-vit-tagger-v3" / "model.onnx").exists()
    hub.breaks_after = None
    hub.sent.clear()
    told = []
    folder = fetch_tagger(
        "wd-vit-tagger-v3", tmp_path, endpoint=hub.url, progress=lambda done, of: told.append((done, of))
    )
    ((_, begin),) = hub.sent
    assert begin >= len(model) // 2
    assert told[0][0] >= begin
    assert told[0][1] == len(model)
    assert (folder / "model.onnx").read_bytes() == model
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "selected_tags.csv"]


def without_retries(get):
    """The client's own download with no second try, as after the last of its tries."""
    return lambda *args, **kwargs: get(*args, **{**kwargs, "_nb_retries": 0})


def test_what_is_not_the_published_file_is_thrown_away(hub, tmp_path):
    """A file with another digest than the hub publishes is named, and does not lie there as if it were whole."""
    hub.digests["model.onnx"] = "0" * 64
    with pytest.raises(TaggerError, match="is not the published file"):
        fetch_tagger("wd-vit-tagger-v3", tmp_path, endpoint=hub.url)
    assert [p.name for p in (tmp_path / "wd-vit-tagger-v3").glob("**/*.onnx")] == []


def test_a_download_in_the_background_is_watched(hub, tmp_path):
    """A click begins it, what is known of the tagger says how far it is, and a study waits for the same one."""
    taggers = Taggers(tmp_path / "taggers", hub=hub.url)
    before = taggers.about("wd-vit-tagger-v3")
    assert (before["here"], before["download"]["active"], before["licence"]) == (False, False, "Apache-2.0")
    hub.pace_s = 60
    taggers.begin_fetching("wd-vit-tagger-v3")
    taggers.begin_fetching("wd-vit-tagger-v3")
    assert taggers.about("wd-vit-tagger-v3")["download"]["active"]
    hub.gate.set()
    opened = taggers.open("wd-vit-tagger-v3")
    assert (opened.threshold, opened.character_threshold) == (0.2614, 0.85)
    after = taggers.about("wd-vit-tagger-v3")
    assert (after["here"], after["download"]["active"]) == (True, False)
    assert [file for method, file in hub.asked if method == "GET"] == ["selected_tags.csv", "model.onnx"]


def test_offline(tmp_path, monkeypatch):
    """Offline the error says which files to put where, and from where to take them."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(TaggerError, match="could not be fetched") as caught:
        fetch_tagger("ml-danbooru-caformer", tmp_path)
    text = str(caught.value)
    assert "classes.json and ml_caformer_m36_dec-5-97527.onnx" in text
    assert "https://huggingface.co/deepghs/ml-danbooru-onnx" in text
    assert str(tmp_path / "ml-danbooru-caformer") in text


@pytest.mark.slow  # newer clients try for half a minute before they give up
def test_unreachable(tmp_path, monkeypatch):
    """A hub that nobody answers for is the same error, with the refused connection as its reason."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(TaggerError, match=r"could not be fetched.*selected_tags"):
        fetch_tagger("wd-vit-tagger-v3", tmp_path, endpoint="http://127.0.0.1:9")


def test_unknown_name(tmp_path):
    """A name that is not known is refused with what was probably meant."""
    with pytest.raises(TaggerError, match=r"no known tagger.*Did you mean wd-vit-tagger-v3\?"):
        fetch_tagger("wd-vit-tager-v3", tmp_path)
    assert list(tmp_path.iterdir()) == []
