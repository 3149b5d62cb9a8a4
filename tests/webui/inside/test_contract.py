"""What every host owes, asked of the WebUI that this process is. Run by the probe, see ``tests/webui/README.md``."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib_rimo.errors import HostTakenError
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.hosts.webui.kind import open_webui_host
from tests.hosts.conformance import HostTestCase
from tests.hosts.conformance_weights import read_live, same

NAMES = "RIMO_WEBUI_CHECKPOINTS"
"""Environment variable: file names of two or more checkpoints of one architecture, commas between."""

pytestmark = pytest.mark.skipif(NAMES not in os.environ, reason=f"{NAMES} names no checkpoints")


def _paths(host: WebuiHost) -> list[Path]:
    listed = {path.name: path for path in host.checkpoints()}
    return [listed[name.strip()] for name in os.environ[NAMES].split(",")]


class TestContract(HostTestCase):
    """The contract, and what only a WebUI's user can do to a host."""

    @pytest.fixture(scope="class")
    def opened(self) -> WebuiHost:
        """One adapter for the class."""
        return open_webui_host()

    @pytest.fixture
    def host(self, opened: WebuiHost) -> Iterator[WebuiHost]:
        """The adapter with the first checkpoint loaded."""
        opened.load(_paths(opened)[0])
        yield opened
        (opened.save_folder() / "zz-new.safetensors").unlink(missing_ok=True)

    @pytest.fixture
    def others(self, opened: WebuiHost) -> list[Path]:
        """The other checkpoints."""
        return _paths(opened)[1:]

    @pytest.fixture
    def request_(self, host: WebuiHost) -> ImageRequest:
        """A quick request; UniPC wants more steps than its order of three."""
        d = host.image_defaults()
        side = int(os.environ.get("RIMO_WEBUI_SIZE", d.width))
        return ImageRequest("red, star", "", 1, side, side, 4, d.cfg, d.sampler)

    def test_another_choice_is_told(
        self, host: WebuiHost, others: list[Path], request_: ImageRequest
    ) -> None:
        """When the user selects another checkpoint, drawing is refused with its name; loading ours again helps."""
        from modules import shared

        base = host.loaded()
        assert base is not None
        with host.exclusive():
            before = host.generate([request_])
        shared.opts.data["sd_model_checkpoint"] = others[0].stem
        with host.exclusive(), pytest.raises(HostTakenError, match=others[0].name):
            host.generate([request_])
        with host.exclusive():
            host.load(base)
            assert same(before, host.generate([request_]))

    def test_a_choice_in_the_middle_changes_nothing_yet(
        self, host: WebuiHost, others: list[Path], request_: ImageRequest
    ) -> None:
        """A checkpoint that the user selects while we hold the queue is not loaded before we let it go."""
        from modules import shared

        base = host.loaded()
        assert base is not None
        with host.exclusive():
            before, tensors = host.generate([request_]), read_live(host.live())
            shared.opts.data["sd_model_checkpoint"] = others[0].stem
            assert same(before, host.generate([request_]))
            assert all(a.equal(b) for a, b in zip(tensors, read_live(host.live()), strict=True))
        host.load(base)
        with host.exclusive():
            assert same(before, host.generate([request_]))

    def test_prompt_history_stays_the_users(self, host: WebuiHost, request_: ImageRequest) -> None:
        """Drawing writes neither the prompt history nor any other file below the WebUI's folder."""
        from modules import paths

        root = Path(paths.data_path)

        def times() -> dict[Path, int]:
            watched = [root / "params.txt", *(root / "outputs").rglob("*"), *(root / "output").rglob("*")]
            return {path: path.stat().st_mtime_ns for path in watched if path.is_file()}

        before = times()
        with host.exclusive():
            host.generate([request_])
        assert times() == before

    def test_no_preview_is_made(
        self, host: WebuiHost, request_: ImageRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither the sampler nor the page's request for progress turns our half-done pictures into previews."""
        from modules import sd_samplers, sd_samplers_common, shared

        made: list[object] = []
        for module in (sd_samplers, sd_samplers_common):
            for name in ("sample_to_image", "samples_to_image_grid"):
                monkeypatch.setattr(module, name, made.append)
        monkeypatch.setitem(shared.opts.data, "live_previews_enable", True)
        monkeypatch.setitem(shared.opts.data, "show_progress_every_n_steps", 1)
        over = threading.Event()

        def ask() -> None:
            while not over.wait(0.01):
                shared.state.set_current_image()

        page = threading.Thread(target=ask)
        page.start()
        try:
            with host.exclusive():
                host.generate([request_])
        finally:
            over.set()
            page.join()
        assert not made
        assert "do_set_current_image" not in vars(shared.state)
