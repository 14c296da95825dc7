"""What is known of a model from a trial run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

Shape = tuple[Any, ...]
"""The lengths of axes; None for the batch, and for a time axis that is as long as the longest sample of a batch."""


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run.

    `length` is the first axis beside the batch as it was in this run, also where `shape` says None. `numbers` are the
    integers themselves where there is one per step, as a tokenizer returns them; else None.
    """

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    shape: Shape
    length: int
    masked: bool
    usable: bool
    numbers: Array | None = field(compare=False)
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
    counted : ndarray of int or None
        The tokens of each text run, as the targets count them; None if they do not, or the model makes no tokens.
    padding : int
        The number that stands for no token.
    seeing : mapping of str to frozenset of (path, call)
        By what a target may ask for (see `TargetSpec.asks_for`), the outputs that hold the answer; nothing for what
        could not be tried.
    """

    outputs: Sequence[Output]
    counted: Array | None = None
    padding: int = 0
    seeing: Mapping[str, frozenset[tuple[str, int]]] = field(default_factory=dict)

    @property
    def made(self) -> int | None:
        """The tokens that the model itself makes of the longest text run, where that varies; None if it does not."""
        varying = (output.length for output in self.outputs if output.numbers is not None and output.shape[0] is None)
        return next(varying, None)

    def made_along(self, output: Output) -> list[Array]:
        """Return how many tokens the model makes of each text run, once for every tensor of tokens with these steps."""
        tokens = [known.numbers for known in self.outputs if known.shape[:1] == output.shape[:1]]
        return [_counts(numbers != self.padding) for numbers in tokens if numbers is not None]

    def keeps_steps(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor has the steps of a target: its very length, or one step for each token of the batch."""
        if output.rank != 2:
            return False
        varies = output.shape[0] is None and self.made is not None
        return output.length == (self.made if varies else spec.shape[0])

    def sees(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor was found to hold the answer that a target per step asks for."""
        return (output.path, output.call) in self.seeing.get(spec.asks_for, frozenset())

    def was_tried(self, spec: TargetSpec) -> bool:
        """Tell whether it is known which tensors hold the answer that a target per step asks for."""
        return not spec.asks_for or spec.asks_for in self.seeing


def _counts(real: Array) -> Array:
    """Count steps up to the last that is no padding."""
    return np.where(real.any(axis=1), real.shape[1] - real[:, ::-1].argmax(axis=1), 0)
