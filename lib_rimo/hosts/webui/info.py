"""What the WebUI, its settings and the files beside its checkpoints say."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from lib_rimo.merging.checkpoints.architecture import family_of, known_family
from lib_rimo.merging.checkpoints.families import FAMILIES

log = logging.getLogger("rimo")


def schedules() -> tuple[str, ...]:
    """The WebUI's noise schedules, by label and by short name."""
    from modules import sd_schedulers

    return tuple(dict.fromkeys(n for s in sd_schedulers.schedulers for n in (s.label, s.name)))


def chunks_of(encoder: Any, prompt: str) -> int:
    """Windows that a prompt fills, as the WebUI's own text encoder wrapper cuts it; 1 where it does not say."""
    cut = getattr(encoder, "process_texts", None)
    return 1 if cut is None else len(cut([prompt])[0][0])


def sidecar_size(checkpoint: Path) -> tuple[int, int] | None:
    """Width and height in pixels that a configuration beside a checkpoint (same stem, ``.yaml``) names."""
    import yaml

    try:
        text = checkpoint.with_suffix(".yaml").read_text(encoding="utf-8")
        side = int(yaml.safe_load(text)["model"]["params"]["image_size"]) * family_of(checkpoint).latent.scale
    except (OSError, UnicodeError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return None
    return side, side


def native_size(checkpoint: Path, *, is_xl: bool) -> tuple[int, int]:
    """Width and height in pixels that a model was made for.

    Args:
        checkpoint: Its file; a configuration beside it says so, or its family's file.
        is_xl: Whether the WebUI takes it for SDXL, for files that are not recognised.
    """
    family = known_family(checkpoint) or FAMILIES["sdxl-base" if is_xl else "sd1"]
    return sidecar_size(checkpoint) or (family.drawing.width, family.drawing.height)


def ui_defaults() -> dict[str, Any]:
    """What the user keeps as defaults of the text-to-image tab: ``sampler``, ``steps`` and ``cfg`` where there are any.

    The WebUI writes them to its UI configuration at its first start. The Forges fill the tab in anew from the options
    of the preset that is chosen above it (0 leaves what is there).
    """
    return {**_kept_in_file(), **_of_preset()}


def _kept_in_file() -> dict[str, Any]:
    from modules import shared

    names = {
        "customscript/sampler.py/txt2img/Sampling method/value": "sampler",
        "customscript/sampler.py/txt2img/Sampling steps/value": "steps",
        "txt2img/CFG Scale/value": "cfg",
    }
    try:
        kept = json.loads(Path(shared.cmd_opts.ui_config_file).read_text(encoding="utf-8"))
        return {ours: kept[name] for name, ours in names.items() if kept.get(name)}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.debug("no defaults of the user: %s", error)
        return {}


def _of_preset() -> dict[str, Any]:
    from modules import shared

    if not (preset := shared.opts.data.get("forge_preset")):
        return {}
    names = {"sampler": "sampler", "steps": "step", "cfg": "cfg"}
    kept = {ours: getattr(shared.opts, f"{preset}_t2i_{theirs}", None) for ours, theirs in names.items()}
    return {ours: value for ours, value in kept.items() if value}
