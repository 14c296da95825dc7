"""What the tensors that a function makes on JAX depend on, read off its operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


def sources_of(run: Callable[[], Sequence[Any]], variables: Sequence[keras.Variable]) -> list[frozenset[int]]:
    """Return for each tensor that a run makes the numbers of the variables that its gradient reaches."""

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
            known |= {id(tensor): found for tensor in equation.outvars if _is_float(tensor)}
    return [known.get(id(tensor), nothing) for tensor in traced.outvars]


def _is_float(tensor: Any) -> bool:
    return "float" in str(tensor.aval.dtype)
