"""What can go wrong, each kind with the data that a handler needs.

The text of every error says what happened, what was found, what was wanted and what to do; it is shown to the
user as it stands, so it carries no traceback and no jargon.
"""

from __future__ import annotations

from lib_rimo.said import Said, joined, say, words


class RimoError(Exception):
    """Root of every error that the user can be told about.

    Args:
        what: What happened, one sentence without a full stop; values in it by ``said.say``.
        found: The value that was found; words by ``said.say``, or they count as a name.
        wanted: What would have been right.
        fix: What the user can do now.
        setting: Name of the setting that decides about it. The texts do not call it by a name: it is a field in the
            page and a switch on the command line, and each adds its own.
    """

    def __init__(
        self, what: str, *, found: object = None, wanted: object = None, fix: str = "", setting: str = ""
    ) -> None:
        self.what = what
        self.setting = setting
        self.found = found
        self.wanted = wanted
        self.fix = fix
        super().__init__(str(self.said))

    @property
    def said(self) -> Said:
        """The whole text. What happened, was wanted and can be done are words; what was found is a value."""
        parts = [_sentence(self.what)]
        if self.found is not None:
            parts.append(say("Found: {1}.", self.found))
        if self.wanted is not None:
            wanted = words(self.wanted) if isinstance(self.wanted, str) else self.wanted
            parts.append(say("Wanted: {1}.", wanted))
        if self.fix:
            parts.append(_sentence(self.fix))
        return parts[0] if len(parts) == 1 else joined(" ", *parts)


def _sentence(text: str) -> Said:
    """With one full stop, whether it came with one or not."""
    bare = text.rstrip(".") if not isinstance(text, Said) else say(text.template.rstrip("."), *text.values)
    return say("{1}.", words(bare))


class CheckpointError(RimoError):
    """A checkpoint file is missing, damaged, forged or holds unusable numbers."""


class ArchitectureError(CheckpointError):
    """Checkpoints cannot be merged because they are not of one architecture, or of an unknown one."""


class RecipeError(RimoError):
    """A recipe's text, weights or files do not fit together."""


class SaveError(RimoError):
    """A file could not be written where and as the user asked; nothing half-written is left behind."""


class CatalogueError(RimoError):
    """A tag catalogue is unreadable, empty, or names tags that the tagger cannot see."""


class TaggerError(RimoError):
    """A tagger's files are missing, damaged or cannot be fetched."""


class ScorerError(RimoError):
    """A scorer failed, or gave something that is no reading."""


class HostError(RimoError):
    """The program that draws the images cannot do what is asked now."""


class HostTakenError(HostError):
    """The user wants the program that draws for something else: another checkpoint, or no picture now.

    Nothing is broken. A study pauses and shows the text; when it goes on it loads its base again.
    """


class SettingsError(RimoError):
    """A setting is out of its range.

    Args:
        field: The name of the setting, as the command line and the tab know it.
    """

    def __init__(
        self, field: str, what: str, *, found: object = None, wanted: object = None, fix: str = ""
    ) -> None:
        self.field = field
        super().__init__(what, found=found, wanted=wanted, fix=fix, setting=field)


class PluginError(RimoError):
    """Something that a package adds is not there, or cannot be used; the program goes on without it."""


class StudyError(RimoError):
    """A study cannot be started, resumed or saved in the state it is in."""


class JournalError(StudyError):
    """A study's journal cannot be read or belongs to other files than those at hand."""
