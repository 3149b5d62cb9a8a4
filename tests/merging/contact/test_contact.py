"""Contact fusion: laws of the fused checkpoint, and its way through swap and save."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from lib_rimo.errors import ArchitectureError, RecipeError
from lib_rimo.merging import Recipe, Sources, Swapper, live_weights, load_partition, save_merged
from lib_rimo.merging.contact.contact import ContactCheckpoint, ContactFactors, contact_recipe
from lib_rimo.merging.contact.contact_spec import VECTORS, ContactSpec
from lib_rimo.merging.saving.derived import mix_source
from tests.merging.models import Family, U, bits, family, module_of, sd1_tensors, sdxl_tensors, write

CONV = f"{U}input_blocks.3.0.weight"
BIAS = f"{U}out.0.bias"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two checkpoints of different random numbers."""
    return family(tmp_path_factory.mktemp("pair"), width=12)


def fused(pair: Family, ranks: dict[str, int], vectors: str = "donor", **options) -> ContactCheckpoint:
    """The contact fusion of the pair's first two."""
    spec = ContactSpec(pair.named[0], pair.named[1], "theater", ranks, vectors)
    kept, donor = (pair.sources.open(source) for source in pair.named[:2])
    return ContactCheckpoint(spec, ContactFactors(kept, donor, device="cpu", **options), pair.partition)


def reference(kept: torch.Tensor, donor: torch.Tensor, rank: int) -> torch.Tensor:
    """Upstream's formula in float64, by the full decomposition."""
    a, b = (t.double().reshape(t.shape[0], -1) for t in (kept, donor))
    u, s, v = torch.linalg.svd(b - a, full_matrices=False)
    return (a + (u[:, :rank] * s[:rank]) @ v[:rank]).reshape(kept.shape)


@given(st.integers(0, 14), st.sampled_from(VECTORS), st.sampled_from(["in0-6", "mid", "rest", "text", "vae"]))
@settings(deadline=None, max_examples=40)
def test_a_fusion_is_upstream_s_formula_in_the_chosen_groups(pair, rank, vectors, group):
    """Matrices and convolutions by the formula, vectors by choice, all other groups the kept checkpoint's bits."""
    made = fused(pair, {group: rank}, vectors)
    ours, theirs = pair.tensors[0], pair.tensors[1]
    for key in made:
        found = made.tensor(key)
        if pair.partition.group_of(key) != group or not ours[key].is_floating_point():
            assert bits(found) == bits(ours[key])
        elif ours[key].dim() >= 2:
            wanted = reference(ours[key], theirs[key], rank)
            torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=0)
        else:
            mean = (ours[key].float() + theirs[key].float()) / 2
            wanted = {"donor": theirs[key].float(), "kept": ours[key].float(), "mean": mean}[vectors]
            assert bits(found) == bits(wanted)


def test_ranks_zero_and_full_are_exact(pair):
    """Rank 0 keeps the matrix, a rank that it cannot have gives the donor's, bit for bit."""
    for rank, number in ((0, 0), (12, 1), (4096, 1)):
        made = fused(pair, {"in0-6": rank})
        assert bits(made.tensor(CONV)) == bits(pair.tensors[number][CONV].float())


def test_a_live_preview_is_what_is_saved(pair, tmp_path):
    """Swapped in, compared with the file, and restored bit for bit; upstream's ranks for the whole model."""
    ranks = dict.fromkeys(pair.groups, 4)
    spec = ContactSpec(pair.named[0], pair.named[1], "theater", ranks)
    recipe = contact_recipe(pair.sources, pair.partition, spec, device="cpu")
    model = module_of(pair.tensors[0])
    swapper = Swapper(pair.sources, pair.partition, threads=2)
    swapper.swap(recipe, live_weights(model))
    path = save_merged(recipe, pair.sources, pair.partition, tmp_path, "fused", threads=1)
    saved = load_file(str(path))
    assert {k: bits(t) for k, t in saved.items()} == {k: bits(t) for k, t in model.state_dict().items()}
    assert bits(saved[BIAS]) == bits(pair.tensors[1][BIAS])
    assert bits(saved[CONV]) != bits(pair.tensors[0][CONV])
    swapper.restore(live_weights(model))
    assert all(bits(model.state_dict()[k]) == bits(t) for k, t in pair.tensors[0].items())


def test_a_mix_that_has_no_file_can_be_repaired(pair, tmp_path):
    """A study's best recipe, repaired by the base: the same as from the saved mix, with the base live."""
    base, partners = pair.named[0], tuple(pair.named[1:])
    mix = Recipe(base, partners, "theater", {"mid": (1.5, -0.5), "in0-6": (2.0, 0.0)})
    source = mix_source(mix, pair.sources, pair.partition, "best mix")
    spec = ContactSpec(source, base, "theater", {"in0-6": 3}, "kept")
    recipe = contact_recipe(pair.sources, pair.partition, spec, base=base, device="cpu")
    assert set(recipe.weights) == {"mid", "in0-6"}
    path = save_merged(recipe, pair.sources, pair.partition, tmp_path, "repaired")
    mixed_path = save_merged(mix, pair.sources, pair.partition, tmp_path, "mix")
    with Sources() as sources:
        from_file = ContactSpec(
            sources.source_of(mixed_path), sources.source_of(pair.paths[0]), "theater", {"in0-6": 3}, "kept"
        )
        again = contact_recipe(sources, pair.partition, from_file, device="cpu")
        other = load_file(str(save_merged(again, sources, pair.partition, tmp_path, "other")))
    saved = load_file(str(path))
    assert {k: bits(t) for k, t in saved.items()} == {k: bits(t) for k, t in other.items()}


