"""What a merge method is: one function on pieces of one tensor, and what is known of it.

A method of one's own is one decorated function, registered under the group ``rimo.methods`` (``methods``):

    @merge_method()
    def larger_change(base, partners, weights):
        '''Of the weighted changes, the largest one, element by element.'''
        changes = torch.stack([w * (p - base) for p, w in zip(partners, weights, strict=True)])
        largest = changes.abs().argmax(dim=0, keepdim=True)
        return base + changes.gather(0, largest)[0]

Recipe, swap, saving, drift, ancestry, rebuild, export and search ask the method what they need to know of it.

What holds for every method, because the caller sees to it: where all weights are zero the base is copied, and nothing
is computed; a partner that lacks a tensor takes no part in it; the result is rounded once, to the saved number type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

from lib_rimo.errors import PluginError, RecipeError, RimoError
from lib_rimo.merging.mix.kernel import Workspace, wide_type
from lib_rimo.said import say

if TYPE_CHECKING:
    from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
    from lib_rimo.merging.mix.partition import Partition
    from lib_rimo.merging.mix.recipe import Source
    from lib_rimo.merging.mix.sources import Sources

Value = int | float | str
"""Of an option."""
Need = Literal["tensor", "name", "all"]
"""Beyond one piece of a tensor. ``tensor``: whole tensors, in their shape (norms, singular values). ``name``: the
tensor's name, by keyword, to draw random numbers that are the same every time. ``all``: partners of weight zero as
well (a third model that others are compared with)."""
MergeFunction = Callable[..., torch.Tensor]
"""``(base, partners, weights, **options)``: float32 tensors of one shape, ``(n,)`` unless whole ones are needed
(float64 where the result is); ``weights`` has one number per partner. Returns the merged numbers in type and shape of
``base``. Elements of one place depend on no other place unless whole tensors are needed."""
Shares = Callable[..., Sequence[float]]
"""``(weights, **options)``: share of each partner; the base's share is what they leave of 1."""
Quick = Callable[[torch.Tensor, torch.Tensor, Sequence[torch.Tensor], Sequence[float], Workspace], None]
"""``(out, base, partners, weights, workspace)``, flat tensors of any floating type: writes into ``out`` bit for bit
what ``merge`` gives."""


@dataclass(frozen=True, slots=True)
class Option:
    """A number or choice of a method, the same for all block groups.

    Attributes:
        default: If nothing is said; its type is the option's.
        low: Least number.
        high: Largest number.
        choices: What a text may be.
        about: What it does, one sentence.
    """

    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    about: str = ""

    def read(self, name: str, value: object) -> Value:
        """A value of the option; numbers may come as text.

        Raises:
            RecipeError: It is of another kind, or out of range.
        """
        if isinstance(self.default, str):
            if value in self.choices:
                return str(value)
            raise RecipeError(say("The option {1} has no such choice", name), found=value, wanted=self.wanted)
        try:
            number = float(str(value))
            if not self.low <= number <= self.high:
                raise ValueError
            return self._whole(number) if isinstance(self.default, int) else number
        except (ValueError, OverflowError):
            raise RecipeError(
                say("The option {1} is out of range", name), found=value, wanted=self.wanted
            ) from None

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        if isinstance(self.default, str):
            return ", ".join(self.choices)
        told = (
            "a whole number from {1} to {2}" if isinstance(self.default, int) else "a number from {1} to {2}"
        )
        return say(told, f"{self.low:g}", f"{self.high:g}")

    @staticmethod
    def _whole(number: float) -> int:
        if number != int(number):
            raise ValueError
        return int(number)


class Spec(Protocol):
    """A checkpoint that is computed by a method and has no file, as metadata names it."""

    @property
    def name(self) -> str:
        """In the place of a file name."""

    @property
    def partition(self) -> str:
        """Name of the partition that it is of."""

    def parents(self) -> tuple[Source, ...]:
        """What it is computed from."""

    def fingerprint(self) -> str:
        """By which recipes name it."""

    def describe(self) -> str:
        """What it is, in a few words."""

    def to_json(self) -> dict[str, Any]:
        """A plain form without paths."""


