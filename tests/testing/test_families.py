"""The families that come with the program keep to what is asked of those that packages add."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from lib_rimo.testing import FamilyTestCase
from tests.merging.models import U, sd1_tensors, sdxl_tensors


def shapes(
    tensors: Mapping[str, torch.Tensor], *without: str, **more: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """The shapes of a model, with all three parts of its middle."""
    found = {
        key: tuple(tensor.shape) for key, tensor in tensors.items() if not key.startswith(without or ("-",))
    }
    return found | {f"{U}middle_block.{i}.in_layers.0.bias": (4,) for i in (0, 2)} | more


class TestSd1(FamilyTestCase):
    """Stable Diffusion 1."""

    family = "sd1"
    shapes = shapes(sd1_tensors())


class TestSd2(FamilyTestCase):
    """Stable Diffusion 2."""

    family = "sd2"
    shapes = shapes(sd1_tensors(), "cond_stage_model.", **{"cond_stage_model.model.ln_final.bias": (3,)})


class TestSdxl(FamilyTestCase):
    """Stable Diffusion XL."""

    family = "sdxl-base"
    shapes = shapes(sdxl_tensors())


class TestRefiner(FamilyTestCase):
    """SDXL's refiner."""

    family = "sdxl-refiner"
    shapes = shapes(
        {k: t for k, t in {**sd1_tensors(), **sdxl_tensors()}.items() if not k.startswith("cond_stage")},
        "conditioner.embedders.1.",
    )
