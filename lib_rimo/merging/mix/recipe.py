"""A recipe: which checkpoints are mixed, and with which weight in which block group.

Notation
    i      a partner, 0 .. n_partners - 1
    g(k)   the block group of checkpoint key k
    w[i,g] weight of partner i in group g

    merged[k] = base[k] * (1 - sum_i w[i, g(k)]) + sum_i w[i, g(k)] * partner_i[k]

A recipe on top of a recipe is again a recipe over the same files (``Recipe.then``), so a chain of epochs never
rounds in between and needs no file of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib_rimo.errors import RecipeError

FORMAT = 1


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
    """

    base: Source
    partners: tuple[Source, ...]
    partition: str
    weights: Mapping[str, tuple[float, ...]]

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
    ) -> Recipe:
        """Makes a recipe from a weight matrix.

        Args:
            base: The base.
            partners: The partners, ``n_partners`` of them.
            partition: Name of the partition.
            groups: The groups that the columns stand for, ``n_groups`` of them.
            rows: Weights, shape ``(n_partners, n_groups)``.
        """
        columns = {g: tuple(float(row[j]) for row in rows) for j, g in enumerate(groups)}
        return cls(base, tuple(partners), partition, columns)

    def then(self, step: Recipe) -> Recipe:
        """Mixes further: ``step`` taken with this recipe's merged model in the place of its base.

        Args:
            step: A recipe of the same base and partition whose base stands for this recipe's result.

        Returns:
            One recipe over the union of the files: ``w'[j] = self.w[j] * (1 - sum step.w) + step.w[j]``.
            Zero weights in ``step`` give ``self`` back exactly; weight one on a partner gives that partner.
        """
        if step.base != self.base or step.partition != self.partition:
            raise RecipeError(
                "Two recipes cannot be chained",
                found=f"{step.base.name} ({step.partition})",
                wanted=f"{self.base.name} ({self.partition})",
            )
        if not step.weights:
            return self
        union = list(self.partners) + [p for p in step.partners if p not in self.partners]
        mine, theirs = self._by_source(), step._by_source()
        weights: dict[str, tuple[float, ...]] = {}
        for group in {*self.weights, *step.weights}:
            keep = 1.0 - math.fsum(step.weights.get(group, ()))
            weights[group] = tuple(
                mine.get((p, group), 0.0) * keep + theirs.get((p, group), 0.0) for p in union
            )
        return Recipe(self.base, tuple(union), self.partition, weights)

    def _by_source(self) -> dict[tuple[Source, str], float]:
        return {(p, g): row[i] for g, row in self.weights.items() for i, p in enumerate(self.partners)}

    def row(self, group: str) -> tuple[float, ...]:
        """The partners' weights in a group; zeros where the group is the base's."""
        return self.weights.get(group, (0.0,) * len(self.partners))

    def sources(self) -> tuple[Source, ...]:
        """Base first, then the partners."""
        return (self.base, *self.partners)

    def used_partners(self) -> tuple[Source, ...]:
        """The partners with a weight other than zero somewhere."""
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

        return {
            "rimo_recipe": FORMAT,
            "base": plain(self.base),
            "partners": [plain(p) for p in self.partners],
            "partition": self.partition,
            "weights": {g: list(row) for g, row in self.weights.items()},
        }

    def to_text(self) -> str:
        """The canonical text, without paths; ``from_text`` gives the equal recipe back."""
        return json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: object) -> Recipe:
        """Reads what ``to_json`` wrote.

        Raises:
            RecipeError: The data is not a recipe, of a newer format, or does not hold together.
        """
        if not isinstance(data, Mapping) or "rimo_recipe" not in data:
            raise RecipeError("This is not a recipe", wanted='a JSON object with "rimo_recipe"')
        if data["rimo_recipe"] != FORMAT:
            raise RecipeError(
                "The recipe has another format", found=data["rimo_recipe"], wanted=FORMAT, fix="Update Rimo"
            )
        try:
            return cls(
                _source(data["base"]),
                tuple(_source(p) for p in _items(data["partners"])),
                str(data["partition"]),
                {str(g): tuple(float(w) for w in row) for g, row in dict(data["weights"]).items()},
            )
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


def _items(value: object) -> Iterable[object]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise TypeError(f"a list was wanted, found {value!r}")


def _source(value: object) -> Source:
    if not isinstance(value, Mapping):
        raise TypeError(f"a checkpoint was wanted, found {value!r}")
    path = value.get("path")
    return Source(Path(str(value["name"])).name, str(value["fingerprint"]), Path(str(path)) if path else None)
