"""The fields of the setup: which setting each one is, how it is asked for, and why its default is what it is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lib_rimo.errors import SettingsError
from lib_rimo.study.settings.settings import StudySettings

Kind = Literal["number", "text", "lines", "flag", "groups", "choice", "tagger"]

PARTITIONS = {
    "theater": "Theater: 9 groups",
    "ro": "Random mix: 11 groups",
    "mbw": "Every block by itself",
    "coarse": "In, middle, out and the rest",
    "global": "One weight per model",
}

GROUPS = {
    "vae": "VAE",
    "text": "Text encoder",
    "text2": "Second text encoder",
    "mid": "Middle block",
    "rest": "Time embedding and outermost layers",
}
"""The groups that partitions have in common, by name; others are frozen where their effect is shown."""

PENALTIES = {
    "": "None",
    "partners": "For each partner's negative weights",
    "everyone": "For the base's negative weights too",
}
"""What the search may take off, by the setting's value."""


@dataclass(frozen=True, slots=True)
class AdvancedField:
    """One input that is a setting; all but ``IN_SIGHT`` stand under "Advanced".

    Attributes:
        name: Of this input, unique; also in its element id.
        setting: Of the setting that it is, or is one end of.
        label: What the user reads.
        reason: Why one would leave it, beside the input.
        kind: A number, a line of text, a text of several lines that are one value each, a yes or no, groups, one of
            ``PENALTIES``, or a tagger's name or folder.
        whole: Whether only whole numbers make sense.
        from_preset: Whether the size of the study decides it; such a field is filled in when a size is chosen.
        zero_is_none: Whether zero means that it is left open; gradio shows an empty number as zero.
    """

    name: str
    setting: str
    label: str
    reason: str
    kind: Kind = "number"
    whole: bool = True
    from_preset: bool = False
    zero_is_none: bool = False


