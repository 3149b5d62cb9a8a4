"""The arithmetic of a weighted sum, and the memory that threads merge in."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.merging.mix.kernel import PIECE, Workspace, float32_weight
from lib_rimo.merging.mix.weighted_sum import weighted_sum
from tests.merging.models import WEIGHTS, bits

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn]


def numbers(seed: int, n: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed)).to(dtype)


def plainly(base, partners, weights, dtype: torch.dtype) -> torch.Tensor:
    """The formula, written down without any care for speed."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    total = None
    for tensor, weight in zip((base, *partners), (1.0 - math.fsum(weights), *weights), strict=True):
        if float32_weight(weight) != 0.0:
            product = tensor.to(wide) * torch.tensor(weight, dtype=wide)
            total = product if total is None else total + product
    return total.to(dtype)


def blended(sources, weights, dtype: torch.dtype, workspace: Workspace | None = None) -> torch.Tensor:
    """As a merge makes it."""
    out = torch.empty(sources[0].numel(), dtype=dtype)
    weighted_sum.blend(out, sources[0], sources[1:], weights, {}, workspace or Workspace())
    return out


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 300),
    piece=st.integers(1, 400),
    weights=st.lists(WEIGHTS, min_size=1, max_size=4),
    types=st.lists(st.sampled_from(FLOATS), min_size=6, max_size=6),
    seed=st.integers(0, 99),
)
def test_a_blend_is_the_formula_whatever_the_piece(n, piece, weights, types, seed):
    """Products and sums rounded to float32 one by one, in order, and once more at the end, for any piece size."""
    base, *partners = (numbers(seed + i, n, types[i]) for i in range(len(weights) + 1))
    out = blended([base, *partners], weights, types[-1], Workspace(piece))
    assert bits(out) == bits(plainly(base, partners, weights, types[-1]))


@pytest.mark.parametrize("n", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7])
def test_the_borders_of_pieces_leave_no_trace(n):
    """Sizes around the real piece give the formula's bits, first and last element included."""
    base, *partners = (numbers(i, n, torch.float16) for i in range(3))
    workspace = Workspace()
    for weights in ((0.27, 0.12), (0.61,)):  # the same memory again, fewer partners
        used = partners[: len(weights)]
        out = blended([base, *used], weights, torch.float16, workspace)
        assert bits(out) == bits(plainly(base, used, weights, torch.float16))


def test_a_vanishing_weight_counts_as_zero():
    """What float32 cannot tell from zero must not touch infinities."""
    assert float32_weight(1e-60) == 0.0
    assert float32_weight(0.1) != 0.1


def test_a_piece_has_a_size():
    """Zero would never end."""
    with pytest.raises(ValueError, match="0"):
        Workspace(0)


def test_infinities_and_nan_pass_without_a_warning():
    """Numbers that overflow or are none become what float arithmetic says; the preflight is what reports them."""
    a = torch.tensor([float("inf"), float("nan"), 3e38, 1.0])
    out = blended([a, torch.tensor([float("-inf"), 0.0, -3e38, 2.0])], [-2.0], torch.float32)
    assert bits(out[2:]) == bits(torch.tensor([float("inf"), -1.0]))
    assert out[0].isinf()
    assert out[1].isnan()
