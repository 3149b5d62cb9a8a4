"""Numbers as a form or a command line gives them."""

from __future__ import annotations

from lib_rimo.errors import SettingsError


def whole(field: str, value: object, low: int, high: int) -> int:
    """A whole number within bounds; a form may give it as text.

    Raises:
        SettingsError: It is none.
    """
    try:
        number = float(str(value))
        if number != int(number) or not low <= number <= high:
            raise ValueError
    except (ValueError, OverflowError):
        raise SettingsError(
            field, "This number cannot be used", found=value, wanted=f"a whole number from {low} to {high}"
        ) from None
    return int(number)
