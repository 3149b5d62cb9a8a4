"""What the page says beside the fields that choose files: what each is, what it is drawn with, what reads it."""

from __future__ import annotations

import html

from lib_rimo.study.service import StudyService
from lib_rimo.ui.page import form
from lib_rimo.ui.page.paragraph import paragraph
from lib_rimo.wording.files import obstacle, told_facts, told_profile

KIND = "rimo-card-line"


class Cards:
    """Made of what the service says, as HTML.

    Args:
        service: The study they speak of.
    """

    def __init__(self, service: StudyService) -> None:
        self._service = service

    def base(self, base: object) -> str:
        """What the base's file is."""
        facts = self._service.facts(str(base)) if base else None
        return "" if facts is None else paragraph(told_facts(facts), _tone(obstacle(facts)))

    def partners(self, base: object, partners: object) -> str:
        """What each partner's file is, and whether it can be mixed into the base."""
        first = self._service.facts(str(base)) if base else None
        lines = []
        for name in partners if isinstance(partners, list) else ():
            facts = self._service.facts(str(name))
            if facts is None:
                continue
            told = paragraph(told_facts(facts, first), _tone(obstacle(facts, first)))
            lines.append(f'<li><b translate="no">{html.escape(str(name))}</b>{told}</li>')
        return f'<ul class="rimo-card-list">{"".join(lines)}</ul>' if lines else ""

    def profile(self, base: object, label: object) -> str:
        """What the pictures are drawn with where nothing else is said, and why."""
        chosen = form.name_of("profile", label)
        if not (base or chosen):
            return ""
        return paragraph(told_profile(self._service.profile(str(base or ""), chosen)), KIND)

    def tagger(self, chosen: object) -> str:
        """A place that the script fills with what is known of the tagger, and with its download."""
        name = html.escape(str(chosen or ""))
        return f'<div class="rimo-tagger-card" data-rimo="tagger-card" data-tagger="{name}"></div>'


def _tone(problem: str) -> str:
    return "rimo-bad" if problem else KIND
