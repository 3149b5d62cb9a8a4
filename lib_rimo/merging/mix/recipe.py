"""A recipe: which checkpoints are mixed, how, and with which weight in which block group.

Notation
    i      a partner, 0 .. n_partners - 1
    g(k)   the block group of checkpoint key k
    w[i,g] weight of partner i in group g

    merged[k] = method(base[k], partner_i[k], w[i, g(k)])

and for the usual method, the weighted sum,

    merged[k] = base[k] * (1 - sum_i w[i, g(k)]) + sum_i w[i, g(k)] * partner_i[k]

A recipe on top of a recipe is again a recipe over the same files (``Recipe.then``), so a chain of epochs never
rounds in between and needs no file of its own. Weighted sums become one sum; what another method makes is no sum, so
such a recipe keeps its steps, and each is computed on what the one before it made.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.files import json_text
from lib_rimo.merging.mix.method import Value
from lib_rimo.merging.mix.methods import METHODS, WEIGHTED_SUM

FORMAT = 1
METHOD_FORMAT = 2
"""Of recipes that are no weighted sum: a program that knows nothing else must not take them for one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint that a recipe names.

    Attributes:
        name: File name, without folders.
        fingerprint: Content fingerprint (``Checkpoint.fingerprint``); tells two files of one name apart.
        path: Where the file was last seen. A hint only: it is no part of the identity, the hash or saved metadata.
    """

    name: str
    fingerprint: str
    path: Path | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Base, partners and one weight per partner and block group.

    Attributes:
        base: The checkpoint that everything not named here comes from.
        partners: The checkpoints mixed into it, each once, none of them the base.
        partition: Name of the partition that defines the groups.
        weights: Group -> one weight per partner, in the order of ``partners``. A group that is absent, or all
            zero, is the base's bit for bit. Groups with only zeros are dropped on construction.
        method: Name of the merge method.
        options: The method's options.
        before: The recipe whose result stands in the base's place; None for the base itself.
    """

    base: Source
    partners: tuple[Source, ...]
    partition: str
    weights: Mapping[str, tuple[float, ...]]
    method: str = WEIGHTED_SUM
    options: Mapping[str, Value] = field(default_factory=dict)
    before: Recipe | None = None

    def __post_init__(self) -> None:
        fingerprints = [s.fingerprint for s in (self.base, *self.partners)]
        if len(set(fingerprints)) != len(fingerprints):
            names = ", ".join(s.name for s in (self.base, *self.partners))
            raise RecipeError(
                "A recipe names the same checkpoint twice",
                found=names,
                wanted="a base and different partners",
                fix="Remove the duplicate",
            )
        clean: dict[str, tuple[float, ...]] = {}
        for group in sorted(self.weights):
            row = tuple(float(w) for w in self.weights[group])
            if len(row) != len(self.partners):
                raise RecipeError(
                    f"Group {group!r} has the wrong number of weights",
                    found=len(row),
                    wanted=f"one for each of the {len(self.partners)} partners",
                )
            if not all(math.isfinite(w) for w in row):
                raise RecipeError(f"Group {group!r} has a weight that is not a number", found=row)
            if any(row):
                clean[group] = tuple(w + 0.0 for w in row)  # -0.0 and 0.0 are one recipe
        object.__setattr__(self, "weights", clean)
        object.__setattr__(self, "options", dict(sorted(self.options.items())))
        if self.before is not None:
            _same_place(self.before, self)

    @classmethod
    def zero(cls, base: Source, partition: str) -> Recipe:
        """The recipe that is the base itself."""
        return cls(base, (), partition, {})

    @classmethod
    def from_rows(
        cls,
        base: Source,
        partners: Sequence[Source],
        partition: str,
        groups: Sequence[str],
        rows: Sequence[Sequence[float]],
        method: str = WEIGHTED_SUM,
        options: Mapping[str, Value] | None = None,
    ) -> Recipe:
        """Makes a recipe from a weight matrix.

        Args:
            base: The base.
            partners: The partners, ``n_partners`` of them.
            partition: Name of the partition.
            groups: The groups that the columns stand for, ``n_groups`` of them.
            rows: Weights, shape ``(n_partners, n_groups)``.
            method: Name of the merge method.
            options: The method's options.
        """
        columns = {g: tuple(float(row[j]) for row in rows) for j, g in enumerate(groups)}
        return cls(base, tuple(partners), partition, columns, method, options or {})

    def then(self, step: Recipe) -> Recipe:
        """Mixes further: ``step`` taken with this recipe's merged model in the place of its base.

        Args:
            step: A recipe of the same base and partition whose base stands for this recipe's result.

        Returns:
            For two weighted sums one recipe over the union of the files:
            ``w'[j] = self.w[j] * (1 - sum step.w) + step.w[j]``; otherwise ``step`` with this recipe before it.
            Zero weights in ``step`` give ``self`` back exactly; weight one on a partner gives that partner.
        """
        _same_place(self, step)
        if step.before is not None:
            return self.then(step.before).then(replace(step, before=None))
        if not step.weights:
            return self
        if not (self.method == step.method == WEIGHTED_SUM):
            return replace(step, before=self) if self.groups() else step
        union = list(self.partners) + [p for p in step.partners if p not in self.partners]
        mine, theirs = self._by_source(), step._by_source()
        weights: dict[str, tuple[float, ...]] = {}
        for group in {*self.weights, *step.weights}:
            keep = 1.0 - math.fsum(step.weights.get(group, ()))
            weights[group] = tuple(
                mine.get((p, group), 0.0) * keep + theirs.get((p, group), 0.0) for p in union
            )
        return replace(self, partners=tuple(union), weights=weights)

    def as_sum(self) -> Recipe | None:
        """The weighted sum that this recipe is, exact but for rounding; None where a step is not linear."""
        before = None if self.before is None else self.before.as_sum()
        if not self.weights:
            return before or (self if self.before is None else None)
        if (self.before is not None and before is None) or self.method not in METHODS:
            return None
        method = METHODS[self.method]
        if method.shares is None:
            return None
        options = method.resolve(self.options)
        weights = {group: tuple(method.shares(row, **options)) for group, row in self.weights.items()}
        own = Recipe(self.base, self.partners, self.partition, weights)
        return own if before is None else before.then(own)

    def steps(self) -> tuple[Recipe, ...]:
        """The recipe step by step, the first one first, each without those before it."""
        if self.before is None:
            return (self,)
        return (*self.before.steps(), replace(self, before=None))

    def groups(self) -> tuple[str, ...]:
        """The block groups in which it is not the base, in alphabetical order."""
        return tuple(sorted({group for step in self.steps() for group in step.weights}))

    def pruned(self) -> Recipe:
        """The same mix without the partners that take no part."""
        own = self._own_partners()
        columns = [self.partners.index(partner) for partner in own]
        weights = {group: tuple(row[i] for i in columns) for group, row in self.weights.items()}
        before = None if self.before is None else self.before.pruned()
        return replace(self, partners=own, weights=weights, before=before)

    def seen_at(self, known: Iterable[Source]) -> Recipe:
        """The same recipe with files where ``known``, equal ones, say that they are."""
        placed = {source: source for source in known}
        return replace(
            self,
            base=placed.get(self.base, self.base),
            partners=tuple(placed.get(source, source) for source in self.partners),
            before=None if self.before is None else self.before.seen_at(placed),
        )

    def _by_source(self) -> dict[tuple[Source, str], float]:
        return {(p, g): row[i] for g, row in self.weights.items() for i, p in enumerate(self.partners)}

    def row(self, group: str) -> tuple[float, ...]:
        """The partners' weights in a group; zeros where the group is the base's."""
        return self.weights.get(group, (0.0,) * len(self.partners))

    def sources(self) -> tuple[Source, ...]:
        """Base first, then the partners, in the order of the steps."""
        return tuple(dict.fromkeys([self.base, *(p for step in self.steps() for p in step.partners)]))

    def used_partners(self) -> tuple[Source, ...]:
        """The partners that take part: those with a weight other than zero somewhere, in any step."""
        return tuple(dict.fromkeys(p for step in self.steps() for p in step._own_partners()))

    def _own_partners(self) -> tuple[Source, ...]:
        if self.weights and self.method in METHODS and "all" in METHODS[self.method].needs:
            return self.partners
        return tuple(p for i, p in enumerate(self.partners) if any(row[i] for row in self.weights.values()))

    def to_json(self, *, with_paths: bool = False) -> dict[str, Any]:
        """A plain, stable form: same recipe, same text, on every machine.

        Args:
            with_paths: Adds where each file was last seen; meant for files that stay on the user's machine.
        """

        def plain(source: Source) -> dict[str, str]:
            out = {"name": source.name, "fingerprint": source.fingerprint}
            if with_paths and source.path is not None:
                out["path"] = str(source.path)
            return out

        out: dict[str, Any] = {
            "rimo_recipe": FORMAT,
            "base": plain(self.base),
            "partners": [plain(p) for p in self.partners],
            "partition": self.partition,
            "weights": {g: list(row) for g, row in self.weights.items()},
        }
        if self.method != WEIGHTED_SUM or self.options:
            out |= {"rimo_recipe": METHOD_FORMAT, "method": self.method, "options": dict(self.options)}
        if self.before is not None:
            out |= {"rimo_recipe": METHOD_FORMAT, "before": self.before.to_json(with_paths=with_paths)}
        return out

    def to_text(self) -> str:
        """The canonical text, without paths; ``from_text`` gives the equal recipe back."""
        return json_text(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: object) -> Recipe:
        """Reads what ``to_json`` wrote.

        Raises:
            RecipeError: The data is not a recipe, of a newer format, or does not hold together.
        """
        if not isinstance(data, Mapping) or "rimo_recipe" not in data:
            raise RecipeError("This is not a recipe", wanted='a JSON object with "rimo_recipe"')
        if data["rimo_recipe"] not in (FORMAT, METHOD_FORMAT):
            raise RecipeError(
                "The recipe has another format",
                found=data["rimo_recipe"],
                wanted=f"{FORMAT} or {METHOD_FORMAT}",
                fix="Update Rimo",
            )
        try:
            return cls(
                _source(data["base"]),
                tuple(_source(p) for p in _items(data["partners"])),
                str(data["partition"]),
                {str(g): tuple(float(w) for w in row) for g, row in dict(data["weights"]).items()},
                str(data.get("method", WEIGHTED_SUM)),
                {str(name): _value(value) for name, value in dict(data.get("options", {})).items()},
                None if data.get("before") is None else cls.from_json(data["before"]),
            )
        except RecursionError as error:
            raise RecipeError("The recipe has too many steps", found="more than any study takes") from error
        except (KeyError, TypeError, ValueError) as error:
            raise RecipeError("The recipe is incomplete", found=repr(error)) from error

    @classmethod
    def from_text(cls, text: str) -> Recipe:
        """Reads the canonical text, or any JSON form of it.

        Raises:
            RecipeError: The text is not JSON or not a recipe.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError("The recipe is not valid JSON", found=str(error)) from error
        return cls.from_json(data)

    def digest(self) -> str:
        """SHA-256 of the canonical text, in hex: equal for equal recipes, wherever the files lie."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


def _same_place(before: Recipe, step: Recipe) -> None:
    if step.base != before.base or step.partition != before.partition:
        raise RecipeError(
            "Two recipes cannot be chained",
            found=f"{step.base.name} ({step.partition})",
            wanted=f"{before.base.name} ({before.partition})",
        )


def _value(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"a number or a text was wanted, found {value!r}")
    return value


def _items(value: object) -> Iterable[object]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise TypeError(f"a list was wanted, found {value!r}")


def _source(value: object) -> Source:
    if not isinstance(value, Mapping):
        raise TypeError(f"a checkpoint was wanted, found {value!r}")
    path = value.get("path")
    return Source(Path(str(value["name"])).name, str(value["fingerprint"]), Path(str(path)) if path else None)
