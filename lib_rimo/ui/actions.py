"""What the tab's events do: read the form, ask the service, say what came of it."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from lib_rimo.errors import RimoError, SettingsError
from lib_rimo.study.service import StudyService
from lib_rimo.ui import form

Update = dict[str, Any]

FEWEST = 2
INSIDE = "Something went wrong inside; the log says what."
MARKED = "Not started: see the marked field."

logger = logging.getLogger("rimo")


class Actions:
    """The tab's event handlers.

    Args:
        service: The study they speak to.

    Attributes:
        fields: The settings that have a place for an error beside them, in the order of the outputs.
        presets: Label -> name.
        partitions: Label -> name.
        default_preset: Its label.
    """

    def __init__(self, service: StudyService) -> None:
        self._service = service
        self.fields: tuple[str, ...] = ()
        options = self.options()
        self._presets: Mapping[str, Mapping[str, Any]] = options["presets"]
        self.presets = {str(preset["label"]): name for name, preset in self._presets.items()}
        self.default_preset = str(self._presets[options["default"]["preset"]]["label"])
        self.partitions = {label: name for name, label in form.PARTITIONS.items()}

    def options(self) -> Mapping[str, Any]:
        """What the service offers now."""
        return self._service.options()

    def checkpoint_names(self) -> list[str]:
        """What the lists offer: names, and paths where a name stands for two files."""
        files = self.options()["checkpoints"]
        names = [str(f["name"]) for f in files]
        return [
            name if names.count(name) == 1 else str(f["path"]) for name, f in zip(names, files, strict=True)
        ]

    def shortage(self) -> str:
        """What to do where there is nothing to mix, as HTML; empty where there is."""
        found = len(self.checkpoint_names())
        if found >= FEWEST:
            return ""
        return _paragraph(
            f"A mix needs at least {FEWEST} checkpoints of one kind; {found} found. Put another one into your folder "
            "of checkpoints (any fine-tune of the same base will do), then load this page again.",
            "rimo-bad",
        )

    def explanation(self, label: object = None) -> str:
        """What a preset is for, as HTML."""
        return _paragraph(str(self._preset(label).get("explanation", "")), "rimo-explanation")

    def first_numbers(self) -> dict[str, float | None]:
        """What stands under "Advanced" at first."""
        return form.first_numbers(self._preset(None))

    def preset_numbers(self, label: object) -> list[Update]:
        """Fills in the numbers that the preset decides; leaves the others as they are."""
        preset = self._preset(label)
        return [
            _update(value=preset[field.setting])
            if field.from_preset and field.setting in preset
            else _update()
            for field in form.NUMBERS.values()
        ]

    def checkpoints(self) -> list[Update]:
        """The lists of checkpoints as they are now; what is chosen stays chosen."""
        names, missing = self.checkpoint_names(), self.shortage()
        return [
            _update(choices=names),
            _update(choices=names),
            _update(value=missing, visible=bool(missing)),
        ]

    def estimate(self, *values: object) -> list[Update]:
        """What such a study would cost, and beside each field what is wrong with it."""
        preset = self.explanation(values[2])
        try:
            text = str(self._service.estimate(self._settings(values))["text"])
        except SettingsError as error:
            return [_update(value=preset), *self._marks(error)]
        except RimoError as error:
            return [_update(value=preset + _paragraph(str(error), "rimo-bad")), *self._marks(None)]
        return [_update(value=preset + _paragraph(text, "rimo-cost")), *self._marks(None)]

    def start(self, *values: object) -> list[Update]:
        """Starts a study, or says beside the field why not."""
        try:
            self._service.start(self._settings(values))
        except SettingsError as error:
            shown = error.field in ("base", "partners", "preset")
            told = MARKED if shown else f"Not started. {error}"
            folded = _update(open=True) if error.field in self.fields and not shown else _update()
            return [_message(told), folded, *self._marks(error)]
        except RimoError as error:
            return [_message(str(error)), _update(), *self._marks(None)]
        return [_message(""), _update(), *self._marks(None)]

    def pause(self) -> Update:
        """Asks the study to pause."""
        return _tell(self._service.pause)

    def resume(self) -> Update:
        """Asks the paused or ended study to go on."""
        return _tell(lambda: self._service.resume(self._service.snapshot().study))

    def stop(self) -> Update:
        """Asks the study to stop."""
        return _tell(self._service.stop)

    def saving(self) -> Update:
        """Shown while ``save`` writes, which takes a while for large checkpoints."""
        return _update(value=_paragraph("Saving\N{HORIZONTAL ELLIPSIS}", "rimo-busy"))

    def save(self, name: object) -> list[Update]:
        """Writes the best mix; then offers a name that the next one could have."""
        try:
            path = self._service.save(str(name or "").strip())
        except RimoError as error:
            return [_message(str(error)), _update()]
        except Exception:
            logger.exception("Saving failed")
            return [_message(INSIDE), _update()]
        told = _paragraph(f"Saved as {path.name} in {path.parent}", "rimo-good")
        return [_update(value=told), _update(value=next_name(path.stem))]

    def _preset(self, label: object) -> Mapping[str, Any]:
        return self._presets[self.presets.get(str(label), self.presets[self.default_preset])]

    def _settings(self, values: Sequence[object]) -> dict[str, Any]:
        base, partners, preset, partition, *numbers = values
        return form.settings_of(
            base, partners, self.presets.get(str(preset)), self.partitions.get(str(partition)), numbers
        )

    def _marks(self, error: SettingsError | None) -> list[Update]:
        field = error.field if error is not None else ""
        return [
            _update(value=_paragraph(str(error), "rimo-bad") if name == field else "", visible=name == field)
            for name in self.fields
        ]


def next_name(name: str) -> str:
    """The name with its closing number raised: ``mix`` gives ``mix-2``, ``mix-2`` gives ``mix-3``."""
    match = re.fullmatch(r"(.*)-(\d{1,6})", name)
    return f"{match[1]}-{int(match[2]) + 1}" if match else f"{name}-2"


def _tell(command: Callable[[], object]) -> Update:
    try:
        command()
    except RimoError as error:
        return _message(str(error))
    return _message("")


def _message(text: str) -> Update:
    return _update(value=_paragraph(text, "rimo-bad", ' role="alert"') if text else "")


def _update(**changes: object) -> Update:
    return dict(gr.update(**changes))


def _paragraph(text: str, kind: str, extra: str = "") -> str:
    return f'<p class="{kind}"{extra}>{html.escape(text)}</p>' if text else ""
