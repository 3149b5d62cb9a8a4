"""Every strategy of the program keeps to the laws of one; the registry takes others in."""

from __future__ import annotations

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.registry import HERE
from lib_rimo.search import STRATEGIES, SearchSettings, find_strategy
from lib_rimo.search.strategy import kind_of
from lib_rimo.testing import StrategyTestCase

POOL = StrategyTestCase.pool_size


class TestDefault(StrategyTestCase):
    strategy = "default"


class TestRandom(StrategyTestCase):
    strategy = "random"
    budget_images = 160


class TestUpstreamTheater(StrategyTestCase):
    strategy = "upstream-theater"
    budget_images = 9 * POOL  # its model is asked twice


class TestUpstreamRo(StrategyTestCase):
    strategy = "upstream-ro"
    budget_images = 11 * POOL


class TestSkopt(StrategyTestCase):
    strategy = "skopt"
    settings = SearchSettings(prompts_per_trial=16)
    budget_images = 13 * 16  # its model is asked three times


def test_every_strategy_has_its_test_case() -> None:
    """No member of the program goes without the laws above."""
    tested = {case.strategy for case in StrategyTestCase.__subclasses__()}
    assert {name for name in STRATEGIES.names() if STRATEGIES.maker(name) == HERE} <= tested


def test_an_unknown_strategy_lists_the_known() -> None:
    """Whoever asks for a strategy that is not there is told which are."""
    with pytest.raises(
        SettingsError, match="default, upstream-theater, upstream-ro, random, skopt"
    ) as caught:
        find_strategy("best")
    assert caught.value.field == "strategy"


class Whole:
    label, reason = "Whole", "As small as one can be."

    def __init__(self, problem, settings): ...
    def ask(self, history, pending=()): ...
    def leader(self, history): ...


def test_a_strategy_says_what_it_promises() -> None:
    """What a class does not say of itself is the usual: it keeps bounds, plans for its budget and needs nothing."""
    kind = kind_of("whole", Whole)
    assert (kind.label, kind.keeps_bounds, kind.plans, kind.needs) == ("Whole", True, True, ())
    assert not STRATEGIES["upstream-ro"].keeps_bounds


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"leader": None}, "no method leader"),
        ({"label": ""}, "label is ''"),
        ({"reason": 3}, "reason is 3"),
        ({"keeps_bounds": "yes"}, "keeps_bounds is 'yes'"),
        ({"__init__": lambda self: None}, "too many positional arguments"),
    ],
)
def test_what_is_no_strategy_is_told_what_it_lacks(change: dict[str, object], told: str) -> None:
    """A class without a method, without words, or made of something else is refused with the reason."""
    with pytest.raises(TypeError, match=told):
        kind_of("broken", type("Broken", (Whole,), change))


def test_a_class_without_words_is_refused() -> None:
    """``label`` and ``reason`` must be said."""
    with pytest.raises(TypeError, match="label"):
        kind_of(
            "mute", type("Mute", (), {"__init__": Whole.__init__, "ask": Whole.ask, "leader": Whole.leader})
        )


def test_a_package_that_is_missing_is_told_before_anything_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy whose package is not installed is refused by name."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"not installed\. Found: skopt\. Wanted: skopt"):
        find_strategy("skopt")
