"""What is known of a model from a trial run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from auxtasks.specs import TargetSpec

Shape = tuple[Any, ...]
"""The lengths of axes; None for the batch, and for a time axis that is as long as the longest sample of a batch."""


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run.

    `length` is the first axis beside the batch as it was in this run, also where `shape` says None. `numbers` is True
    for one integer per step, as a tokenizer returns them.
    """

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    shape: Shape
    length: int
    masked: bool
    usable: bool
    numbers: bool
    is_model_output: bool

    @property
    def rank(self) -> int:
        """The number of dimensions beside the batch."""
        return len(self.shape)


@dataclass(frozen=True)
class Trial:
    """What is known of a model from running it.

    Parameters
    ----------
    outputs : list of Output
        What `trial_run` saw.
    counted : int or None
        The tokens of the longest sample run, as the targets count them; None if they do not.
    seeing : mapping of str to frozenset of (path, call)
        By what a target may ask for (see `TargetSpec.asks_for`), the outputs that hold the answer.
    """

    outputs: Sequence[Output]
    counted: int | None = None
    seeing: Mapping[str, frozenset[tuple[str, int]]] = field(default_factory=dict)

    @property
    def made(self) -> int | None:
        """The tokens that the model itself makes of the longest text run, where that varies; None if it does not."""
        return next((output.length for output in self.outputs if output.numbers and output.shape[0] is None), None)

    def keeps_steps(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor has the steps of a target: its very length, or one step for each token of the batch."""
        if output.rank != 2:
            return False
        varies = output.shape[0] is None and self.made is not None
        return output.length == (self.made if varies else spec.shape[0])

    def sees(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor was found to hold the answer that a target per step asks for."""
        return (output.path, output.call) in self.seeing.get(spec.asks_for, frozenset())
