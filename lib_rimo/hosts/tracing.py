"""Tensors without contents that remember which checkpoint key they are a view of.

A host's own conversion from checkpoint to model, run on them once, says where each tensor went and what of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

View = Callable[[torch.Tensor], torch.Tensor]

# Calls that keep every element where it is; what they copied, a view need not.
_COPIES = frozenset({"clone", "contiguous", "detach"})


class Traced(torch.Tensor):
    """A tensor without contents that remembers which checkpoint key it is a view of, and how."""

    source: str | None = None
    steps: tuple[View, ...] = ()

    @classmethod
    def of(cls, key: str, shape: Iterable[int], dtype: torch.dtype) -> Traced:
        """The whole tensor of a checkpoint key."""
        traced = torch.empty(tuple(shape), dtype=dtype, device="meta").as_subclass(cls)
        traced.source = key
        return traced

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        result = super().__torch_function__(func, types, args, named)  # type: ignore[no-untyped-call]
        origin = args[0] if args else None
        others = (*args[1:], *named.values())
        if (
            isinstance(result, cls)
            and isinstance(origin, cls)
            and not any(isinstance(o, cls) for o in others)
        ):
            result.source = origin.source
            result.steps = origin.steps
            if getattr(func, "__name__", "") not in _COPIES:
                result.steps += (lambda tensor: func(tensor, *args[1:], **named),)
        return result

    def view_taken(self) -> View | None:
        """All views in one, or None when this is the whole tensor."""
        steps = self.steps
        if not steps:
            return None

        def view(tensor: torch.Tensor) -> torch.Tensor:
            for step in steps:
                tensor = step(tensor)
            return tensor

        return view
