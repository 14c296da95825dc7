"""What is known of a model from a trial run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.backend import is_symbolic, shape_errors, text_errors
from auxtasks.batches.forms import changed_texts, is_text, shortened
from auxtasks.keras.dependence import Leaks, Learned, State
from auxtasks.keras.layers import Event, Notice, first_paths, recording, walk
from auxtasks.keras.outputs import returned_names
from auxtasks.keras.samples import Samples, check_shapes, check_texts
from auxtasks.specs import STEP_KINDS, TargetSpec
from auxtasks.typing import Array

Shape = tuple[Any, ...]
"""The lengths of axes; None for the batch, and for a time axis that is as long as the longest sample of a batch."""


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run; its shape, without the batch, as it is in every run."""

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    value: Any = field(compare=False, repr=False)
    shape: Shape
    is_model_output: bool
    per_sample: bool

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def length(self) -> int:
        """The first axis beside the batch as it was in this run, also where `shape` says None."""
        return next(iter(_shape_of(self.value)), 0) or 0

    @property
    def usable(self) -> bool:
        """Whether a head can read it: a float tensor with a row for each sample and at least one axis beside these.

        A symbolic tensor comes from a graph of its own, which cannot be looked into from outside.
        """
        return self.per_sample and self.is_feature

    @property
    def is_feature(self) -> bool:
        """Whether it is a float tensor with more than one axis, be the first the batch or not."""
        return _is_of("float", self.value) and len(self.value.shape) >= 2

    @property
    def numbers(self) -> Array | None:
        """The integers themselves where there is one per step, as a tokenizer returns them."""
        return np.asarray(ops.convert_to_numpy(self.value)) if _is_numbers(self.value) else None


