"""A checkpoint's tensors as a diffusers pipeline, by diffusers' own conversion from the original layout.

The pipelines of SD and SDXL are put together part by part, so that names and VAE may be other ones than diffusers looks
for. Those of other families are left to diffusers, which reads the file itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.configuration import is_shipped, read_index, shipped
from lib_rimo.hosts.diffusers.text import CLIP_PIPELINES
from lib_rimo.hosts.diffusers.vae import is_vae, load_vae
from lib_rimo.merging.checkpoints.architecture import Architecture
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.families import families
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps diffusers and transformers from writing to the terminal inside; errors still come."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    levels = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    # Neither library has a public way to ask in all supported versions; both keep it in this name.
    bars = [getattr(module, "_tqdm_active", True) for module in (diffusers_logging, transformers_logging)]
    try:
        for module in (diffusers_logging, transformers_logging):
            module.set_verbosity_error()
            module.disable_progress_bar()
        yield
    finally:
        diffusers_logging.set_verbosity(levels[0])
        transformers_logging.set_verbosity(levels[1])
        for module, active in zip((diffusers_logging, transformers_logging), bars, strict=True):
            if active:
                module.enable_progress_bar()


def build(
    file: Checkpoint, kind: Architecture, config_dir: Path | None, dtype: torch.dtype, vae: Path | None
) -> DiffusionPipeline:
    """Makes a pipeline of a checkpoint.

    Args:
        file: In the original layout.
        kind: What it is.
        config_dir: Folder with the diffusers configuration; None for the usual one of the family, which comes with the
            program or, for families where it does not, is fetched from the hub once.
        dtype: Of the weights.
        vae: File of another VAE than the checkpoint's.

    Raises:
        HostError: The file or the configuration cannot be loaded, or do not belong together.
    """
    own = kind.family.diffusers
    name = "" if own is None else own.pipeline
    if config_dir is not None:
        name = str(read_index(config_dir).get("_class_name"))
    known = {f.diffusers.pipeline: f.diffusers.options for f in families() if f.diffusers is not None}
    if name not in known:
        raise HostError(
            "The configuration is of a kind of model that cannot be drawn with",
            found=name or kind.family.title,
            wanted=" or ".join(known),
        )
    try:
        with quiet():
            if name in CLIP_PIPELINES and config_dir is not None:
                pipeline = _of_tensors(file, kind, config_dir, name, known[name], dtype, vae)
            elif name in CLIP_PIPELINES and is_shipped(kind.name):
                with shipped(kind.name) as folder:
                    pipeline = _of_tensors(file, kind, folder, name, known[name], dtype, vae)
            else:
                pipeline = _of_file(file.path, config_dir, name, known[name], dtype)
    except HostError:
        raise
    except Exception as error:
        # diffusers raises whatever was at hand (KeyError, AttributeError, its own kinds, the hub's kinds).
        raise _explained(error, file, kind, config_dir) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def check_whole(file: Checkpoint, kind: Architecture, config_dir: Path | None) -> None:
    """Refuses a UNet without text encoders, unless the configuration's folder has their weights.

    Raises:
        HostError: It is one.
    """
    texts = kind.family.parts("text")
    if not texts or any(key.startswith(texts) for key in file):
        return
    if config_dir is None or not any((config_dir / "text_encoder" / name).is_file() for name in _WEIGHTS):
        raise HostError(
            say("{1} has no text encoder, so no prompt can be drawn with it", file.name),
            found="a part of a model and not the whole",
            wanted="a whole checkpoint",
            fix="Choose the model's full file, or bake the text encoder in",
        )


def _of_file(
    path: Path, config_dir: Path | None, name: str, options: Mapping[str, Any], dtype: torch.dtype
) -> DiffusionPipeline:
    import diffusers

    source = {} if config_dir is None else {"config": str(config_dir)}
    made: DiffusionPipeline = getattr(diffusers, name).from_single_file(
        str(path), local_files_only=True, torch_dtype=dtype, **source, **options
    )
    return made


def _of_tensors(
    file: Checkpoint,
    kind: Architecture,
    folder: Path,
    name: str,
    options: Mapping[str, Any],
    dtype: torch.dtype,
    vae: Path | None,
) -> DiffusionPipeline:
    import diffusers
    import transformers

    tensors = {key: file.tensor(key) for key in file}
    if vae is not None:
        tensors = {key: tensor for key, tensor in tensors.items() if not is_vae(key, kind.family)}
    common = {"config": str(folder), "local_files_only": True, "torch_dtype": dtype}
    index = read_index(folder)
    scheduler = getattr(diffusers, index["scheduler"][-1])
    parts: dict[str, Any] = {
        "unet": diffusers.UNet2DConditionModel.from_single_file(dict(tensors), subfolder="unet", **common),
        "vae": load_vae(vae, folder, dtype)
        if vae is not None
        else diffusers.AutoencoderKL.from_single_file(dict(tensors), subfolder="vae", **common),
        "scheduler": scheduler.from_pretrained(str(folder), subfolder="scheduler", local_files_only=True),
    }
    for number, encoder in (("", "CLIPTextModel"), ("_2", "CLIPTextModelWithProjection")):
        if (folder / f"text_encoder{number}").is_dir():
            parts[f"text_encoder{number}"] = _text_encoder(
                getattr(transformers, encoder), file, kind, tensors, folder / f"text_encoder{number}", dtype
            )
            parts[f"tokenizer{number}"] = transformers.CLIPTokenizer.from_pretrained(
                str(folder / f"tokenizer{number}"), local_files_only=True
            )
    cls = getattr(diffusers, name)
    takes = inspect.signature(cls.__init__).parameters
    plain = {key: value for key, value in index.items() if key in takes and not isinstance(value, list)}
    made: DiffusionPipeline = cls(**{**plain, **options, **parts})
    return made


def _text_encoder(
    cls: Any,
    file: Checkpoint,
    kind: Architecture,
    tensors: Mapping[str, torch.Tensor],
    folder: Path,
    dtype: torch.dtype,
) -> torch.nn.Module:
    """A text encoder out of the checkpoint; where that has none at all, with the configuration's own weights."""
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm

    if any(key.startswith(kind.family.parts("text")) for key in file):
        encoder: torch.nn.Module = create_diffusers_clip_model_from_ldm(
            cls,
            checkpoint=dict(tensors),
            subfolder=folder.name,
            config=str(folder.parent),
            torch_dtype=dtype,
            local_files_only=True,
        )
        return encoder.eval()
    stored: torch.nn.Module = cls.from_pretrained(str(folder), torch_dtype=dtype, local_files_only=True)
    return stored.eval()


