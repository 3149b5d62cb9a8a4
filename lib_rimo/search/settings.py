"""Every constant of the search, with its reason. All of them are checked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from lib_rimo.errors import SettingsError


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Constants of the default search. Figures behind the defaults: ``lib_rimo/search/README.md``.

    Attributes:
        prompts_per_trial: Prompts drawn per recipe. 8 to 32 are equally good, 100 is clearly worse: many recipes
            met briefly teach the model more than few met at length.
        base_prompts: Prompts for the zero recipe, to which every gain is relative.
        base_share: At most this share of the budget goes to the zero recipe.
        equal_weights: Equal weights tried at the start, beside the uniform ``average``: a small weight everywhere is
            often already most of the gain.
        average: The equal weight at which base and partners count alike; None: that of a weighted sum,
            ``1 / (n_partners + 1)``.
        trivial_prompts: Prompts drawn for such a recipe: what is bad shows at once, what is good is met again.
        hopeless_chance: No larger equal weight is tried once a smaller one beats the base with less than this
            probability.
        hopeful_chance: The stage of one weight per partner goes on while a recipe of it beats the base with at least
            this probability; where partners help some groups and hurt others it is skipped.
        single_weights: Weights at which each partner alone is tried, as far as the bounds allow. At 1 it is the
            partner itself: whoever mixes must know when a parent is better than the mix.
        shared_factor: The stage of one weight per partner ends after ``shared_factor * (1 + n_partners)`` recipes.
        shares: How much of a recipe's effect is expected to come from all weights together, from each block group by
            itself, and from each partner's mean weight, see ``kernel.py``.
        share_sd: How sure that is: prior sd of the logarithms; the pictures decide.
        relevance_sd: How much block groups may differ in importance: prior sd of the logarithm; 0: not at all.
        kappa_start: Optimism at the beginning, in standard deviations.
        kappa_end: Optimism at the end of the budget, grown to by a constant factor per picture. Pictures make the model
            sure of what it has met; without more optimism the late recipes all lie where the leader is.
        region: Half side, in weights, of the region around the leader that is searched. A Gaussian process in many
            dimensions is most uncertain, hence most optimistic, in the corners, where merges are garbage.
        check_share: Share of the budget kept for the end: for the recipe that the model thinks is best of all, met or
            not, and for meeting the leaders again on prompts that they have not met.
        check_region: How far, in weights, that recipe may be from the best one met.
        check_recipes: Into how many such recipes the share is divided.
        keep_chance: The base is kept unless the leader beats it with at least this probability: what is
            no better should not be changed.
        fit_growth: Scales are fitted anew whenever the number of recipes has grown by this factor.
        fit_until: No fits after so many trials: the scales hardly move any more.
        fit_iterations: Quasi-Newton steps of such a fit.
        n_points: Random points that the acquisition function is tried on.
        n_restarts: How many of them are refined by gradient.
        random_shrink: For the strategy ``random``: the bounds are multiplied by this. Random points of a whole box
            are mostly garbage.
    """

    prompts_per_trial: int = 16
    base_prompts: int = 48
    base_share: float = 0.08
    equal_weights: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6)
    average: float | None = None
    trivial_prompts: int = 8
    hopeless_chance: float = 0.1
    hopeful_chance: float = 0.3
    single_weights: tuple[float, ...] = (0.2, 1.0)
    shared_factor: int = 3
    shares: tuple[float, float, float] = (0.3, 0.3, 0.4)
    share_sd: float = 1.0
    relevance_sd: float = 0.5
    kappa_start: float = 2.0
    kappa_end: float = 6.0
    region: float = 0.15
    check_share: float = 0.1
    check_region: float = 0.3
    check_recipes: int = 3
    keep_chance: float = 0.9
    fit_growth: float = 1.3
    fit_until: int = 120
    fit_iterations: int = 30
    n_points: int = 200
    n_restarts: int = 3
    random_shrink: float = 0.5

    def __post_init__(self) -> None:
        for name in (
            "prompts_per_trial",
            "base_prompts",
            "shared_factor",
            "check_recipes",
            "fit_iterations",
            "trivial_prompts",
        ):
            self._at_least(name, 1)
        for name in ("n_points", "n_restarts"):
            self._at_least(name, 1)
        for name in ("kappa_start", "kappa_end", "share_sd", "relevance_sd"):
            self._at_least(name, 0.0)
        for name in ("region", "check_region"):
            self._at_least(name, 1e-3)
        for name in (
            "base_share",
            "check_share",
            "keep_chance",
            "random_shrink",
            "hopeless_chance",
            "hopeful_chance",
        ):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise SettingsError(name, f"{name} is out of range", found=value, wanted="a share in [0, 1]")
        if not min(self.shares) > 0.0:
            raise SettingsError(
                "shares", "shares is out of range", found=self.shares, wanted="three positive numbers"
            )
        if not self.fit_growth > 1.0:
            raise SettingsError(
                "fit_growth", "fit_growth is out of range", found=self.fit_growth, wanted="more than 1"
            )

    def _at_least(self, name: str, least: float) -> None:
        value = getattr(self, name)
        if not value >= least:
            raise SettingsError(name, f"{name} is out of range", found=value, wanted=f"at least {least:g}")

    def but(self, **changes: object) -> SearchSettings:
        """A copy with some settings changed; checked like a new one."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]
