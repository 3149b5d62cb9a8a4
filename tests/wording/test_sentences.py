"""Numbers and sentences: rounded honestly, with their intervals, "better" only where it is shown."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.benchmark.interval import Interval
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.wording import sentences
from lib_rimo.wording.words import FILES, words
from tests.ui.scripted import interval, result, varieties

ALIKE = "Prompts asked for every tag equally often, so that a category of many tags counts more."


def test_the_gain_is_said_with_interval_and_size() -> None:
    """The sentence names points, interval and the number of unseen images."""
    said = sentences.gain(result())
    assert f"{said.value} {said.sentence}" == (
        "+12.3 points over the base (10.8 to 13.8), on 200 images that the search never saw"
    )
    assert said.verdict == (
        "Better than the base. Better than the best partner, shapes v1. final.safetensors: +8.4 points (7.0 to 9.8). "
        f"{ALIKE}"
    )


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.01, 0.05, "Block weights add +3.0 points (1.0 to 5.0) over one weight per model."),
        (
            -0.05,
            -0.01,
            "The best mix is worse than the best one with one weight per model: −3.0 points (−5.0 to −1.0).",
        ),
        (
            -0.01,
            0.05,
            "What block weights add over one weight per model is too close to call: +2.0 points (−1.0 to 5.0).",
        ),
        (0.0, 0.0, "Block weights add nothing here: the best mix has one weight per model."),
    ],
)
def test_what_block_weights_added_is_always_said(low: float, high: float, told: str) -> None:
    """A gain, a loss, an open case and no difference at all each have their sentence, with the interval."""
    added = Interval((low + high) / 2, low, high, 200, 900)
    made = dataclasses.replace(result(), single=interval(0.66), gain_over_single_weight=added)
    assert told in sentences.gain(made).verdict
    assert sentences.blocks_added(result()) == ""


def test_what_prompts_ask_for_equally_often_is_said() -> None:
    """Figures by tags and figures by categories are told apart, since they do not compare."""
    assert sentences.gain(result()).verdict.endswith(ALIKE)
    by_category = dataclasses.replace(result(), alike="categories")
    assert sentences.gain(by_category).verdict.endswith("Prompts asked for every category equally often.")


@settings(deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.2))
def test_better_is_only_said_above_zero(mean: float, half: float) -> None:
    """The word "better" appears exactly when the whole interval is above zero."""
    gain = Interval(mean, mean - half, mean + half, 100, 500)
    made = dataclasses.replace(result(), gain_over_base=gain, gain_over_best_parent=gain)
    said = sentences.gain(made)
    assert ("Better" in said.verdict) == (gain.low > 0)
    assert ("Worse" in said.verdict) == (gain.high < 0)
    assert said.tone == {True: "up", False: "down" if gain.high < 0 else "unclear"}[gain.low > 0]


def test_a_base_that_is_the_best_parent_is_compared_once() -> None:
    """No second comparison is made when no partner is better than the base."""
    said = sentences.gain(dataclasses.replace(result(), best_parent="plain.safetensors"))
    assert said.verdict == f"Better than the base. {ALIKE}"


def test_a_winner_that_is_the_base_is_called_so() -> None:
    """A study that ends with the base's own weights does not speak of a close call."""
    same = Interval(0.0, 0.0, 0.0, 60, 300)
    said = sentences.gain(dataclasses.replace(result(), gain_over_base=same, best_parent="plain.safetensors"))
    first = "No mix beat the base within this budget, so the best so far is the base itself."
    assert said.verdict == f"{first} {ALIKE}"
    assert (said.value, said.tone) == ("0.0", "unclear")


def test_a_base_that_was_kept_for_its_diversity_is_called_so() -> None:
    """Where winners were given up, nobody is told that the search found none."""
    same = dataclasses.replace(result(), gain_over_base=Interval(0.0, 0.0, 0.0, 60, 300))
    kept, _, given_up = varieties()
    assert "and kept enough diversity within" in sentences.gain(same, (kept, given_up)).verdict
    assert sentences.gain(same, (kept,)) == sentences.gain(same)
    assert sentences.gain(result(), (given_up,)) == sentences.gain(result())


@pytest.mark.parametrize("language", FILES)
def test_the_diversity_of_a_winner_is_said_with_both_intervals(language: str) -> None:
    """Kept, perhaps enough, given up: each names winner and beginning, and has its sentence in every language."""
    told = [sentences.variety(judged) for judged in varieties()]
    assert told[2] == (
        "The winner of epoch 3 was given up: its images of one prompt vary too little, 13.0 % (10.0 to 16.0) against "
        "41.2 % (38.2 to 44.2) of what the epoch began with, on 96 images each."
    )
    assert "was kept: its images of one prompt vary enough" in told[0]
    assert "was kept: its images of one prompt may vary enough" in told[1]
    for sentence in told:
        said = words(language).say(sentence)
        assert not re.search("[A-Za-z]{2}", said), said
        assert said.count("%") == 2


@settings(deadline=None)
@given(st.floats(-200, 200))
def test_numbers_have_one_decimal_and_no_negative_zero(value: float) -> None:
    """What is shown reads back as the rounded value, and zero has no sign."""
    text = sentences.signed(value)
    assert float(text.replace(sentences.MINUS, "-")) == pytest.approx(value, abs=0.05001)
    assert text.lstrip("+" + sentences.MINUS) != "0.0" or text == "0.0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (6720, "1 h 52 min"),
        (3600 * 47, "47 h 00 min"),
        (259200, "3.0 days"),
    ],
)
def test_durations_are_said_as_a_person_would(seconds: float, text: str) -> None:
    """Seconds, minutes, hours or days, whichever reads best."""
    assert sentences.duration(seconds) == text


def test_progress_speed_and_time_left() -> None:
    """A running study says where it is, how fast and how long still, with the spread."""
    now = Snapshot(
        state=StudyState.SEARCHING,
        epoch=1,
        epochs=3,
        trial=14,
        images=412,
        budget=900,
        to_measure=100,
        images_per_s=0.4,
        eta_s=(5400, 6720, 8400),
    )
    assert sentences.progress(now) == "Epoch 1 of 3 · 14 mixes tried · 412 of 900 images"
    assert sentences.speed(now) == "2.5 s per image"
    assert sentences.remaining(now) == "about 1 h 52 min left (1 h 30 min to 2 h 20 min)"
    assert sentences.fraction(now) == 0.412


@pytest.mark.parametrize("state", [StudyState.PAUSED, StudyState.STOPPED, StudyState.FINISHED])
def test_a_study_that_rests_promises_no_time(state: StudyState) -> None:
    """Speed and time left are silent while nothing is drawn."""
    now = Snapshot(state=state, images_per_s=2.0, eta_s=(1, 2, 3))
    assert sentences.speed(now) == sentences.remaining(now) == ""


def test_all_states_have_names() -> None:
    """No state reaches the page without a word for it."""
    assert set(sentences.STATES) == set(StudyState)
    assert sentences.span(interval(0.5)) == "48.8 to 51.2"
