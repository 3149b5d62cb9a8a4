"""The diversity floor: winners whose pictures of one prompt are all alike are given up, others are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_rimo.benchmark.tagger import open_tagger
from lib_rimo.errors import JournalError, SettingsError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.drawers.host_drawer import HostDrawer
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging import Recipe
from lib_rimo.merging.mix.recipe import Source
from lib_rimo.study.analysis.diversity_floor import judge
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal, plan
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.results import variety_of
from lib_rimo.study.run.drawing import draw_pairs
from lib_rimo.study.run.session import open_new
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.study.store.summary import row_of
from lib_rimo.toy.family import unpack
from tests.study.analysis.test_shape_guard import lines_of, told, write
from tests.study.conftest import Workshop, copied, open_workshop, played
from tests.study.painting import PaintingHost, write_model

QUICK = {"budget": 160, "unseen": 24, "checked": 12, "pool": 32, "bounds": [0.0, 1.0], "diversity_floor": 0.7}
TWO = {**QUICK, "epochs": 2}


def fill(workshop: Workshop, base: float, partners: float) -> Workshop:
    """Writes the workshop's checkpoints anew, every tag drawn with these probabilities."""
    for name, skill, seed in (("base", base, 1), ("first", partners, 2), ("second", partners, 3)):
        (workshop.host.folder / f"{name}.safetensors").unlink()
        write_model(workshop.host.folder / f"{name}.safetensors", [skill] * 8, seed)
    return workshop


def uniform(workshop: Workshop) -> Workshop:
    """Every second tag is lit by the base; partners light all of them, each time, so a better mix varies less."""
    return fill(workshop, 0.5, 1.3)


@pytest.fixture(scope="module")
def given_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of two epochs whose winners draw each prompt alike; tests work on copies."""
    folder = tmp_path_factory.mktemp("varying")
    workshop = uniform(open_workshop(folder))
    played(workshop, **TWO)
    workshop.studies.close()
    return folder


def test_a_mix_that_draws_a_prompt_in_one_way_is_given_up(given_up: Path, tmp_path: Path) -> None:
    """The next epoch, its pictures, the result and what is saved are those of the base, and the figures are told."""
    workshop = copied(given_up, tmp_path)
    path, lines = lines_of(workshop)
    now = workshop.studies.stored(path.parent.name)
    record = workshop.studies.record(now.study)
    first, second = now.variety
    assert (first.epoch, first.kept, second.epoch, second.kept) == (1, False, 2, False)
    for judged in now.variety:
        assert judged.left.high < 0
        assert judged.winner.low <= judged.winner.mean <= judged.winner.high < judged.began.low
        assert judged.winner.images == judged.began.images == 48
    found = [Recipe.from_json(line["recipe"]) for line in lines if line["t"] == "winner"]
    assert all(recipe.weights for recipe in found)
    assert record.winners == [record.base, record.base]
    assert record.epoch_base(2) == record.best() == Recipe.from_json(now.recipe) == record.base
    assert "epoch 1" not in record.measured
    assert "merged" not in record.measured
    start, *later = (
        [workshop.studies.picture(now.study, f).read_bytes() for f in g.files] for g in now.grids
    )
    assert later == [start, start]
    assert now.result is not None
    assert now.result.merged == now.result.base
    assert now.watch is not None
    assert now.watch.outlook is None  # what its winner gained says nothing of the next one's
    assert now.measured == now.to_measure == record.images_measured
    workshop.studies.close()


def test_pictures_of_a_recipe_are_drawn_once(given_up: Path, tmp_path: Path) -> None:
    """Base and both winners have two pictures of each prompt; the second epoch takes the base's from the first."""
    workshop = copied(given_up, tmp_path)
    _, lines = lines_of(workshop)
    drawn: dict[str, int] = {}
    for line in lines:
        if line["t"] == "pairs":
            drawn[line["recipe"]] = drawn.get(line["recipe"], 0) + len(line["likenesses"])
            assert len(line["likenesses"]) == 4  # a batch of eight
    assert list(drawn.values()) == [24, 24, 24]
    workshop.studies.close()