def test_kept_factors_change_nothing(pair):
    """A rank sweep that remembers its decompositions gives the bits of single runs, within its memory or not."""
    alone = {rank: fused(pair, {"in0-6": rank}).tensor(CONV) for rank in (1, 2, 5)}
    for limit_bytes in (1, 2_000, 1 << 30):
        kept, donor = (pair.sources.open(source) for source in pair.named[:2])
        factors = ContactFactors(kept, donor, device="cpu", limit_bytes=limit_bytes)
        for rank, wanted in alone.items():
            spec = ContactSpec(pair.named[0], pair.named[1], "theater", {"in0-6": rank})
            made = ContactCheckpoint(spec, factors, pair.partition)
            assert bits(made.tensor(CONV)) == bits(wanted)


def test_the_captured_share_grows_with_the_rank(pair):
    """From nothing to everything, and as the float64 reference says."""
    shares = [fused(pair, {"in0-6": rank}).captured()["in0-6"] for rank in (0, 1, 4, 12, 99)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    values = [
        torch.linalg.svdvals(
            (pair.tensors[1][k].double() - pair.tensors[0][k].double()).reshape(t.shape[0], -1)
        )
        for k, t in pair.tensors[0].items()
        if pair.partition.group_of(k) == "in0-6" and t.dim() >= 2
    ]
    wanted = sum(float(v[:4].square().sum()) for v in values) / sum(float(v.square().sum()) for v in values)
    assert shares[2] == pytest.approx(wanted, rel=1e-4)


def test_what_the_donor_lacks_stays_as_kept(pair, tmp_path):
    """A donor without a VAE, or with another shape there, leaves the VAE alone and says so."""
    lacking = {k: t for k, t in sd1_tensors(4, width=12).items() if not k.startswith("first_stage")}
    with Sources() as sources:
        kept = sources.source_of(pair.paths[0])
        donor = sources.source_of(write(tmp_path / "donor.safetensors", lacking))
        spec = ContactSpec(kept, donor, "theater", {"vae": 2, "mid": 2})
        factors = ContactFactors(sources.open(kept), sources.open(donor), device="cpu")
        made = ContactCheckpoint(spec, factors, pair.partition)
        key = "first_stage_model.decoder.conv_out.weight"
        assert list(made.left_out.values()) == [(key,)]
        assert bits(made.tensor(key)) == bits(pair.tensors[0][key])


@pytest.mark.parametrize("rank", [-1, 5000, 2.5, True, "4", None])
def test_ranks_out_of_range_are_refused(pair, rank):
    """A clear message before anything is opened."""
    with pytest.raises(RecipeError, match="rank"):
        ContactSpec(pair.named[0], pair.named[1], "theater", {"mid": rank})


def test_other_nonsense_is_refused(pair, tmp_path):
    """One checkpoint with itself, unknown choices, groups that are not there, models of another family."""
    one, two = pair.named[:2]
    with pytest.raises(RecipeError, match="itself"):
        ContactSpec(one, one, "theater", {"mid": 4})
    with pytest.raises(RecipeError, match="one-dimensional"):
        ContactSpec(one, two, "theater", {"mid": 4}, "both")
    with pytest.raises(RecipeError, match="no block group"):
        ContactSpec(one, two, "theater", {})
    with pytest.raises(RecipeError, match="nowhere"):
        fused(pair, {"nowhere": 4})
    with Sources() as sources:
        kept = sources.source_of(pair.paths[0])
        donor = sources.source_of(write(tmp_path / "xl.safetensors", sdxl_tensors(width=12)))
        spec = ContactSpec(kept, donor, "theater", {"mid": 4})
        with pytest.raises(ArchitectureError):
            contact_recipe(sources, load_partition("theater"), spec)


def test_specs_are_read_back(pair):
    """Equal specs have equal texts and fingerprints; damaged ones are refused."""
    spec = ContactSpec(pair.named[0], pair.named[1], "theater", {"mid": 4, "in0-6": 8}, "mean")
    again = ContactSpec.from_json(spec.to_json())
    assert again == spec
    assert again.fingerprint() == spec.fingerprint()
    for broken in (None, {}, {**spec.to_json(), "rimo_contact": 9}, {**spec.to_json(), "ranks": 3}):
        with pytest.raises(RecipeError):
            ContactSpec.from_json(broken)
