"""The half of the hosts' contract that is about checkpoints and live weights; the other is ``conformance.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.host import Host, ImageRequest
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.merging.mix.merge import merge_into
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sink import DictSink
from lib_rimo.merging.mix.sources import Sources


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


class WeightsContract:
    """Checkpoints, live weights, swapping and restoring."""

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

    def test_loading_anew_replaces_whatever_is_live(self, host: Host, request_: ImageRequest) -> None:
        """A mixture that nobody can take back is gone after it: tensors and pictures are those of the file."""
        with host.exclusive():
            before, own = host.generate([request_]), read_live(host.live())
            live = host.live()
            for slots in live.slots.values():
                for slot in slots:
                    slot.tensor.data.zero_()
            host.weights_changed(tuple(live.slots))
            host.load_again()
            assert all(torch.equal(a, b) for a, b in zip(read_live(host.live()), own, strict=True))
            assert same(before, host.generate([request_]))

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
