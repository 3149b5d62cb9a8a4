"""A mix in the user's own hands: it goes in when a job of theirs begins and comes out when it ends.

Both happen inside the job's own hold of the WebUI's queue, so nobody else ever meets it: not a study, and not a
model that the user loads afterwards. The WebUI tells of a job's beginning (``before_process``); its end is told
twice, by ``postprocess`` and by the job's ``close``, which also comes after an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from lib_rimo.errors import HostError, RimoError
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.merging.mix.recipe import Recipe

log = logging.getLogger("rimo")

LABEL = "Random mix"
"""Name under which the infotext of a picture tells which mix drew it."""
_OTHER_MODELS = ("refiner_checkpoint", "hr_checkpoint_name")
_NONE = (None, "", "None", "none", "Use same checkpoint")


class Lender(Protocol):
    """What the player needs of its host."""

    def lent(self, recipe: Recipe) -> AbstractContextManager[None]:
        """Inside, calls belong to the job whose thread this is, and the recipe's base is the live model."""
        ...

    def live(self) -> LiveWeights:
        """The live model's tensors."""
        ...

    def weights_changed(self, keys: Sequence[str]) -> None:
        """Tells of new weights."""
        ...

    def still_live(self, recipe: Recipe) -> bool:
        """Whether the recipe's base is the live model still."""
        ...

    def load_again(self) -> None:
        """Loads the live model anew from its file."""
        ...

    def let_go(self) -> None:
        """The job is over."""
        ...


@dataclass(frozen=True)
class _Mix:
    name: str
    recipe: Recipe
    swapper: Swapper


class Player:
    """Lends a mix to the user's jobs.

    Args:
        host: Whose jobs these are.
    """

    def __init__(self, host: Lender) -> None:
        self._host = host
        self._mix: _Mix | None = None
        self._inside: _Mix | None = None

    @property
    def playing(self) -> str:
        """Name of the mix in the user's hands; empty for their own model."""
        return "" if self._mix is None else self._mix.name

    def play(self, name: str, recipe: Recipe, swapper: Swapper) -> None:
        """From the next job on the user draws with this mix.

        Raises:
            HostError: The recipe does not say where its base lies.
        """
        if recipe.base.path is None:
            raise HostError("The mix's base is not at hand", found=recipe.base.name, fix="Select it first")
        self._mix = _Mix(name, recipe, swapper)

    def stop(self) -> None:
        """From the next job on the user draws with their own model."""
        self._mix = None

    def begin(self, job: Any) -> None:
        """A job of the user's begins. Never raises: without the mix it is a plain job."""
        self.put_back()
        mix = self._mix
        if mix is None or _wants_another_model(job):
            return
        try:
            with self._host.lent(mix.recipe):
                self._inside = mix
                self._change(lambda live: mix.swapper.swap(mix.recipe, live).keys)
        except RimoError as error:
            log.warning("%s was not used for this picture: %s", mix.name, error)
            self.put_back()
            return
        except BaseException:
            self.put_back()
            raise
        job.extra_generation_params[LABEL] = mix.name
        close = job.close

        def close_and_put_back() -> None:
            try:
                self.put_back()
            finally:
                close()

        job.close = close_and_put_back

    def put_back(self) -> None:
        """The user's own weights again, if a mix is still in the model. Inside somebody's hold of the queue."""
        mix, self._inside = self._inside, None
        if mix is None:
            return
        try:
            if self._host.still_live(mix.recipe):
                with self._host.lent(mix.recipe):
                    self._restore(mix.swapper)
            else:
                mix.swapper.forget()  # the job has loaded another model over it
        finally:
            self._host.let_go()

    def _restore(self, swapper: Swapper) -> None:
        try:
            self._change(lambda live: swapper.restore(live).keys)
        except Exception:
            log.exception("The weights could not be put back; the model is loaded anew")
            self._mix = None
            self._host.load_again()
            swapper.forget()
            _forget_the_users_prompts()

    def _change(self, work: Callable[[LiveWeights], Sequence[str]]) -> None:
        keys = work(self._host.live())
        if keys:
            self._host.weights_changed(keys)
            _forget_the_users_prompts()


def _wants_another_model(job: Any) -> bool:
    """Jobs that load further checkpoints on the way are left alone."""
    if "sd_model_checkpoint" in (getattr(job, "override_settings", None) or {}):
        return True
    return any(getattr(job, name, None) not in _NONE for name in _OTHER_MODELS)


def _forget_the_users_prompts() -> None:
    """Encoded prompts of the other text encoder. The WebUI's jobs share these lists, so they are emptied in place."""
    from modules import processing

    jobs = (
        processing.StableDiffusionProcessing,
        processing.StableDiffusionProcessingTxt2Img,
    )
    for job in jobs:
        for name in ("cached_c", "cached_uc", "cached_hr_c", "cached_hr_uc"):
            kept = getattr(job, name, None)
            if isinstance(kept, list):
                kept[:] = [None] * len(kept)
