"""Two single-thread training processes that average their gradients.

On two cores which others use as well, one process with two threads stalls at every
barrier; two processes with one thread each keep most of their speed.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn import Parameter

N_RANKS = 2
SAVE_STEPS = 100
"""Steps between two notes from which a stopped run goes on."""


def run(work: Callable[..., None], *arguments: object) -> None:
    """Call ``work(rank, *arguments)`` in ``N_RANKS`` processes joined by gloo.

    Raises:
        Exception: what the first failing process raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        spawn(_enter, args=(meeting, work, arguments), nprocs=N_RANKS)


def _enter(rank: int, meeting: str, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    level = logging.INFO if rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        # Two ranks that wait for each other look idle enough to be put on one core.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=N_RANKS)
    try:
        work(rank, *arguments)
    finally:
        distributed.destroy_process_group()


def average_gradients(parameters: Iterable[Parameter]) -> None:
    """Replace every gradient by its mean over the processes."""
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in grads])
    distributed.all_reduce(flat)
    flat /= N_RANKS
    at = 0
    for grad in grads:
        grad.copy_(flat[at : at + grad.numel()].view_as(grad))
        at += grad.numel()


def source(seed: int, rank: int, step: int) -> torch.Generator:
    """The randomness of one step in one process: the same however often the run was stopped before."""
    return torch.Generator().manual_seed(((seed * 100 + rank) << 24) + step)


def save(content: object, path: Path) -> None:
    """Write a file of torch whole or not at all."""
    temporary = path.with_suffix(".tmp")
    torch.save(content, temporary)
    temporary.replace(path)


def keep(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, ema: Ema, step: int) -> None:
    """Note everything from which a stopped run goes on to the same result."""
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "ema": ema.state(),
    }
    save(state, path)


def resume(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, ema: Ema) -> int:
    """Take up what :func:`keep` noted and return the step to go on with."""
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    ema.take(state["ema"])
    return int(state["step"])


class Ema:
    """Exponential moving average of parameters.

    Args:
        parameters: live parameters to follow.
        decay: share of the old average kept per step; the first steps use less, so
            that the random start is forgotten.
    """

    def __init__(self, parameters: Iterable[Parameter], decay: float) -> None:
        self._live = list(parameters)
        self._decay = decay
        self._mean = [p.detach().clone() for p in self._live]
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the live values into the average."""
        self._steps += 1
        keep = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._live], 1 - keep)

    def state(self) -> dict[str, object]:
        """What :meth:`take` takes up again."""
        return {"steps": self._steps, "mean": self._mean}

    @torch.no_grad()
    def take(self, state: dict[str, Any]) -> None:
        """Go on from an average noted earlier."""
        self._steps = int(state["steps"])
        for mean, noted in zip(self._mean, state["mean"], strict=True):
            mean.copy_(noted)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange live values and averages; a second call undoes the first."""
        for live, mean in zip(self._live, self._mean, strict=True):
            kept = live.detach().clone()
            live.copy_(mean)
            mean.copy_(kept)
