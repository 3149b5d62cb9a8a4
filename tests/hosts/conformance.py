"""What every host owes, as one class of tests.

An adapter's test subclasses ``HostTestCase`` and provides the fixtures ``host`` (with a checkpoint loaded) and
``others`` (other checkpoints of the same architecture that the host can load).
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.host import Host, ImageRequest
from tests.hosts.conformance_weights import WeightsContract, distance, read_live, same

__all__ = ["HostTestCase", "read_live", "same"]

WAIT_S = 60  # a hang is a failure, not an endless run


class HostTestCase(WeightsContract):
    """The contract of ``lib_rimo.hosts.host.Host``."""

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
