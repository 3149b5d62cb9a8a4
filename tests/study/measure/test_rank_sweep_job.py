"""Several ranks of a mix's repair, measured in the background: the table, the proposal, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.study.measure.rank_sweep import DONOR, KEPT, RankResult, proposed, reasons
from lib_rimo.study.measure.rank_sweep_job import RANKS, RankRequest
from tests.study.conftest import Workshop, copied, open_workshop, played
from tests.study.measure.test_bench_job import GatedHost, own_weights
from tests.study.painting import SKILL_KEYS

SOUND = "second.safetensors"
FULL = "8"
"""Rank of the painting family's matrices."""
SMALL = {"donor": SOUND, "vectors": "kept", "ranks": f"1 4 {FULL}", "images": 40}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished study."""
    made = tmp_path_factory.mktemp("finished")
    workshop = open_workshop(made)
    played(workshop, budget=64, unseen=16)
    workshop.studies.close()
    return made


@pytest.fixture
def reopen(finished: Path, tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Opens fresh programs, each on a copy of its own unless it is given a name for a second time."""
    opened: list[Workshop] = []

    def make(name: str = "one", **options: Any) -> Workshop:
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            copied(finished, folder).studies.close()
        opened.append(open_workshop(folder, options.pop("kind", GatedHost), **options))
        return opened[-1]

    yield make
    for workshop in opened:
        workshop.studies.close()


def asked(workshop: Workshop, **changes: Any) -> dict[str, Any]:
    """A small request about the study's best mix."""
    return {"study": str(workshop.studies.studies()[0]["id"]), **SMALL, **changes}


def run(workshop: Workshop, **changes: Any) -> dict[str, Any]:
    """Measures to the end; returns how it stands."""
    workshop.studies.ranks().start(asked(workshop, **changes))
    workshop.studies.join_benchmark(120)
    return workshop.studies.ranks().standing()


def test_ranks_are_measured_beside_the_mix_and_its_donor(reopen: Callable[..., Workshop]) -> None:
    """The full rank is the donor to the last digit, the proposal follows from the table, the weights are back."""
    workshop = reopen()
    told = run(workshop)
    assert (told["state"], told["kind"], told["done"]) == ("finished", "ranks", 5 * 40)
    found = workshop.studies.ranks().latest()
    arms = {arm["rank"]: arm for arm in found["arms"]}
    assert list(arms) == [KEPT, DONOR, "1", "4", FULL]
    assert (found["done"], found["of"], found["name"], found["current"]) == (5, 5, "best", True)
    assert arms[FULL]["accuracy"] == arms[DONOR]["accuracy"] != arms[KEPT]["accuracy"]
    assert arms[FULL]["gain"] == arms[DONOR]["gain"]
    assert arms[KEPT]["gain"]["mean"] == 0 == arms[KEPT]["captured"]
    assert 0 < arms["1"]["captured"] < arms["4"]["captured"] < arms[FULL]["captured"] == 1
    read = {
        rank: RankResult(
            rank, *(Interval(**arm[k]) for k in ("accuracy", "gain", "unusual")), arm["captured"]
        )
        for rank, arm in arms.items()
    }
    assert (found["proposed"], found["reasons"]) == (proposed(read), reasons(read))
    assert own_weights(workshop)


def test_what_was_measured_is_never_drawn_again(reopen: Callable[..., Workshop]) -> None:
    """A second run and a program started anew draw nothing; one more rank draws that one only."""
    workshop = reopen()
    run(workshop)
    first, drawn = workshop.studies.ranks().latest(), workshop.host.batches
    later = reopen()
    assert later.studies.ranks().latest() == first
    assert run(later)["state"] == "finished"
    assert (later.studies.ranks().latest(), later.host.batches) == (first, 0)
    run(later, ranks=f"1 2 4 {FULL}")
    assert later.host.batches == drawn / 5
    rows = later.studies.ranks().latest()["arms"]
    assert [row for row in rows if row["rank"] != "2"] == first["arms"]


