"""The program's own scorers keep the laws that are asked of every scorer."""

from __future__ import annotations

from lib_rimo.testing import ScorerTestCase


class TestTags(ScorerTestCase):
    """Tag accuracy by a tagger."""

    scorer = "tags"
