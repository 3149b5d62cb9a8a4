"""The fields of the setup, made of the table of settings, and what is filled in as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.analysis.block_labels import group_choices, partition_choices
from lib_rimo.study.settings.presets import Preset
from lib_rimo.study.settings.reading import Entry
from lib_rimo.study.settings.setting import Kind, Row
from lib_rimo.study.settings.settings import SETTINGS

PARTITIONS = partition_choices()

GROUPS = group_choices()
"""The groups that partitions have in common, by name; others are frozen where their effect is shown."""


@dataclass(frozen=True, slots=True)
class AdvancedField:
    """One input that is a setting, as the table of settings has it; all but ``IN_SIGHT`` stand under "Advanced".

    Attributes:
        name: Of this input, unique; also in its element id.
        entry: Of the setting that it is, or is one end of.
        label: What the user reads.
        reason: Why one would leave it, beside the input.
        kind: How it asks.
        end: Which number of a pair it is; None where it is the whole setting.
    """

    name: str
    entry: Entry
    label: str
    reason: str
    kind: Kind
    end: int | None = None

    @property
    def setting(self) -> str:
        """Name of the setting."""
        return self.entry.name

    @property
    def whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return int in (self.entry.type, *get_args(self.entry.type))

    @property
    def from_preset(self) -> bool:
        """Whether the size of the study decides it; such a field is filled in when a size is chosen."""
        return self.setting in Preset.__slots__

    @property
    def zero_is_none(self) -> bool:
        """Whether zero means that it is left open; gradio shows an empty number as zero."""
        return self.entry.optional


def _fields_of(entry: Entry) -> Iterator[AdvancedField]:
    setting = entry.about
    for number, end in enumerate(setting.ends):
        yield AdvancedField(end.name, entry, end.label, end.reason, "number", number)
    if not setting.ends:
        yield AdvancedField(entry.name, entry, setting.label, setting.reason, _kind(entry))


def _kind(entry: Entry) -> Kind:
    if entry.about.kind is not None:
        return entry.about.kind
    if entry.about.choices is not None:
        return "choice"
    if entry.items is not None:
        return "lines"
    kinds: dict[Any, Kind] = {bool: "flag", int: "number", float: "number"}
    return kinds.get(entry.type, "text")


FIELDS: Mapping[str, AdvancedField] = {
    field.name: field
    for entry in SETTINGS.values()
    if not entry.about.no_field and entry.about.kind != "own"
    for field in _fields_of(entry)
}
"""The inputs by name, in the order in which the form hands them over."""

ROWS = {row: tuple(f.name for f in FIELDS.values() if f.entry.about.row == row) for row in Row}
"""Inputs beside each other, from top to bottom."""

IN_SIGHT = ROWS[Row.READS]
"""Those that are never folded away."""

INPUTS = ("base", "partners", "preset", "partition", *FIELDS)
"""All inputs by name, in that order."""


def settings_of(chosen: Mapping[str, object]) -> dict[str, Any]:
    """The settings that a filled-in form means; what was left empty is left to the study.

    Args:
        chosen: Values of inputs by name (``INPUTS``); labels of preset, partition and groups are names already.

    Raises:
        SettingsError: A number is missing its other half, is none, or is not whole where it must be.
    """
    settings: dict[str, Any] = {
        "base": chosen.get("base") or "",
        "partners": _listed(chosen.get("partners")),
        "preset": chosen.get("preset") or "",
    }
    if partition := chosen.get("partition"):
        settings["partition"] = partition
    pairs: dict[str, list[object]] = {}
    for name, field in FIELDS.items():
        value = _value(field, chosen.get(name))
        if field.end is not None:
            pairs.setdefault(field.setting, []).append(value)
        elif value is not None:
            settings[field.setting] = value
    for setting, (low, high) in pairs.items():
        if (low is None) != (high is None):
            raise SettingsError(
                setting, "One of two numbers that belong together is empty", fix="Fill in both or neither"
            )
        if low is not None:
            settings[setting] = [low, high]
    return settings


def values_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the inputs for some settings; what they do not name is its default.

    Args:
        settings: Plain values, as ``settings_of`` makes them or a preset of the program has them.

    Returns:
        A value for every name of ``FIELDS``.
    """
    out: dict[str, Any] = {}
    for name, field in FIELDS.items():
        value = settings.get(field.setting, field.entry.default)
        if field.end is not None and isinstance(value, Sequence):
            value = value[field.end]
        out[name] = _shown(field, value)
    return out


def name_of(name: str, label: object) -> str:
    """What is chosen in an input of several names, by the label that the user reads."""
    names = {label: name for name, label in FIELDS[name].entry.about.labels.items()}
    return names.get(str(label), str(label or ""))


def _shown(field: AdvancedField, value: Any) -> Any:
    if field.kind in ("text", "long", "tagger"):
        return str(value or "")
    if field.kind == "lines":
        return "\n".join(_listed(value))
    if field.kind == "flag":
        return bool(value)
    if field.kind == "choice":
        labels = field.entry.about.labels
        return labels.get(str(value or ""), labels[field.entry.default or ""])
    if field.kind == "groups":
        return [GROUPS[name] for name in _listed(value) if name in GROUPS]
    return 0 if value is None and field.zero_is_none else value


def _listed(values: object) -> list[str]:
    if isinstance(values, str):
        return [values]
    return [str(value) for value in values] if isinstance(values, Sequence) else []


def _value(field: AdvancedField, value: object) -> object:
    """The value of an input as its setting wants it; None where it is left open."""
    if field.kind in ("text", "long", "tagger"):
        # Where nothing is a value, it is one too: a profile's words can be cleared.
        return str(value or "").strip() or ("" if field.entry.default == "" else None)
    if field.kind == "lines":
        return [line.strip() for line in str(value or "").splitlines() if line.strip()] or None
    if field.kind == "flag":
        return bool(value)
    if field.kind == "choice":
        return name_of(field.name, value) or None
    if field.kind == "groups":
        groups = {label: name for name, label in GROUPS.items()}
        return [groups.get(label, label) for label in _listed(value)]
    return _number(field, value)


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
            say("{1} cannot be read", say(field.label)),
            found=value,
            wanted="a whole number" if field.whole else "a number",
        )
    if field.zero_is_none and number == 0:
        return None
    return int(number) if field.whole else number