def test_what_is_known_of_a_given_up_winner_is_not_said_of_the_base(given_up: Path, tmp_path: Path) -> None:
    """Before the measurement neither the epoch's mix nor the history has the accuracy that the search estimated."""
    workshop = copied(given_up, tmp_path)
    path, lines = lines_of(workshop)
    end = max(i for i, line in enumerate(lines) if line["t"] == "variety") + 1
    write(path, lines[:end])
    record = workshop.studies.record(path.parent.name)
    assert Choice("epoch", 2).accuracy(record) is None
    assert Choice("best").accuracy(record) is None
    now = workshop.studies.stored(path.parent.name)
    assert now.curve
    assert row_of(now, "")["best"] is None
    workshop.studies.close()


@pytest.mark.parametrize(
    "after", ["winner", "pairs", "pairs-2", "pairs-5", "pairs-8", "pairs-12", "variety", "grid-1"]
)
def test_cut_off_at_the_floor_it_goes_on_alike(given_up: Path, tmp_path: Path, after: str) -> None:
    """A journal that ends at any event of the check is carried on to the same decisions."""
    workshop = copied(given_up, tmp_path)
    path, lines = lines_of(workshop)
    kind, _, number = after.partition("-")
    at = [i for i, line in enumerate(lines) if line["t"] == kind][int(number or 0)]
    write(path, lines[: at + 1])
    workshop.studies.resume(path.parent.name)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert told(lines_of(workshop)[1]) == told(lines)
    workshop.studies.close()


def test_a_mix_that_varies_is_kept_and_nothing_else_changes(
    make_workshop: Callable[..., Workshop], tmp_path: Path
) -> None:
    """Without the pairs and their decision the journal is that of a study without a floor, which draws none."""
    told_of = {}
    for floor in (0.0, 0.5):
        workshop = fill(make_workshop(), 0.3, 0.6)
        study = played(workshop, **{**TWO, "diversity_floor": floor})
        path = tmp_path / "studies" / study / journal.FILE
        lines = told([json.loads(line) for line in path.read_text().splitlines()])
        lines[0]["settings"].pop("diversity_floor")
        for line in lines:
            if line["t"] == "signs" and line["outlook"]:
                line["outlook"]["images"] -= 48 if floor else 0  # another epoch's winner would draw them too
        told_of[floor] = lines
        now = workshop.studies.snapshot()
        assert now.measured == now.to_measure
        assert [(v.epoch, v.kept) for v in now.variety] == ([(1, True), (2, True)] if floor else [])
        workshop.studies.close()
    without = [line for line in told_of[0.5] if line["t"] not in ("pairs", "variety")]
    assert without == told_of[0.0]
    assert len(told_of[0.5]) == len(without) + 3 * 6 + 2


def test_an_epoch_that_kept_its_beginning_draws_no_pairs(workshop: Workshop) -> None:
    """Where no mix is better than the base there is nothing to hold against it."""
    study = played(fill(workshop, 0.9, 0.02), **QUICK)
    now = workshop.studies.stored(study)
    record = workshop.studies.record(study)
    assert not record.winners[0].weights
    assert (record.likenesses, now.variety) == ({}, ())


class OneByOne(PaintingHost):
    """A host with memory for one picture."""

    def batch_size(self, width: int, height: int) -> int:
        return 1

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        assert len(requests) == 1
        return super().generate(requests)


def test_a_host_that_draws_one_picture_at_a_time_can_be_asked_for_pairs(tmp_path: Path) -> None:
    """Both pictures of a prompt are one event all the same."""
    workshop = uniform(open_workshop(tmp_path, OneByOne))
    played(workshop, **{**QUICK, "budget": 96, "unseen": 12})
    pairs = [line for line in lines_of(workshop)[1] if line["t"] == "pairs"]
    assert [len(line["likenesses"]) for line in pairs] == [1] * 24
    assert not workshop.studies.snapshot().variety[0].kept
    workshop.studies.close()


