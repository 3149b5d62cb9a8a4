"""The pieces of the WebUI hosts that work without a WebUI; ``tests/webui`` has the rest."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import pytest
import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.tracing import Traced
from lib_rimo.hosts.webui.info import chunks_of, sidecar_size
from lib_rimo.hosts.webui.patching import only_here, replaced
from lib_rimo.hosts.webui.queue import WebuiQueue

WAIT_S = 60


class TurnLock:
    """A first-come, first-served lock with the pending list that the WebUIs' own has."""

    def __init__(self) -> None:
        self._inner = threading.Lock()
        self._taken = False
        self._pending_threads: deque[threading.Event] = deque()

    def acquire(self, blocking: bool = True) -> bool:
        with self._inner:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Event()
            self._pending_threads.append(turn)
        return turn.wait(WAIT_S)

    def release(self) -> None:
        with self._inner:
            if self._pending_threads:
                self._pending_threads.popleft().set()
            else:
                self._taken = False


def test_waiting_counts_those_in_front_of_the_webuis_lock() -> None:
    """The queue's length is that of the WebUI's own lock, whoever waits there."""
    lock = TurnLock()
    queue = WebuiQueue(lock)
    came_in = threading.Event()

    def user() -> None:
        lock.acquire()
        came_in.set()
        lock.release()

    with queue.hold():
        thread = threading.Thread(target=user)
        thread.start()
        pause = threading.Event()
        while not queue.waiting():
            pause.wait(0.001)
        assert queue.waiting() == 1
        assert not came_in.is_set()
    thread.join(WAIT_S)
    assert came_in.is_set()
    assert queue.waiting() == 0


def test_a_lock_that_does_not_tell_is_given_away_often() -> None:
    """Where the pending list is not known, somebody is taken to wait: the user never waits for a whole study."""
    assert WebuiQueue(threading.Lock()).waiting() == 1


def test_the_queue_knows_its_thread() -> None:
    """Another thread does not hold what this one holds; entering twice is an error and keeps the first hold."""
    queue = WebuiQueue(TurnLock())
    seen: list[bool] = []
    with queue.hold():
        thread = threading.Thread(target=lambda: seen.append(queue.is_mine()))
        thread.start()
        thread.join(WAIT_S)
        with pytest.raises(HostError, match="twice"), queue.hold():
            pytest.fail("entered twice")
        queue.require("Drawing")
    assert seen == [False]
    with pytest.raises(HostError, match="exclusive"):
        queue.require("Drawing")


def test_replaced_comes_back_after_an_error() -> None:
    """The attribute from before is back after an error inside, but a third one that came meanwhile stays."""

    class Owner:
        value = 1

    with pytest.raises(ZeroDivisionError), replaced(Owner, "value", 2):
        raise ZeroDivisionError
    assert Owner.value == 1
    with replaced(Owner, "value", 2):
        assert Owner.value == 2
        Owner.value = 3
    assert Owner.value == 3


def test_only_here_leaves_other_threads_alone() -> None:
    """The calling thread gets the one function, every other thread the other, with its arguments."""
    chosen = only_here(lambda *_: "mine", lambda number: f"theirs {number}")
    answers: list[object] = [chosen(1)]
    thread = threading.Thread(target=lambda: answers.append(chosen(2)))
    thread.start()
    thread.join(WAIT_S)
    assert answers == ["mine", "theirs 2"]


def test_sidecar_size(tmp_path: Path) -> None:
    """The configuration beside a checkpoint names the size in latent positions; without a usable one, nothing."""
    checkpoint = tmp_path / "a.safetensors"
    assert sidecar_size(checkpoint) is None
    sidecar = tmp_path / "a.yaml"
    sidecar.write_text("model: {params: {image_size: 8}}", encoding="utf-8")
    assert sidecar_size(checkpoint) == (64, 64)
    for broken in ("model: [", "model: {params: {}}", "[1]", "model: {params: {image_size: big}}"):
        sidecar.write_text(broken, encoding="utf-8")
        assert sidecar_size(checkpoint) is None


def test_chunks_of_an_encoder_that_does_not_say() -> None:
    """A text encoder without the WebUI's own cutting has one window."""
    assert chunks_of(None, "red, star") == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_traced_views_apply_to_real_tensors(dtype: torch.dtype) -> None:
    """What was done to a traced tensor is done again to a real one, as a view of it."""
    traced = Traced.of("qkv", (6, 4), torch.float32)
    part = traced[2:4].transpose(0, 1).contiguous()
    assert isinstance(part, Traced)
    assert part.source == "qkv"
    view = part.view_taken()
    assert view is not None
    real = torch.arange(24, dtype=dtype).reshape(6, 4)
    assert torch.equal(view(real), real[2:4].T)
    assert view(real).untyped_storage().data_ptr() == real.untyped_storage().data_ptr()
    assert traced.view_taken() is None
