"""What the tab's events do: read the form, ask the service, say what came of it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from lib_rimo.errors import RimoError, SettingsError
from lib_rimo.study.service import StudyService
from lib_rimo.ui import form

Update = dict[str, Any]

FEWEST = 2
MARKED = "Not started: see the marked field."
IN_SIGHT = ("base", "partners", "preset")
"""Settings whose fields are never folded away."""


class Actions:
    """The tab's event handlers.

    Args:
        service: The study they speak to.

    Attributes:
        fields: The settings that have a place for an error beside them, in the order of the outputs.
        presets: Label -> name of the sizes that the program offers.
        partitions: Label -> name.
        default_preset: Label of the size to begin with.
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
        """What a size of study is for, as HTML."""
        return _paragraph(str(self._preset(label).get("explanation", "")), "rimo-explanation")

    def first_values(self) -> dict[str, Any]:
        """What stands under "Advanced" at first."""
        return form.values_of({**self.options()["default"], **self._preset(None)})

    def preset_values(self, label: object) -> list[Update]:
        """Fills in the numbers that the size decides; leaves the others as they are."""
        preset = self._preset(label)
        return [
            _update(value=preset[field.setting])
            if field.from_preset and field.setting in preset
            else _update()
            for field in form.FIELDS.values()
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
            shown = error.field in IN_SIGHT
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

    # -- the user's own presets ----------------------------------------------------------------------------

    def own_presets(self) -> list[str]:
        """Their names."""
        return sorted(self._service.presets().all()["presets"])

    def restore(self) -> list[Update]:
        """Fills in what was started last, and the list of presets; checkpoints that are gone are left out.

        Returns:
            Updates for all of ``form.INPUTS``, then for the list of own presets.
        """
        last = self._service.presets().all()["last"]
        listed = _update(choices=self.own_presets())
        if not last:
            return [*(_update() for _ in form.INPUTS), listed]
        names = self.checkpoint_names()
        base = last.get("base")
        partners = [name for name in last.get("partners") or () if name in names]
        models = [
            _update(value=base) if base in names else _update(),
            _update(value=partners) if partners else _update(),
        ]
        return [*models, *self._filled(last), listed]

    def load_preset(self, name: object) -> list[Update]:
        """Fills in a preset of the user's; the checkpoints stay as they are.

        Returns:
            Updates for all of ``form.INPUTS`` but the checkpoints, then the message.
        """
        found = self._service.presets().all()["presets"].get(str(name or "").strip())
        if found is None:  # a new name, to be saved under
            return [*(_update() for _ in form.INPUTS[2:]), _message("")]
        return [*self._filled(found), _message("")]

    def keep_preset(self, name: object, *values: object) -> list[Update]:
        """Keeps the form under a name; updates the list and says so."""
        label = str(name or "").strip()
        try:
            settings = self._settings(values)
            self._service.presets().keep(label, settings)
        except RimoError as error:
            return [_update(), _message(str(error))]
        return [_update(choices=self.own_presets(), value=label), _good("Preset saved.")]

    def delete_preset(self, name: object) -> list[Update]:
        """Forgets the preset of that name; updates the list and says so."""
        try:
            self._service.presets().delete(str(name or "").strip())
        except RimoError as error:
            return [_update(), _message(str(error))]
        return [_update(choices=self.own_presets(), value=None), _good("Preset deleted.")]

    # ------------------------------------------------------------------------------------------------------

    def _filled(self, settings: Mapping[str, Any]) -> list[Update]:
        """Updates for preset, partition and all fields."""
        preset = self._presets.get(
            str(settings.get("preset")), self._presets[self.presets[self.default_preset]]
        )
        partition = form.PARTITIONS.get(str(settings.get("partition", "theater")))
        values = form.values_of({**self.options()["default"], **preset, **settings})
        return [
            _update(value=preset["label"]),
            _update(value=partition) if partition else _update(),
            *(_update(value=values[name]) for name in form.FIELDS),
        ]

    def _preset(self, label: object) -> Mapping[str, Any]:
        return self._presets[self.presets.get(str(label), self.presets[self.default_preset])]

    def _settings(self, values: Sequence[object]) -> dict[str, Any]:
        chosen = dict(zip(form.INPUTS, values, strict=True))
        chosen["preset"] = self.presets.get(str(chosen["preset"]))
        chosen["partition"] = self.partitions.get(str(chosen["partition"]))
        return form.settings_of(chosen)

    def _marks(self, error: SettingsError | None) -> list[Update]:
        field = error.field if error is not None else ""
        return [
            _update(value=_paragraph(str(error), "rimo-bad") if name == field else "", visible=name == field)
            for name in self.fields
        ]


def _tell(command: Callable[[], object]) -> Update:
    try:
        command()
    except RimoError as error:
        return _message(str(error))
    return _message("")


def _message(text: str) -> Update:
    return _update(value=_paragraph(text, "rimo-bad", ' role="alert"') if text else "")


def _good(text: str) -> Update:
    return _update(value=_paragraph(text, "rimo-good", ' role="status"'))


def _update(**changes: object) -> Update:
    return dict(gr.update(**changes))


def _paragraph(text: str, kind: str, extra: str = "") -> str:
    return f'<p class="{kind}"{extra}>{html.escape(text)}</p>' if text else ""
