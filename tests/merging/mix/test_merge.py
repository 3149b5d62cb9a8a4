"""Recipes into sinks: the laws of a merge."""

import io

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.live.sink import LiveSink
from lib_rimo.merging.live.weights import live_weights
from lib_rimo.merging.mix.merge import merge_into
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sink import DictSink, FileSink
from lib_rimo.merging.mix.sources import Sources, source_of
from tests.merging.models import Family, bits, family, module_of, rows, sd1_tensors, sdxl_tensors, write

VAE = "first_stage_model.decoder.conv_out.weight"
SAME_FOLDER = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return family(tmp_path_factory.mktemp("family"))


def merged(fam, recipe, **options):
    sink = DictSink()
    report = merge_into(recipe, fam.sources, fam.partition, sink, **options)
    return sink.tensors, report


def test_zero_weights_give_the_base_bit_for_bit(three):
    """All of it: EMA, schedules, position ids and unknown tensors included."""
    for recipe in (three.everywhere(0, 0), Recipe.zero(three.named[0], "theater")):
        tensors, report = merged(three, recipe)
        assert {k: bits(t) for k, t in tensors.items()} == {k: bits(t) for k, t in three.tensors[0].items()}
        assert report.mixed == 0
        assert report.keys == len(three.tensors[0])


@pytest.mark.parametrize("which", [1, 2])
def test_weight_one_on_a_partner_gives_the_partner_bit_for_bit(three, which):
    """Every mixed tensor is the partner's, everything else the base's."""
    tensors, _ = merged(three, three.everywhere(float(which == 1), float(which == 2)))
    for key, tensor in tensors.items():
        source = 0 if three.partition.group_of(key) is None or "position_ids" in key else which
        assert bits(tensor) == bits(three.tensors[source][key])


@pytest.mark.parametrize("family_tensors", [sd1_tensors, sdxl_tensors])
def test_weights_that_sum_to_one_leave_the_base_out(tmp_path, family_tensors):
    """.3 + .7 leaves exactly nothing, so not even a NaN of the base comes through."""
    base = {
        k: torch.full_like(t, float("nan")) if t.is_floating_point() else t
        for k, t in family_tensors().items()
    }
    fam = Family(tmp_path, [base, family_tensors(1), family_tensors(2)])
    tensors, _ = merged(fam, fam.everywhere(0.3, 0.7))
    for key, tensor in tensors.items():
        if fam.partition.group_of(key) is not None:
            assert torch.isfinite(tensor).all()


@settings(max_examples=40, deadline=None, suppress_health_check=SAME_FOLDER)
@given(data=st.data(), threads=st.integers(1, 4))
def test_a_merge_is_the_formula_with_one_rounding(three, data, threads):
    """float32 sums of every source against a float64 sum: half a unit of the saved type apart, however many threads."""
    recipe = three.recipe(data.draw(rows(three.groups)))
    tensors, _ = merged(three, recipe, threads=threads)
    alone, _ = merged(three, recipe, threads=1)
    for key, tensor in tensors.items():
        assert bits(tensor) == bits(alone[key])
        group = three.partition.group_of(key)
        if group is None or not tensor.is_floating_point():
            assert bits(tensor) == bits(three.tensors[0][key])
            continue
        row = recipe.row(group)
        exact = three.tensors[0][key].double() * (1 - sum(row))
        size = three.tensors[0][key].double().abs() * abs(1 - sum(row))
        for weight, partner in zip(row, three.tensors[1:], strict=True):
            exact = exact + partner[key].double() * weight
            size = size + (partner[key].double() * weight).abs()
        # half a unit of float16 at the result, and float32's own errors at the size of the terms
        bound = exact.abs() * 2**-11 + 2**-25 + size * 2**-21
        assert ((tensor.double() - exact).abs() <= bound).all()


def test_one_group_s_weights_touch_that_group_alone(three):
    """Each group is asked in turn."""
    for group in three.groups:
        tensors, report = merged(three, three.recipe({group: (0.5, 0.25)}))
        changed = {k for k, t in tensors.items() if bits(t) != bits(three.tensors[0][k])}
        expected = {
            k for k in tensors if three.partition.group_of(k) == group and tensors[k].is_floating_point()
        }
        assert changed == expected
        assert report.mixed == len(expected)


def test_only_the_groups_asked_for_come(three):
    """A part of a model can be merged by itself."""
    tensors, _ = merged(three, three.everywhere(0.5, 0.0), groups=["mid", "text"])
    assert {three.partition.group_of(k) for k in tensors} == {"mid", "text"}


def test_a_key_that_a_partner_lacks_gives_its_share_to_the_base(tmp_path):
    """Missing, reshaped and integer tensors alike; the report names them, the other partner keeps its weight."""
    base, first, second = (sd1_tensors(seed) for seed in range(3))
    words = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    bias = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
    del first[VAE]
    first[words] = torch.zeros(12, 5).half()
    first[bias] = torch.zeros(5, dtype=torch.int64)
    fam = Family(tmp_path, [base, first, second])
    tensors, report = merged(fam, fam.everywhere(0.4, 0.25))
    assert report.lacking == {"partner1.safetensors": (words, bias, VAE)} or set(
        report.lacking["partner1.safetensors"]
    ) == {words, bias, VAE}
    for key in (VAE, words, bias):
        wanted = (base[key].float() * 0.75 + second[key].float() * 0.25).half()
        assert bits(tensors[key]) == bits(wanted)
    alone, report = merged(fam, fam.everywhere(1.0, 0.0))
    assert bits(alone[VAE]) == bits(base[VAE])
    assert VAE in report.lacking["partner1.safetensors"]


