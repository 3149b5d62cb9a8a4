"""A new user's first minutes: an empty folder, no network, then models of their own, to the first picture by clicks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lib_rimo.toy.family import family_of
from tests.benchmark.local_hub import LocalHub, local_hub
from tests.conftest import PATIENCE_MS
from tests.hosts.full_size import write_full_size
from tests.hosts.tiny_models import write_checkpoint, write_config
from tests.ui.conftest import Served
from tests.ui.pages import field, part

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TAGGER = "wd-vit-tagger-v3"
LOADING_MS = 1_200_000
"""For a model of full size on a busy processor."""


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[[Served], Page]]:
    """Opens a page that has nothing to start with yet, and finds at the end that it complained of nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    complaints: list[str] = []

    def begin(served: Served) -> Page:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served.api.address)
        page.wait_for_selector("#rimo-tab[data-state]")
        page.wait_for_selector("#rimo-error-base >> text=No base chosen")
        return page

    yield begin
    context.close()
    assert complaints == []


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    """A hub on this machine that has one of the known taggers, and sends it piece by piece."""
    folder = family_of([Path()]).tagger_dir
    files = ("model.onnx", "selected_tags.csv")
    with local_hub({(f"SmilingWolf/{TAGGER}", f): (folder / f).read_bytes() for f in files}) as hub:
        yield hub


def served_home(serve_page: Callable[..., Served], home: Path, *options: str, **variables: str) -> Served:
    """``rimo serve`` as ``start.py`` runs it, but for the browser and the port, on a folder of one's own."""
    command = ("lib_rimo", "serve", "--no-browser", "--port", "{port}", *options)
    return serve_page(*command, RIMO_HOME=str(home), OMP_NUM_THREADS="2", **variables)


def choose(page: Page, name: str, wanted: str) -> None:
    """Chooses an entry of a list by clicks."""
    page.click(f"#rimo-{name} input")
    page.click(f"#rimo-{name} li:has-text('{wanted}')")


def test_without_models_tagger_and_network(
    serve_page: Callable[..., Served], opened: Callable[[Served], Page], tmp_path: Path
) -> None:
    """The page says what is missing and where it belongs, and what to do; one button has something to try."""
    page = opened(served_home(serve_page, tmp_path, HF_HUB_OFFLINE="1"))
    expect(page.locator("#rimo-notes")).to_contain_text(str(tmp_path / "models"))
    card = page.locator(part("tagger-card"))
    expect(card).to_contain_text("It is not on this computer yet.")
    expect(card).to_contain_text("Licence Apache-2.0, 379 MB.")
    card.get_by_role("button", name="Download it now").click()
    expect(card.get_by_role("alert")).to_contain_text(f"put them into {tmp_path / 'taggers' / TAGGER}")
    expect(card.get_by_role("button", name="Try the download again")).to_be_visible()
    page.click("#rimo-demo")
    page.wait_for_selector("#rimo-estimate .rimo-cost")
    expect(page.locator("#rimo-base input")).to_have_value("toy-base.safetensors")
    expect(page.locator("#rimo-base-card")).to_contain_text("can be mixed")
    expect(page.locator("#rimo-demo")).to_be_hidden()
    expect(page.locator("#rimo-notes")).to_be_hidden()
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    "full_size",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                not os.environ.get("RIMO_FULL_SIZE"),
                reason="takes 8 GB of memory; set RIMO_FULL_SIZE to run it",
            ),
        ),
    ],
)
def test_own_models_from_start_to_the_first_picture(
    serve_page: Callable[..., Served],
    opened: Callable[[Served], Page],
    hub: LocalHub,
    tmp_path: Path,
    full_size: bool,
) -> None:
    """Base, partner, the tagger's download, Start: by clicks, and the first picture is there.

    A miniature needs to be told its configuration; a model of full size needs no switch at all.
    """
    models, options = tmp_path / "home" / "models", []
    models.mkdir(parents=True)
    config = write_config(tmp_path / "config", "sd1")
    for seed, name in enumerate(("mine", "other")):
        if full_size:
            write_full_size(models / f"{name}.safetensors", seed)
        else:
            write_checkpoint(models / f"{name}.safetensors", config, "sd1", seed)
            options = ["--config", str(config)]
    variables = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    served = served_home(serve_page, tmp_path / "home", *options, **variables)
    page = opened(served)
    choose(page, "base", "mine.safetensors")
    choose(page, "partners", "other.safetensors")
    expect(page.locator("#rimo-base-card")).to_contain_text(
        "Stable Diffusion 1 · epsilon-prediction · with VAE"
    )
    expect(page.locator("#rimo-partners-card")).to_contain_text("can be mixed")
    profile = "Drawing profile: Stable Diffusion 1.5, because" if full_size else "Nothing is known"
    expect(page.locator("#rimo-profile-card")).to_contain_text(profile)
    expect(page.locator("#rimo-estimate .rimo-look")).to_contain_text("Drawn with sampler")
    card = page.locator(part("tagger-card"))
    hub.pace_s = 60
    card.get_by_role("button", name="Download it now").click()
    expect(card).to_contain_text(re.compile(r"Downloading, \d+ MB of \d+ MB"))
    hub.gate.set()
    expect(card).to_contain_text("It is on this computer.")
    if full_size:
        page.click("#rimo-advanced >> text=Advanced")
        for name, value in (("width", "64"), ("height", "64"), ("steps", "1")):
            field(page, name).fill(value)
            field(page, name).press("Tab")
        expect(page.locator("#rimo-estimate .rimo-look")).to_contain_text("1 steps · CFG 7 · size 64x64")
    page.click("#rimo-start")
    page.wait_for_selector(f"{part('latest-picture')}[src]", timeout=LOADING_MS)
    asked = served.api.json("snapshot")[1]
    assert asked["base"] == "mine.safetensors"
    page.click("#rimo-stop")
    page.wait_for_selector('#rimo-tab[data-state="stopped"]', timeout=LOADING_MS)  # after the batch under way
    assert (tmp_path / "home" / "taggers" / TAGGER / "model.onnx").is_file()
    assert not (tmp_path / "home" / "demo").exists()
