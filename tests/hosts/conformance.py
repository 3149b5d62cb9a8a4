"""What every host owes, as one class of tests.

An adapter's test subclasses ``HostTestCase`` and provides the fixtures ``host`` (with a checkpoint loaded) and
``others`` (other checkpoints of the same architecture that the host can load).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.host import Host, ImageRequest
from lib_rimo.merging.live import LiveWeights
from lib_rimo.merging.merge import merge_into
from lib_rimo.merging.partition import load_partition
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.sink import DictSink
from lib_rimo.merging.sources import Sources
from lib_rimo.merging.swap import Swapper

WAIT_S = 60  # a hang is a failure, not an endless run


def write_live(
    live: LiveWeights, tensors: Mapping[str, torch.Tensor], keys: Sequence[str] | None = None
) -> None:
    """Puts checkpoint tensors into a live model, plainly."""
    for key, slots in live.slots.items():
        if keys is None or key in keys:
            for slot in slots:
                slot.tensor.data.copy_(tensors[key] if slot.view is None else slot.view(tensors[key]))


def read_live(live: LiveWeights) -> list[torch.Tensor]:
    """Copies of all live tensors, in the order of the slots."""
    return [slot.tensor.detach().clone() for slots in live.slots.values() for slot in slots]


def same(first: Sequence[Image.Image], second: Sequence[Image.Image]) -> bool:
    """Whether two lists of pictures have the same pixels."""
    return [image.tobytes() for image in first] == [image.tobytes() for image in second]


def distance(first: Image.Image, second: Image.Image) -> int:
    """The largest difference of two pictures in a channel of a pixel."""
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())


class HostTestCase:
    """The contract of ``lib_rimo.hosts.host.Host``."""

    @pytest.fixture
    def host(self) -> Host:
        """A host whose live model is a checkpoint."""
        raise NotImplementedError

    @pytest.fixture
    def others(self) -> list[Path]:
        """Other checkpoints of the same architecture in the host's folder."""
        raise NotImplementedError

    @pytest.fixture
    def request_(self, host: Host) -> ImageRequest:
        """A quick request in the model's own size."""
        defaults = host.image_defaults()
        return ImageRequest(
            "red, star", "", 1, defaults.width, defaults.height, 2, defaults.cfg, defaults.sampler
        )

    @contextmanager
    def swapped(self, host: Host, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Other weights in the live model inside; the weights from before come back."""
        live = host.live()
        before = read_live(live)
        try:
            write_live(live, tensors)
            host.weights_changed(list(live.slots))
            yield
        finally:
            slots = [slot for slots in live.slots.values() for slot in slots]
            for slot, tensor in zip(slots, before, strict=True):
                slot.tensor.data.copy_(tensor)
            host.weights_changed(list(live.slots))

    # -- checkpoints ------------------------------------------------------------------------------------------

    def test_lists_checkpoints(self, host: Host, others: list[Path]) -> None:
        """The list holds the loaded file and the others, existing files, sorted by name."""
        listed = list(host.checkpoints())
        assert {host.loaded(), *others} <= set(listed)
        assert all(path.is_file() for path in listed)
        names = [path.name.lower() for path in listed]
        assert names == sorted(names)

    def test_new_file_appears(self, host: Host, others: list[Path]) -> None:
        """A file saved into the save folder is in the list after a refresh."""
        new = host.save_folder() / "zz-new.safetensors"
        new.write_bytes(others[0].read_bytes())
        host.refresh()
        assert new in host.checkpoints()

    def test_load_makes_live(self, host: Host, others: list[Path]) -> None:
        """After loading, the live tensors are the file's values bit for bit, and the host says which file."""
        host.load(others[0])
        assert host.loaded() == others[0]
        tensors = load_file(str(others[0]))
        with host.exclusive():
            for key, slots in host.live().slots.items():
                for slot in slots:
                    part = tensors[key] if slot.view is None else slot.view(tensors[key])
                    assert torch.equal(slot.tensor.cpu(), part.to(slot.tensor.dtype)), key

    def test_load_back_and_forth(self, host: Host, others: list[Path], request_: ImageRequest) -> None:
        """A checkpoint that is loaded again after another draws what it drew at first."""
        loaded = host.loaded()
        assert loaded is not None
        with host.exclusive():
            first = host.generate([request_])
        host.load(others[0])
        host.load(loaded)
        with host.exclusive():
            assert same(first, host.generate([request_]))

    def test_load_again_is_nothing(self, host: Host) -> None:
        """Loading the loaded file keeps the model and its tensors where they are."""
        loaded = host.loaded()
        assert loaded is not None
        with host.exclusive():
            before = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
            host.load(loaded)
            after = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
        assert before == after

    def test_load_fails_clean(self, host: Host, request_: ImageRequest, tmp_path: Path) -> None:
        """A missing or damaged file is a HostError, and the model from before still draws the same."""
        loaded = host.loaded()
        with host.exclusive():
            before = host.generate([request_])
        damaged = tmp_path / "damaged.safetensors"
        damaged.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not a checkpoint")
        for path in (tmp_path / "missing.safetensors", damaged):
            with pytest.raises(HostError, match=r"missing|cannot"):
                host.load(path)
        assert host.loaded() == loaded
        with host.exclusive():
            assert same(before, host.generate([request_]))

    # -- live weights -----------------------------------------------------------------------------------------

    def test_keys_are_the_files(self, host: Host) -> None:
        """Live places and refusals are under the file's keys, no key is under both, and each refusal says why."""
        loaded = host.loaded()
        assert loaded is not None
        keys = set(load_file(str(loaded)))
        with host.exclusive():
            live = host.live()
        assert set(live.slots) | set(live.refused) <= keys
        assert not set(live.slots) & set(live.refused)
        assert all(live.refused.values())
        assert all(live.slots.values())

    def test_views_are_views(self, host: Host) -> None:
        """A slot's view gives the slot's shape without copying, for any dtype."""
        loaded = host.loaded()
        assert loaded is not None
        tensors = load_file(str(loaded))
        with host.exclusive():
            live = host.live()
        for key, slots in live.slots.items():
            for slot in slots:
                for whole in (tensors[key], tensors[key].double()):
                    part = whole if slot.view is None else slot.view(whole)
                    assert part.shape == slot.tensor.shape, key
                    assert part.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr(), key

    def test_live_places_are_disjoint(self, host: Host) -> None:
        """No live tensor is written by two keys."""
        with host.exclusive():
            pointers = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
        assert len(set(pointers)) == len(pointers)

    def test_swap_equals_load(self, host: Host, others: list[Path], request_: ImageRequest) -> None:
        """Another checkpoint's weights swapped in draw what that checkpoint draws when loaded, bit for bit."""
        with host.exclusive():
            first = host.generate([request_])
            with self.swapped(host, load_file(str(others[0]))):
                merged = host.generate([request_])
            restored = host.generate([request_])
        assert same(first, restored)
        assert not same(first, merged)
        host.load(others[0])
        with host.exclusive():
            assert same(merged, host.generate([request_]))

    def test_recipe_is_swapped_and_restored(
        self, host: Host, others: list[Path], request_: ImageRequest
    ) -> None:
        """A recipe swapped in is the saved file's tensors bit for bit; restored, the model is as it was."""
        loaded = host.loaded()
        assert loaded is not None
        partition = load_partition("coarse")
        with Sources() as sources, host.exclusive():
            base, partner = sources.source_of(loaded), sources.source_of(others[0])
            groups = partition.groups_present(sources.open(base).keys())
            recipe = Recipe(base, (partner,), "coarse", {g: (0.1 + 0.2 * i,) for i, g in enumerate(groups)})
            merged = DictSink()
            merge_into(recipe, sources, partition, merged)
            swapper = Swapper(sources, partition)
            before = read_live(host.live())
            first = host.generate([request_])
            try:
                report = swapper.swap(recipe, host.live())
                host.weights_changed(report.keys)
                changed = host.generate([request_])
                for key, slots in host.live().slots.items():
                    for slot in slots:
                        part = merged.tensors[key] if slot.view is None else slot.view(merged.tensors[key])
                        assert torch.equal(slot.tensor.cpu(), part.to(slot.tensor.dtype)), key
            finally:
                host.weights_changed(swapper.restore(host.live()).keys)
            assert all(torch.equal(a, b) for a, b in zip(before, read_live(host.live()), strict=True))
            assert same(first, host.generate([request_]))
        assert set(report.groups) == set(groups)
        assert not same(first, changed)

    def test_swap_keeps_addresses(self, host: Host, others: list[Path], request_: ImageRequest) -> None:
        """Swapping and drawing leave every live tensor where it is."""
        with host.exclusive():
            before = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
            with self.swapped(host, load_file(str(others[0]))):
                host.generate([request_])
                inside = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
            after = [slot.tensor.data_ptr() for slots in host.live().slots.values() for slot in slots]
        assert before == inside == after

    def test_changed_text_encoder_is_seen(
        self, host: Host, others: list[Path], request_: ImageRequest
    ) -> None:
        """A text encoder's new weights count in the next picture: nothing encoded before is used."""
        tensors = load_file(str(others[0]))
        with host.exclusive():
            first = host.generate([request_])
            live = host.live()
            texts = [key for key in live.slots if key.startswith(("cond_stage_model.", "conditioner."))]
            own = load_file(str(host.loaded()))
            assert texts
            try:
                write_live(live, tensors, texts)
                host.weights_changed(texts)
                changed = host.generate([request_])
            finally:
                write_live(live, own, texts)
                host.weights_changed(texts)
            assert same(first, host.generate([request_]))
        assert not same(first, changed)

    # -- drawing ----------------------------------------------------------------------------------------------

    def test_pictures_are_as_asked(self, host: Host, request_: ImageRequest) -> None:
        """One RGB picture of the asked size per request."""
        wide = replace(request_, width=2 * request_.width)
        with host.exclusive():
            pictures = host.generate([wide, replace(wide, seed=2)])
        assert [picture.size for picture in pictures] == [(wide.width, wide.height)] * 2
        assert all(picture.mode == "RGB" for picture in pictures)

    def test_same_batch_same_pixels(self, host: Host, request_: ImageRequest) -> None:
        """The same batch gives the same pixels, whatever was drawn in between."""
        batch = [request_, replace(request_, seed=7, prompt="blue, moon", negative="red")]
        with host.exclusive():
            first = host.generate(batch)
            host.generate([replace(request_, seed=99, steps=3)])
            assert same(first, host.generate(batch))

    def test_seed_per_picture(self, host: Host, request_: ImageRequest) -> None:
        """A picture's noise is its seed's alone: neither its place in the batch nor the others matter."""
        other = replace(request_, seed=8)
        with host.exclusive():
            (alone,) = host.generate([request_])
            first, second, third = host.generate([request_, other, request_])
            last = host.generate([other, request_])[1]
        # Batched arithmetic may round differently; other noise would be far more than this.
        assert max(distance(alone, picture) for picture in (first, third, last)) <= 2
        assert distance(first, second) > 2

    @pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M SDE", "LCM"])
    def test_sampler_noise_is_per_picture(self, host: Host, request_: ImageRequest, sampler: str) -> None:
        """Samplers that add noise at every step take it from each picture's own seed too."""
        if sampler not in host.samplers():
            pytest.skip(f"{host.name} has no {sampler}")
        ours = replace(request_, sampler=sampler)
        with host.exclusive():
            (alone,) = host.generate([ours])
            _, second = host.generate([replace(ours, seed=8), ours])
        assert distance(alone, second) <= 2

    def test_prompt_and_negative_count(self, host: Host, request_: ImageRequest) -> None:
        """Another prompt, and another negative, give another picture."""
        with host.exclusive():
            first, prompt, negative = host.generate(
                [request_, replace(request_, prompt="moon"), replace(request_, negative="blue")]
            )
        assert first.tobytes() != prompt.tobytes()
        assert first.tobytes() != negative.tobytes()

    def test_long_prompts_are_read_to_the_end(self, host: Host, request_: ImageRequest) -> None:
        """A tag beyond the text encoder's window still changes the picture, and leaves the neighbours alone."""
        long = replace(request_, prompt=", ".join(["star"] * 40 + ["red"]))
        longer_end = replace(request_, prompt=", ".join(["star"] * 40 + ["blue"]))
        with host.exclusive():
            (alone,) = host.generate([request_])
            first, short, second = host.generate([long, request_, longer_end])
        assert first.tobytes() != second.tobytes()
        assert distance(alone, short) <= 2

    @pytest.mark.parametrize(
        "change", [{"width": 2}, {"height": 2}, {"steps": 2}, {"cfg": 2}, {"sampler": "Euler"}]
    )
    def test_mixed_layouts_are_refused(
        self, host: Host, request_: ImageRequest, change: dict[str, int | str]
    ) -> None:
        """Requests of different layouts in one batch are a HostError."""
        ((field, value),) = change.items()
        new = value if isinstance(value, str) else getattr(request_, field) * value
        with host.exclusive(), pytest.raises(HostError, match="layout"):
            host.generate([request_, replace(request_, **{field: new})])

    def test_empty_batch_is_refused(self, host: Host) -> None:
        """No request at all is a HostError."""
        with host.exclusive(), pytest.raises(HostError, match="at least one"):
            host.generate([])

    @pytest.mark.parametrize("change", [{"sampler": "Wishful"}, {"scheduler": "Wishful"}])
    def test_unknown_names_are_refused(
        self, host: Host, request_: ImageRequest, change: dict[str, str]
    ) -> None:
        """An unknown sampler or noise schedule is a HostError that names it."""
        with host.exclusive(), pytest.raises(HostError, match="Wishful"):
            host.generate([replace(request_, **change)])

    def test_not_a_number_is_an_error(self, host: Host, request_: ImageRequest) -> None:
        """A model that computes NaN gives a HostError, never a black picture, and recovers with its weights."""
        with host.exclusive():
            before = host.generate([request_])
            loaded = load_file(str(host.loaded()))
            broken = {
                k: torch.full_like(t, torch.nan) if t.is_floating_point() else t for k, t in loaded.items()
            }
            with self.swapped(host, broken), pytest.raises(HostError, match="not numbers"):
                host.generate([request_])
            assert same(before, host.generate([request_]))

    def test_every_sampler_draws(self, host: Host, request_: ImageRequest) -> None:
        """Every sampler that the host names draws a picture."""
        with host.exclusive():
            for sampler in host.samplers():
                assert len(host.generate([replace(request_, sampler=sampler)])) == 1, sampler

    # -- queue ------------------------------------------------------------------------------------------------

    def test_needs_the_queue(self, host: Host, request_: ImageRequest) -> None:
        """Drawing, reading and telling of changes outside ``exclusive`` are HostErrors."""
        for forbidden in (lambda: host.generate([request_]), host.live, lambda: host.weights_changed([])):
            with pytest.raises(HostError, match="exclusive"):
                forbidden()

    def test_not_reentrant(self, host: Host) -> None:
        """Entering twice in one thread is a HostError at once, not a deadlock, and the first hold stays good."""
        with host.exclusive():
            with pytest.raises(HostError, match="twice"), host.exclusive():
                pytest.fail("entered twice")
            host.live()
        with host.exclusive():
            host.live()

    def test_queue_is_fair_and_counted(self, host: Host) -> None:
        """Others wait while the queue is held, are counted, and come in as they queued up."""
        order: list[int] = []

        def visit(number: int) -> None:
            with host.exclusive():
                order.append(number)

        threads = []
        with host.exclusive():
            assert host.waiting() == 0
            for number in range(4):
                thread = threading.Thread(target=visit, args=(number,))
                thread.start()
                threads.append(thread)
                arrived = threading.Event()
                while host.waiting() <= number:
                    arrived.wait(0.001)
            assert not order
            assert host.waiting() == 4
        for thread in threads:
            thread.join(WAIT_S)
        assert order == [0, 1, 2, 3]
        assert host.waiting() == 0

    def test_queue_is_released_after_an_error(self, host: Host) -> None:
        """An exception inside ``exclusive`` comes out, and the next one gets in."""
        with pytest.raises(ZeroDivisionError), host.exclusive():
            raise ZeroDivisionError
        with host.exclusive():
            host.live()

    def test_interrupt(self, host: Host, request_: ImageRequest) -> None:
        """An interrupt from another thread ends a long drawing with a HostError; the next one is as ever."""
        done = threading.Event()

        def keep_interrupting() -> None:
            while not done.wait(0.002):
                host.interrupt()

        with host.exclusive():
            before = host.generate([request_])
            thread = threading.Thread(target=keep_interrupting)
            thread.start()
            try:
                with pytest.raises(HostError, match="interrupted"):
                    host.generate([replace(request_, steps=500)])
            finally:
                done.set()
                thread.join(WAIT_S)
            assert same(before, host.generate([request_]))

    def test_interrupt_of_nothing(self, host: Host, request_: ImageRequest) -> None:
        """An interrupt while nothing is drawn does not hit the next drawing."""
        host.interrupt()
        with host.exclusive():
            assert len(host.generate([request_])) == 1

    # -- figures ----------------------------------------------------------------------------------------------

    def test_defaults_can_be_drawn(self, host: Host) -> None:
        """The model's defaults are positive, and their sampler is one of the host's."""
        defaults = host.image_defaults()
        assert defaults.sampler in host.samplers()
        assert min(defaults.width, defaults.height, defaults.steps) > 0
        assert defaults.cfg > 0

    def test_batch_size_is_constant(self, host: Host, request_: ImageRequest) -> None:
        """The batch size is at least one, does not change by drawing, and does not grow with the size."""
        sides = [request_.width * factor for factor in (1, 2, 4, 32)]
        sizes = [host.batch_size(side, side) for side in sides]
        with host.exclusive():
            host.generate([request_])
        assert sizes == [host.batch_size(side, side) for side in sides]
        assert sizes == sorted(sizes, reverse=True)
        assert min(sizes) >= 1

    def test_save_folder_exists(self, host: Host) -> None:
        """Merged checkpoints have a folder to go to."""
        assert host.save_folder().is_dir()

    def test_has_a_name(self, host: Host) -> None:
        """The name is short and fit for a journal."""
        assert host.name.isidentifier()
