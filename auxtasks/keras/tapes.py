"""Gradients of a run that is made once, and asked about afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from auxtasks.backend import NAME


def new_tape(*, watches_variables: bool = False) -> Any:
    """Return a tape on which a run is recorded in a ``with`` block; any number of gradients can be taken from it.

    JAX differentiates functions and has none.
    """
    if NAME == "torch":
        return TorchTape()
    import tensorflow as tf

    return tf.GradientTape(persistent=True, watch_accessed_variables=watches_variables)


class TorchTape:
    """PyTorch's record of a run, which its tensors hold, under the interface of `tf.GradientTape`."""

    def __enter__(self) -> TorchTape:
        """Record, also where a caller told PyTorch not to."""
        import torch

        self._recording = torch.enable_grad()
        self._recording.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Go back to what the caller told PyTorch."""
        self._recording.__exit__(*error)

    def watch(self, tensors: Any) -> None:
        """Follow what is made of some tensors."""
        for tensor in tensors if isinstance(tensors, (list, tuple)) else [tensors]:
            tensor.requires_grad_(True)

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None) -> Any:
        """Return the gradients of one tensor by one or several; None of those that it does not depend on."""
        import torch

        several = isinstance(sources, Sequence)
        wanted = list(sources) if several else [sources]
        found: Sequence[Any] = [None] * len(wanted)
        if target.requires_grad:
            upstream = torch.ones_like(target) if output_gradients is None else output_gradients
            followed = [place for place, source in enumerate(wanted) if source.requires_grad]
            some = torch.autograd.grad(
                target, [wanted[place] for place in followed], upstream, retain_graph=True, allow_unused=True
            )
            by_place = dict(zip(followed, some, strict=True))
            found = [by_place.get(place) for place in range(len(wanted))]
        return found if several else found[0]
