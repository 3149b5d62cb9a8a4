"""A few threads over many independent pieces of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from lib_rimo.merging.mix.kernel import Workspace

MAX_THREADS = 8
"""Beyond this, memory is the limit on every machine we know of."""

Item = TypeVar("Item")


def thread_count(threads: int | None) -> int:
    """Threads to use: what is asked for, else as many as torch uses itself, within reason."""
    return max(1, threads if threads is not None else min(MAX_THREADS, torch.get_num_threads()))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keeps torch from splitting the calling thread's work over threads of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_over(
    items: Iterable[Item], work: Callable[[Item, Workspace], None], *, threads: int | None = None
) -> None:
    """Does ``work`` for every item, each thread with memory of its own.

    Args:
        items: What to work on; taken in order, finished in any.
        work: Called with an item and the calling thread's workspace, inside ``torch.inference_mode`` (live models
            may consist of inference tensors, which can be written nowhere else).
        threads: Number of threads, the calling one included.

    Raises:
        BaseException: The first error of any thread, after all threads have ended; no item is begun after it.
    """
    todo: Iterator[Item] = iter(items)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def take() -> None:
        workspace = Workspace()
        with torch.inference_mode(), one_torch_thread():
            while True:
                with lock:
                    if errors:
                        return
                    try:
                        item = next(todo)
                    except StopIteration:
                        return
                    except BaseException as error:  # noqa: BLE001 - raised again below
                        errors.append(error)
                        return
                try:
                    work(item, workspace)
                except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                    with lock:
                        errors.append(error)
                    return

    before = torch.get_num_threads()
    others = [
        threading.Thread(target=take, name=f"rimo-merge-{n}", daemon=True)
        for n in range(1, thread_count(threads))
    ]
    for other in others:
        other.start()
    try:
        take()
    except BaseException as error:  # noqa: BLE001 - an interrupt between two items; raised again below
        errors.append(error)
    for other in others:
        other.join()
    # The setting is each thread's own, but a new thread takes over what was set last anywhere.
    torch.set_num_threads(before)
    if errors:
        raise errors[0]
