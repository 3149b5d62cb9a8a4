from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from lib_rimo.benchmark import KNOWN_TAGGERS, catalogue_of_tagger, open_tagger
from lib_rimo.benchmark.taggers import DEFAULT
from lib_rimo.errors import CatalogueError, TaggerError
from tests.benchmark.onnx_folders import ML_TAGS, SIDE, WD_ROWS, WD_TAGS, write_ml_danbooru, write_wd14

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE = (255, 255, 255)


def picture(colour, size=(SIDE, SIDE), mode="RGB"):
    return Image.new(mode, size, colour)


def found(tagger, image):
    """The tags that the tagger finds on a picture."""
    (row,) = tagger.probabilities([image])
    return {tag for tag, p in zip(tagger.tags, row, strict=True) if p >= tagger.threshold}


@pytest.mark.parametrize("batch", ["batch", None, 1, 3])
def test_wd14_reads_colours(tmp_path, batch):
    """A WD14 folder is opened by its table, sees BGR, and takes any number of pictures whatever its batch size."""
    tagger = open_tagger(write_wd14(tmp_path / "colours", batch=batch), threads=1)
    assert tagger.name == "colours"
    assert tagger.tags == WD_TAGS
    assert tagger.threshold == 0.35
    images = [picture(c) for c in (RED, GREEN, BLUE, WHITE, (0, 0, 0))] * 4
    table = tagger.probabilities(images)
    assert table.shape == (20, len(WD_TAGS))
    assert table.dtype == np.float32
    np.testing.assert_allclose(table[:5], table[15:], atol=1e-6)
    assert found(tagger, images[0]) == {"reddish"}
    assert found(tagger, images[1]) == {"green_light"}
    assert found(tagger, images[2]) == {"blue_sky"}
    assert found(tagger, images[3]) == {"reddish", "green_light", "blue_sky"}
    assert tagger.probabilities([]).shape == (0, len(WD_TAGS))


def test_wd14_pads_with_white_to_a_centred_square(tmp_path):
    """A narrow or transparent picture is seen on white, centred, and a mode other than RGB is understood."""
    tagger = open_tagger(write_wd14(tmp_path / "t", side=4))
    array = tagger._prepare(picture(RED, (4, 2)))
    assert array.shape == (4, 4, 3)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array[1:3], np.tile(np.float32([0, 0, 255]), (2, 4, 1)))
    np.testing.assert_array_equal(array[[0, 3]], 255)
    for mode, colour in (("RGBA", (0, 0, 0, 0)), ("LA", (0, 0)), ("L", 255), ("1", 1), ("P", 0)):
        image = picture(colour, mode=mode)
        if mode == "P":
            image.putpalette([255, 255, 255])
        assert tagger._prepare(image).min() == 255, mode
    assert tagger._prepare(picture(RED, (3000, 2))).shape == (4, 4, 3)


@pytest.mark.parametrize("batch", ["batch", 1])
def test_ml_danbooru_reads_colours(tmp_path, batch):
    """An ML-Danbooru folder is opened by its classes, sees RGB, and takes pictures of mixed sizes in one call."""
    tagger = open_tagger(write_ml_danbooru(tmp_path / "ml", batch=batch), threads=1)
    assert tagger.tags == ML_TAGS
    assert tagger.threshold == 0.5
    images = [picture(RED), picture(GREEN, (100, 64)), picture(BLUE), picture(WHITE, (64, 100))]
    table = tagger.probabilities(images)
    expected = 1 / (1 + np.exp(-10 * (np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) - 0.5)))
    np.testing.assert_allclose(table, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((512, 512), (512, 512)), ((64, 64), (512, 512)), ((640, 1024), (512, 816)), ((1000, 333), (1536, 512))],
)
def test_ml_danbooru_scales_as_upstream(tmp_path, size, wanted):
    """The shorter side becomes 512 and both are rounded down to multiples of 4."""
    tagger = open_tagger(write_ml_danbooru(tmp_path / "ml"))
    array = tagger._prepare(picture(RED, size))
    assert array.shape == (3, wanted[1], wanted[0])
    assert array[0].min() == 1
    assert array[1:].max() == 0


def test_ml_danbooru_of_one_size(tmp_path):
    """A model that takes one size only gets that size."""
    tagger = open_tagger(write_ml_danbooru(tmp_path / "ml", size=(12, 16)))
    assert tagger._prepare(picture(RED, (100, 50))).shape == (3, 12, 16)
    assert found(tagger, picture(GREEN, (100, 50))) == {"green light"}


