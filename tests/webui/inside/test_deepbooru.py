"""The WebUI's own DeepDanbooru as a tagger, against the WebUI's own way to ask it. Run by the probe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib_rimo.benchmark.catalogue import choose_catalogue, default_catalogue
from lib_rimo.errors import TaggerError
from lib_rimo.hosts.webui.deepdanbooru import FOLDER, DeepDanbooruTagger

pytestmark = pytest.mark.skipif("RIMO_WEBUI_CHECKPOINTS" not in os.environ, reason="not inside a WebUI")

OUTPUTS = 9176


@pytest.fixture
def network() -> Iterator[Path]:
    """A network of the genuine shape with random weights, where the WebUI keeps the real one; removed afterwards."""
    from modules import deepbooru_model, paths

    folder = Path(paths.models_path) / FOLDER
    if folder.is_dir() and any(folder.glob("*.pt")):
        pytest.skip("the real network is installed; it is not touched")
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network = deepbooru_model.DeepDanbooruModel()
    known = [tag.name for tag in default_catalogue().tags]
    tags = [*known, *(f"other {at}" for at in range(OUTPUTS - len(known) - 1)), "rating:safe"]
    path = folder / "model-resnet_custom_v3.pt"
    # The WebUI's own scan does not know the newer zip layout of torch.save.
    torch.save({**network.state_dict(), "tags": tags}, path, _use_new_zipfile_serialization=False)
    yield path
    path.unlink()


def test_same_as_the_webui(network: Path) -> None:
    """The probabilities are those that "Interrogate DeepBooru" prints."""
    from modules import deepbooru, shared

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 64, 3), dtype=np.uint8))
    tagger = DeepDanbooruTagger()
    assert len(tagger.tags) == OUTPUTS - 1
    assert "rating:safe" not in tagger.tags
    found = dict(zip(tagger.tags, tagger.probabilities([picture, picture])[1], strict=True))
    names = ("interrogate_deepbooru_score_threshold", "interrogate_return_ranks", "deepbooru_use_spaces")
    before = {name: shared.opts.data.get(name) for name in names}
    escape = shared.opts.data.get("deepbooru_escape")
    own = deepbooru.DeepDanbooru()
    try:
        shared.opts.data.update(dict(zip(names, (0.0, True, False), strict=True)), deepbooru_escape=False)
        said = own.tag(picture)
    finally:
        shared.opts.data.update(before, deepbooru_escape=escape)
    told = dict(pair.strip("()").rsplit(":", 1) for pair in said.split(", "))
    assert len(told) == OUTPUTS - 1
    assert all(abs(found[tag] - float(value)) < 1e-3 for tag, value in told.items())


def test_the_shipped_catalogue_serves_it(network: Path) -> None:
    """Its list holds tags that are not for everybody; the shipped one is used as far as it knows that."""
    chosen = choose_catalogue(None, DeepDanbooruTagger())
    assert {tag.name for tag in chosen.tags} == {tag.name for tag in default_catalogue().tags}


def test_no_network(network: Path) -> None:
    """Without the file the message says how to get it; another file is refused."""
    network.write_bytes(b"no network")
    with pytest.raises(TaggerError, match="no DeepDanbooru"):
        DeepDanbooruTagger()
    network.rename(network.with_suffix(".other"))
    try:
        with pytest.raises(TaggerError, match="Interrogate DeepBooru"):
            DeepDanbooruTagger()
    finally:
        network.with_suffix(".other").rename(network)