def test_stopped_and_gone_on_gives_the_same(reopen: Callable[..., Workshop]) -> None:
    """After a stop the user's weights are back, and the same request ends with the table of one that ran through."""
    through = reopen("through")
    run(through)
    workshop = reopen("stopped")
    host, ranks = workshop.host, workshop.studies.ranks()
    assert isinstance(host, GatedHost)
    for _ in range(2):
        host.go.clear()
        host.drawn.clear()
        ranks.start(asked(workshop))
        assert host.drawn.wait(60)
        ranks.stop()
        host.go.set()
        workshop.studies.join_benchmark(60)
        assert ranks.standing()["state"] == "stopped"
        assert own_weights(workshop)
    assert run(workshop)["state"] == "finished"
    assert host.batches <= through.host.batches + 2  # the batch in which it was stopped
    assert ranks.latest() == through.studies.ranks().latest()


@pytest.mark.parametrize(("trouble", "state"), [("fail_at", "failed"), ("taken_at", "stopped")])
def test_trouble_with_the_host_loses_nothing(
    reopen: Callable[..., Workshop], trouble: str, state: str
) -> None:
    """The text is shown, what was measured counts, and the same request goes on."""
    workshop = reopen()
    setattr(workshop.host, trouble, 13)  # in the third of five arms
    told = run(workshop)
    assert told["state"] == state
    assert told["error"]
    found = workshop.studies.ranks().latest()
    assert 1 < found["done"] < found["of"] == 5
    assert run(workshop)["state"] == "finished"
    assert workshop.studies.ranks().latest()["done"] == 5


def test_studies_benchmarks_and_ranks_take_turns(reopen: Callable[..., Workshop]) -> None:
    """Nothing starts beside a measurement of ranks, and it does not start beside a study; each says what runs."""
    workshop = reopen()
    host, studies = workshop.host, workshop.studies
    assert isinstance(host, GatedHost)
    study = asked(workshop)["study"]
    host.go.clear()
    host.drawn.clear()
    studies.ranks().start(asked(workshop))
    assert host.drawn.wait(60)
    for refused in (
        lambda: studies.start(workshop.settings),
        lambda: studies.resume(study),
        lambda: studies.benchmarks().start({"checkpoints": [SOUND]}),
        lambda: studies.ranks().start(asked(workshop)),
    ):
        with pytest.raises(StudyError, match="measurement of ranks is running"):
            refused()
    assert studies.benchmarks().standing()["kind"] == "ranks"
    host.go.set()
    studies.join_benchmark(60)
    host.go.clear()
    host.drawn.clear()
    studies.start(workshop.settings)
    assert host.drawn.wait(60)
    with pytest.raises(StudyError, match="study is running"):
        studies.ranks().start(asked(workshop))
    host.go.set()


def test_a_webui_s_selection_is_not_changed(reopen: Callable[..., Workshop]) -> None:
    """Where the loaded checkpoint is the user's choice it must be the mix's base, and stays."""
    workshop = reopen(may_load=False)
    workshop.host.load(workshop.host.folder / SOUND)
    with pytest.raises(StudyError, match=r"Select base\.safetensors"):
        workshop.studies.ranks().start(asked(workshop))
    assert workshop.host.batches == 0
    workshop.host.load(workshop.host.folder / "base.safetensors")
    assert run(workshop)["state"] == "finished"
    assert workshop.host.loaded() == workshop.host.folder / "base.safetensors"
    assert own_weights(workshop)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"donor": ""}, "donor"),
        ({"donor": "gone.safetensors"}, "donor"),
        ({"vectors": "none"}, "vectors"),
        ({"ranks": ""}, "ranks"),
        ({"ranks": "4 x"}, "ranks"),
        ({"ranks": "-1"}, "ranks"),
        ({"ranks": "2.5"}, "ranks"),
        ({"ranks": "99999"}, "ranks"),
        ({"ranks": " ".join(map(str, range(17)))}, "ranks"),
        ({"images": 10}, "images"),
        ({"images": "x"}, "images"),
        ({"images": 10**9}, "images"),
        ({"trial": 10**6}, "trial"),
    ],
)
def test_bad_input_starts_nothing(
    reopen: Callable[..., Workshop], changes: dict[str, Any], field: str
) -> None:
    """The error names the field; nothing is drawn and nothing is kept."""
    workshop = reopen()
    with pytest.raises(SettingsError) as caught:
        workshop.studies.ranks().start(asked(workshop, **changes))
    assert caught.value.field == field
    assert workshop.studies.ranks().standing()["state"] == "idle"
    assert workshop.host.batches == 0
    with pytest.raises(StudyError, match="no tables yet"):
        workshop.studies.ranks().latest()