@dataclass(frozen=True, slots=True)
class SpecKind:
    """How checkpoints of one method that have no file are written in metadata, and computed again.

    Attributes:
        node: Their entry in the tree of ancestors.
        text: Their entry in the metadata.
        read: Reads the plain form; raises ``RecipeError``.
        compute: Makes the checkpoint from open files.
    """

    node: str
    text: str
    read: Callable[[object], Spec]
    compute: Callable[[Any, Sources, Partition], Checkpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeMethod:
    """A merge method.

    Attributes:
        merge: The function.
        about: What it does, one sentence.
        shares: Share of each partner in the result, for linear methods; None: the result is no sum of the models.
        partners: Fewest and most partners in one block group; None: as many as one likes.
        weights: Lowest and highest weight.
        options: Numbers and choices beside the weights.
        needs: What it needs beyond one piece of a tensor.
        one_is_partner: Whether weight one on a lone partner is that partner: it is copied then, bit for bit.
        equal: Number of partners -> weight at which none of the models counts more than another.
        quick: A quicker way to the same bits.
        caveat: Why a rebuild can differ in the last bits; empty if it cannot.
        spec: Of checkpoints that it computes without a recipe.
        label: What it is called in words; empty: its name.
    """

    merge: MergeFunction
    about: str
    shares: Shares | None = None
    partners: tuple[int, int | None] = (1, None)
    weights: tuple[float, float] = (-math.inf, math.inf)
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    needs: frozenset[Need] = frozenset()
    one_is_partner: bool = True
    equal: Callable[[int], float] = lambda n_partners: 1.0 / (n_partners + 1)
    quick: Quick | None = None
    caveat: str = ""
    spec: SpecKind | None = None
    label: str = ""

    @property
    def is_linear(self) -> bool:
        """Whether the result is a sum of the models, so that each has a share in it."""
        return self.shares is not None

    def resolve(self, options: Mapping[str, object]) -> dict[str, Value]:
        """All options, those that are not given by their defaults.

        Raises:
            RecipeError: One is unknown, or has no such value.
        """
        if unknown := set(options) - set(self.options):
            raise RecipeError(
                "The merge method has no such option",
                found=", ".join(sorted(unknown)),
                wanted=", ".join(self.options) or "no option",
            )
        return {
            name: option.read(name, options.get(name, option.default))
            for name, option in self.options.items()
        }

    def check_row(self, name: str, group: str, row: Sequence[float]) -> None:
        """Refuses weights of a block group that the method cannot take.

        Raises:
            RecipeError: They are too many, too few or out of range.
        """
        fewest, most = self.partners
        mixed = sum(weight != 0.0 for weight in row)
        if len(row) < fewest or (most is not None and mixed > most):
            raise RecipeError(
                say("The merge method {1} cannot mix so many partners", name),
                found=say("{1} in the block group {2}", mixed, group),
                wanted=self.partners_text,
            )
        low, high = self.weights
        if wrong := [weight for weight in row if weight and not low <= weight <= high]:
            raise RecipeError(
                say("The merge method {1} has no such weight", name),
                found=say("{1} in the block group {2}", f"{wrong[0]:g}", group),
                wanted=say("{1} to {2}", f"{low:g}", f"{high:g}"),
            )

    @property
    def partners_text(self) -> str:
        """How many partners it takes, in words."""
        fewest, most = self.partners
        if most is None:
            return f"{fewest} or more"
        return str(most) if fewest == most else f"{fewest} to {most}"

    def blend(
        self,
        out: torch.Tensor,
        base: torch.Tensor,
        partners: Sequence[torch.Tensor],
        weights: Sequence[float],
        options: Mapping[str, Value],
        workspace: Workspace,
        *,
        name: str = "",
        shape: Sequence[int] | None = None,
    ) -> None:
        """Writes the merged tensor into ``out``, in the cache as far as the method allows.

        Args:
            out: Flat contiguous tensor on the CPU, shape ``(n,)``, of any floating type.
            base: Shape ``(n,)``, any floating type, as are the partners.
            partners: Those that take part.
            weights: One for each.
            options: All of them.
            workspace: The thread's.
            name: The tensor's.
            shape: The tensor's; None for ``(n,)``.

        Raises:
            PluginError: The function failed, or gave something else than was asked for.
        """
        if self.quick is not None:
            self.quick(out, base, partners, weights, workspace)
            return
        wide, whole = wide_type(out.dtype), "tensor" in self.needs
        known: dict[str, Any] = {**options, **({"name": name} if "name" in self.needs else {})}
        step = out.numel() if whole else min(workspace.piece, out.numel())
        taken = [workspace.take(f"source {i}", step, wide) for i in range(len(partners) + 1)]
        for start in range(0, out.numel(), max(1, step)):
            end = min(start + step, out.numel())
            parts = [
                held[: end - start].copy_(source[start:end])
                for held, source in zip(taken, (base, *partners), strict=True)
            ]
            if whole and shape is not None:
                parts = [part.view(*shape) for part in parts]
            made = self._called(parts, weights, known, name)
            out[start:end].copy_(made.reshape(-1))

    def _called(
        self, parts: Sequence[torch.Tensor], weights: Sequence[float], known: Mapping[str, Any], name: str
    ) -> torch.Tensor:
        own, *others = parts
        shape, wide = own.shape, own.dtype
        try:
            made: object = self.merge(own, tuple(others), tuple(weights), **known)
        except RimoError:
            raise
        except Exception as error:  # foreign code: whatever it raises is told by what failed
            raise PluginError(
                "A merge method failed",
                found=say("{1}: {2}", type(error).__name__, error),
                wanted=self._wanted(name),
            ) from error
        if not isinstance(made, torch.Tensor) or made.shape != shape or made.dtype != wide:
            raise PluginError(
                "A merge method gave something else than it was asked for",
                found=say("{1} of shape {2}", made.dtype, tuple(made.shape))
                if isinstance(made, torch.Tensor)
                else repr(made)[:80],
                wanted=say("{1} of shape {2}: {3}", wide, tuple(shape), self._wanted(name)),
            )
        return made

    def _wanted(self, name: str) -> str:
        return f"{getattr(self.merge, '__name__', 'the method')} of {name or 'a tensor'}"


def merge_method(
    *,
    shares: Shares | None = None,
    partners: tuple[int, int | None] = (1, None),
    weights: tuple[float, float] = (-math.inf, math.inf),
    options: Mapping[str, Option] | None = None,
    needs: Sequence[Need] = (),
    one_is_partner: bool = True,
    equal: Callable[[int], float] = lambda n_partners: 1.0 / (n_partners + 1),
    quick: Quick | None = None,
    caveat: str = "",
    spec: SpecKind | None = None,
    label: str = "",
) -> Callable[[MergeFunction], MergeMethod]:
    """Makes a function a merge method; what is known of it is told as ``MergeMethod`` names it."""

    def made(merge: MergeFunction) -> MergeMethod:
        return MergeMethod(
            merge=merge,
            about=(merge.__doc__ or "").strip().partition("\n")[0],
            shares=shares,
            partners=partners,
            weights=weights,
            options=MappingProxyType(dict(options or {})),
            needs=frozenset(needs),
            one_is_partner=one_is_partner,
            equal=equal,
            quick=quick,
            caveat=caveat,
            spec=spec,
            label=label,
        )

    return made


def options_of(texts: Iterable[str]) -> dict[str, str]:
    """Options as people write them: ``name=value`` each.

    Raises:
        RecipeError: A text is none.
    """
    out = {}
    for text in texts:
        name, named, value = (part.strip() for part in text.partition("="))
        if not named or not name:
            raise RecipeError("This is no option of a merge method", found=text, wanted="name=value")
        out[name] = value
    return out


def checked(_name: str, given: object) -> MergeMethod:
    """What an entry point gave, tried on a few numbers.

    Raises:
        TypeError: It is no merge method.
        PluginError: It cannot merge.
    """
    if not isinstance(given, MergeMethod):
        raise TypeError(f"{given!r} is no function decorated with merge_method")
    count = given.partners[0]
    numbers = torch.linspace(-1.0, 1.0, 4)
    given.blend(
        torch.empty(4),
        numbers,
        [numbers.flip(0)] * count,
        [min(max(0.5, given.weights[0]), given.weights[1])] * count,
        given.resolve({}),
        Workspace(),
        name="a tensor",
        shape=(2, 2),
    )
    return given
