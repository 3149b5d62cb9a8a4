"""Hypothesis strategies of the benchmark's values."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from lib_rimo.benchmark import Catalogue, ImageScore, PromptSettings, Tag

law = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests of laws: enough examples, and a busy machine is no failure."""

names = st.text("ab_é猫,;:\"'()#^-0", min_size=1, max_size=8).filter(lambda name: name.strip("_"))


@st.composite
def catalogues(draw: st.DrawFn, max_categories: int = 5, max_tags: int = 8) -> Catalogue:
    sizes = draw(st.lists(st.integers(1, max_tags), min_size=1, max_size=max_categories))
    return Catalogue(
        tuple(Tag(f"tag_{c}_{i}", f"category {c}") for c, n in enumerate(sizes) for i in range(n))
    )


@st.composite
def settings_for(draw: st.DrawFn, catalogue: Catalogue) -> PromptSettings:
    alone = draw(st.booleans())
    most = len(catalogue.categories) if alone else len(catalogue)
    low = draw(st.integers(1, most))
    return PromptSettings(
        tags_min=low,
        tags_max=draw(st.integers(low, most)),
        one_per_category=alone,
        widths=(64, 128),
        heights=(64,),
        steps=(4, 5, 6),
        cfgs=(2.0, 3.5),
        negatives=("", "blurry"),
    )


scores = st.integers(1, 20).flatmap(
    lambda n: st.builds(
        ImageScore,
        prompt_id=st.integers(0, 1000),
        hits=st.lists(st.booleans(), min_size=n, max_size=n).map(tuple),
        probabilities=st.lists(st.floats(0, 1), min_size=n, max_size=n).map(tuple),
    )
)