def test_ml_danbooru_takes_any_single_model_and_numbered_classes(tmp_path):
    """The model may have any name, upstream's wins among several, and classes may be an object by position."""
    folder = write_ml_danbooru(
        tmp_path / "ml", name="whatever.onnx", classes={"0": "reddish", "2": "blue_sky", "1": "green light"}
    )
    assert open_tagger(folder).tags == ML_TAGS
    write_ml_danbooru(folder, name="other.onnx")
    with pytest.raises(TaggerError, match=r"several models.*other\.onnx, whatever\.onnx"):
        open_tagger(folder)
    write_ml_danbooru(folder, name="ml_caformer_m36_dec-5-97527.onnx")
    assert open_tagger(folder).tags == ML_TAGS


def test_threshold_is_the_users(tmp_path):
    """A given threshold replaces the style's; one that is no probability is refused."""
    folder = write_wd14(tmp_path / "t")
    assert open_tagger(folder, 0.9).threshold == 0.9
    for bad in (0, -1, 1.5, float("nan")):
        with pytest.raises(TaggerError, match="threshold"):
            open_tagger(folder, bad)


def test_catalogue_of_a_tagger(tmp_path):
    """Without a catalogue the general tags are asked for, never ratings or names; with one beside, that one."""
    folder = write_wd14(tmp_path / "t")
    catalogue = catalogue_of_tagger(open_tagger(folder))
    assert catalogue.names == ("reddish", "green_light", "blue_sky")
    assert catalogue.categories == ("general",)
    (folder / "catalogue.csv").write_text("name,category\ngreen light,light\nreddish,light\n", "utf-8")
    catalogue = catalogue_of_tagger(open_tagger(folder))
    assert catalogue.names == ("green light", "reddish")
    assert catalogue.categories == ("light",)
    (folder / "catalogue.csv").write_text("name,category\ngreen lights,light\n", "utf-8")
    with pytest.raises(CatalogueError, match="close: green_light"):
        catalogue_of_tagger(open_tagger(folder))


def _remove(name):
    return lambda folder: (folder / name).unlink()


def _write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_remove("model.onnx"), "no model.*model.onnx"),
        (_remove("selected_tags.csv"), "no tagger that is understood"),
        (_write("model.onnx", b""), "cannot be opened"),
        (_write("model.onnx", b"version https://git-lfs.github.com/spec/v1\n" * 9), "cannot be opened"),
        (_write("selected_tags.csv", b""), "lacks a column.*empty file"),
        (_write("selected_tags.csv", b"name,count\na,1\n"), "lacks a column"),
        (_write("selected_tags.csv", b"name,category\na,0\nb,0\n"), "2 labels and 6 outputs"),
        (_write("selected_tags.csv", b"name,category\na,0\n,0\n"), "damaged.*line 3"),
        (_write("selected_tags.csv", b"name,category\na\n"), "damaged.*line 2"),
        (_write("selected_tags.csv", b'name,category\n"a,0\n'), "damaged"),
        (_write("selected_tags.csv", "name,category\nø,0\n".encode("latin-1")), "UTF-8"),
    ],
)
def test_damaged_wd14_folders(tmp_path, damage, words):
    """Each missing or damaged file of a WD14 folder is refused with a text that names it."""
    folder = write_wd14(tmp_path / "t")
    damage(folder)
    with pytest.raises(TaggerError, match=words):
        open_tagger(folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_remove("model.onnx"), "no model"),
        (_write("model.onnx", b"\x08\x08garbage"), "cannot be opened"),
        (_write("classes.json", b"[]"), "another form"),
        (_write("classes.json", b'{"a": 0}'), "another form"),
        (_write("classes.json", b'["a", 3]'), "another form"),
        (_write("classes.json", b'["a"'), "damaged.*JSON"),
        (_write("classes.json", b'["a", "b"]'), "2 labels and 3 outputs"),
    ],
)
def test_damaged_ml_danbooru_folders(tmp_path, damage, words):
    """Each missing or damaged file of an ML-Danbooru folder is refused with a text that names it."""
    folder = write_ml_danbooru(tmp_path / "t")
    damage(folder)
    with pytest.raises(TaggerError, match=words):
        open_tagger(folder)


