"""The randomised decomposition against a float64 reference."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.merging.contact.contact_spec import SKETCH, sketch_size
from lib_rimo.merging.contact.low_rank import ERROR_FACTOR, FALLING_FACTOR, decompose
from tests.merging.models import bits


def spectrum(rows: int, cols: int, power: float, seed: int = 0) -> torch.Tensor:
    """A matrix whose singular values fall like ``1 / i ** power``; 0 gives plain noise."""
    gen = torch.Generator().manual_seed(seed)
    noise = torch.randn(rows, cols, generator=gen)
    if not power:
        return noise
    u, _, v = torch.linalg.svd(noise, full_matrices=False)
    return (u * (1.0 + torch.arange(min(rows, cols))) ** -power) @ v


def best_error(matrix: torch.Tensor, rank: int) -> float:
    """Distance of the best approximation, from all singular values in float64."""
    return float(torch.linalg.svdvals(matrix.double())[rank:].square().sum().sqrt())


@pytest.mark.parametrize("power", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("shape", [(320, 2880), (1280, 768), (640, 640), (100, 900)])
def test_the_error_is_hardly_above_the_best_possible(shape, power):
    """Shapes of SD1.5, spectra from flat to steep, every rank that upstream or anyone uses."""
    matrix = spectrum(*shape, power)
    factors = decompose(matrix, SKETCH, "some.weight")
    for rank in (1, 4, 16, 64):
        approximation = factors.added_to(torch.zeros(shape), rank)
        error = float((matrix.double() - approximation.double()).norm())
        assert error <= (FALLING_FACTOR if power else ERROR_FACTOR) * best_error(matrix, rank)
        stated = (factors.total - float(factors.energies[:rank].sum())) ** 0.5
        assert stated == pytest.approx(error, rel=1e-3, abs=1e-4 * factors.total**0.5)


def test_a_full_size_convolution_keeps_the_bound():
    """SD1.5's usual convolution, 1280 x 11520, with the spectrum that is hardest to approximate."""
    gen = torch.Generator().manual_seed(3)
    matrix = torch.randn(1280, 11520, generator=gen)
    factors = decompose(matrix, SKETCH, "big.weight")
    wide = matrix.double()
    values = torch.linalg.eigvalsh(wide @ wide.T).flip(0)
    for rank in (4, 64):
        error = (wide - factors.added_to(torch.zeros_like(matrix), rank).double()).norm()
        assert float(error) <= ERROR_FACTOR * float(values[rank:].sum().sqrt())


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 9999))
@settings(deadline=None, max_examples=60)
def test_a_rank_that_covers_the_matrix_gives_it_back(rows, cols, rank, seed):
    """Nothing is lost but rounding, whatever the shape."""
    matrix = torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed))
    factors = decompose(matrix, sketch_size(rank), "x")
    if rank >= min(rows, cols):
        torch.testing.assert_close(factors.added_to(torch.zeros(rows, cols), rank), matrix, atol=1e-4, rtol=0)
    assert float(factors.energies.sum()) <= factors.total * (1 + 1e-6)


def test_low_rank_differences_are_found_exactly():
    """What has rank 3 needs no more than 3."""
    gen = torch.Generator().manual_seed(1)
    matrix = torch.randn(400, 3, generator=gen) @ torch.randn(3, 500, generator=gen)
    approximation = decompose(matrix, SKETCH, "x").added_to(torch.zeros(400, 500), 3)
    torch.testing.assert_close(approximation, matrix, atol=1e-4, rtol=0)


def test_equal_tensors_have_nothing_between_them():
    """A difference of zero adds zero, at every rank."""
    for shape in ((8, 9), (300, 400)):
        added = decompose(torch.zeros(shape), SKETCH, "x").added_to(torch.ones(shape), 4)
        assert bits(added) == bits(torch.ones(shape))


def test_a_rank_s_result_does_not_depend_on_the_ranks_beside_it():
    """Cut factors give the bits that whole factors give; so a sweep previews what a single rank saves."""
    start = torch.randn(300, 500)
    whole = decompose(spectrum(300, 500, 0.5), SKETCH, "x")
    assert bits(whole.cut(64).added_to(start, 16)) == bits(whole.added_to(start, 16))
    again = decompose(spectrum(300, 500, 0.5), SKETCH, "x")
    assert bits(again.added_to(start, 16)) == bits(whole.added_to(start, 16))
