"""The arithmetic of a merge."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.merging.mix.kernel import PIECE, WeightedSum, float32_weight
from tests.merging.models import WEIGHTS, bits

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn]


def numbers(seed: int, n: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed)).to(dtype)


def plainly(terms, dtype: torch.dtype) -> torch.Tensor:
    """The formula, written down without any care for speed."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    total = None
    for tensor, weight in terms:
        product = tensor.to(wide) * torch.tensor(weight, dtype=wide)
        total = product if total is None else total + product
    return total.to(dtype)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 300),
    piece=st.integers(1, 400),
    weights=st.lists(WEIGHTS, min_size=1, max_size=4),
    types=st.lists(st.sampled_from(FLOATS), min_size=5, max_size=5),
    seed=st.integers(0, 99),
)
def test_a_blend_is_the_formula_whatever_the_piece(n, piece, weights, types, seed):
    """Products and sums rounded to float32 one by one, in order, and once more at the end, for any piece size."""
    terms = [(numbers(seed + i, n, types[i]), w) for i, w in enumerate(weights)]
    out = torch.empty(n, dtype=types[-1])
    WeightedSum(piece).blend(out, terms)
    if len(terms) == 1 and weights == [1.0]:
        assert bits(out) == bits(terms[0][0].to(types[-1]))
    else:
        assert bits(out) == bits(plainly(terms, types[-1]))


@pytest.mark.parametrize("n", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7])
def test_the_borders_of_pieces_leave_no_trace(n):
    """Sizes around the real piece give the formula's bits, first and last element included."""
    terms = [(numbers(i, n, torch.float16), w) for i, w in enumerate((0.61, 0.27, 0.12))]
    out = torch.empty(n, dtype=torch.float16)
    blender = WeightedSum()
    blender.blend(out, terms)
    assert bits(out) == bits(plainly(terms, torch.float16))
    blender.blend(out, terms[:1])  # the same buffers again, fewer terms
    assert bits(out) == bits(plainly(terms[:1], torch.float16))


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.uint8, torch.bool])
def test_a_lone_source_of_weight_one_is_copied_bit_for_bit(dtype):
    """Every bit pattern survives, NaNs and minus zero included: nothing is computed."""
    raw = torch.randint(0, 256, (70_000 * dtype.itemsize,), dtype=torch.uint8)
    source = (raw % 2 if dtype == torch.bool else raw).view(dtype)
    out = torch.empty_like(source)
    WeightedSum().blend(out, [(source, 1.0)])
    assert bits(out) == bits(source)


def test_a_vanishing_weight_counts_as_zero():
    """What float32 cannot tell from zero must not touch infinities."""
    assert float32_weight(1e-60) == 0.0
    assert float32_weight(0.1) != 0.1


def test_a_piece_has_a_size():
    """Zero would never end."""
    with pytest.raises(ValueError, match="0"):
        WeightedSum(0)


def test_infinities_and_nan_pass_without_a_warning():
    """Numbers that overflow or are none become what float arithmetic says; the preflight is what reports them."""
    a = torch.tensor([float("inf"), float("nan"), 3e38, 1.0])
    out = torch.empty(4)
    WeightedSum().blend(out, [(a, 2.0), (torch.tensor([float("-inf"), 0.0, 3e38, 1.0]), 2.0)])
    assert bits(out[2:]) == bits(torch.tensor([float("inf"), 4.0]))
    assert out[:2].isnan().all()
