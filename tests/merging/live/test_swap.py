"""Merged weights into a running model, and the user's own back."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_rimo.errors import HostError, RecipeError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.live.sink import LiveSink
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights, live_weights
from lib_rimo.merging.mix.merge import merge_into
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sink import DictSink
from tests.merging.models import Family, bits, family, module_of, rows, sd1_tensors

WORDS = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float8_e4m3fn]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return family(tmp_path_factory.mktemp("few"), blocks=3)


def state(model):
    return {k: bits(t) for k, t in model.state_dict().items()}


def addresses(model):
    return {k: t.data_ptr() for k, t in model.state_dict(keep_vars=True).items()}


def saved(fam, recipe, save_dtype=None):
    sink = DictSink()
    merge_into(recipe, fam.sources, fam.partition, sink, save_dtype=save_dtype)
    return sink.tensors


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), dtype=st.sampled_from(TYPES), threads=st.integers(1, 3))
def test_any_walk_of_recipes_shows_what_would_be_saved_and_comes_back(three, data, dtype, threads):
    """Every swap of a walk shows the saved bits in the live type, at the old addresses; the end is the beginning."""
    model = module_of(three.tensors[0], dtype)
    before, where = state(model), addresses(model)
    swapper = Swapper(three.sources, three.partition, threads=threads)
    for weights in data.draw(st.lists(rows(three.groups), min_size=1, max_size=4)):
        recipe = three.recipe(weights)
        swapper.swap(recipe, live_weights(model))
        wanted = saved(three, recipe)
        for key, tensor in model.state_dict(keep_vars=True).items():
            assert bits(tensor) == bits(wanted[key].to(tensor.dtype))
    swapper.restore(live_weights(model))
    assert swapper.original
    assert state(model) == before
    assert addresses(model) == where


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_groups_whose_weights_changed_are_written(three, data):
    """The report is exact: its keys are those whose mixture changed, its bytes their sizes."""
    model = module_of(three.tensors[0])
    swapper = Swapper(three.sources, three.partition)
    last = three.everywhere(0, 0)
    quarters = st.integers(-2, 5).map(lambda n: n / 4)  # coarse, so that the same weights often come again
    for weights in data.draw(st.lists(rows(three.groups, weights=quarters), min_size=1, max_size=4)):
        recipe = three.recipe(weights)
        groups = [g for g in three.groups if recipe.row(g) != last.row(g)]
        expected = {
            k
            for k, t in three.tensors[0].items()
            if t.is_floating_point() and three.partition.group_of(k) in groups
        }
        report = swapper.swap(recipe, live_weights(model))
        assert list(report.groups) == groups
        assert set(report.keys) == expected
        assert report.bytes == sum(three.tensors[0][k].numel() * 2 for k in expected)
        assert report.absent == ()
        last = recipe
    again = swapper.swap(last, live_weights(model))
    assert (again.groups, again.keys, again.bytes) == ((), (), 0)


class Stop(BaseException):
    """Something that no handler expects."""


@pytest.mark.parametrize("place", ["tensor", "put"])
@pytest.mark.parametrize("first", [False, True])
def test_an_exception_at_any_step_leaves_a_model_that_can_be_restored(few, monkeypatch, place, first):
    """Reading or writing fails at the n-th tensor, for every n: restoring and going on both work, in any swap."""
    owner = {"tensor": Checkpoint, "put": LiveSink}[place]
    real = getattr(owner, place)
    other = few.everywhere(0.25, 0.5)
    wanted = {k: bits(t) for k, t in saved(few, other).items()}
    step = 0
    failed = True
    while failed:
        model = module_of(few.tensors[0])
        before = state(model)
        swapper = Swapper(few.sources, few.partition, threads=1)
        if not first:
            swapper.swap(few.recipe({"mid": (0.5, 0.5), "text": (0.1, 0.0)}), live_weights(model))
        calls = 0

        def failing(*args, limit=step):
            nonlocal calls
            calls += 1
            if calls > limit:
                raise Stop
            return real(*args)

        monkeypatch.setattr(owner, place, failing)
        try:
            swapper.swap(few.everywhere(0.75, -0.25), live_weights(model))
            failed = False
        except Stop:
            pass
        monkeypatch.setattr(owner, place, real)
        if step % 2:
            swapper.swap(other, live_weights(model))
            assert state(model) == wanted
        swapper.restore(live_weights(model))
        assert state(model) == before
        step += 1
    assert step > len(few.tensors[0]) / 2


def test_a_restore_that_failed_can_be_repeated(three, monkeypatch):
    """The second attempt writes whatever the first did not finish."""
    model = module_of(three.tensors[0])
    before = state(model)
    swapper = Swapper(three.sources, three.partition, threads=1)
    swapper.swap(three.everywhere(0.5, 0.25), live_weights(model))
    real, calls = LiveSink.put, []

    def failing(*args):
        calls.append(1)
        if len(calls) == 5:
            raise Stop
        real(*args)

    monkeypatch.setattr(LiveSink, "put", failing)
    with pytest.raises(Stop):
        swapper.restore(live_weights(model))
    assert not swapper.original
    swapper.restore(live_weights(model))
    assert state(model) == before


def test_a_model_that_lost_bits_is_backed_up_and_restored(three):
    """Live tensors that differ from the file (an embedding that the user changed) come back as they were."""
    model = module_of(three.tensors[0])
    with torch.no_grad():
        model.get_parameter(WORDS).add_(1)
    before = state(model)
    swapper = Swapper(three.sources, three.partition)
    swapper.swap(three.everywhere(0.5, 0.25), live_weights(model))
    assert bits(model.get_parameter(WORDS)) == bits(saved(three, three.everywhere(0.5, 0.25))[WORDS])
    swapper.restore(live_weights(model))
    assert state(model) == before


def test_a_model_that_is_not_the_base_is_refused_before_a_write(three):
    """Too much would have to be kept; the message says so and the model is untouched."""
    model = module_of(three.tensors[1])
    before = state(model)
    swapper = Swapper(three.sources, three.partition, backup_limit_bytes=1000)
    with pytest.raises(HostError, match=r"not base\.safetensors as it lies on disk"):
        swapper.swap(three.everywhere(0.5, 0.25), live_weights(model))
    assert state(model) == before
    assert swapper.original


def test_what_others_changed_after_a_restore_is_theirs(three):
    """Between two studies the user may change the model; the next restore gives back that, not the file."""
    model = module_of(three.tensors[0])
    swapper = Swapper(three.sources, three.partition)
    swapper.swap(three.everywhere(0.5, 0.25), live_weights(model))
    swapper.restore(live_weights(model))
    with torch.no_grad():
        model.get_parameter(WORDS).mul_(2)
    before = state(model)
    swapper.swap(three.everywhere(0.1, 0.0), live_weights(model))
    swapper.restore(live_weights(model))
    assert state(model) == before


def test_inference_tensors_are_written_in_place(three):
    """Forge's parameters are such; they refuse ordinary writes."""
    with torch.inference_mode():
        model = module_of(three.tensors[0])
    before, where = state(model), addresses(model)
    swapper = Swapper(three.sources, three.partition)
    recipe = three.everywhere(0.5, 0.25)
    swapper.swap(recipe, live_weights(model))
    assert state(model) == {k: bits(t) for k, t in saved(three, recipe).items()}
    swapper.restore(live_weights(model))
    assert state(model) == before
    assert addresses(model) == where


