"""Merge methods: those that come with the program keep the laws, and what is none is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from lib_rimo.errors import PluginError, RecipeError
from lib_rimo.merging import METHODS, DictSink, Option, Recipe, merge_into, merge_method, save_merged
from lib_rimo.merging.contact.contact import contact_recipe
from lib_rimo.merging.contact.contact_spec import ContactSpec
from lib_rimo.merging.interop.mecha import write_mecha
from lib_rimo.merging.interop.write import write_model_mixer, write_supermerger
from lib_rimo.merging.mix.drift import WHOLE, DriftMeter
from lib_rimo.merging.saving.ancestry import read_tree, shares, tree_of
from lib_rimo.testing import MethodTestCase
from tests.merging.models import bits, family
from tests.merging.test_rebuild import texts_of


class TestWeightedSum(MethodTestCase):
    """The usual one."""

    method = "weighted-sum"


class TestContactFusion(MethodTestCase):
    """Whole tensors, a name for its random numbers, one partner."""

    method = "contact-fusion"
    options: ClassVar = {"rank": 2, "vectors": "mean"}


@merge_method(
    needs=("all",),
    partners=(2, 2),
    one_is_partner=False,
    shares=lambda weights, **_: (weights[0], -weights[0]),
)
def add_difference(base, partners, weights):
    """What the first partner has learned since the second, added."""
    return base + weights[0] * (partners[0] - partners[1])


@merge_method(options={"sharpness": Option(1.0, 0.5, 2.0, about="Of the choice.")})
def larger_change(base, partners, weights, *, sharpness):
    """Of the weighted changes, the largest one, element by element."""
    changes = torch.stack([w * (p - base) for p, w in zip(partners, weights, strict=True)])
    largest = (changes.abs() ** sharpness).argmax(dim=0, keepdim=True)
    return base + changes.gather(0, largest)[0]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Both under names of their own."""
    METHODS.register("add-difference", add_difference)
    METHODS.register("larger-change", larger_change)
    yield
    METHODS.remove("add-difference")
    METHODS.remove("larger-change")


class TestAddDifference(MethodTestCase):
    """A linear one that reads a third model whatever its weight."""

    method = "add-difference"


class TestLargerChange(MethodTestCase):
    """One that is no sum of the models."""

    method = "larger-change"
    options: ClassVar = {"sharpness": 1.5}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A base and two partners."""
    return family(tmp_path_factory.mktemp("methods"), dtype=torch.float32)


def by(recipe: Recipe, method: str, **options) -> Recipe:
    """The same weights, mixed in another way."""
    return replace(recipe, method=method, options=METHODS[method].resolve(options))


def merged(recipe, three):
    """Its tensors."""
    sink = DictSink()
    merge_into(recipe, three.sources, three.partition, sink)
    return sink.tensors


def test_what_is_not_said_is_not_written(three):
    """A weighted sum's text names no method, so that its digest and every saved byte stay what they were."""
    recipe = three.everywhere(0.5, 0.25)
    assert set(recipe.to_json()) == {"rimo_recipe", "base", "partners", "partition", "weights"}
    assert recipe.to_json()["rimo_recipe"] == 1
    other = by(recipe, "larger-change")
    assert other.to_json()["rimo_recipe"] == 2  # a program that knows sums only must not take it for one
    assert other.to_json()["options"] == {"sharpness": 1.0}
    assert Recipe.from_text(other.to_text()) == other != recipe
    assert other.digest() != recipe.digest()


def test_steps_are_folded_where_that_is_exact_and_kept_elsewhere(three):
    """Sums become one sum; what is no sum stays a step, and zero weights change nothing at all."""
    first, second = three.everywhere(0.5, 0.25), three.everywhere(0.1, 0.2)
    assert first.then(second).before is None
    chain = by(first, "larger-change").then(by(second, "larger-change"))
    assert [step.weights for step in chain.steps()] == [first.weights, second.weights]
    assert chain.then(by(three.everywhere(0, 0), "larger-change")) == chain
    assert chain.used_partners() == tuple(three.named[1:])
    assert Recipe.from_text(chain.to_text()) == chain
    assert Recipe.zero(three.named[0], "theater").then(by(first, "larger-change")) == by(
        first, "larger-change"
    )
    assert chain.as_sum() is None
    linear = by(first, "add-difference").then(second)
    assert len(linear.steps()) == 2
    found, wanted = merged(linear, three), merged(linear.as_sum(), three)
    assert all(torch.allclose(found[key], wanted[key], atol=1e-5) for key in found)


def test_weight_one_forgets_the_steps_before(three):
    """A partner that is copied is that partner's bits, whatever was mixed before."""
    chain = by(three.everywhere(0.5, 0.25), "larger-change").then(three.everywhere(0.0, 1.0))
    found = merged(chain, three)
    for key, tensor in three.tensors[2].items():
        if three.partition.group_of(key) and tensor.is_floating_point():
            assert bits(found[key]) == bits(tensor)


