"""Which tensors of a model its training changes: those that depend on a weight that is trained.

Told by gradients, as `auxtasks.keras.leaks` does, and so for any model. In a trial run each weight is a tensor, which a
tape can watch on any device and under any strategy; a tensor that nothing watched leads to costs no backward pass. JAX
has no tapes and says of a run what it is made of, which tells the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, Literal

import keras

from auxtasks.backend import NAME
from auxtasks.keras.private import trained_in
from auxtasks.keras.tapes import new_tape, sources_of

State = Literal["trained", "frozen"]

_SHARES = (0.0, 0.7, 0.95, 1.0)
"""Weights are watched in parts, from the first to the last: from a deep tensor it is a short way back to the last."""


class Learned:
    """A run of a model, of which it can be told afterwards which tensors are learned."""

    def __init__(self) -> None:
        self._parts: dict[State, list[tuple[Any, list[Any]]]] = {"trained": [], "frozen": []}
        self._known: dict[tuple[int, State], bool] = {}

    @contextmanager
    def watching(self, base: keras.Model) -> Iterator[None]:
        """Monitor the run made in this block; what it assigns to variables is thrown away."""
        weights = _weights_in(base)
        scope = keras.StatelessScope([(each, _value_of(each)) for each, _ in weights])
        with ExitStack() as stack:
            for state, parts in self._parts.items():
                watched = [scope.get_current_value(each) for each, of_state in weights if of_state == state]
                for part in _parts(watched) if NAME != "jax" else ():
                    tape = stack.enter_context(new_tape())
                    tape.watch(part)
                    parts.insert(0, (tape, part))
            yield stack.enter_context(scope)

    def follow(self, base: keras.Model, run: Callable[[], Sequence[Any]], values: Sequence[Any]) -> None:
        """Learn on JAX of what the run that made some values consists, by making it once more without numbers."""
        if NAME != "jax":
            return
        weights = _weights_in(base)
        sources = sources_of(run, [each for each, _ in weights])
        for value, some in zip(values, sources, strict=True):
            states = {weights[number][1] for number in some}
            self._known |= {(id(value), state): state in states for state in self._parts}

    def reaches(self, value: Any, state: State) -> bool:
        """Tell whether a tensor of the run depends on weights that are trained, or on such as are frozen."""
        key = id(value), state
        if key not in self._known:
            self._known[key] = any(_depends(value, *part) for part in self._parts[state])
        return self._known[key]


def _weights_in(base: keras.Model) -> list[tuple[keras.Variable, State]]:
    """Return the weights of a model that could be trained, and whether they are; whole numbers are quantised ones."""
    trained = {id(variable) for variable in base.trainable_variables}
    weights = [each for each in trained_in(base) if "float" in keras.backend.standardize_dtype(each.dtype)]
    return [(each, "trained" if id(each) in trained else "frozen") for each in weights]


def _value_of(variable: keras.Variable) -> Any:
    value = keras.ops.convert_to_tensor(variable)
    return value.detach().clone() if NAME == "torch" else value  # the variable itself is to stay as it is


def _parts(weights: list[Any]) -> list[list[Any]]:
    ends = [round(share * len(weights)) for share in _SHARES]
    return [weights[start:end] for start, end in pairwise(ends) if start < end]


def _depends(value: Any, tape: Any, weights: list[Any]) -> bool:
    try:
        return any(gradient is not None for gradient in tape.gradient(value, weights))
    except LookupError:  # an operation without a gradient, through which nothing is learned
        return False
