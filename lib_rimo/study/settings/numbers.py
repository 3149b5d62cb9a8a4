"""Numbers as a form or a command line gives them, and back."""

from __future__ import annotations

from lib_rimo.errors import SettingsError


def whole(
    field: str, value: object, low: int | None = None, high: int | None = None, empty: int | None = None
) -> int:
    """A whole number within bounds; a form may give it as text.

    Args:
        field: Its name, for the error.
        value: As it came.
        low: Lowest; None where any will do.
        high: Highest; given with ``low``.
        empty: What nothing stands for; None if there must be something.

    Raises:
        SettingsError: It is none.
    """
    if empty is not None and value in (None, ""):
        return empty
    try:
        number = float(str(value))
        if number != int(number) or (low is not None and high is not None and not low <= number <= high):
            raise ValueError
    except (ValueError, OverflowError):
        wanted = "a whole number" if low is None else f"a whole number from {low} to {high}"
        raise SettingsError(field, "This number cannot be used", found=value, wanted=wanted) from None
    return int(number)


def shortest(number: float) -> str:
    """The shortest text that is read as this number again."""
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(number)
