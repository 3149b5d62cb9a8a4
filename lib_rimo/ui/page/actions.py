"""What the tab's events do: read the form, ask the service, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from lib_rimo.errors import RimoError, SettingsError
from lib_rimo.said import Said, joined, say
from lib_rimo.study.service import StudyService
from lib_rimo.study.settings.presets import SCRIPTS
from lib_rimo.study.settings.profiles import PROFILES
from lib_rimo.ui.page import form
from lib_rimo.ui.page.cards import Cards
from lib_rimo.ui.page.paragraph import paragraph
from lib_rimo.ui.page.places import places

Update = dict[str, Any]

FEWEST = 2
MARKED = "Not started: see the marked field."
NO_TIME = "the time is known once the first images are drawn"
IN_SIGHT = ("base", "partners", "preset", *form.IN_SIGHT)
"""Settings whose fields are never folded away."""
DRAWN_WITH = frozenset(name for profile in PROFILES.values() for name in profile.settings)
"""Settings that a drawing profile may say."""


class Actions:
    """The tab's event handlers.

    Args:
        service: The study they speak to.

    Attributes:
        fields: The settings that have a place for an error beside them, in the order of the outputs.
        presets: Label -> name of the sizes that the program offers.
        partitions: Label -> name.
        scripts: Label -> settings of upstream's earlier scripts.
        cards: What is said beside the fields that choose files.
        default_preset: Label of the size to begin with.
    """

    def __init__(self, service: StudyService) -> None:
        self._service = service
        self.cards = Cards(service)
        self.fields: tuple[str, ...] = ()
        options = self.options()
        self._presets: Mapping[str, Mapping[str, Any]] = options["presets"]
        self.presets = {str(preset["label"]): name for name, preset in self._presets.items()}
        self.default_preset = str(self._presets[options["default"]["preset"]]["label"])
        self.partitions = {label: name for name, label in form.PARTITIONS.items()}
        self.scripts = {script.label: script.settings for script in SCRIPTS.values()}

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

    def folders(self) -> list[str]:
        """The folders that checkpoints lie in, the one that holds all the others first; none if there is but one."""
        root, held = self._places()
        below = sorted({place for place in held.values() if place != root})
        return [root, *below] if below else []

    def in_folder(self, folder: object, base: object, partners: object) -> list[Update]:
        """Offers what lies in a folder or below; what is chosen stays chosen, and so is offered too.

        Returns:
            Updates for base and partners.
        """
        root, held = self._places()
        wanted = str(folder or root)
        inside = [n for n, place in held.items() if wanted == root or f"{place}/".startswith(f"{wanted}/")]
        kept = [str(name) for name in partners] if isinstance(partners, list) else []
        first = [str(base)] if base else []
        return [
            _update(choices=list(dict.fromkeys([*first, *inside])), value=base),
            _update(choices=list(dict.fromkeys([*kept, *inside])), value=kept),
        ]

    def _places(self) -> tuple[str, dict[str, str]]:
        return places([Path(str(f["path"])) for f in self.options()["checkpoints"]], self.checkpoint_names())

    def notes(self) -> str:
        """What to do where there is nothing to mix, and what packages add that cannot be used, as HTML."""
        left_out = (paragraph(text, "rimo-bad") for text in self.options()["left_out"])
        return self._shortage() + "".join(left_out)

    def _shortage(self) -> str:
        found = len(self.checkpoint_names())
        if found >= FEWEST:
            return ""
        return paragraph(
            say(
                "A mix needs at least {1} checkpoints of one kind; {2} found. Put another one into {3} (any fine-tune "
                "of the same base will do), then load this page again.",
                FEWEST,
                found,
                self.options()["folder"],
            ),
            "rimo-bad",
        )

    def can_offer_demo(self) -> bool:
        """Whether the tiny family can be asked for."""
        return bool(self.options()["demo"])

    def offer_demo(self) -> list[Update]:
        """Offers the tiny family, and chooses it.

        Returns:
            Updates for base, partners, the notes, the folder, both buttons that ask for it, and the message.
        """
        try:
            self._service.offer_demo()
        except RimoError as error:
            return [*(_update() for _ in range(6)), _message(error.said)]
        default = self.options()["default"]
        lists = self.checkpoints(default["base"], list(default["partners"]))
        return [*lists, _update(visible=False), _update(visible=False), _message("")]

    def explanation(self, label: object = None) -> str:
        """What a size of study is for, as HTML."""
        return paragraph(str(self._preset(label).get("explanation", "")), "rimo-explanation")

    def first_values(self) -> dict[str, Any]:
        """What stands under "Advanced" at first."""
        return form.values_of({**self.options()["default"], **self._preset(None)})

    def tagger_names(self, chosen: object) -> list[str]:
        """What the list of taggers offers, and what is chosen if that is something else."""
        names = [str(name) for name in self.options()["taggers"]]
        return names if not chosen or chosen in names else [str(chosen), *names]

    def base_values(self, before: object, base: object, *values: object) -> list[Any]:
        """Fills in what another base brings along, as the tiny family brings its tagger and tags.

        What the base before had brought goes, what the user has changed stays.

        Args:
            before: The base whose defaults stand in the fields.
            base: The one that is chosen now.
            values: Of all of ``form.FIELDS``.

        Returns:
            The base, and updates for all of ``form.FIELDS``.
        """
        if not base or base == before:
            return [before, *(_update() for _ in form.FIELDS)]
        old, new = (form.values_of(self._service.defaults(str(name or ""))) for name in (before, base))
        updates = [
            self._filled_in(name, new[name]) if new[name] != old[name] and value == old[name] else _update()
            for name, value in zip(form.FIELDS, values, strict=True)
        ]
        return [base, *updates]

    def profile_values(self, base: object, label: object) -> list[Update]:
        """Fills in what a drawing profile says; what it says nothing of goes back to what holds without it.

        Returns:
            Updates for all of ``form.FIELDS``.
        """
        chosen = form.name_of("profile", label)
        values = form.values_of(self._service.defaults(str(base or ""), chosen))
        return [
            self._filled_in(name, values[name]) if field.setting in DRAWN_WITH else _update()
            for name, field in form.FIELDS.items()
        ]

    def preset_values(self, label: object) -> list[Update]:
        """Fills in the numbers that the size decides; leaves the others as they are."""
        preset = self._preset(label)
        return [
            _update(value=preset[field.setting])
            if field.from_preset and field.setting in preset
            else _update()
            for field in form.FIELDS.values()
        ]

    def script_values(self, label: object) -> list[Update]:
        """Fills in what an earlier script of upstream had; leaves the rest as it is.

        Returns:
            Updates for the block groups and all of ``form.FIELDS``.
        """
        settings = self.scripts.get(str(label), {})
        values = form.values_of(settings)
        filled = (name if field.setting in settings else "" for name, field in form.FIELDS.items())
        partition = form.PARTITIONS.get(str(settings.get("partition")))
        return [
            _update(value=partition) if partition else _update(),
            *(_update(value=values[name]) if name else _update() for name in filled),
        ]

    def checkpoints(self, base: object, partners: object) -> list[Update]:
        """The lists of checkpoints as they are now; what is chosen stays chosen.

        List and choice go out together: gradio's page remembers what is chosen by its place in the list.

        Returns:
            Updates for base, partners, the notes, and the folder.
        """
        names, notes, folders = self.checkpoint_names(), self.notes(), self.folders()
        kept = [name for name in partners if name in names] if isinstance(partners, list) else []
        return [
            _update(choices=names, value=base if base in names else None),
            _update(choices=names, value=kept),
            _update(value=notes, visible=bool(notes)),
            _update(choices=folders, value=folders[0] if folders else None, visible=bool(folders)),
        ]

    def estimate(self, *values: object) -> list[Update]:
        """What such a study would cost, and beside each field what is wrong with it."""
        preset = self.explanation(values[2])
        try:
            found = self._service.estimate(self._settings(values))
        except SettingsError as error:
            return [_update(value=preset), *self._marks(error)]
        except RimoError as error:
            return [_update(value=preset + paragraph(error.said, "rimo-bad")), *self._marks(None)]
        text = found["text"] if found["hours"] is not None else joined(" · ", found["text"], NO_TIME)
        advice = paragraph(found["advice"], "rimo-advice") if found["advice"] else ""
        look = paragraph(found["look"], "rimo-look")
        return [_update(value=preset + paragraph(text, "rimo-cost") + advice + look), *self._marks(None)]

    def start(self, *values: object) -> list[Update]:
        """Starts a study, or says beside the field why not."""
        try:
            self._service.start(self._settings(values))
        except SettingsError as error:
            shown = error.field in IN_SIGHT
            told = MARKED if shown else say("Not started. {1}", _said(error))
            folded = _update(open=True) if error.field in self.fields and not shown else _update()
            return [_message(told), folded, *self._marks(error)]
        except RimoError as error:
            return [_message(error.said), _update(), *self._marks(None)]
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

    def opened(self, base: object, partners: object) -> list[Any]:
        """What a page shows that was just opened: the lists as they are now, filled in as the last study was.

        Returns:
            Updates for all of ``form.INPUTS``, the list of own presets, what is missing, and the folder; then the base.
        """
        restored = self.restore()
        chosen = [field.get("value", old) for field, old in zip(restored, (base, partners), strict=False)]
        *models, missing, folder = self.checkpoints(*chosen)
        return [*models, *restored[2:], missing, folder, chosen[0]]

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
            return [_update(), _message(error.said)]
        return [_update(choices=self.own_presets(), value=label), _good("Preset saved.")]

    def delete_preset(self, name: object) -> list[Update]:
        """Forgets the preset of that name; updates the list and says so."""
        try:
            self._service.presets().delete(str(name or "").strip())
        except RimoError as error:
            return [_update(), _message(error.said)]
        return [_update(choices=self.own_presets(), value=None), _good("Preset deleted.")]

    # ------------------------------------------------------------------------------------------------------

    def _filled(self, settings: Mapping[str, Any]) -> list[Update]:
        """Updates for preset, partition and all fields."""
        preset = self._presets.get(
            str(settings.get("preset")), self._presets[self.presets[self.default_preset]]
        )
        partition = form.PARTITIONS.get(str(settings.get("partition", "theater")))
        base = str(settings.get("base") or self.options()["default"]["base"])
        values = form.values_of({**self._service.defaults(base), **preset, **settings})
        return [
            _update(value=preset["label"]),
            _update(value=partition) if partition else _update(),
            *(self._filled_in(name, values[name]) for name in form.FIELDS),
        ]

    def _filled_in(self, name: str, value: object) -> Update:
        """A field with another value, which a list has to offer."""
        if form.FIELDS[name].kind == "tagger":
            return _update(value=value or None, choices=self.tagger_names(value))
        return _update(value=value)

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
            _update(
                value=paragraph(_said(error), "rimo-bad") if error is not None and name == field else "",
                visible=name == field,
            )
            for name in self.fields
        ]


def _said(error: SettingsError) -> Said:
    """An error as the form says it: a setting by the name that stands above its field."""
    field, what = form.FIELDS.get(error.field), error.what
    if field is None or not isinstance(what, Said) or what.values[:1] != (field.setting,):
        return error.said
    named = say(what.template, say(field.label), *what.values[1:])
    return RimoError(named, found=error.found, wanted=error.wanted, fix=error.fix).said


def _tell(command: Callable[[], object]) -> Update:
    try:
        command()
    except RimoError as error:
        return _message(error.said)
    return _message("")


def _message(text: str) -> Update:
    return _update(value=paragraph(text, "rimo-bad", ' role="alert"') if text else "")


def _good(text: str) -> Update:
    return _update(value=paragraph(text, "rimo-good", ' role="status"'))


def _update(**changes: object) -> Update:
    return dict(gr.update(**changes))
