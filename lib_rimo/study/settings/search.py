"""Settings of a study that say what is searched, and how."""

from __future__ import annotations

from dataclasses import dataclass

from lib_rimo.merging.mix.methods import METHODS, WEIGHTED_SUM
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.search.strategy import STRATEGIES
from lib_rimo.study.settings.limits import Limit, Tie
from lib_rimo.study.settings.setting import End, Row, setting


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What an epoch searches, and with how many pictures.

    Attributes:
        partition: Block groups: a shipped name or the path of a JSON file.
        frozen: Groups that stay the base's. The VAE by default: it decodes latents of one scale, and averaged
            VAEs are where merges get their grey veil.
        bounds: Lowest and highest weight of a partner in a group. At 1 the group is the partner's, so that each
            parent is among the mixes. Slightly negative lets a partner be subtracted; more only breaks pictures
            (upstream's 1.8/-0.8 collapses).
        limits: Bounds of their own for block groups, partners, or a partner's block group (``constraints``); narrower
            or wider than ``bounds``, and zero lies in them.
        ties: Block groups whose weights are searched as one, or partners with one weight for all groups
            (``constraints``).
        budget: Images that the search may draw in all epochs together.
        pool: Prompts in an epoch's pool. More prompts make the winner less a winner on these prompts only; each
            is met seldom enough that 200 cost nothing.
        partners_per_epoch: Upstream's 3. Each adds one dimension per group to what the search must learn.
        method: Name of the merge method (``merging.mix.methods``). The weighted sum: block-weighted merges are that.
        method_options: ``name=value`` each, of the method's own options.
        strategy: Name of the search strategy.
        start: The recipe that the search begins with, over these same files; None begins with the base. Frozen groups
            keep its weights.
    """

    partition: str = setting(
        "theater",
        "Block groups",
        "Each group gets its own weight. More groups can fit better but need more images to learn.",
        "how the network is cut into parts: theater (9), ro (11), mbw (every block), coarse, global (one "
        "weight per model), or your own JSON file",
        kind="own",
        recorded="in the recipe",
    )
    frozen: tuple[str, ...] = setting(
        ("vae",),
        "Parts that stay the base's",
        "The VAE by default: averaged ones are where merges get their grey veil.",
        "parts that stay the base's",
        row=Row.TAG_LIST,
        kind="groups",
        metavar="GROUP",
    )
    bounds: tuple[float, float] = setting(
        (-0.2, 1.0),
        help="lowest and highest weight of a partner",
        ends=(
            End(
                "bounds_lowest",
                "Lowest weight of a partner",
                "A little below zero lets a partner be subtracted; far below breaks images.",
            ),
            End(
                "bounds_highest",
                "Highest weight of a partner",
                "At 1 the partner replaces the base in that group. Far above breaks images.",
            ),
        ),
        row=Row.BOUNDS,
        metavar=("LOW", "HIGH"),
    )
    limits: tuple[Limit, ...] = setting(
        (),
        "Limits for single parts or partners",
        "One per line: a block group, a partner's file, or partner/group, then = and lowest:highest, such as "
        "mid=0:0.3. With =0 nothing is mixed in there. Later lines win.",
        "limits of its own for a part, a partner or a partner's part, such as mid=0:0.3 or anime/text=0; can "
        "be given several times, the last that names a weight counts",
        row=Row.CONSTRAINTS,
        option="limit",
        metavar="WHERE=LOW:HIGH",
        repeat=True,
    )
    ties: tuple[Tie, ...] = setting(
        (),
        "Weights that are searched as one",
        "One per line: block groups with commas between them, such as out1,out2. Or a partner's file: one "
        "weight for the whole model. Fewer weights need fewer images.",
        "parts that share one weight, such as out1,out2, or a partner, which then has one weight for the "
        "whole model; can be given several times",
        row=Row.CONSTRAINTS,
        option="tie",
        metavar="GROUP,GROUP",
        repeat=True,
    )
    budget: int = setting(
        1000,
        "Images the search may draw",
        "In all epochs together. With 9 groups and 2 partners, 640 reached 70 to 88 % of what could be gained "
        "on four kinds of test problems, and 1,000 reached 85 to 94 %.",
        "pictures that the search may draw",
        row=Row.SIZE,
        metavar="IMAGES",
        least=1,
        most=1_000_000,
    )
    pool: int = setting(
        200,
        "Prompts of an epoch",
        "The search draws its images from so many. With fewer, the winner is more of a winner on these only.",
        "prompts that an epoch's pictures are drawn from",
        row=Row.SEARCH,
        metavar="PROMPTS",
        least=16,
        most=100_000,
    )
    partners_per_epoch: int = setting(
        3,
        "Partners in one epoch",
        "More than that take turns. Each one more has as many weights to learn as there are block groups.",
        "partners in one epoch, drawn from all of them without repeats",
        row=Row.EPOCHS,
        metavar="N",
        least=1,
        most=1000,
    )
    method: str = setting(
        WEIGHTED_SUM,
        "How models are mixed",
        "The weighted sum is what block-weighted merges are. Others come with packages that are installed.",
        "merge method: weighted-sum, contact-fusion, or one of an installed package",
        row=Row.SEARCH,
        choices=METHODS.labels,
    )
    method_options: tuple[str, ...] = setting(
        (),
        "Options of the merge method",
        "One per line, such as rank=16; each method says what it has. Empty takes the usual ones.",
        "options of the merge method, such as rank=16",
        row=Row.SEARCH,
        metavar="NAME=VALUE",
    )
    strategy: str = setting(
        "default",
        "How the search proposes mixes",
        "The default one needs the fewest images. Those of the earlier scripts and plain chance are there to "
        "compare.",
        "how the search proposes mixes",
        row=Row.SEARCH,
        choices=STRATEGIES.labels,
    )
    start: Recipe | None = setting(
        None,
        "Recipe to begin with",
        "Of these same checkpoints, as the view Recipe copies it. Empty begins with the base.",
        "file of a recipe over these same checkpoints that the search begins with",
        unset="the base itself",
        row=Row.START,
        kind="long",
        metavar="FILE",
        recorded="its weights are part of the recipe",
    )