def test_several_places_and_views_of_a_key_are_all_written(three):
    """A tensor split over two parameters, one held transposed, one under two names, one not contiguous."""
    key = "model.diffusion_model.time_embed.0.weight"
    base = three.tensors[0][key]
    half = base.shape[0] // 2
    top, bottom = base[:half].clone(), base[half:].t().contiguous()
    name = "model.diffusion_model.input_blocks.0.0.weight"
    conv = three.tensors[0][name].clone(memory_format=torch.channels_last)
    shared = three.tensors[0][WORDS].clone()
    live = LiveWeights(
        {
            key: (
                LiveSlot(top, lambda t: t[:half]),
                LiveSlot(bottom, lambda t: t[half:].t()),
            ),
            name: (LiveSlot(conv),),
            WORDS: (LiveSlot(shared), LiveSlot(shared)),
        },
        {},
    )
    before = [bits(t) for t in (top, bottom, conv, shared)]
    recipe = three.recipe({"rest": (0.5, 0.25), "in0-6": (0.5, 0.25), "text": (0.5, 0.25)})
    wanted = saved(three, recipe)
    swapper = Swapper(three.sources, three.partition)
    report = swapper.swap(recipe, live)
    assert bits(torch.cat([top, bottom.t()])) == bits(wanted[key])
    assert bits(conv) == bits(wanted[name])
    assert conv.is_contiguous(memory_format=torch.channels_last)
    assert bits(shared) == bits(wanted[WORDS])
    assert report.bytes == 2 * (base.numel() + conv.numel() + shared.numel())
    swapper.restore(live)
    assert [bits(t) for t in (top, bottom, conv, shared)] == before


def test_the_live_type_may_change_while_swapped(three):
    """Hosts turn embeddings into float32 at the first prompt; the original comes back in the type of now."""
    model = module_of(three.tensors[0])
    swapper = Swapper(three.sources, three.partition)
    swapper.swap(three.everywhere(0.5, 0.25), live_weights(model))
    model.float()
    swapper.swap(three.everywhere(0.25, 0.25), live_weights(model))
    wanted = saved(three, three.everywhere(0.25, 0.25))
    assert bits(model.get_parameter(WORDS)) == bits(wanted[WORDS].float())
    swapper.restore(live_weights(model))
    assert bits(model.get_parameter(WORDS)) == bits(three.tensors[0][WORDS].float())