def _explained(error: Exception, file: Checkpoint, kind: Architecture, config_dir: Path | None) -> HostError:
    if _is_offline(error):
        return HostError(
            say("The configuration that {1} is drawn by is not on this computer yet", file.name),
            found=say("{1}, and no connection to fetch its configuration by", say(kind.describe())),
            wanted="a connection to huggingface.co once, or a folder with the model's diffusers configuration",
            fix="Go online and try again, or start the program with that folder",
            setting="config",
        )
    fix = say(
        "Start the program with the folder of its diffusers configuration, or choose another checkpoint"
    )
    if config_dir is not None:
        fix = say("Check that {1} is the configuration of this very model", str(config_dir))
    # The values of a weight that the file lacks stay "meta"; torch's own words for that help nobody.
    lacks = isinstance(error, NotImplementedError) and "meta" in str(error)
    reason = (
        "the file lacks weights of the model" if lacks else f"{type(error).__name__}: {_first_line(error)}"
    )
    return HostError(
        "diffusers cannot load the checkpoint",
        found=say("{1}: {2}", file.name, reason),
        wanted="an SD or SDXL checkpoint in the original layout, and its configuration",
        fix=fix,
        setting="config",
    )


def _is_offline(error: BaseException | None) -> bool:
    """Whether what went wrong is that a file of the hub is neither here nor can be fetched."""
    while error is not None:
        if type(error).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")
