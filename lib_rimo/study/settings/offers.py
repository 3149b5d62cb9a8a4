"""What can be chosen for a study, what holds unless something else is, and plain values turned into settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.errors import SettingsError, TaggerError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.merging.checkpoints.facts import FileFacts, facts_of
from lib_rimo.registry import problems
from lib_rimo.said import Said
from lib_rimo.study.settings.checks import check_drawable, check_possible
from lib_rimo.study.settings.presets import DEFAULT_PRESET, PRESETS
from lib_rimo.study.settings.profiles import NONE, PROFILES, Profile, proposed
from lib_rimo.study.settings.scoring import ScoringOptions
from lib_rimo.study.settings.settings import MeasureSettings, StudySettings

_MODELS = ("base", "partners", "preset")

Defaults = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class Offers:
    """Knows the host's checkpoints, the taggers, and the defaults.

    Args:
        host: Whose checkpoints can be chosen.
        defaults: Settings that hold unless others are given, and ``base`` and ``partners`` to offer first; or what
            gives them, where they can change.
        of_base: Settings that a base brings along, which come before those; the tiny family's files do.
        taggers: What can be chosen; None where the tagger is not for the user to choose.
        facts: What files are.
        hidden: Whether a checkpoint is not offered, though there is one.
    """

    def __init__(
        self,
        host: DrawingProgram,
        defaults: Defaults | None = None,
        of_base: Callable[[Path], Mapping[str, Any]] = lambda _: {},
        taggers: Taggers | None = None,
        facts: Callable[[Path], FileFacts] = facts_of,
        hidden: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        self._host = host
        self._defaults = defaults if callable(defaults) else lambda: defaults or {}
        self._of_base = of_base
        self._taggers = taggers
        self._facts = facts
        self._hidden = hidden

    def options(self) -> Mapping[str, Any]:
        """What the tab offers; see ``StudyService``."""
        files = [p for p in self._host.checkpoints() if p.is_file() and not self._hidden(p)]
        offered = self._defaults()
        base = Path(str(offered.get("base", self._host.loaded() or ""))).name
        return {
            "checkpoints": [{"name": p.name, "path": str(p), "size_bytes": p.stat().st_size} for p in files],
            "presets": {name: dataclasses.asdict(preset) for name, preset in PRESETS.items()},
            "taggers": list(self._taggers.names) if self._taggers is not None else [],
            "folder": str(self._host.save_folder()),
            "left_out": [str(problem) for problem in problems()],
            "default": {
                "base": base,
                "partners": [Path(str(p)).name for p in offered.get("partners", ())],
                "preset": DEFAULT_PRESET,
                **self.defaults(base),
            },
        }

    def defaults(self, base: str, profile: str = "") -> Mapping[str, Any]:
        """Settings that hold on a base unless others are given; see ``StudyService``."""
        path = self._path(base) if base else None
        brought = self._of_base(path) if path is not None else {}
        drawn = {} if brought and not profile else self._drawn_with(path, profile)
        offered = {**self._defaults(), **drawn, **brought}
        return {name: value for name, value in offered.items() if name not in _MODELS}

    def facts(self, base: str) -> FileFacts | None:
        """What a checkpoint's file is; None where there is none."""
        path = self._path(base)
        return self._facts(path) if path.is_file() else None

    def profile(self, base: str, profile: str = "") -> tuple[Profile, Said | None] | None:
        """What a base is drawn with where nothing else is said; see ``StudyService``."""
        path = self._path(base) if base else None
        own = path is None or self._of_base(path) or not path.is_file()
        asked = None if path is None or own else proposed(self._facts(path))
        if profile in PROFILES and (asked is None or asked[0].name != profile):
            return PROFILES[profile], None
        return None if profile == NONE else asked

    def _drawn_with(self, base: Path | None, profile: str) -> Mapping[str, Any]:
        """The settings of a profile, or of the one that the base asks for; without a sampler that the host lacks."""
        found = PROFILES.get(profile)
        if not profile and base is not None and base.is_file():
            asked = proposed(self._facts(base))
            found = None if asked is None else asked[0]
        if found is None:
            return {}
        offered = {"sampler": self._host.samplers(), "scheduler": self._host.schedulers()}
        drawable = {k: v for k, v in found.settings.items() if k not in offered or v in offered[k]}
        return {"profile": found.name, **drawable}

    def _path(self, name: str) -> Path:
        """The path of a checkpoint by its name or path, whether there is one or not."""
        return {path.name: path for path in self._host.checkpoints()}.get(name, Path(name))

    def settings(self, values: Mapping[str, Any]) -> StudySettings:
        """Plain values to settings: presets and defaults filled in, checkpoint names to paths.

        Raises:
            SettingsError: A value is wrong; it carries the field.
        """
        given = dict(values)
        merged = dict(self.defaults(str(given.get("base") or ""), str(given.get("profile") or "")))
        if name := given.pop("preset", None):
            if name not in PRESETS:
                raise SettingsError("preset", "Unknown preset", found=name, wanted=", ".join(PRESETS))
            preset = PRESETS[name]
            merged |= {"epochs": preset.epochs, "budget": preset.budget, "unseen": preset.unseen}
        merged |= {k: v for k, v in given.items() if v is not None}
        for field in ("base", "partners"):
            if field in merged:
                merged[field] = self._paths(field, merged[field])
        settings = StudySettings.from_mapping(merged)
        check_possible(settings, self._host)
        self._check_tagger(settings.scoring)
        return settings

    def measure_settings(self, base: str, values: Mapping[str, Any]) -> MeasureSettings:
        """What is drawn and read with a checkpoint, whatever a search would do: plain values, defaults filled in.

        Args:
            base: Name or path of the checkpoint.
            values: Settings by name; those of a search are not looked at.

        Raises:
            SettingsError: A value is wrong; it carries the field.
        """
        asked = self.defaults(base, str(values.get("profile") or ""))
        merged = {**asked, **{k: v for k, v in values.items() if v is not None}}
        settings = MeasureSettings.from_mapping(self.find("base", base), merged)
        check_drawable(settings.scoring, settings.images, self._host)
        self._check_tagger(settings.scoring)
        return settings

    def find(self, field: str, name: str) -> Path:
        """The path of a checkpoint by its name or path.

        Raises:
            SettingsError: There is none; it carries the field.
        """
        path = self._path(name)
        if not path.is_file():
            raise SettingsError(
                field,
                "There is no such checkpoint",
                found=name,
                wanted="a .safetensors or .ckpt file",
                fix="Check its name and folder",
            )
        return path

    def _check_tagger(self, scoring: ScoringOptions) -> None:
        if self._taggers is None:
            return
        try:
            self._taggers.check(scoring.tagger)
        except TaggerError as error:
            raise SettingsError(
                "tagger", error.what, found=error.found, wanted=error.wanted, fix=error.fix
            ) from error

    def _paths(self, field: str, named: Any) -> Any:
        """Names of the host's checkpoints to their paths; what is empty stays so."""
        if isinstance(named, list | tuple):
            return [self._paths(field, name) for name in named]
        return str(self.find(field, str(named))) if str(named) else ""