def test_types_are_the_base_s_or_the_one_asked_for(tmp_path):
    """A float32 partner in a half base is rounded once; never-merged tensors keep their own type always."""
    fam = Family(tmp_path, [sd1_tensors(0), sd1_tensors(1, dtype=torch.float32)])
    ones, _ = merged(fam, fam.everywhere(1.0))
    assert bits(ones[VAE]) == bits(fam.tensors[1][VAE].half())
    wide, _ = merged(fam, fam.everywhere(0.5), save_dtype=torch.float32)
    for key, tensor in wide.items():
        group = fam.partition.group_of(key)
        merged_key = group is not None and fam.tensors[0][key].is_floating_point()
        assert tensor.dtype == (torch.float32 if merged_key else fam.tensors[0][key].dtype)
    with pytest.raises(RecipeError, match="whole numbers"):
        merged(fam, fam.everywhere(0.5), save_dtype=torch.int8)


@settings(max_examples=15, deadline=None, suppress_health_check=SAME_FOLDER)
@given(data=st.data())
def test_all_sinks_receive_the_same_bits(three, data):
    """Dict, file and live model agree, the live one where it has the tensor."""
    recipe = three.recipe(data.draw(rows(three.groups)))
    tensors, _ = merged(three, recipe)
    file = io.BytesIO()
    merge_into(recipe, three.sources, three.partition, FileSink(file, {"note": "text"}), threads=2)
    path = three.folder / "sink.safetensors"
    path.write_bytes(file.getvalue())
    model = module_of(three.tensors[0])
    merge_into(recipe, three.sources, three.partition, LiveSink(live_weights(model)))
    with open_checkpoint(path) as found:
        assert found.metadata == {"note": "text"}
        assert {k: bits(found.tensor(k)) for k in found} == {k: bits(t) for k, t in tensors.items()}
    assert {k: bits(t) for k, t in model.state_dict().items()} == {k: bits(t) for k, t in tensors.items()}


def test_merged_tensors_are_ordinary_ones(three):
    """They can be trained or changed like any other; nothing of the inside's inference mode sticks to them."""
    tensors, _ = merged(three, three.everywhere(0.5, 0.0))
    tensors[VAE].requires_grad_().sum().backward()
    assert tensors[VAE].grad is not None


def test_recipe_partition_and_base_must_fit(three):
    """Another partition and groups that the base lacks are named, with what there is."""
    recipe = three.everywhere(0.5, 0.5)
    with pytest.raises(RecipeError, match="another partition"):
        merge_into(recipe, three.sources, load_partition("mbw"), DictSink())
    with pytest.raises(RecipeError, match="text2"):
        merged(three, three.recipe({"text2": (0.5, 0.0)}))


def test_an_error_in_a_thread_ends_the_merge_with_that_error(three):
    """No thread goes on, none is left behind."""

    class Full(DictSink):
        def put(self, key, spec, flat):
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        merge_into(three.everywhere(0.5, 0.0), three.sources, three.partition, Full(), threads=3)


def test_files_are_found_where_they_were_and_elsewhere(tmp_path):
    """By path first, then by name and content in the folders given, however deep."""
    (tmp_path / "old").mkdir()
    deep = tmp_path / "new" / "deep"
    deep.mkdir(parents=True)
    path = write(tmp_path / "old" / "[a].safetensors", sd1_tensors())
    source = source_of(path)
    assert (source.name, source.path) == ("[a].safetensors", path)
    with Sources() as sources:
        assert sources.open(source).path == path
    path.rename(deep / path.name)
    write(tmp_path / "new" / path.name, sd1_tensors(5))  # same name, other content
    with Sources([tmp_path / "new"]) as sources:
        assert sources.open(source).path == deep / path.name
        assert sources.open(source) is sources.open(source)


def test_a_missing_partner_is_named_with_where_it_was_looked_for(tmp_path):
    """The message tells a file that is gone from one that was replaced by another."""
    path = write(tmp_path / "a.safetensors", sd1_tensors())
    source = source_of(path)
    write(path, sd1_tensors(3))
    with Sources([tmp_path]) as sources, pytest.raises(CheckpointError, match="other contents"):
        sources.open(source)
    path.unlink()
    with (
        Sources([tmp_path]) as sources,
        pytest.raises(CheckpointError, match=r"a\.safetensors is missing.*no such"),
    ):
        sources.open(source)


def test_partners_of_weight_zero_are_not_even_looked_for(tmp_path):
    """A chain of epochs may end without a partner that it once had; its file is not needed."""
    fam = family(tmp_path)
    fam.paths[2].unlink()
    with Sources() as sources:
        sink = DictSink()
        merge_into(fam.everywhere(0.5, 0.0), sources, fam.partition, sink)
        assert len(sink.tensors) == len(fam.tensors[0])
