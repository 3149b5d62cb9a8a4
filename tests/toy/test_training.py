"""Training of the tiny family: a run that was stopped goes on to the same files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed

from tools.toy_family import diffusion, next_family, ranks, scenes, vae, vocabulary

PLAN = diffusion.Plan("tried", samples=64, rate=1e-3, batch=8, save_every=32)
"""Four steps."""


class Small(torch.nn.Module):
    """As the pair of networks is called, and much smaller: what is tried here is the run, not the networks."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.text = torch.nn.Embedding(len(vocabulary.vocabulary()), 4)

    def forward(self, noisy: torch.Tensor, timesteps: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """A prediction that depends on all three."""
        out: torch.Tensor = (
            self.unet(noisy) + self.text(ids).mean(1)[:, :, None, None] + timesteps.float().mean() / 1000
        )
        return out


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a few scenes and latents, and this process as the only rank."""
    out = tmp_path_factory.mktemp("training")
    drawn = scenes.draw_many(8, 1)
    np.savez(out / "scenes-train.npz", images=drawn.images, tags=drawn.tags, masks=drawn.masks)
    torch.save(torch.randn((8, 4, 8, 8), generator=torch.Generator().manual_seed(2)), out / "latents.pt")
    distributed.init_process_group("gloo", init_method=(out / "met").as_uri(), rank=0, world_size=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "Pair", Small)
        yield out
    distributed.destroy_process_group()


def weights(path: Path) -> dict[str, torch.Tensor]:
    """What a run left."""
    read: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return read


def test_a_stopped_run_goes_on_to_the_same_weights(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped right after a note was written, and gone on with, a run ends as one that was never stopped."""
    diffusion._train(0, prepared, 3, PLAN)
    whole = weights(prepared / "tried.pt")
    assert not (prepared / "tried.state.pt").exists()
    noted = ranks.keep

    def stopped(path: Path, *what: object) -> None:
        noted(path, *what)  # type: ignore[arg-type]  # the arguments are those of ranks.keep
        raise KeyboardInterrupt

    again = dataclasses.replace(PLAN, name="again")
    monkeypatch.setattr(ranks, "SAVE_STEPS", 2)
    monkeypatch.setattr(ranks, "keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        diffusion._train(0, prepared, 3, again)
    monkeypatch.setattr(ranks, "keep", noted)
    assert not (prepared / "again.pt").exists()
    assert (prepared / "again.state.pt").exists()
    diffusion._train(0, prepared, 3, again)
    resumed = weights(prepared / "again.pt")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_only_the_free_weights_of_a_plan_move(prepared: Path) -> None:
    """A plan that names what is free leaves everything else as it was, bit for bit."""
    plan = dataclasses.replace(PLAN, name="free", samples=32, start="tried", free=("unet.",))
    diffusion._train(0, prepared, 3, plan)
    before, after = weights(prepared / "tried.pt"), weights(prepared / "free.pt")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("unet.") for name in moved)


def test_every_plan_starts_from_one_before_it() -> None:
    """The chain of plans can be carried out in its order: no start is missing."""
    made = {diffusion.BASE.name, *(plan.name for plan in next_family.CHAIN)}
    for plan in next_family.CHAIN:
        assert plan.start is not None
        assert plan.start in made or plan.start.rpartition("-")[0] in made


def test_a_rate_may_stay_constant_to_the_end() -> None:
    """Such a plan can be made longer later without changing what was trained so far; others end at a hundredth."""
    assert vae.learning_rate(999, 1000, 2.0, constant=1.0) == 2.0
    assert vae.learning_rate(999, 1000, 2.0, constant=0.4) < 0.03
