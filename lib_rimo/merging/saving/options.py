"""How a merged checkpoint is written: number type, with or without VAE, with or without EMA copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from lib_rimo.errors import RecipeError, SaveError
from lib_rimo.merging.checkpoints.keys import place_of

NUMBER_TYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
)
"""What users may ask for, by the names of the field."""

EMA_PREFIX = "model_ema."
"""Moving averages that training leaves in a file. Nothing that draws reads them, and a merge does not touch them."""


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """How to write a checkpoint.

    Attributes:
        number_type: One of ``NUMBER_TYPES`` for everything that is merged; empty keeps each tensor's type in the
            base. Tensors that are never merged (schedules, position ids) keep theirs in any case.
        vae: Whether the VAE goes in. Without it hosts use one of their own.
        ema: Whether the base's EMA copies go in. They belong to the base's weights, not to the mix.
    """

    number_type: str = ""
    vae: bool = True
    ema: bool = True

    def __post_init__(self) -> None:
        if self.number_type and self.number_type not in NUMBER_TYPES:
            raise SaveError(
                "A checkpoint cannot be saved in this number type",
                found=self.number_type,
                wanted=", ".join(NUMBER_TYPES),
                fix="Choose one of them",
            )

    @property
    def dtype(self) -> torch.dtype | None:
        """The number type for torch; None keeps the base's."""
        return NUMBER_TYPES.get(self.number_type)

    def keeps(self, key: str) -> bool:
        """Whether a tensor of this name goes into the file."""
        if key.startswith(EMA_PREFIX):
            return self.ema
        place = place_of(key)
        return self.vae or place is None or place.component != "vae"

    def to_json(self) -> dict[str, Any]:
        """A plain form; ``from_json`` gives the equal form back."""
        return {"number_type": self.number_type, "vae": self.vae, "ema": self.ema}

    @classmethod
    def from_json(cls, data: object) -> SaveOptions:
        """Reads what ``to_json`` wrote; what is not there is as by default.

        Raises:
            RecipeError: The data is no such form.
        """
        if not isinstance(data, Mapping):
            raise RecipeError("The form of a saved checkpoint is damaged", found=repr(data)[:200])
        return cls(
            str(data.get("number_type", "")), data.get("vae", True) is True, data.get("ema", True) is True
        )
