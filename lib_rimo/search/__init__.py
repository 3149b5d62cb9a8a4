"""The search for weights: usable on any landscape, without models.

Public: ``run_search`` for a whole search, ``make_strategy`` for one step at a time, ``draw_partners`` for epochs. A
strategy of one's own is made from a ``Problem`` and ``SearchSettings``; ``Strategy`` says what it does.
"""

from lib_rimo.search.history import Incumbent, Observation, Proposal
from lib_rimo.search.partners import draw_partners
from lib_rimo.search.problem import Problem
from lib_rimo.search.run import ScoreError, SearchResult, run_search
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.strategy import STRATEGIES, Kind, Strategy, ask_batch, find_strategy, make_strategy

__all__ = [
    "STRATEGIES",
    "Incumbent",
    "Kind",
    "Observation",
    "Problem",
    "Proposal",
    "ScoreError",
    "SearchResult",
    "SearchSettings",
    "Strategy",
    "ask_batch",
    "draw_partners",
    "find_strategy",
    "make_strategy",
    "run_search",
]
