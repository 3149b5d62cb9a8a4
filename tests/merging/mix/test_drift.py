"""Drift of a mix from its parents."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.merging import DictSink, merge_into
from lib_rimo.merging.mix.drift import WHOLE, DriftMeter
from tests.merging.models import WEIGHTS, family, rows


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Base and two partners in full precision."""
    return family(tmp_path_factory.mktemp("drift"), dtype=torch.float32)


@pytest.fixture(scope="module")
def meter(three):
    """Over all of them."""
    return DriftMeter(three.sources, tuple(three.named), three.partition)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_drift_is_what_the_merged_tensors_say(three, meter, data):
    """The multiplications give the distance that is measured on the merged numbers themselves."""
    recipe = three.recipe(data.draw(rows(three.groups, weights=WEIGHTS)))
    sink = DictSink()
    merge_into(recipe, three.sources, three.partition, sink)

    def vector(tensors, group):
        keys = sorted(k for k in tensors if three.partition.group_of(k) == group)
        return torch.cat(
            [tensors[k].double().reshape(-1) for k in keys if tensors[k].is_floating_point()]
        ).numpy()

    found = meter.drift(recipe)
    assert set(found) == {*three.groups, WHOLE}
    far, wide = 0.0, 0.0
    for group in three.groups:
        parents = [vector(t, group) for t in three.tensors]
        away = min(np.linalg.norm(vector(sink.tensors, group) - p) for p in parents)
        widest = max(np.linalg.norm(a - b) for a in parents for b in parents)
        assert found[group] == pytest.approx(away / widest, abs=1e-5)
        far, wide = far + away**2, wide + widest**2
    assert found[WHOLE] == pytest.approx((far / wide) ** 0.5, abs=1e-5)


def test_parents_have_no_drift_and_only_pushed_mixes_leave_them(three, meter):
    """Zero at each parent, above one far past them."""
    for weights in ((0, 0), (1, 0), (0, 1)):
        assert meter.drift(three.everywhere(*weights))[WHOLE] == pytest.approx(0, abs=1e-6)
    assert meter.drift(three.everywhere(3.0, -1.0))[WHOLE] > 1


@given(st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_no_mix_between_its_parents_passes_the_limit(three, meter, one, two):
    """Jung's theorem, in every group; so what passes it was pushed past its parents."""
    rows = dict.fromkeys(three.groups[:3], (one * (1 - two), two)) | {three.groups[3]: (1 - one, one)}
    drifts = meter.drift(three.recipe(rows))
    assert max(drifts.values()) <= meter.limit + 1e-9 < 0.71


def test_other_files_are_refused(three, meter, tmp_path):
    """A recipe over files that were not measured has no drift."""
    with pytest.raises(ValueError, match="other files"):
        meter.drift(family(tmp_path, blocks=3).everywhere(0.5, 0.5))
