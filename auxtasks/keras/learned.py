"""Which tensors of a model its training changes: those that depend on a weight that is trained.

Told by gradients, as `auxtasks.keras.leaks` does, and so for any model. In a trial run each weight is a tensor, which a
tape can watch on any device and under any strategy; a tensor that nothing watched leads to costs no backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, Literal

import keras
import tensorflow as tf

from auxtasks.keras.private import trained_in

State = Literal["trained", "frozen"]

_SHARES = (0.0, 0.7, 0.95, 1.0)
"""Weights are watched in parts, from the first to the last: from a deep tensor it is a short way back to the last."""


class Learned:
    """A run of a model, of which it can be told afterwards which tensors are learned."""

    def __init__(self) -> None:
        self._parts: dict[State, list[tuple[tf.GradientTape, list[Any]]]] = {"trained": [], "frozen": []}
        self._known: dict[tuple[int, State], bool] = {}

    @contextmanager
    def watching(self, base: keras.Model) -> Iterator[None]:
        """Monitor the run made in this block; what it assigns to variables is thrown away."""
        variables = trained_in(base)
        scope = keras.StatelessScope([(each, keras.ops.convert_to_tensor(each)) for each in variables])
        trained = {id(variable) for variable in base.trainable_variables}
        tensors: dict[State, list[Any]] = {"trained": [], "frozen": []}
        for variable in variables:
            tensor = scope.get_current_value(variable)
            if tensor.dtype.is_floating:  # whole numbers stand for quantised weights
                tensors["trained" if id(variable) in trained else "frozen"].append(tensor)
        with ExitStack() as stack:
            for state, watched in tensors.items():
                for part in _parts(watched):
                    tape = stack.enter_context(tf.GradientTape(persistent=True, watch_accessed_variables=False))
                    tape.watch(part)
                    self._parts[state].insert(0, (tape, part))
            yield stack.enter_context(scope)

    def reaches(self, value: Any, state: State) -> bool:
        """Tell whether a tensor of the run depends on weights that are trained, or on such as are frozen."""
        key = id(value), state
        if key not in self._known:
            self._known[key] = any(_depends(value, *part) for part in self._parts[state])
        return self._known[key]


def _parts(weights: list[Any]) -> list[list[Any]]:
    ends = [round(share * len(weights)) for share in _SHARES]
    return [weights[start:end] for start, end in pairwise(ends) if start < end]


def _depends(value: Any, tape: tf.GradientTape, weights: list[Any]) -> bool:
    try:
        return any(gradient is not None for gradient in tape.gradient(value, weights))
    except LookupError:  # an operation without a gradient, through which nothing is learned
        return False
