"""Settings of a study that say how pictures are read and what counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib_rimo.benchmark.hub import KNOWN_TAGGERS
from lib_rimo.study.settings.category_weights import CategoryWeight
from lib_rimo.study.settings.scorer_weights import ScorerWeight
from lib_rimo.study.settings.setting import Recorded, Row, setting

OBJECTIVES = {"soft": "How sure the tagger is", "hits": "Hit or miss"}
PENALTIES = {
    "": "None",
    "partners": "For each partner's negative weights",
    "everyone": "For the base's negative weights too",
}
"""What is taken off for negative weights: nothing, upstream's Theater script, or its RO script."""


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How pictures are read, and what counts of it.

    Attributes:
        objective: ``soft`` searches on the tagger's probabilities, which carry more than hit or miss; results
            are always reported as hit or miss.
        threshold: Probability from which a tag counts as found; None takes the tagger's own.
        character_threshold: The same for tags that name characters, where the tagger tells them apart.
        scorers: How much each scorer counts in the search; empty: ``tags`` alone, which is the accuracy and is measured
            and reported in any case.
        category_weights: How much a category's tags count in the search (``objective``). Empty: all alike, which is
            what the reported accuracy is.
        penalty: For negative weights, one of ``PENALTIES``; off, because the search measures what they do, and the
            guard watches the shapes. Upstream's own strategies take theirs off in any case.
        tagger: Folder of the tagger, or the name of a known one; None takes the one that is offered for the base.
    """

    objective: str = setting(
        "soft",
        "What the search looks at",
        "How sure the tagger is says more than hit or miss. Every accuracy shown is hit or miss.",
        "what the search looks at: soft, the tagger's probabilities, or hits, which is what is reported",
        row=Row.SEARCH,
        choices=OBJECTIVES,
        recorded=Recorded.BENCHMARK,
    )
    threshold: float | None = setting(
        None,
        "Threshold of the tagger",
        "Probability from which a tag counts as found. 0 takes the tagger's own.",
        "probability from which a tag counts as found",
        unset="the tagger's own",
        row=Row.READING,
        least=0,
        most=1,
        between=True,
        recorded=Recorded.BENCHMARK,
    )
    character_threshold: float | None = setting(
        None,
        "Threshold for characters",
        "The same for tags that name a character, which taggers are too ready to see. 0 takes the tagger's own.",
        "the same for tags that name a character, where the tagger tells them apart",
        unset="the tagger's own",
        row=Row.READING,
        least=0,
        most=1,
        between=True,
        recorded=Recorded.BENCHMARK,
    )
    scorers: tuple[ScorerWeight, ...] = setting(
        (),
        "What pictures are judged by",
        "One scorer per line: its name, an equals sign and how much it counts. tags is how well the tagger finds the "
        "prompted tags; installed packages may add others. Empty: the tags alone.",
        "what the search looks at, as a weighted mean: tags, and what installed packages add; such as tags=1 "
        "sharpness=0.5; each is reported beside the accuracy",
        unset="the tags alone",
        row=Row.SCORE,
        metavar="SCORER=WEIGHT",
    )
    category_weights: tuple[CategoryWeight, ...] = setting(
        (),
        "Categories that count more or less",
        "One per line: its name, an equals sign and a number. 2 counts double, 0 not at all. Only the search "
        "looks at it; every accuracy shown counts all tags alike.",
        "what counts more or less in the search, such as hair=2 background=0; every accuracy shown counts all "
        "alike",
        unset="all alike",
        row=Row.SCORE,
        metavar="CATEGORY=WEIGHT",
    )
    penalty: str = setting(
        "",
        "Penalty on negative weights",
        "None: the search sees what they do, and the check of each epoch watches the shapes. The two earlier "
        "scripts took a little off.",
        "takes a little off for negative weights of partners, or of base and partners, as the original's "
        "scripts do",
        row=Row.SCORE,
        choices=PENALTIES,
    )
    tagger: Path | None = setting(
        None,
        "Tagger",
        "Reads the images back. A known one is downloaded when it is first used; the folder of any other can "
        "be written here.",
        f"name of a known tagger ({', '.join(KNOWN_TAGGERS)}), downloaded when it is first used, or the "
        "folder of any",
        unset="the tiny family's own; for other files the page offers wd-vit-tagger-v3",
        row=Row.READS,
        kind="tagger",
        metavar="NAME or DIR",
        recorded=Recorded.NAME,
    )
