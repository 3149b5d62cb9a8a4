"""The merge method of a study: its options, and whether it can do what is asked for."""

from __future__ import annotations

from lib_rimo.errors import PluginError, RecipeError, SettingsError
from lib_rimo.merging.mix.method import Value, options_of
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.said import say
from lib_rimo.study.settings.search import SearchOptions


def method_options(search: SearchOptions) -> dict[str, Value]:
    """The options of the method, those that are not given by their defaults.

    Where the method is of a package that is not installed any more, those that are given: enough to look at a study.

    Raises:
        SettingsError: One is unknown, or has no such value.
    """
    try:
        given = options_of(search.method_options)
        return METHODS[search.method].resolve(given) if search.method in METHODS else dict(given)
    except RecipeError as error:
        raise SettingsError(
            "method_options", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error


def check_method(search: SearchOptions, n_partners: int) -> None:
    """Says why a study could not mix by its method.

    Raises:
        SettingsError: There is no such method or option, or it takes other numbers of partners or other weights.
    """
    try:
        method = METHODS[search.method]
    except PluginError as error:
        raise SettingsError(
            "method", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error
    method_options(search)
    together = min(search.partners_per_epoch, n_partners)
    fewest, most = method.partners
    if together < fewest or (most is not None and together > most):
        raise SettingsError(
            "partners_per_epoch",
            say("The merge method {1} cannot mix so many partners at a time", search.method),
            found=together,
            wanted=method.partners_text,
        )
    low, high = method.weights
    if search.bounds[0] < low or search.bounds[1] > high:
        raise SettingsError(
            "bounds",
            say("The merge method {1} has no such weights", search.method),
            found=say("{1} to {2}", f"{search.bounds[0]:g}", f"{search.bounds[1]:g}"),
            wanted=say("{1} to {2}", f"{low:g}", f"{high:g}"),
        )
