"""Tag catalogues, prompt sets, taggers, and accuracies with their intervals.

Light to import: onnxruntime, pandas and the hub's client are loaded by the functions that need them.
"""

from lib_rimo.benchmark.accuracy import by_category, macro, micro, paired_difference, table
from lib_rimo.benchmark.catalogue import (
    Catalogue,
    Tag,
    catalogue_of_tagger,
    default_catalogue,
    load_catalogue,
)
from lib_rimo.benchmark.hub import KNOWN_TAGGERS, fetch_tagger
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.prompts import Prompt, draw_prompts
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.scorer import Reading, Scorer
from lib_rimo.benchmark.scoring import SCORERS, Scoring, score_images
from lib_rimo.benchmark.settings import UPSTREAM_RO, UPSTREAM_THEATER, PromptSettings
from lib_rimo.benchmark.tagger import Tagger, open_tagger

__all__ = [
    "KNOWN_TAGGERS",
    "SCORERS",
    "UPSTREAM_RO",
    "UPSTREAM_THEATER",
    "Catalogue",
    "ImageScore",
    "Interval",
    "Prompt",
    "PromptSettings",
    "Reading",
    "Scorer",
    "Scoring",
    "Tag",
    "Tagger",
    "by_category",
    "catalogue_of_tagger",
    "default_catalogue",
    "draw_prompts",
    "fetch_tagger",
    "load_catalogue",
    "macro",
    "micro",
    "open_tagger",
    "paired_difference",
    "score_images",
    "table",
]