def test_the_estimate_counts_the_pairs(workshop: Workshop) -> None:
    """Two pictures of each of 48 prompts, or as many as there are, by the base and by the winner of every epoch."""
    for unseen, pairs in ((120, 48), (20, 20)):
        off = workshop.studies.estimate({**workshop.settings, "unseen": unseen, "epochs": 3})
        on = workshop.studies.estimate(
            {**workshop.settings, "unseen": unseen, "epochs": 3, "diversity_floor": 0.8}
        )
        assert on["images"] - off["images"] == 2 * pairs * 4


@pytest.mark.parametrize("floor", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_floor_that_is_no_share_is_refused_at_its_field(floor: float) -> None:
    """It is a share of what there was."""
    with pytest.raises(SettingsError) as caught:
        StudySettings.from_mapping({"base": "a", "partners": ["b"], "diversity_floor": floor})
    assert caught.value.field == "diversity_floor"


LIKENESS = st.floats(0, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(LIKENESS, LIKENESS), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_winner_is_given_up_only_where_that_is_sure(pairs: list[tuple[float, float]], floor: float) -> None:
    """Nobody is given up for one prompt, nor for varying as much as before; the decision survives its journal."""
    winner, began = ([p[i] for p in pairs] for i in (0, 1))
    event = judge(3, floor, winner, began)
    assert event.kept == (not event.left["high"] < 0)
    assert event.kept or len(pairs) > 1
    assert judge(3, floor, began, began).kept
    told_of = variety_of(ev.from_json(json.loads(json.dumps(ev.to_json(event)))))  # type: ignore[arg-type]
    assert (told_of.kept, told_of.winner.mean) == (event.kept, event.winner["mean"])
    assert 0 <= told_of.winner.low <= told_of.winner.high <= 1


def test_a_damaged_decision_is_told() -> None:
    """A figure that is no interval is named, not shown."""
    with pytest.raises(JournalError, match="diversity"):
        variety_of(ev.VarietyJudged(1, True, {"mean": 1}, {}, {}))


def test_a_partner_without_a_weight_makes_no_other_recipe() -> None:
    """Equal weights have one identity, whoever else is named; other weights have another."""
    base, one, other = (Source(name, name) for name in "abc")
    alone = Recipe(base, (one,), "theater", {"mid": (0.5,)})
    named = Recipe(base, (other, one), "theater", {"mid": (0.0, 0.5)})
    assert plan.identity(alone) == plan.identity(named)
    assert plan.identity(Recipe(base, (one,), "theater", {})) == plan.identity(Recipe.zero(base, "theater"))
    assert plan.identity(alone) != plan.identity(Recipe(base, (other,), "theater", {"mid": (0.5,)}))


def test_on_the_tiny_family_what_draws_one_picture_for_everything_is_given_up(tmp_path: Path) -> None:
    """With a VAE that decodes everything to grey nothing varies; the family's average nearly does as its base."""
    family = unpack(tmp_path)
    grey = load_file(str(family.base))
    for key, tensor in grey.items():
        if key.startswith("first_stage_model."):
            grey[key] = torch.zeros_like(tensor)
    save_file(grey, str(tmp_path / "grey.safetensors"))
    host = DiffusersHost(tmp_path, config_dir=family.config_dir, device="cpu", threads=1)
    partners = [*family.specialists, tmp_path / "grey.safetensors"]
    sizes = {"budget": 64, "unseen": 6, "steps": 6}
    chosen = StudySettings.from_mapping({"base": family.base, "partners": partners, **sizes})
    study = open_new(chosen, HostDrawer(host), lambda _: open_tagger(family.tagger_dir))
    base, *specialists, blind = study.record.sources
    groups = study.record.opened.groups
    average = Recipe.from_rows(base, specialists, "theater", groups, ((0.25,) * len(groups),) * 3)
    veiled = Recipe.from_rows(base, (blind,), "theater", ["vae"], ((1.0,),))
    with study.sources, study.bench as bench:
        began, mixed, same = (
            draw_pairs(bench, recipe, study.pools.unseen(), 8)[0]
            for recipe in (study.record.base, average, veiled)
        )
    assert same == (1.0,) * 6
    assert len(set(began)) == len(set(mixed)) == 6
    assert judge(1, 0.5, mixed, began).kept
    assert not judge(1, 0.5, same, began).kept
