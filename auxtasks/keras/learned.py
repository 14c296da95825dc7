"""Which tensors of a model its training changes: those that depend on a weight that is trained.

Told by gradients, as `auxtasks.keras.leaks` does, and so for any model. In a trial run each weight is a tensor, which a
tape can watch on any device and under any strategy; a tensor that nothing watched leads to costs no backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import keras
import tensorflow as tf

from auxtasks.keras.private import trained_in

State = Literal["trained", "frozen"]


class Learned:
    """A run of a model, of which it can be told afterwards which tensors are learned."""

    def __init__(self) -> None:
        # Two tapes, because frozen layers are much to go back through, and seldom asked about.
        self._tapes = {state: tf.GradientTape(True, watch_accessed_variables=False) for state in ("trained", "frozen")}
        self._weights: dict[str, list[Any]] = {"trained": [], "frozen": []}
        self._known: dict[tuple[int, State], bool] = {}

    @contextmanager
    def watching(self, base: keras.Model) -> Iterator[keras.StatelessScope]:
        """Watch the run made in this block, under a scope that throws away what is assigned to variables."""
        variables = trained_in(base)
        with self._tapes["trained"], self._tapes["frozen"]:
            scope = keras.StatelessScope([(each, keras.ops.convert_to_tensor(each)) for each in variables])
            trained = {id(variable) for variable in base.trainable_variables}
            for variable in variables:
                state = "trained" if id(variable) in trained else "frozen"
                tensor = scope.get_current_value(variable)
                if tensor.dtype.is_floating:  # whole numbers stand for quantised weights
                    self._tapes[state].watch(tensor)
                    self._weights[state].append(tensor)
            with scope:
                yield scope

    def reaches(self, value: Any, state: State) -> bool:
        """Tell whether a tensor of the run depends on weights that are trained, or on such as are frozen."""
        key = id(value), state
        if key not in self._known:
            try:
                found = self._tapes[state].gradient(value, self._weights[state])
            except LookupError:  # an operation without a gradient, through which nothing is learned
                found = []
            self._known[key] = any(gradient is not None for gradient in found)
        return self._known[key]
