"""What every merge method must keep, whatever it computes: the laws of ``lib_rimo/merging/README.md``."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from lib_rimo.merging import (
    METHODS,
    DictSink,
    LiveSlot,
    LiveWeights,
    MergeMethod,
    Recipe,
    Source,
    Sources,
    Swapper,
    load_partition,
    merge_into,
    open_checkpoint,
    save_merged,
)
from lib_rimo.merging.checkpoints.header import TensorSpec, build_header
from lib_rimo.merging.mix.kernel import Workspace
from lib_rimo.merging.mix.method import MergeFunction, Value
from lib_rimo.merging.rebuild import rebuild

Tensors = dict[str, torch.Tensor]

_UNET = "model.diffusion_model."
_SHAPES: Mapping[str, tuple[int, ...]] = {
    f"{_UNET}time_embed.0.weight": (16, 4),
    f"{_UNET}input_blocks.0.0.weight": (8, 4, 3, 3),
    f"{_UNET}input_blocks.1.0.in_layers.0.bias": (8,),
    f"{_UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight": (8, 6),
    f"{_UNET}output_blocks.8.0.weight": (24, 40),
    f"{_UNET}out.2.weight": (4, 8, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (11, 6),
    "first_stage_model.decoder.conv_out.weight": (3, 8, 3, 3),
}
_PARTITION = "theater"
_MOST = 3
"""Partners that methods are tried with, if they take so many."""
_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WEIGHTS = (0.6, 0.25, -0.2)
_OTHERS = (0.35, 0.5, 0.1)
_CLOSE = 1e-4
"""Of numbers around one, computed in float32 in another order."""


@dataclass(frozen=True)
class _Family:
    """A base and partners in a folder."""

    folder: Path
    tensors: tuple[Tensors, ...]
    sources: Sources
    named: tuple[Source, ...]


class MethodTestCase:
    """Tests of one merge method.

    Attributes:
        method: The name that it is registered under.
        options: Of its options, those to test it with; the others are as by default.
    """

    method: ClassVar[str]
    options: ClassVar[Mapping[str, Value]] = {}

    def test_zero_weights_give_the_base_bit_for_bit(self) -> None:
        """Whatever the method would make of zeros."""
        with self._family() as family:
            merged = self._merged(self._recipe(family, [0.0] * self._count), family)
            assert _bits(merged) == _bits(family.tensors[0])

    def test_weight_one_gives_the_partner_if_the_method_says_so(self) -> None:
        """On each partner alone, bit for bit; a partner that lacks a tensor leaves it the base's."""
        if not self._known.one_is_partner or self._known.partners[0] > 1:
            return
        with self._family() as family:
            for i in range(self._count):
                row = [1.0 if i == j else 0.0 for j in range(self._count)]
                merged = self._merged(self._recipe(family, row), family)
                assert _bits(merged) == _bits(family.tensors[0] | family.tensors[i + 1])

    def test_the_sources_are_left_as_they_are(self) -> None:
        """A pure function: the same arguments give the same numbers, and are unchanged."""
        base, *partners = (_numbers(seed, (6, 7)) for seed in range(self._count + 1))
        before = [tensor.clone() for tensor in (base, *partners)]
        weights = self._row(_WEIGHTS)
        once, again = (self._plainly(base, partners, weights) for _ in range(2))
        assert torch.equal(once, again)
        assert all(map(torch.equal, (base, *partners), before))
        assert once.dtype == torch.float32

    def test_the_result_does_not_depend_on_how_a_tensor_is_cut(self) -> None:
        """Pieces of any size give the bits of the whole, unless the method asks for whole tensors."""
        base, *partners = (_numbers(seed, (97,)) for seed in range(self._count + 1))
        weights = self._row(_WEIGHTS)
        whole = torch.empty(97)
        whole.copy_(self._plainly(base, partners, weights))
        for piece in (1, 8, 33, 1000):
            out = torch.empty(97)
            self._known.blend(
                out, base, partners, weights, self._resolved, Workspace(piece), name="a tensor", shape=(97,)
            )
            assert _raw(out) == _raw(whole)

    def test_the_result_is_rounded_once(self) -> None:
        """Saved in half precision it is the full result, rounded."""
        with self._family(torch.float32) as family:
            recipe = self._recipe(family, self._row(_WEIGHTS))
            full = self._merged(recipe, family)
            for dtype in (torch.float16, torch.bfloat16):
                merged = self._merged(recipe, family, dtype)
                assert all(_raw(merged[key]) == _raw(tensor.to(dtype)) for key, tensor in full.items())

    def test_every_number_type_is_merged(self) -> None:
        """The result has the base's, in finite numbers, and another weight gives another result."""
        for dtype in _TYPES:
            with self._family(dtype) as family:
                one, two = (
                    self._merged(self._recipe(family, self._row(w)), family) for w in (_WEIGHTS, _OTHERS)
                )
                assert all(tensor.dtype == dtype and bool(tensor.isfinite().all()) for tensor in one.values())
                assert _bits(one) != _bits(two)

    def test_threads_make_no_difference(self) -> None:
        """One, two and three give the same bits."""
        with self._family() as family:
            recipe = self._recipe(family, self._row(_WEIGHTS))
            first, *others = (_bits(self._merged(recipe, family, threads=n)) for n in (1, 2, 3))
            assert all(other == first for other in others)

    def test_what_is_previewed_is_what_is_saved(self) -> None:
        """Also on top of another mix; afterwards the model is the user's own again, bit for bit."""
        with self._family() as family:
            live = {key: tensor.clone() for key, tensor in family.tensors[0].items()}
            slots = LiveWeights({key: (LiveSlot(tensor),) for key, tensor in live.items()}, {})
            swapper = Swapper(family.sources, load_partition(_PARTITION), threads=2)
            first = self._recipe(family, self._row(_WEIGHTS))
            for number, recipe in enumerate(
                (first, first.then(self._recipe(family, self._row(_OTHERS))), first)
            ):
                swapper.swap(recipe, slots)
                path = save_merged(
                    recipe, family.sources, load_partition(_PARTITION), family.folder, f"saved{number}"
                )
                with open_checkpoint(path) as saved:
                    assert _bits({key: saved.tensor(key) for key in saved}) == _bits(live)
                assert _bits(live) != _bits(family.tensors[0])
            swapper.restore(slots)
            assert _bits(live) == _bits(family.tensors[0])

    def test_an_error_on_the_way_can_be_restored(self) -> None:
        """A swap that fails in the middle leaves a model that comes back bit for bit."""
        with self._family() as family:
            live = {key: tensor.clone() for key, tensor in family.tensors[0].items()}
            slots = LiveWeights({key: (LiveSlot(tensor),) for key, tensor in live.items()}, {})
            name = f"{self.method}-that-fails"
            METHODS.register(name, replace(self._known, merge=_failing(self._known), quick=None))
            swapper = Swapper(family.sources, load_partition(_PARTITION), threads=1)
            try:
                recipe = replace(self._recipe(family, self._row(_WEIGHTS)), method=name)
                swapper.swap(recipe, slots)
            except KeyboardInterrupt:
                swapper.restore(slots)
            else:
                raise AssertionError("the method was not called")
            finally:
                METHODS.remove(name)
            assert _bits(live) == _bits(family.tensors[0])

    def test_a_saved_mix_is_rebuilt_from_its_parents(self) -> None:
        """From the metadata alone, the same file to the byte, unless the method says why it cannot be everywhere."""
        with self._family() as family:
            recipe = self._recipe(family, self._row(_WEIGHTS))
            recipe = recipe.then(self._recipe(family, self._row(_OTHERS)))
            assert Recipe.from_text(recipe.to_text()) == recipe
            path = save_merged(recipe, family.sources, load_partition(_PARTITION), family.folder, "mixed")
            with open_checkpoint(path) as saved:
                texts = dict(saved.metadata)
            wanted = path.read_bytes()
            path.unlink()
            done = rebuild(texts, [family.folder], family.folder, "again")
            assert done.proved
            assert done.path.read_bytes() == wanted

    def test_nothing_is_rounded_between_two_steps(self) -> None:
        """A mix of a mix is the method on the full result of the first."""
        with self._family(torch.float32) as family:
            first, second = (self._recipe(family, self._row(w)) for w in (_WEIGHTS, _OTHERS))
            between = self._merged(first, family)
            for key, tensor in self._merged(first.then(second), family).items():
                partners = [t[key].float() for t in family.tensors[1:] if key in t]
                if len(partners) < self._count:
                    continue
                wanted = self._plainly(between[key], partners, self._row(_OTHERS), key)
                assert torch.allclose(tensor, wanted, rtol=_CLOSE, atol=_CLOSE)

    def test_a_linear_method_has_the_shares_that_it_says(self) -> None:
        """The sum of the models by their shares is the result."""
        if self._known.shares is None:
            return
        base, *partners = (_numbers(seed, (5, 9)) for seed in range(self._count + 1))
        for weights in map(self._row, (_WEIGHTS, _OTHERS)):
            shares = self._known.shares(weights, **self._resolved)
            wanted = base * (1 - sum(shares))
            for share, partner in zip(shares, partners, strict=True):
                wanted = wanted + share * partner
            assert torch.allclose(self._plainly(base, partners, weights), wanted, rtol=_CLOSE, atol=_CLOSE)

    # -- what the tests are made of ------------------------------------------------------------------------------

    @property
    def _known(self) -> MergeMethod:
        return METHODS[self.method]

    @property
    def _resolved(self) -> dict[str, Value]:
        return self._known.resolve(self.options)

    @property
    def _count(self) -> int:
        """How many partners it is tried with."""
        fewest, most = self._known.partners
        return max(fewest, min(_MOST, most or _MOST))

    def _row(self, weights: Sequence[float]) -> list[float]:
        """One weight per partner, inside the method's range."""
        low, high = self._known.weights
        return [
            min(max(weight, low), high) for weight in itertools.islice(itertools.cycle(weights), self._count)
        ]

    def _plainly(
        self,
        base: torch.Tensor,
        partners: Sequence[torch.Tensor],
        weights: Sequence[float],
        name: str = "a tensor",
    ) -> torch.Tensor:
        """The method's own function on whole tensors."""
        named = {"name": name} if "name" in self._known.needs else {}
        return self._known.merge(base, tuple(partners), tuple(weights), **self._resolved, **named)

    def _recipe(self, family: _Family, row: Sequence[float]) -> Recipe:
        """The same weights in every block group."""
        groups = load_partition(_PARTITION).groups_present(family.tensors[0])
        weights = {group: tuple(row) for group in groups}
        base, *partners = family.named
        return Recipe(base, tuple(partners), _PARTITION, weights, self.method, self._resolved)

    def _merged(
        self, recipe: Recipe, family: _Family, dtype: torch.dtype | None = None, threads: int | None = None
    ) -> Tensors:
        sink = DictSink()
        merge_into(
            recipe, family.sources, load_partition(_PARTITION), sink, save_dtype=dtype, threads=threads
        )
        return sink.tensors

    @contextmanager
    def _family(self, dtype: torch.dtype = torch.float16) -> Iterator[_Family]:
        """A base and partners of random numbers on disk; the last of several partners lacks a tensor."""
        tensors = [
            {key: _numbers(seed * 100 + i, shape).to(dtype) for i, (key, shape) in enumerate(_SHAPES.items())}
            for seed in range(self._count + 1)
        ]
        if self._count > self._known.partners[0]:
            del tensors[-1][f"{_UNET}time_embed.0.weight"]
        with tempfile.TemporaryDirectory() as folder, Sources() as sources:
            names = ["base", *(f"partner{i}" for i in range(1, len(tensors)))]
            paths = [Path(folder) / f"{name}.safetensors" for name in names]
            for path, of_file in zip(paths, tensors, strict=True):
                _write(path, of_file)
            named = tuple(map(sources.source_of, paths))
            yield _Family(Path(folder), tuple(tensors), sources, named)


_CALLS = 3
"""Of a method that then fails; the first is the trial when it is registered."""


def _failing(method: MergeMethod) -> MergeFunction:
    left = _CALLS

    def merge(*args: Any, **options: Any) -> torch.Tensor:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return method.merge(*args, **options)

    return merge


def _numbers(seed: int, shape: Sequence[int]) -> torch.Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))


def _write(path: Path, tensors: Tensors) -> None:
    head, starts = build_header({k: TensorSpec(t.dtype, tuple(t.shape)) for k, t in tensors.items()}, {})
    with path.open("wb") as file:
        file.write(head)
        for key in sorted(starts, key=lambda key: starts[key]):
            file.write(_raw(tensors[key]))


def _raw(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy())


def _bits(tensors: Tensors) -> dict[str, bytes]:
    return {key: _raw(tensor) for key, tensor in tensors.items()}