@dataclass(frozen=True)
class Trial:
    """What is known of a model from running it on samples."""

    samples: Samples
    outputs: Sequence[Output]
    returned: Sequence[str]
    """The names that labels have by what the model returned."""
    leaks: Leaks | None
    """What tells the outputs that hold the answer to what a target asks for; None where none asks."""
    learned: Learned

    @property
    def n_samples(self) -> int:
        return len(keras.tree.flatten(self.samples.inputs)[0])

    @property
    def counted(self) -> Array | None:
        """The tokens of each text run, as the targets count them; None if they do not, or the model makes no tokens."""
        return self.samples.lengths if self.samples.numbered_by_model else None

    @property
    def made(self) -> int | None:
        """The tokens that the model itself makes of the longest text run, where that varies; None if it does not."""
        varying = (output.length for output in self.outputs if _is_numbers(output.value) and output.shape[0] is None)
        return next(varying, None)

    def made_along(self, output: Output) -> list[Array]:
        """Return how many tokens the model makes of each text run, once for every tensor of tokens with these steps."""
        tokens = [known.numbers for known in self.outputs if known.shape[:1] == output.shape[:1]]
        return [_counts(numbers != self.samples.padding) for numbers in tokens if numbers is not None]

    def keeps_steps(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor has the steps of a target: its very length, or one step for each token of the batch."""
        if output.rank != 2:
            return False
        varies = output.shape[0] is None and self.made is not None
        return output.length == (self.made if varies else spec.shape[0])

    def sees(self, spec: TargetSpec, output: Output) -> bool | None:
        """Tell whether a tensor holds the answer that a target per step asks for; None if that could not be tried."""
        if self.leaks is None or not spec.lookahead:
            return False
        return self.leaks.holds(output.value, spec.lookahead)

    def is_learned(self, output: Output, state: State = "trained") -> bool:
        """Tell whether weights that are trained, or such as are frozen at present, lie below a tensor."""
        return self.learned.reaches(output.value, state)


def _counts(real: Array) -> Array:
    """Count steps up to the last that is no padding."""
    return np.where(real.any(axis=1), real.shape[1] - real[:, ::-1].argmax(axis=1), 0)


def try_out(base: keras.Model, samples: Samples, specs: Mapping[str, TargetSpec]) -> Trial:
    """Run the model, and see to it that it can be told afterwards what its tensors depend on."""
    inputs = samples.inputs
    shorter = changed_texts(inputs, shortened) if any(map(is_text, keras.tree.flatten(inputs))) else None
    asked = {spec.shape[0] for spec in specs.values() if spec.lookahead and spec.kind in STEP_KINDS}
    leaks = Leaks(inputs, samples.own, asked) if asked else None
    learned = Learned()
    try:
        outputs, returned = trial_run(base, inputs, shorter, leaks, learned)
    except text_errors():
        check_texts(inputs, base)
        raise
    except shape_errors():
        check_shapes(inputs, base)
        raise
    return Trial(samples, outputs, returned_names(returned), leaks, learned)


def trial_run(
    base: keras.Model,
    inputs: Any,
    shorter: Any = None,
    leaks: Leaks | None = None,
    learned: Learned | None = None,
) -> tuple[list[Output], Any]:
    """Run a model forward on a few samples; list what each layer returned, in order, and return what the model did.

    An unbuilt model is built first, as its first ``fit`` would do; else nothing changes.
    """
    if not (base.built and all(layer.built for _, layer in walk(base))):
        base(inputs, training=False)
    n_samples = len(keras.tree.flatten(inputs)[0])
    # What the run assigns to variables, such as the state of random generators, is thrown away.
    scope = keras.StatelessScope() if learned is None else learned.watching(base)
    with nullcontext() if leaks is None else leaks.watching() as notice, scope:
        events, returned = _forward(base, inputs, notice)
    if learned is not None:
        learned.follow(base, lambda: _tensors(_forward(base, inputs)[0]), _tensors(events))
    calls = _by_call(events)
    others = calls
    if shorter is not None:
        with keras.StatelessScope():
            others = _by_call(_forward(base, shorter)[0])
    model_outputs = {id(tensor) for tensor in keras.tree.flatten(returned)}
    paths = first_paths(base)
    totals = Counter(key for key, _ in calls)
    outputs = [
        Output(
            path=paths[key],
            layer=event.layer,
            call=call,
            n_calls=totals[key],
            value=event.output,
            # A layer over time makes fewer calls for fewer steps, so one may have nothing to be compared with.
            shape=_shape(event.output, others.get((key, call), event).output),
            is_model_output=id(event.output) in model_outputs,
            per_sample=getattr(event.output, "shape", ())[:1] == (n_samples,),
        )
        for (key, call), event in calls.items()
    ]
    return outputs, returned


def _forward(base: keras.Model, inputs: Any, notice: Notice | None = None) -> tuple[list[Event], Any]:
    with recording((layer for _, layer in walk(base)), notice) as events:
        returned = base(inputs, training=False)
    return events, returned


def _tensors(events: Sequence[Event]) -> list[Any]:
    return [event.output for event in events if keras.ops.is_tensor(event.output)]


def _by_call(events: Sequence[Event]) -> dict[tuple[int, int], Event]:
    """Return the calls of a run by the identity of the layer and the number of the call, in their order."""
    totals: Counter[int] = Counter()
    found = {}
    for event in events:
        found[id(event.layer), totals[id(event.layer)]] = event
        totals[id(event.layer)] += 1
    return found


def _shape(value: Any, other: Any) -> Shape:
    shape, second = _shape_of(value), _shape_of(other)
    has_time = len(shape) == 2 or _is_numbers(value)
    return (None, *shape[1:]) if has_time and shape[:1] != second[:1] else shape


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if hasattr(value, "shape") and hasattr(value, "dtype") else ()


def _is_numbers(value: Any) -> bool:
    return _is_of("int", value) and len(value.shape) == 2 and bool(value.shape[1])


def _is_of(kind: str, value: Any) -> bool:
    tensor = hasattr(value, "shape") and hasattr(value, "dtype") and not is_symbolic(value)
    return tensor and kind in keras.backend.standardize_dtype(value.dtype)