_FIELDS = (
    AdvancedField(
        "tagger",
        "tagger",
        "Tagger",
        "Reads the images back. A known one is downloaded when it is first used; the folder of any other can be "
        "written here.",
        "tagger",
    ),
    AdvancedField(
        "budget",
        "budget",
        "Images the search may draw",
        "In all epochs together. With 9 groups and 2 partners, 640 reached 70 to 88 % of what could be gained on "
        "four kinds of test problems, and 1,000 reached 85 to 94 %.",
        from_preset=True,
    ),
    AdvancedField(
        "epochs",
        "epochs",
        "Epochs",
        "0 takes as many as it takes for every partner to come once. After each, the best mix becomes the next base, "
        "new partners come in and prompts are drawn anew. For the same images, one long epoch finds more than two "
        "short ones.",
        from_preset=True,
    ),
    AdvancedField(
        "unseen",
        "unseen",
        "Images for the final measurement",
        "Drawn by the winner and by each parent. Four times as many halve the interval.",
        from_preset=True,
    ),
    AdvancedField(
        "partners_per_epoch",
        "partners_per_epoch",
        "Partners in one epoch",
        "More than that take turns. Each one more has as many weights to learn as there are block groups.",
    ),
    AdvancedField(
        "checked",
        "checked",
        "Images that check each epoch",
        "Drawn by its winner on prompts the search never saw: tells broken shapes, and whether to go on. 0 leaves it "
        "out.",
    ),
    AdvancedField(
        "stop_when_flat",
        "stop_when_flat",
        "Stop when another epoch is not worth its images",
        "Otherwise it is only proposed, and the study goes on as planned.",
        "flag",
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
    AdvancedField(
        "limits",
        "limits",
        "Limits for single parts or partners",
        "One per line: a block group, a partner's file, or partner/group, then = and lowest:highest, such as "
        "mid=0:0.3. With =0 nothing is mixed in there. Later lines win.",
        "lines",
    ),
    AdvancedField(
        "ties",
        "ties",
        "Weights that are searched as one",
        "One per line: block groups with commas between them, such as out1,out2. Or a partner's file: one weight for "
        "the whole model. Fewer weights need fewer images.",
        "lines",
    ),
    AdvancedField(
        "width",
        "width",
        "Width",
        "0 takes the model's own size. Smaller is faster, but the model is judged at that size.",
        zero_is_none=True,
    ),
    AdvancedField("height", "height", "Height", "0 takes the model's own size.", zero_is_none=True),
    AdvancedField(
        "steps",
        "steps",
        "Steps",
        "0 takes the usual number. Time grows with it; as few as still draw clearly are enough here.",
        zero_is_none=True,
    ),
    AdvancedField(
        "cfg",
        "cfg",
        "CFG scale",
        "0 takes the usual value. Use the one that you draw with.",
        whole=False,
        zero_is_none=True,
    ),
    AdvancedField(
        "sampler",
        "sampler",
        "Sampler",
        "Empty takes the usual one. Names are those of the program that draws.",
        "text",
    ),
    AdvancedField(
        "prefix",
        "prefix",
        "Text before every prompt",
        "For quality words that you always write. They are not counted as tags.",
        "text",
    ),
    AdvancedField(
        "negative",
        "negative",
        "Negative prompt of every image",
        "The one that you use yourself; empty is the plainest comparison.",
        "text",
    ),
    AdvancedField(
        "catalogue",
        "catalogue",
        "File of tags",
        "A CSV or YAML file with the tags to ask for. Empty takes 443 tags for a general audience, or the "
        "tagger's own.",
        "text",
    ),
    AdvancedField(
        "one_per_category",
        "one_per_category",
        "At most one tag of a category in a prompt",
        "For lists whose categories are alternatives, such as one colour or one place.",
        "flag",
    ),
    AdvancedField(
        "mix_predictions",
        "mix_predictions",
        "Mix prediction types",
        "Lets a v-prediction model and an epsilon model into one mix, which draws noise unless the whole UNet is one "
        "or the other's.",
        "flag",
    ),
    AdvancedField(
        "frozen",
        "frozen",
        "Parts that stay the base's",
        "The VAE by default: averaged ones are where merges get their grey veil.",
        "groups",
    ),
    AdvancedField(
        "category_weights",
        "category_weights",
        "Categories that count more or less",
        "One per line: its name, an equals sign and a number. 2 counts double, 0 not at all. Only the search looks at "
        "it; every accuracy shown counts all tags alike.",
        "lines",
    ),
    AdvancedField(
        "penalty",
        "penalty",
        "Penalty on negative weights",
        "None: the search sees what they do, and the check of each epoch watches the shapes. The two earlier scripts "
        "took a little off.",
        "choice",
    ),
    AdvancedField(
        "diversity_floor",
        "diversity_floor",
        "Diversity floor",
        "How much of the difference between images of one prompt an epoch's winner must keep, such as 0.8; one that "
        "surely keeps less is given up. Each winner draws 96 images for it. 0 leaves it out.",
        whole=False,
    ),
    AdvancedField(
        "grid_prompts",
        "grid_prompts",
        "Prompts of the pictures after each epoch",
        "One per line, drawn with the same noise each time. Empty draws eight from the tags.",
        "lines",
    ),
)

FIELDS: Mapping[str, AdvancedField] = {field.name: field for field in _FIELDS}
"""The inputs by name, in the order in which the form hands them over."""

IN_SIGHT = ("tagger",)
"""Those that are never folded away."""

INPUTS = ("base", "partners", "preset", "partition", *FIELDS)
"""All inputs by name, in that order."""

PARTITION_REASON = "Each group gets its own weight. More groups can fit better but need more images to learn."

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(StudySettings)}
_FIRST = ("_fewest", "_lowest")


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
        if field.name != field.setting:
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
        value = settings.get(field.setting, _DEFAULTS.get(field.setting))
        if field.name != field.setting and isinstance(value, Sequence):
            value = value[0 if name.endswith(_FIRST) else 1]
        out[name] = _shown(field, value)
    return out


def _shown(field: AdvancedField, value: Any) -> Any:
    if field.kind in ("text", "tagger"):
        return str(value or "")
    if field.kind == "lines":
        return "\n".join(_listed(value))
    if field.kind == "flag":
        return bool(value)
    if field.kind == "choice":
        return PENALTIES.get(str(value or ""), PENALTIES[""])
    if field.kind == "groups":
        return [GROUPS[name] for name in _listed(value) if name in GROUPS]
    return 0 if value is None and field.zero_is_none else value


def _listed(values: object) -> list[str]:
    if isinstance(values, str):
        return [values]
    return [str(value) for value in values] if isinstance(values, Sequence) else []


def _value(field: AdvancedField, value: object) -> object:
    """The value of an input as its setting wants it; None where it is left open."""
    if field.kind in ("text", "tagger"):
        return str(value or "").strip() or None
    if field.kind == "lines":
        return [line.strip() for line in str(value or "").splitlines() if line.strip()] or None
    if field.kind == "flag":
        return bool(value)
    if field.kind == "choice":
        return next((name for name, label in PENALTIES.items() if label == value), str(value or "")) or None
    if field.kind == "groups":
        names = {label: name for name, label in GROUPS.items()}
        return [names.get(label, label) for label in _listed(value)]
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
            f"{field.label} cannot be read",
            found=value,
            wanted="a whole number" if field.whole else "a number",
        )
    if field.zero_is_none and number == 0:
        return None
    return int(number) if field.whole else number
