"""Targets computed inside the training step, from the batch as it arrives."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.batches.forms import AuxBatch
from auxtasks.errors import InvalidInputError
from auxtasks.generator import AuxTargetGenerator, generator_of
from auxtasks.labels import MAIN, main_labels
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.graph import check_graph_form
from auxtasks.targets.state import fitted_of, plain, state_of

_TRIAL_SAMPLES = 2


class OnTheFly:
    """What computes the targets that a batch does not hold; nothing, for a model attached to computed targets.

    Parameters
    ----------
    generator : AuxTargetGenerator, optional
        Fitted, with a form for tensors of each task.
    """

    def __init__(self, generator: AuxTargetGenerator | None = None) -> None:
        self.generator = generator

    @classmethod
    def of(cls, targets: Any) -> OnTheFly:
        """Read it off what was passed to `attach_heads`."""
        if not isinstance(targets, AuxTargetGenerator):
            return cls()
        check_graph_form(Fitted.of(targets))
        return cls(copy.copy(targets))

    def __bool__(self) -> bool:
        """Tell whether there is a generator."""
        return self.generator is not None

    def completed(self, batch: AuxBatch) -> AuxBatch:
        """Return a batch with the targets that it did not hold."""
        if self.generator is None or all(name in batch.targets for name in self.generator.specs_):
            return batch
        leaves = keras.tree.flatten(batch.inputs)
        computed = self.generator.in_graph(leaves[0] if len(leaves) == 1 else batch.inputs)
        return batch._replace(targets={**computed, **batch.targets})

    def with_labels_for_all(self, x: Any, y: Any, *, negative: bool = False) -> Any:
        """Fill in missing main labels, -1 or NaN, where arrays of labels are shorter than an array of inputs.

        Where `negative` says that -1 is a label, integers are refused.
        """
        if self.generator is None or y is None or not hasattr(x, "shape"):
            return y
        named = y if isinstance(y, Mapping) else {MAIN: y}
        short = {
            name: part
            for name, part in named.items()
            if not isinstance(part, Mapping) and 0 < np.shape(part)[0] < len(x)
        }
        filled = {**named, **main_labels(short, MAIN, len(x), len(x))}
        for name in short:
            if negative and filled[name].dtype.kind != "f":
                raise InvalidInputError(
                    f"`y`: {name!r} has fewer labels than `x` has samples, and for a hinge loss -1 is a class, so "
                    f"only NaN can mark the missing ones; found {filled[name].dtype.name}. Pass floats, such as "
                    "y.astype('float32')."
                )
        return filled if isinstance(y, Mapping) else filled[MAIN]

    def trial_inputs(self, base: keras.Model, inputs: Any) -> Any:
        """Return inputs for a trial run: those given, or zeros in the shape of the training inputs."""
        if self.generator is None:
            return inputs
        n_inputs = max(len(getattr(base, "inputs", None) or []), len(keras.tree.flatten(inputs)), 1)
        if n_inputs > 1:
            raise InvalidInputError(
                f"`targets` is a generator, which computes targets from one input, but the model reads {n_inputs}; "
                "compute the targets beforehand, with make_aux_targets."
            )
        if inputs is None:
            return np.zeros((_TRIAL_SAMPLES, *Fitted.of(self.generator).given_shape), np.float32)
        return inputs

    def to_config(self) -> dict[str, Any]:
        """Return the generator as plain JSON types, under the name of the model's argument; nothing without one."""
        if self.generator is None:
            return {}
        return {"generator": json.loads(json.dumps(state_of(Fitted.of(self.generator)), default=plain))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> OnTheFly:
        """Make what `to_config` described, from the configuration of a whole model."""
        state = config.get("generator")
        return cls(None if state is None else generator_of(fitted_of(state)))
