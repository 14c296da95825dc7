"""What the tensors of a run depend on: on weights that are trained, and on the steps that targets ask for.

Told by gradients after a trial run, which needs no knowledge of layers, and so works for any model: recurrent both
ways, convolutions, attention, subclassed. JAX has no tapes and says of a run what it is made of instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from auxtasks.backend import NAME, is_dense
from auxtasks.batches.forms import is_text
from auxtasks.keras.layers import direct_layers
from auxtasks.keras.private import trained_in
from auxtasks.keras.tapes import new_tape
from auxtasks.specs import Lookahead
from auxtasks.typing import Array

State = Literal["trained", "frozen"]

_SHARES = (0.0, 0.7, 0.95, 1.0)
"""Weights are watched in parts, from the first to the last: from a deep tensor it is a short way back to the last."""
_ROUNDING = 1e-5
"""Of the largest gradient; what is smaller counts as rounding."""


class Learned:
    """A run of a model, of which it can be told afterwards which tensors its training changes.

    In the run each weight is a tensor, which a tape can watch on any device and under any strategy; a tensor that
    nothing watched leads to costs no backward pass.
    """

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
                ends = [round(share * len(watched)) for share in _SHARES]
                for start, end in pairwise(ends) if NAME != "jax" else ():
                    if start < end:
                        tape = stack.enter_context(new_tape())
                        tape.watch(watched[start:end])
                        parts.insert(0, (tape, watched[start:end]))
            yield stack.enter_context(scope)

    def follow(self, base: keras.Model, run: Callable[[], Sequence[Any]], values: Sequence[Any]) -> None:
        """Learn on JAX of what the run that made some values consists, by making it once more without numbers."""
        if NAME != "jax":
            return
        from auxtasks.keras.tapes import sources_of

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
    return [(each, "trained" if id(each) in trained else "frozen") for each in trained_in(base) if _is_float(each)]


def _value_of(variable: keras.Variable) -> Any:
    value = ops.convert_to_tensor(variable)
    return value.detach().clone() if NAME == "torch" else value  # the variable itself is to stay as it is


def _depends(value: Any, tape: Any, weights: list[Any]) -> bool:
    try:
        return any(gradient is not None for gradient in tape.gradient(value, weights))
    except LookupError:  # an operation without a gradient, through which nothing is learned
        return False


class Leaks:
    """A run of a model, of which it can be told afterwards which tensors already hold the next step of its inputs.

    Where the first steps of a tensor depend on what the model was given after them, they hold something of the next.
    `own` says which of several inputs the targets were made from; else it is the only one that has as many steps as one
    of the targets, whose steps are `lengths`.
    """

    def __init__(self, inputs: Any, own: int | None, lengths: Collection[int]) -> None:
        leaves = keras.tree.flatten(inputs)
        self._alone = len(leaves) == 1
        fitting = [leaf for leaf in leaves if self._alone or is_text(leaf) or _has_steps(leaf, lengths)]
        fitting = fitting if own is None else [leaves[own]]
        self._read = fitting if len(fitting) == 1 else []
        self._tape: Any = None if NAME == "jax" else new_tape(watches_variables=True)
        self._sources: list[Any] = []

    @contextmanager
    def watching(self) -> Iterator[Callable[[keras.Layer, Any, Any], None]]:
        """Monitor the run made in this block; every call of a layer in it is to be reported to what is given."""
        if self._tape is None:  # what JAX would differentiate is a function, and not a run that is made once
            yield lambda *_: None
            return
        with self._tape:
            for leaf in self._read:
                self._watch(leaf)
            yield self._notice

    def _notice(self, layer: keras.Layer, given: Any, returned: Any) -> None:
        """Take what a layer makes of whole numbers for a source: no gradient goes through these."""
        if not (is_dense(given) and is_dense(returned)) or not self._comes_from_inputs(given):
            return
        embeds = not _is_float(given) or isinstance(layer, keras.layers.Embedding)
        if not _is_float(returned):
            self._read.append(returned)
        elif embeds and len(returned.shape) > 2 and not direct_layers(layer):
            self._watch(returned)

    def _comes_from_inputs(self, given: Any) -> bool:
        if self._alone:
            return True
        flat = ops.convert_to_numpy(given).ravel()  # Keras casts inputs, and adds axes to them
        return any(np.array_equal(flat, ops.convert_to_numpy(known).ravel()) for known in self._read)

    def _watch(self, tensor: Any) -> None:
        if _is_float(tensor) and len(tensor.shape) > 1 and tensor.shape[0] == self._read[0].shape[0]:
            self._tape.watch(tensor)
            self._sources.append(tensor)

    def holds(self, value: Any, lookahead: Lookahead) -> bool | None:
        """Tell whether a tensor of the run holds the step that a target asks for; None if that cannot be told.

        The run is cut between two steps. What lies on one side must not depend on what was given on the other; a tensor
        without these steps must not depend on it at all. It can be told where both sides depend on what was given
        there, which padding that is masked does not. Not seen is what a model computes only after training, such as a
        branch multiplied by a weight that begins at 0.
        """
        told = False
        for source in self._sources:
            n_steps = source.shape[1]
            for cut in {1, n_steps - 1}:  # padding may be on either side
                here, there = slice(0, cut), slice(cut, None)
                if lookahead == "previous":
                    here, there = there, here
                reached = self._reached(value, here, source)
                if reached[:, there].any():
                    return True
                own = reached[:, here].any(axis=1) & self._reached(value, there, source)[:, there].any(axis=1)
                told = told or bool(own.any())
        return False if told else None

    def _reached(self, value: Any, steps: slice, source: Any) -> Array:
        """Tell the steps of each sample of a source on which some steps of a tensor depend."""
        random = np.random.default_rng(0).normal(size=value.shape)  # so that nothing cancels out
        if len(value.shape) == 3 and value.shape[1] == source.shape[1]:
            kept = np.zeros_like(random)
            kept[:, steps] = random[:, steps]
            random = kept
        try:
            gradient = self._tape.gradient(value, source, ops.convert_to_tensor(random, value.dtype))
        except LookupError:  # an operation without a gradient
            gradient = None
        if gradient is None:
            return np.zeros(source.shape[:2], dtype=bool)
        size = np.abs(ops.convert_to_numpy(ops.cast(gradient, "float32"))).reshape(*source.shape[:2], -1).max(axis=-1)
        return np.asarray(size > _ROUNDING * size.max())


def _has_steps(leaf: Any, lengths: Collection[int]) -> bool:
    # Other numbers of shape (n, d) are features more often than steps.
    return len(leaf.shape) == (3 if _is_float(leaf) else 2) and leaf.shape[1] in lengths


def _is_float(tensor: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)
