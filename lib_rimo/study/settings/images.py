"""Settings of a study that say what its prompts and pictures are like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib_rimo.benchmark.settings import ALIKE
from lib_rimo.merging.checkpoints.families import FAMILIES, OWN
from lib_rimo.study.settings.profiles import NONE, TITLES
from lib_rimo.study.settings.setting import End, Recorded, Row, setting
from lib_rimo.study.settings.sizes import Size

SIDE_STEP = FAMILIES[OWN[0]].latent.scale
"""Pixels of a picture's side come in eights: so much the VAE enlarges. A base of another family may ask for more."""
LARGEST_SIDE = 4096
"""Pixels; twice where the WebUIs' own sliders end. Steps and CFG end where those do."""
MOST_TAGS = 150
"""More than a text encoder reads."""
RESOLVED = "resolved, in the layout"
MODELS_OWN = "what the model's configuration asks for"


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What prompts ask for, and how their pictures are drawn.

    Attributes:
        tags: Fewest and most tags of a prompt; None lets the size of the catalogue decide.
        width: Pixels; None takes what the model's configuration asks for, as do the following.
        height: Pixels.
        sizes: Sizes that each prompt gets one of, evenly and by its seed; width and height come before them.
        profile: What holds where nothing else is said: one of ``PROFILES`` by name, ``none``, or None for the one that
            the base's file tells.
        steps: Denoising steps.
        cfg: Guidance scale.
        sampler: Name of the sampler.
        scheduler: Name of the noise schedule.
        catalogue: File of tags; None takes the default of the tagger or of the project.
        one_per_category: At most one tag of a category in a prompt, for catalogues of alternatives.
        alike: What prompts ask for equally often, one of ``benchmark.settings.ALIKE``.
        prefix: Put before the tags of every prompt.
        negative: The negative prompt.
        clip_skip: Layers of the text encoder that are left out, counted as the WebUIs count: 1 leaves out none. None
            takes what the model's configuration asks for, or what is set in a WebUI.
        vae: File of a VAE to draw with instead of the model's own, where the program that draws can take one.
    """

    tags: tuple[int, int] | None = setting(
        None,
        help="fewest and most tags in a prompt",
        unset="by the size of the catalogue",
        ends=(
            End(
                "tags_fewest",
                "Fewest tags in a prompt",
                "Choose what your own prompts have. 0 leaves it to the list of tags: 5 from a long one, 2 "
                "from a short one.",
            ),
            End(
                "tags_most",
                "Most tags in a prompt",
                "More tags measure more with each image, but crowd it. 0: 20 from a long list, 6 from a "
                "short one.",
            ),
        ),
        row=Row.TAGS,
        metavar=("FEWEST", "MOST"),
        recorded=RESOLVED,
    )
    width: int | None = setting(
        None,
        "Width",
        "0 takes the model's own size. Smaller is faster, but the model is judged at that size.",
        "width of a picture, in pixels",
        unset=MODELS_OWN,
        row=Row.PICTURE,
        least=SIDE_STEP,
        most=LARGEST_SIDE,
        step=SIDE_STEP,
        recorded=RESOLVED,
    )
    height: int | None = setting(
        None,
        "Height",
        "0 takes the model's own size.",
        "its height",
        unset=MODELS_OWN,
        row=Row.PICTURE,
        least=SIDE_STEP,
        most=LARGEST_SIDE,
        step=SIDE_STEP,
        recorded=RESOLVED,
    )
    sizes: tuple[Size, ...] = setting(
        (),
        "Sizes",
        "One per line, such as 832x1216. Each prompt gets one of them, always the same for the same seed. Width and "
        "height, if they are given, come before them.",
        "sizes of the pictures, such as 832x1216 1216x832: each prompt gets one of them; --width and --height come "
        "before them",
        unset="the profile's, else what the model's configuration asks for",
        row=Row.PICTURE,
        metavar="WIDTHxHEIGHT",
        recorded=RESOLVED,
    )
    steps: int | None = setting(
        None,
        "Steps",
        "0 takes the usual number. Time grows with it; as few as still draw clearly are enough here.",
        "denoising steps",
        unset=MODELS_OWN,
        row=Row.PICTURE,
        least=1,
        most=150,
        recorded=RESOLVED,
    )
    cfg: float | None = setting(
        None,
        "CFG scale",
        "0 takes the usual value. Use the one that you draw with.",
        "guidance scale",
        unset=MODELS_OWN,
        row=Row.PICTURE,
        least=0,
        most=30,
        recorded=RESOLVED,
    )
    sampler: str | None = setting(
        None,
        "Sampler",
        "Empty takes the usual one. Names are those of the program that draws.",
        "name of the sampler",
        unset=MODELS_OWN,
        row=Row.PROMPT,
        recorded=RESOLVED,
    )
    scheduler: str = setting(
        "Automatic",
        "Noise schedule",
        "Automatic takes the one that belongs to the sampler. Names are those of the program that draws.",
        "name of the noise schedule",
        row=Row.READING,
        recorded=RESOLVED,
    )
    profile: str | None = setting(
        None,
        "Drawing profile",
        "What models of a kind are drawn with: fills in sampler, steps, CFG scale, sizes, clip skip and the words of "
        "the prompts, which all can be changed under Advanced.",
        "what models of a kind are drawn with, for everything that is not given",
        unset="by the base's file",
        row=Row.READS,
        choices={"": "By the base", **TITLES, NONE: "None: the model's own configuration"},
    )
    catalogue: Path | None = setting(
        None,
        "File of tags",
        "A CSV or YAML file with the tags to ask for. Empty takes 443 tags for a general audience, or the "
        "tagger's own.",
        "CSV or YAML file of tags and their categories",
        unset="443 general-audience tags that come along, if the tagger knows them; else the tagger's own",
        row=Row.TAG_LIST,
        metavar="FILE",
        recorded=Recorded.NAME,
    )
    one_per_category: bool = setting(
        False,
        "At most one tag of a category in a prompt",
        "For lists whose categories are alternatives, such as one colour or one place.",
        "at most one tag of a category in a prompt, for lists whose categories are alternatives",
        row=Row.TAG_LIST,
        recorded=Recorded.BENCHMARK,
    )
    alike: str = setting(
        "tags",
        "Asked for equally often",
        "Every tag: a category of many tags counts more than one of few. Every category: each counts the same, however "
        "many tags it has.",
        "what prompts ask for equally often: tags, so that a category of many tags counts more, or categories",
        row=Row.TAG_LIST,
        choices=ALIKE,
        recorded=Recorded.BENCHMARK,
    )
    prefix: str = setting(
        "",
        "Text before every prompt",
        "For quality words that you always write. They are not counted as tags.",
        "text before the tags of every prompt; tags are escaped (star \\(symbol\\)), your own text stays as it "
        "is",
        unset="empty",
        row=Row.PROMPT,
        recorded=Recorded.BENCHMARK,
    )
    negative: str = setting(
        "",
        "Negative prompt of every image",
        "The one that you use yourself; empty is the plainest comparison.",
        "negative prompt",
        unset="empty",
        row=Row.PROMPT,
        recorded=Recorded.BENCHMARK,
    )
    clip_skip: int | None = setting(
        None,
        "Clip skip",
        "0 takes what the model asks for, or what is set in your WebUI. 2 is usual for anime models of SD1; SDXL is "
        "read the same way with 1 and 2.",
        "layers of the text encoder that are left out, counted as the WebUIs count; 1 leaves out none",
        unset="the profile's, else what the model's configuration asks for",
        row=Row.PROMPT,
        least=1,
        most=12,
        recorded=RESOLVED,
    )
    vae: Path | None = setting(
        None,
        "VAE",
        "The file of a VAE to draw with. Empty takes the model's own, or the one beside it (model.vae.safetensors). In "
        "a WebUI, choose it there.",
        "file of a VAE to draw with instead of the model's own; not in a WebUI, which has a choice of its own",
        unset="the model's own, or the one beside it (model.vae.safetensors)",
        row=Row.READING,
        metavar="FILE",
        recorded=Recorded.NAME,
    )
