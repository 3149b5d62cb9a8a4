"""The constants of the search are checked."""

from __future__ import annotations

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.search import SearchSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompts_per_trial", 0),
        ("kappa_start", -1.0),
        ("region", 0.0),
        ("check_share", 1.5),
        ("keep_chance", float("nan")),
        ("fit_growth", 1.0),
        ("n_points", 0),
    ],
)
def test_a_constant_out_of_range_is_named(field: str, value: float) -> None:
    """A setting out of range is refused by an error that names it."""
    with pytest.raises(SettingsError) as caught:
        SearchSettings().but(**{field: value})
    assert caught.value.field == field


def test_but_changes_only_what_is_named() -> None:
    """A changed copy keeps the rest."""
    assert SearchSettings().but(kappa_start=3.0) == SearchSettings(kappa_start=3.0)
