"""The WebUIs' sampler names, as diffusers' schedulers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lib_rimo.errors import HostError
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

KARRAS = "Karras"
PREDICTION, ZERO_SNR = "prediction_type", "rescale_betas_zero_snr"
"""How a scheduler's configuration says what the model was trained to predict, and whether down to no signal at all."""


@dataclass(frozen=True, slots=True)
class _Sampler:
    """Class name in diffusers, its options, and whether it takes the Karras schedule."""

    scheduler: str
    karras: bool = False
    options: Mapping[str, str | int] = field(default_factory=dict)


# Only samplers that need no package beyond diffusers' own (LMS needs scipy, DPM++ SDE needs torchsde), and whose
# noise comes from the generators of the call, so that a picture depends on its own seed only.
_SAMPLERS: dict[str, _Sampler] = {
    "DPM++ 2M": _Sampler("DPMSolverMultistepScheduler", karras=True),
    "DPM++ 2M SDE": _Sampler(
        "DPMSolverMultistepScheduler", karras=True, options={"algorithm_type": "sde-dpmsolver++"}
    ),
    "Euler": _Sampler("EulerDiscreteScheduler", karras=True),
    "Euler a": _Sampler("EulerAncestralDiscreteScheduler"),
    "Heun": _Sampler("HeunDiscreteScheduler", karras=True),
    "DDIM": _Sampler("DDIMScheduler"),
    "PLMS": _Sampler("PNDMScheduler"),
    "UniPC": _Sampler("UniPCMultistepScheduler", karras=True),
    "LCM": _Sampler("LCMScheduler"),
}

# "Automatic" leaves the choice to the scheduler configuration that the model came with.
_SCHEDULES: dict[str, Mapping[str, str | bool]] = {
    "Automatic": {},
    "Normal": {"use_karras_sigmas": False},
    KARRAS: {"use_karras_sigmas": True},
    "SGM Uniform": {"use_karras_sigmas": False, "timestep_spacing": "trailing"},
}


def sampler_names() -> tuple[str, ...]:
    """All sampler names; those that take the Karras schedule also in the older spelling with the schedule."""
    plain = tuple(_SAMPLERS)
    return plain + tuple(f"{name} {KARRAS}" for name, sampler in _SAMPLERS.items() if sampler.karras)


def schedule_names() -> tuple[str, ...]:
    """All names of noise schedules."""
    return tuple(_SCHEDULES)


def sampler_of_class(scheduler: str) -> str | None:
    """The sampler that a scheduler class name stands for, or None."""
    return next((name for name, sampler in _SAMPLERS.items() if sampler.scheduler == scheduler), None)


def _options_of(sampler: _Sampler) -> Mapping[str, object]:
    import diffusers

    return inspect.signature(getattr(diffusers, sampler.scheduler).__init__).parameters


def build_scheduler(sampler: str, schedule: str, config: Mapping[str, Any]) -> SchedulerMixin:
    """A fresh scheduler for one call.

    Args:
        sampler: One of ``sampler_names()``.
        schedule: "Automatic", "Normal", "Karras" or "SGM Uniform".
        config: The model's own scheduler configuration; what it says about the training (betas, prediction
            type, zero terminal SNR) is kept.

    Raises:
        HostError: Unknown sampler or schedule, or a schedule that the sampler cannot follow.
    """
    import diffusers

    known, base = sampler, sampler.removesuffix(f" {KARRAS}")
    if base != sampler and base in _SAMPLERS and schedule in {"Automatic", KARRAS}:
        known, schedule = base, KARRAS
    if known not in _SAMPLERS:
        raise HostError(
            "The sampler is unknown",
            found=repr(sampler),
            wanted=say("one of {1}", ", ".join(sampler_names())),
        )
    if schedule not in _SCHEDULES:
        raise HostError(
            "The noise schedule is unknown",
            found=repr(schedule),
            wanted=say("one of {1}", ", ".join(_SCHEDULES)),
        )
    chosen = _SAMPLERS[known]
    if schedule == KARRAS and not chosen.karras:
        raise HostError(
            say("The sampler {1} cannot follow the Karras schedule", known),
            found=schedule,
            wanted="Automatic",
            fix="Choose another schedule or sampler",
        )
    cls = getattr(diffusers, chosen.scheduler)
    takes = _options_of(chosen)
    if config.get(ZERO_SNR) and ZERO_SNR not in takes:
        able = [name for name, other in _SAMPLERS.items() if ZERO_SNR in _options_of(other)]
        raise HostError(
            say("The sampler {1} cannot draw models of zero terminal SNR", known),
            found=known,
            wanted=say("one of {1}", ", ".join(able)),
            fix="Choose another sampler",
        )
    options = {k: v for k, v in {**_SCHEDULES[schedule], **chosen.options}.items() if k in takes}
    scheduler: SchedulerMixin = cls.from_config(dict(config), **options)
    return scheduler