def test_a_host_that_rounds_twice_is_followed(tmp_path):
    """float32 file, half on the way, 8 bits live: no copy is kept, and the preview takes the same way."""
    fam = Family(tmp_path, [sd1_tensors(i, dtype=torch.float32) for i in range(2)])
    key = "model.diffusion_model.output_blocks.3.0.weight"
    live_tensor = fam.tensors[0][key].half().to(torch.float8_e4m3fn)
    before = bits(live_tensor)
    live = LiveWeights({key: (LiveSlot(live_tensor),)}, {})
    swapper = Swapper(fam.sources, fam.partition, backup_limit_bytes=0)
    recipe = fam.recipe({"out3+": (0.5,)})
    swapper.swap(recipe, live)
    wanted = saved(fam, recipe)[key].half().to(torch.float8_e4m3fn)
    assert bits(live_tensor) == bits(wanted)
    swapper.restore(live)
    assert bits(live_tensor) == before


def test_the_saved_type_is_rounded_to_before_the_live_one(tmp_path):
    """A float32 model previews what a half-precision file will hold."""
    fam = Family(tmp_path, [sd1_tensors(i, dtype=torch.float32) for i in range(2)])
    model = module_of(fam.tensors[0])
    before = state(model)
    swapper = Swapper(fam.sources, fam.partition, save_dtype=torch.float16)
    recipe = fam.everywhere(0.5)
    swapper.swap(recipe, live_weights(model))
    wanted = saved(fam, recipe, torch.float16)
    for key, tensor in model.state_dict().items():
        assert bits(tensor) == bits(wanted[key].to(tensor.dtype))
    swapper.restore(live_weights(model))
    assert state(model) == before


def test_keys_that_the_model_lacks_are_reported_and_a_missing_group_is_refused(three):
    """One missing tensor is normal in some hosts; a whole group means that the names do not match."""
    model = module_of(three.tensors[0])
    live = live_weights(model)
    fewer = LiveWeights({k: v for k, v in live.slots.items() if k != WORDS}, {})
    report = Swapper(three.sources, three.partition).swap(three.recipe({"text": (0.5, 0.0)}), fewer)
    assert report.absent == (WORDS,)
    assert WORDS not in report.keys
    none = LiveWeights({k: v for k, v in live.slots.items() if three.partition.group_of(k) != "mid"}, {})
    with pytest.raises(HostError, match="mid"):
        Swapper(three.sources, three.partition).swap(three.recipe({"mid": (0.5, 0.0)}), none)


def test_refused_keys_frozen_groups_and_another_base_are_refused_before_a_write(three):
    """What cannot be previewed must not be searched."""
    model = module_of(three.tensors[0])
    before = state(model)
    live = live_weights(model)
    refusing = LiveWeights(live.slots, {WORDS: "it is quantised"})
    with pytest.raises(HostError, match="quantised"):
        Swapper(three.sources, three.partition).swap(three.everywhere(0.5, 0.0), refusing)
    with pytest.raises(RecipeError, match=r"frozen.*vae"):
        Swapper(three.sources, three.partition, frozen={"vae"}).swap(three.everywhere(0.5, 0.0), live)
    assert state(model) == before
    swapper = Swapper(three.sources, three.partition, frozen={"vae"})
    swapper.swap(three.recipe({"mid": (0.5, 0.0)}), live)
    other = Recipe(three.named[1], (three.named[0],), "theater", {"mid": (0.5,)})
    with pytest.raises(RecipeError, match="Another base"):
        swapper.swap(other, live)
    swapper.restore(live)
    assert state(model) == before


def test_a_tensor_of_another_shape_or_kind_is_refused_before_a_write(three):
    """A packed 8-bit tensor, and a base that the live model does not fit."""
    model = module_of(three.tensors[0])
    live = live_weights(model)
    before = state(model)
    for stranger in (torch.zeros(3), torch.zeros_like(three.tensors[0][WORDS], dtype=torch.uint8)):
        with pytest.raises(HostError, match="does not fit"):
            Swapper(three.sources, three.partition).swap(
                three.everywhere(0.5, 0.0), LiveWeights({**live.slots, WORDS: (LiveSlot(stranger),)}, {})
            )
        assert state(model) == before


def test_a_model_loaded_anew_is_taken_for_the_user_s_own(three):
    """After the host loaded the base again there is nothing to restore, and the next swap writes all of it."""
    model = module_of(three.tensors[0])
    swapper = Swapper(three.sources, three.partition)
    first = swapper.swap(three.everywhere(0.5, 0.0), live_weights(model))
    model.load_state_dict(three.tensors[0])
    swapper.forget()
    assert swapper.original
    assert swapper.restore(live_weights(model)).keys == ()
    assert swapper.swap(three.everywhere(0.5, 0.0), live_weights(model)).keys == first.keys


def test_modules_on_no_device_and_packed_ones_are_not_offered():
    """Offloaded weights have no memory to write to."""
    live = live_weights(torch.nn.Linear(2, 2, device="meta"))
    assert live.slots == {}
    assert set(live.refused) == {"weight", "bias"}
