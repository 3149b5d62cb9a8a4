"""A batch of image requests through a diffusers pipeline's own sampling loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from PIL import Image

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.schedulers import build_scheduler
from lib_rimo.hosts.diffusers.text import TextCache, TextEmbedding
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.prompt_text import not_read
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


class InterruptedDrawing(Exception):  # noqa: N818 -- not an error: it only leaves the pipeline's loop
    """Drawing ended early because it was asked to."""


def draw(
    pipeline: DiffusionPipeline,
    texts: TextCache,
    requests: Sequence[ImageRequest],
    is_stopped: Callable[[], bool],
) -> list[Image.Image]:
    """Draws requests of one layout, in one call per length of prompt.

    Prompts of different lengths are never drawn together: a picture must not depend on the others.

    Args:
        pipeline: The pipeline, with the weights to draw with.
        texts: Encoded prompts of this pipeline.
        requests: At least one, all of one layout.
        is_stopped: Asked after each step whether to end early.

    Returns:
        One picture per request, in order.

    Raises:
        HostError: Unknown sampler or schedule, or pictures with values that are not numbers.
        InterruptedDrawing: ``is_stopped`` said so.
    """
    by_length: dict[int, list[int]] = {}
    for index, request in enumerate(requests):
        _refuse_unread(request)
        lengths = [embedding.n_chunks for embedding in _sides(texts, request).values()]
        by_length.setdefault(math.lcm(*lengths), []).append(index)
    pictures: dict[int, Image.Image] = {}
    for chunks, indices in by_length.items():
        images = _call(pipeline, texts, [requests[i] for i in indices], chunks, is_stopped)
        pictures.update(zip(indices, images, strict=True))
    return [pictures[i] for i in range(len(requests))]


def _call(
    pipeline: DiffusionPipeline,
    texts: TextCache,
    requests: list[ImageRequest],
    chunks: int,
    is_stopped: Callable[[], bool],
) -> list[Image.Image]:
    def after_step(_pipeline: object, _step: int, _timestep: object, _tensors: object) -> dict[str, object]:
        if is_stopped():
            raise InterruptedDrawing
        return {}

    first = requests[0]
    with _scheduler(pipeline, first):
        images = pipeline(
            **_embeddings(texts, requests, chunks),
            width=first.width,
            height=first.height,
            num_inference_steps=first.steps,
            guidance_scale=first.cfg,
            # Made on the CPU: the same noise on every device, and each picture's own.
            generator=[torch.Generator("cpu").manual_seed(r.seed) for r in requests],
            output_type="pt",
            callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=[],
        ).images
    bad = [r.seed for r, image in zip(requests, images, strict=True) if not bool(image.isfinite().all())]
    if bad:
        raise HostError(
            "The model computed values that are not numbers",
            found=say("{1} of {2} pictures, first at seed {3}", len(bad), len(requests), bad[0]),
            wanted="pictures",
            fix="A weight is damaged or too far from its parents; smaller bounds keep merges closer",
        )
    processor = pipeline.image_processor
    pictures: list[Image.Image] = processor.numpy_to_pil(processor.pt_to_numpy(images))
    return pictures


def _refuse_unread(request: ImageRequest) -> None:
    """Makes sure that nothing is drawn as words that the WebUIs would read as something else.

    Raises:
        HostError: A prompt asks for what is not done here.
    """
    for prompt in (request.prompt, request.negative):
        if (unread := not_read(prompt)) is not None:
            raise HostError(
                say("Prompts cannot have {1} here", say(unread)),
                found=prompt,
                wanted="words, their emphasis and BREAK",
                fix="Leave it out, or put a backslash before brackets that belong to a word",
            )


def _sides(texts: TextCache, request: ImageRequest) -> dict[str, TextEmbedding]:
    """What a request's texts come to, by what the pipeline's arguments for them begin with."""
    skip = request.clip_skip or 1
    sides = {"": texts.positive(request.prompt, skip)}
    if request.cfg > 1:
        sides["negative_"] = texts.negative(request.negative, skip)
    return sides


def _embeddings(texts: TextCache, requests: list[ImageRequest], chunks: int) -> dict[str, torch.Tensor]:
    """The pipeline's text arguments: ``(n_requests, window * chunks, width)`` and, for SDXL, the pooled ones."""
    named: dict[str, torch.Tensor] = {}
    every = [_sides(texts, request) for request in requests]
    for side in every[0]:
        embeddings = [texts.repeated(sides[side], chunks) for sides in every]
        named[f"{side}prompt_embeds"] = torch.cat([e.tokens for e in embeddings])
        pooled = [e.pooled for e in embeddings if e.pooled is not None]
        if pooled:
            named[f"{side}pooled_prompt_embeds"] = torch.cat(pooled)
    return named


@contextmanager
def _scheduler(pipeline: DiffusionPipeline, request: ImageRequest) -> Iterator[None]:
    """Gives the pipeline a request's scheduler; the model's own comes back."""
    own = pipeline.scheduler
    pipeline.scheduler = build_scheduler(request.sampler, request.scheduler, own.config)
    try:
        yield
    finally:
        pipeline.scheduler = own
