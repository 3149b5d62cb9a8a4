"""The fields of the setup: which setting each one is, how it is asked for, and why its default is what it is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib_rimo.errors import SettingsError
from lib_rimo.study.settings import StudySettings

PARTITIONS = {
    "theater": "Theater: 9 groups",
    "ro": "Random mix: 11 groups",
    "mbw": "Every block by itself",
    "coarse": "In, middle, out and the rest",
}


@dataclass(frozen=True, slots=True)
class AdvancedField:
    """One number or choice under "Advanced".

    Attributes:
        name: Of this input, unique; also in its element id.
        setting: Of the setting that it is, or is one end of.
        label: What the user reads.
        reason: Why one would leave it, beside the input.
        whole: Whether only whole numbers make sense.
        from_preset: Whether the preset decides it; such a field is filled in when a preset is chosen.
        zero_is_none: Whether zero means that it is left open; gradio shows an empty number as zero.
    """

    name: str
    setting: str
    label: str
    reason: str
    whole: bool = True
    from_preset: bool = False
    zero_is_none: bool = False


_FIELDS = (
    AdvancedField(
        "budget",
        "budget",
        "Images the search may draw",
        "In all epochs together. With 9 groups and 2 partners, 640 reach about 60 % of what can be gained, "
        "1,000 about 78 %, 1,500 about 85 %.",
        from_preset=True,
    ),
    AdvancedField(
        "epochs",
        "epochs",
        "Epochs",
        "After each, the best mix becomes the next base, new partners come in and prompts are drawn anew.",
        from_preset=True,
    ),
    AdvancedField(
        "unseen",
        "unseen",
        "Images for the final measurement",
        "Drawn by the winner and by each parent. Four times as many halve the interval.",
        from_preset=True,
    ),
    AdvancedField("seed", "seed", "Seed", "The same seed on the same files repeats the whole study."),
    AdvancedField(
        "tags_fewest",
        "tags",
        "Fewest tags in a prompt",
        "Choose what your own prompts have. 0 leaves it to the list of tags: 5 from a long one, 2 from a short one.",
        zero_is_none=True,
    ),
    AdvancedField(
        "tags_most",
        "tags",
        "Most tags in a prompt",
        "More tags measure more with each image, but crowd it. 0: 20 from a long list, 6 from a short one.",
        zero_is_none=True,
    ),
    AdvancedField(
        "bounds_lowest",
        "bounds",
        "Lowest weight of a partner",
        "A little below zero lets a partner be subtracted; far below breaks images.",
        whole=False,
    ),
    AdvancedField(
        "bounds_highest",
        "bounds",
        "Highest weight of a partner",
        "At 1 the partner replaces the base in that group. Far above breaks images.",
        whole=False,
    ),
)

NUMBERS: Mapping[str, AdvancedField] = {field.name: field for field in _FIELDS}
"""The numbers under "Advanced" by name, in the order in which the form hands them over."""

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(StudySettings)}
_FIRST = ("_fewest", "_lowest")

PARTITION_REASON = "Each group gets its own weight. More groups can fit better but need more images to learn."


def settings_of(
    base: object, partners: object, preset: object, partition: object, numbers: Sequence[object]
) -> dict[str, Any]:
    """The settings that a filled-in form means; what was left empty is left to the preset.

    Args:
        base: Chosen base.
        partners: Chosen partners, possibly none.
        preset: Chosen preset.
        partition: Chosen partition, or nothing.
        numbers: One value per entry of ``NUMBERS``; None where left empty.

    Raises:
        SettingsError: A number is missing its other half, is none, or is not whole where it must be.
    """
    settings: dict[str, Any] = {"base": base or "", "partners": _listed(partners), "preset": preset or ""}
    if partition:
        settings["partition"] = partition
    pairs: dict[str, list[float | int | None]] = {}
    for field, value in zip(NUMBERS.values(), numbers, strict=True):
        number = _number(field, value)
        if field.name != field.setting:
            pairs.setdefault(field.setting, []).append(number)
        elif number is not None:
            settings[field.setting] = number
    for setting, (low, high) in pairs.items():
        if (low is None) != (high is None):
            raise SettingsError(
                setting, "One of two numbers that belong together is empty", fix="Fill in both or neither"
            )
        if low is not None:
            settings[setting] = [low, high]
    return settings


def first_numbers(preset: Mapping[str, Any]) -> dict[str, float | None]:
    """What stands in the numbers at first: the preset's, else the setting's default, else nothing."""
    out: dict[str, float | None] = {}
    for name, field in NUMBERS.items():
        default = preset.get(field.setting, _DEFAULTS.get(field.setting))
        if isinstance(default, tuple):
            default = default[0 if name.endswith(_FIRST) else 1]
        out[name] = 0 if default is None and field.zero_is_none else default
    return out


def _listed(partners: object) -> list[str]:
    if isinstance(partners, str):
        return [partners]
    return [str(p) for p in partners] if isinstance(partners, Sequence) else []


def _number(field: AdvancedField, value: object) -> float | int | None:
    if value is None or value == "":
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (field.whole and number != int(number)):
        raise SettingsError(
            field.setting,
            f"{field.label} cannot be read",
            found=value,
            wanted="a whole number" if field.whole else "a number",
        )
    if field.zero_is_none and number == 0:
        return None
    return int(number) if field.whole else number