def test_truncated_model(tmp_path):
    """A model file cut anywhere is refused, or opened if nothing that matters was cut off; never anything else."""
    folder = write_wd14(tmp_path / "t")
    whole = (folder / "model.onnx").read_bytes()
    refused = 0
    for end in range(0, len(whole), max(1, len(whole) // 40)):
        (folder / "model.onnx").write_bytes(whole[:end])
        try:
            open_tagger(folder)
        except TaggerError:
            refused += 1
    assert refused > 30


def test_missing_folder_and_swapped_styles(tmp_path):
    """A folder that is not there, a file in its place, or a model of the other style is refused."""
    with pytest.raises(TaggerError, match=r"folder is missing.*nowhere"):
        open_tagger(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(TaggerError, match="folder is missing"):
        open_tagger(tmp_path / "file")
    folder = write_wd14(tmp_path / "t")
    (write_ml_danbooru(tmp_path / "ml") / "model.onnx").replace(folder / "model.onnx")
    with pytest.raises(TaggerError, match="not in the style of WD14"):
        open_tagger(folder)
    folder = write_ml_danbooru(tmp_path / "ml")
    (write_wd14(tmp_path / "u") / "model.onnx").replace(folder / "model.onnx")
    with pytest.raises(TaggerError, match="not in the style of ML-Danbooru"):
        open_tagger(folder)


def test_logits_are_no_probabilities(tmp_path):
    """A WD14 folder whose model lacks the sigmoid is found out at the first picture."""
    import onnx

    folder = write_wd14(tmp_path / "t")
    model = onnx.load(str(folder / "model.onnx"))
    del model.graph.node[-1]
    model.graph.output[0].name = "logits"
    onnx.save(model, str(folder / "model.onnx"))
    with pytest.raises(TaggerError, match=r"no probabilities.*0 to 1"):
        open_tagger(folder).probabilities([picture(RED)])


def test_outputs_of_unknown_number_are_counted(tmp_path):
    """A model that does not say how many outputs it has is asked by a run on a blank picture."""
    import onnx

    folder = write_wd14(tmp_path / "t")
    model = onnx.load(str(folder / "model.onnx"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "tags"
    onnx.save(model, str(folder / "model.onnx"))
    assert open_tagger(folder).tags == WD_TAGS
    with (folder / "selected_tags.csv").open("a") as file:
        file.write("9,more,0,1\n")
    with pytest.raises(TaggerError, match=f"{len(WD_ROWS) + 1} labels and {len(WD_ROWS)} outputs"):
        open_tagger(folder)


def test_without_onnxruntime(tmp_path, monkeypatch):
    """Where onnxruntime is not installed the error says what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(TaggerError, match="pip install onnxruntime"):
        open_tagger(write_wd14(tmp_path / "t"))


def test_devices(tmp_path):
    """The CPU can be asked for, an unknown device is refused, and so is a graphics card that is not there."""
    folder = write_wd14(tmp_path / "t")
    assert found(open_tagger(folder, device="cpu"), picture(RED)) == {"reddish"}
    with pytest.raises(TaggerError, match="no such device"):
        open_tagger(folder, device="abacus")
    if set(onnxruntime.get_available_providers()) <= {"AzureExecutionProvider", "CPUExecutionProvider"}:
        with pytest.raises(TaggerError, match="cannot use a graphics card"):
            open_tagger(folder, device="gpu")


def test_characters_have_a_threshold_of_their_own(tmp_path):
    """A tag that names a character counts from its own threshold on; each tag's is what its hits go by."""
    write_wd14(tmp_path)
    tagger = open_tagger(tmp_path, 0.3, 0.9)
    assert (tagger.threshold, tagger.character_threshold) == (0.3, 0.9)
    assert dict(zip(tagger.tags, tagger.thresholds, strict=True)) == {
        **dict.fromkeys(WD_TAGS, 0.3), "somebody_(series)": 0.9,
    }  # fmt: skip
    own = open_tagger(tmp_path)
    assert (own.threshold, own.character_threshold) == (0.35, 0.85)
    write_ml_danbooru(tmp_path / "ml")
    assert open_tagger(tmp_path / "ml").character_threshold is None


def test_every_known_tagger_says_what_it_is():
    """Licence, use, thresholds with their source; and the default is among them."""
    assert DEFAULT in KNOWN_TAGGERS
    for tagger in KNOWN_TAGGERS.values():
        assert tagger.licence
        assert tagger.good_for.endswith(".")
        assert tagger.source
        assert 0 < tagger.threshold < 1