@pytest.mark.parametrize("strange", [True, False])
def test_a_donor_that_does_not_fit_is_named(reopen: Callable[..., Workshop], strange: bool) -> None:
    """Another family, or the mix itself: it ends with the field before anything is drawn."""
    workshop = reopen()
    donor = "base.safetensors"
    if strange:
        tensors = load_file(str(workshop.host.folder / SOUND))
        tensors[SKILL_KEYS[0]] = tensors[SKILL_KEYS[0]][:4].contiguous()
        donor = "strange.safetensors"
        save_file(tensors, str(workshop.host.folder / donor))
    told = run(workshop, donor=donor, base=True)
    assert (told["state"], told["field"]) == ("failed", "donor")
    assert workshop.host.batches == 0


def test_a_table_of_a_mix_that_has_changed_is_not_current(reopen: Callable[..., Workshop]) -> None:
    """It says so when its study is gone; another mix of the study has a table of its own."""
    workshop = reopen()
    run(workshop, trial=1)
    found = workshop.studies.ranks().latest()
    assert (found["request"]["choice"], found["current"]) == ({"trial": 1}, True)
    workshop.studies.delete(found["request"]["study"])
    assert workshop.studies.ranks().latest()["current"] is False


def arm(rank: str, gain: float, unusual: float, half: float = 0.01) -> RankResult:
    """An arm with such figures."""
    ends = [Interval(x, x - half, x + half, images=400, tags=2000) for x in (0.6 + gain, gain, unusual)]
    return RankResult(rank, *ends, captured=0.5)


@pytest.mark.parametrize(
    ("four", "eight", "best", "told"),
    [
        ((-0.01, 0.02), (-0.05, 0.01), "4", ["Rank 4 draws the fewest"]),
        ((-0.01, 0.095), (-0.05, 0.01), "4", ["Rank 4 draws the fewest", "may be chance"]),
        ((-0.03, 0.02), (-0.05, 0.01), None, ["costs more than 2 points"]),
        ((0.0, 0.1), (0.01, 0.2), None, ["No rank draws fewer"]),
    ],
)
def test_a_proposal_says_why(
    four: tuple[float, float], eight: tuple[float, float], best: str | None, told: list[str]
) -> None:
    """The fewest unusual pictures at little cost; none where each costs more, or none has fewer than the mix."""
    arms = {
        KEPT: arm(KEPT, 0, 0.1),
        DONOR: arm(DONOR, -0.2, 0.01),
        "4": arm("4", *four),
        "8": arm("8", *eight),
    }
    assert proposed(arms) == best
    found = reasons(arms)
    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))


def test_requests_survive_being_kept() -> None:
    """What was asked for can be asked for again; what is left out is as usual."""
    request = RankRequest.of({"study": "s", "epoch": 0, **SMALL, "ranks": "8, 4 4"})
    kept = request.to_json()
    assert RankRequest.of({**kept, **kept["choice"]}) == request
    assert request.ranks == (4, 8)
    assert RankRequest.of({"study": "s", "donor": SOUND}).ranks == RANKS