def test_only_what_is_linear_has_shares(three, tmp_path):
    """A mix of another kind says none, and counts as an end where it is mixed further."""
    recipe = by(three.everywhere(0.5, 0.25), "larger-change")
    path = save_merged(recipe, three.sources, three.partition, tmp_path, "mixed")
    assert json.loads(texts_of(path)["rimo_ancestry"])["shares"] == []
    own, _ = read_tree(texts_of(path))
    assert own.recipe == recipe
    mixed = three.sources.source_of(path)
    further = Recipe(three.named[0], (mixed,), "theater", {"mid": (0.5,)})
    files = three.sources.open_all(further)
    found = shares(further, three.partition, tree_of(files), files[0])
    assert mixed.fingerprint in found
    assert found[mixed.fingerprint]["groups"] == {"mid": 0.5}
    linear = by(three.everywhere(0.5, 0.0), "add-difference")
    files = three.sources.open_all(linear)
    assert [row["share"] for row in shares(linear, three.partition, tree_of(files), files[0]).values()] == [
        1,
        0.5,
        -0.5,
    ]


def test_other_programs_get_only_what_is_linear(three):
    """The rest is refused by the name of its method."""
    recipe = by(three.everywhere(0.5, 0.25), "larger-change")
    base = three.sources.open(three.named[0])
    for write in (
        lambda: write_mecha(recipe, base, three.partition),
        lambda: write_supermerger(recipe, three.sources, three.partition),
        lambda: write_model_mixer(recipe, three.sources, three.partition),
    ):
        with pytest.raises(RecipeError, match=r"cannot express this recipe.*larger-change"):
            write()
    linear = by(three.everywhere(0.5, 0.0), "add-difference")
    assert write_mecha(linear, base, three.partition) == write_mecha(
        three.everywhere(0.5, -0.5), base, three.partition
    )


def test_drift_of_what_is_no_sum_is_measured(three):
    """On the merged numbers themselves; for a sum both ways give the same."""
    meter = DriftMeter(three.sources, tuple(three.named), three.partition)
    recipe = by(three.everywhere(0.8, 0.6), "larger-change")
    found, tensors = meter.drift(recipe), merged(recipe, three)
    keys = [k for k in tensors if three.partition.group_of(k) == "mid"]
    mix, *parents = (
        torch.cat([t[k].double().reshape(-1) for k in keys]).numpy() for t in (tensors, *three.tensors)
    )
    far = min(np.linalg.norm(mix - p) for p in parents)
    wide = max(np.linalg.norm(a - b) for a in parents for b in parents)
    assert found["mid"] == pytest.approx(far / wide, abs=1e-6)
    summed = three.everywhere(0.5, 0.25)
    alone = meter.drift(by(summed, "add-difference").then(summed))[WHOLE]
    assert alone > 0
    assert meter.drift(recipe) == found


def test_a_contact_fusion_by_recipe_is_the_one_by_ranks(three):
    """The same kept checkpoint, donor and rank give the same bits either way."""
    kept, donor = three.named[:2]
    ranks = dict.fromkeys(three.groups, 2)
    one = contact_recipe(
        three.sources, three.partition, ContactSpec(kept, donor, "theater", ranks), device="cpu"
    )
    weights = dict.fromkeys(three.groups, (1.0,))
    options = METHODS["contact-fusion"].resolve({"rank": 2})
    other = Recipe(kept, (donor,), "theater", weights, "contact-fusion", options)
    first, second = merged(one, three), merged(other, three)
    assert {k: bits(t) for k, t in first.items()} == {k: bits(t) for k, t in second.items()}


def test_an_unknown_method_is_refused_with_those_there_are(three):
    """The recipe can be read, not mixed."""
    recipe = replace(three.everywhere(0.5, 0.25), method="slurp")
    assert Recipe.from_text(recipe.to_text()).as_sum() is None
    with pytest.raises(PluginError, match=r"no such merge method.*slurp.*weighted-sum, contact-fusion"):
        merged(recipe, three)


def test_numbers_of_partners_weights_and_options_have_their_range(three):
    """Each refusal says what the method takes."""
    both = three.everywhere(0.5, 0.25)
    with pytest.raises(RecipeError, match=r"cannot mix so many partners.*2 in the block group.*Wanted: 1"):
        merged(by(both, "contact-fusion"), three)
    with pytest.raises(RecipeError, match=r"rank is out of range.*Wanted: a whole number from 0 to 4096"):
        METHODS["contact-fusion"].resolve({"rank": "4.5"})
    with pytest.raises(RecipeError, match=r"vectors has no such choice.*donor, kept, mean"):
        METHODS["contact-fusion"].resolve({"vectors": "both"})
    with pytest.raises(RecipeError, match=r"no such option.*Found: sharp\. Wanted: sharpness"):
        METHODS["larger-change"].resolve({"sharp": 1})
    positive = replace(larger_change, weights=(0.0, 1.0))
    with pytest.raises(
        RecipeError, match=r"no such weight.*Found: -0\.2 in the block group mid\. Wanted: 0 to 1"
    ):
        positive.check_row("larger-change", "mid", (0.5, -0.2))


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda base, partners, weights: base.half(), "torch.float16"),
        (lambda base, partners, weights: base[:1], "shape (1,)"),
        (lambda base, partners, weights: None, "None"),
        (lambda base, weights: base, "TypeError"),
        (lambda base, partners, weights: 1 / 0, "division by zero"),
    ],
)
def test_what_breaks_the_protocol_is_named_when_it_is_registered(function, found):
    """It is tried on a few numbers, so that no swap fails because of it later."""
    with pytest.raises(PluginError, match="The merge method mine of somebody is left out") as caught:
        METHODS.register("mine", merge_method()(function), "somebody")
    assert found in str(caught.value)
    with pytest.raises(PluginError, match="no function decorated with merge_method"):
        METHODS.register("mine", function, "somebody")
    assert "mine" not in METHODS
