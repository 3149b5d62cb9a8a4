"""Everything that decides what a study does, validated once and frozen."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.errors import SettingsError

PENALTIES = ("", "partners", "everyone")
"""What is taken off for negative weights: nothing, upstream's Theater script, or its RO script."""
OBJECTIVES = ("soft", "hits")


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a study does. Two studies with equal settings on equal files take equal decisions.

    Attributes:
        base: The checkpoint to improve.
        partners: Checkpoints to draw partners from; each epoch takes some of them.
        partition: Block groups: a shipped name or the path of a JSON file.
        frozen: Groups that stay the base's. The VAE by default: it decodes latents of one scale, and averaged
            VAEs are where merges get their grey veil.
        epochs: How many times the winner becomes the next base. 0 becomes as many as it takes for every partner to
            come once.
        partners_per_epoch: Upstream's 3. Each adds one dimension per group to what the search must learn.
        budget: Images that the search may draw in all epochs together.
        pool: Prompts in an epoch's pool. More prompts make the winner less a winner on these prompts only; each
            is met seldom enough that 200 cost nothing.
        unseen: Prompts for the final measurement, drawn by base, each parent, the average and the winner. The
            width of every reported interval falls with its square root.
        checked: So many of these prompts are also drawn by the winner of every epoch but the last before the next one
            begins, for the signs that shapes break (``benchmark.guard``) and for what another epoch promises
            (``outlook``). 100 tell a third of broken pictures from none, and cost an epoch some percent more; base
            and parents draw theirs for the final measurement anyway. 0 leaves it out.
        stop_when_flat: Ends the search after an epoch when another one is not expected to be worth its images. Off,
            because the proposal can be wrong and images can be spent on nothing else meanwhile: it is only said.
        seed: Of prompts, noise, partners and search.
        strategy: Name of the search strategy.
        bounds: Lowest and highest weight of a partner in a group. At 1 the group is the partner's, so that each
            parent is among the mixes. Slightly negative lets a partner be subtracted; more only breaks pictures
            (upstream's 1.8/-0.8 collapses).
        limits: Bounds of their own for block groups, partners, or a partner's block group (``guiding``); narrower or
            wider than ``bounds``, and zero lies in them.
        ties: Block groups whose weights are searched as one, or partners with one weight for all groups (``guiding``).
        objective: ``soft`` searches on the tagger's probabilities, which carry more than hit or miss; results
            are always reported as hit or miss.
        category_weights: ``category=weight`` each: how much a category's tags count in the search (``objective``).
            Empty: all alike, which is what the reported accuracy is.
        penalty: For negative weights, one of ``objective.PENALTIES``; off, because the search measures what they do,
            and the guard watches the shapes. Upstream's own strategies take theirs off in any case.
        diversity_floor: Least share of the diversity of what an epoch began with that its winner must keep to be the
            next base; a winner that surely keeps less is given up (``varying``). Diversity is how much the pictures of
            one prompt differ. 0 does not look at it, because it costs pictures: two of each of 48 unseen prompts
            (fewer if ``unseen`` is less) by every winner, and once by what the first epoch begins with.
        config: Folder with the models' configuration, for hosts that are told one; kept here so that a study can
            be resumed by its name alone.
        tagger: Folder of the tagger, or the name of a known one; None takes the one that is offered for the base.
        catalogue: File of tags; None takes the default of the tagger or of the project.
        threshold: Probability from which a tag counts as found; None takes the tagger's own.
        tags: Fewest and most tags of a prompt; None lets the size of the catalogue decide.
        one_per_category: At most one tag of a category in a prompt, for catalogues of alternatives.
        prefix: Put before the tags of every prompt.
        negative: The negative prompt.
        width: Pixels; None takes what the model's configuration asks for, as do the following.
        height: Pixels.
        steps: Denoising steps.
        cfg: Guidance scale.
        sampler: Name of the sampler.
        scheduler: Name of the noise schedule.
        grid_prompts: Prompts of the sample grid; empty draws eight from the catalogue.
        mix_predictions: Whether a model that predicts v and one that predicts epsilon may be mixed. Off, because the
            mix draws noise unless the whole UNet is one or the other's.
        start: Text of the recipe that the search begins with, over these same files; empty begins with the base.
            Frozen groups keep its weights.
    """

    base: Path
    partners: tuple[Path, ...]
    partition: str = "theater"
    frozen: tuple[str, ...] = ("vae",)
    epochs: int = 1
    partners_per_epoch: int = 3
    budget: int = 1000
    pool: int = 200
    unseen: int = 400
    checked: int = 100
    stop_when_flat: bool = False
    seed: int = 0
    strategy: str = "default"
    bounds: tuple[float, float] = (-0.2, 1.0)
    limits: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()
    objective: str = "soft"
    category_weights: tuple[str, ...] = ()
    penalty: str = ""
    diversity_floor: float = 0.0
    config: Path | None = None
    tagger: Path | None = None
    catalogue: Path | None = None
    threshold: float | None = None
    tags: tuple[int, int] | None = None
    one_per_category: bool = False
    prefix: str = ""
    negative: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None
    scheduler: str = "Automatic"
    grid_prompts: tuple[str, ...] = ()
    mix_predictions: bool = False
    start: str = ""

    def __post_init__(self) -> None:
        if not self.partners:
            raise SettingsError(
                "partners",
                "There is nothing to mix the base with",
                found="no partner",
                wanted="at least one other checkpoint",
                fix="Choose one or more partners",
            )
        _distinct(self.base, self.partners)
        for field, least in _LEAST.items():
            value = getattr(self, field)
            if value is not None and (not math.isfinite(value) or value < least):
                raise SettingsError(
                    field, f"{field} is too small", found=value, wanted=f"{least} or more", fix="Raise it"
                )
        if not self.epochs:
            rounds = math.ceil(len(self.partners) / self.partners_per_epoch)
            object.__setattr__(self, "epochs", rounds)  # frozen, and still being made
        low, high = self.bounds
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise SettingsError(
                "bounds",
                "The bounds are reversed or not numbers",
                found=f"{low} to {high}",
                wanted="a lower bound below the upper one",
                fix="Swap them",
            )
        if not low <= 0 <= high:
            raise SettingsError(
                "bounds",
                "The bounds leave out weight zero, which is the base itself",
                found=f"{low} to {high}",
                wanted="zero between them",
            )
        if self.tags is not None and not 1 <= self.tags[0] <= self.tags[1]:
            raise SettingsError(
                "tags",
                "The number of tags is reversed or zero",
                found=f"{self.tags[0]} to {self.tags[1]}",
                wanted="at least 1, the first not above the second",
            )
        if self.penalty not in PENALTIES:
            raise SettingsError(
                "penalty", "Unknown penalty", found=self.penalty, wanted=" or ".join(filter(None, PENALTIES))
            )
        if self.objective not in OBJECTIVES:
            raise SettingsError(
                "objective", "Unknown objective", found=self.objective, wanted=" or ".join(OBJECTIVES)
            )
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SettingsError(
                "threshold", "The tagger's threshold is no probability", found=self.threshold, wanted="0 to 1"
            )
        if not 0 <= self.diversity_floor <= 1:
            raise SettingsError(
                "diversity_floor",
                "The diversity floor is no share",
                found=self.diversity_floor,
                wanted="0 to 1",
            )
        if self.budget < self.epochs * 64:
            raise SettingsError(
                "budget",
                "The images do not suffice for the epochs",
                found=f"{self.budget} images for {self.epochs} epochs",
                wanted=f"at least {self.epochs * 64}",
                fix="Raise the budget or lower the epochs",
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> StudySettings:
        """Reads settings from plain values (JSON, a form); numbers may come as text.

        Raises:
            SettingsError: A name is unknown, or a value has the wrong kind or range; it carries the field.
        """
        hints = typing.get_type_hints(cls)
        if unknown := sorted(set(values) - set(hints)):
            raise SettingsError(unknown[0], "There is no such setting", found=", ".join(unknown))
        for field in ("base", "partners"):
            if not values.get(field):
                raise SettingsError(field, f"No {field} chosen", fix=f"Choose the {field}")
        return cls(**{name: _convert(name, hints[name], value) for name, value in values.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``from_mapping`` gives the equal settings back."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}


_LEAST: Mapping[str, float] = {
    "epochs": 0,
    "partners_per_epoch": 1,
    "budget": 1,
    "pool": 16,
    "unseen": 1,
    "checked": 0,
    "seed": 0,
    "width": 8,
    "height": 8,
    "steps": 1,
    "cfg": 0,
}


def _distinct(base: Path, partners: Sequence[Path]) -> None:
    seen = {base.resolve(): "the base"}
    for partner in partners:
        if (place := partner.resolve()) in seen:
            raise SettingsError(
                "partners",
                f"{partner.name} is chosen twice",
                found=f"as a partner and as {seen[place]}",
                wanted="checkpoints that differ from the base and from each other",
                fix="Remove it from the partners",
            )
        seen[place] = "a partner"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _convert(name: str, hint: Any, value: Any) -> Any:
    """Brings a plain value to the annotated type, or says what was wanted."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None or value == "":
        if type(None) in options:
            return None
        if hint is str:
            return ""
    wanted = next(option for option in options if option is not type(None))
    try:
        return _as(wanted, value)
    except (TypeError, ValueError):
        raise SettingsError(
            name, f"{name} has the wrong kind of value", found=repr(value), wanted=_describe(wanted)
        ) from None


def _as(wanted: Any, value: Any) -> Any:
    if typing.get_origin(wanted) is tuple:
        parts = typing.get_args(wanted)
        items = [value] if isinstance(value, str | Path) else list(value)
        if parts[-1] is Ellipsis:
            return tuple(_as(parts[0], item) for item in items)
        if len(items) != len(parts):
            raise ValueError(f"{len(parts)} values were wanted")
        return tuple(_as(part, item) for part, item in zip(parts, items, strict=True))
    if wanted is bool:
        if not isinstance(value, bool):
            raise TypeError(value)
        return value
    if wanted is int:
        if isinstance(value, bool) or float(value) != int(float(value)):
            raise ValueError(value)
        return int(float(value))
    if wanted is float:
        return float(value)
    if wanted is Path:
        return Path(str(value)).expanduser()
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _describe(wanted: Any) -> str:
    if typing.get_origin(wanted) is tuple:
        parts = typing.get_args(wanted)
        if parts[-1] is Ellipsis:
            return f"a list of {_describe(parts[0])}"
        return f"{len(parts)} values"
    return {int: "a whole number", float: "a number", bool: "yes or no", Path: "a file or folder"}.get(
        wanted, "a text"
    )
