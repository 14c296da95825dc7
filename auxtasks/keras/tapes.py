"""Gradients of a run that is made once, and asked about afterwards.

TensorFlow has tapes for it, and what its tensors hold of a run is one on PyTorch. JAX differentiates functions: what a
step makes there is pulled back, and of another run it is said what it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from auxtasks.backend import NAME


def new_tape(*, watches_variables: bool = False) -> Any:
    """Return a tape on which a run is recorded in a ``with`` block; any number of gradients can be taken from it.

    JAX has none.
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
        self._recording.__exit__(*error)

    def watch(self, tensors: Any) -> None:
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


class Pullback:
    """The gradients of some losses by some variables on JAX, under the interface of `tf.GradientTape`.

    `pull` is what `jax.vjp` returned for the function that makes the losses. Variables are asked for by their values,
    and `reached` are the places there that each loss depends on.
    """

    def __init__(
        self, pull: Any, losses: Sequence[Any], values: Sequence[Any], reached: Sequence[frozenset[int]]
    ) -> None:
        self._pull, self._summands, self._reached = pull, list(losses), reached
        self._places = {id(value): place for place, value in enumerate(values)}

    def gradient(self, target: Any, sources: Sequence[Any], output_gradients: Any) -> list[Any]:
        """Return the gradients of one loss times a factor; None of variables that it does not depend on."""
        number = [loss is target for loss in self._summands].index(True)
        upstream = [keras.ops.zeros_like(loss) for loss in self._summands]
        upstream[number] = keras.ops.cast(output_gradients, target.dtype)
        (found,) = self._pull(upstream)
        places = [self._places[id(source)] for source in sources]
        return [found[place] if place in self._reached[number] else None for place in places]


def sources_of(run: Callable[[], Sequence[Any]], variables: Sequence[keras.Variable]) -> list[frozenset[int]]:
    """Return for each tensor that a run makes on JAX the numbers of the variables that its gradient reaches."""

    def made(values: Sequence[Any]) -> list[Any]:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return list(run())

    return sources_in(made, [variable.value for variable in variables])


def sources_in(made: Callable[[Sequence[Any]], list[Any]], values: Sequence[Any]) -> list[frozenset[int]]:
    """Return for each tensor that a function makes of a list the places there that its gradient reaches.

    Read off the operations of the function: a gradient goes through every one on numbers, but those that stop it.
    """
    import jax

    traced = jax.make_jaxpr(made)(list(values)).jaxpr
    nothing: frozenset[int] = frozenset()
    known = {id(tensor): frozenset([place]) for place, tensor in enumerate(traced.invars)}
    for equation in traced.eqns:
        if equation.primitive.name == "stop_gradient":
            continue
        found = nothing.union(*(known.get(id(given), nothing) for given in equation.invars))
        if found:
            known |= {id(tensor): found for tensor in equation.outvars if "float" in str(tensor.aval.dtype)}
    return [known.get(id(tensor), nothing) for tensor in traced.outvars]
