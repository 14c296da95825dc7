"""Targets computed by NumPy from the tensors of a pipeline, with static shapes."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from auxtasks.compute.raw import empty_target
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator

# Taggers promise nothing of threads, and a pipeline calls from several.
_tagging = threading.Lock()


class OutsideGraph:
    """Calls a generator's `transform` from within a graph.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted, with the tasks to compute and those that change the inputs.
    """

    def __init__(self, generator: AuxTargetGenerator) -> None:
        self.generator = generator
        self._dtype = np.dtype(generator.dtype)

    @property
    def changes_inputs(self) -> bool:
        """Whether the model reads something else than the pipeline holds: padded, numbered or shortened samples."""
        return self.generator._changes_inputs

    def __call__(self, x: Any) -> tuple[Any, dict[str, Any]]:
        """Return what the model reads, and the targets, of a batch.

        Parameters
        ----------
        x : tensor or RaggedTensor, shape (n, ...)
            The batch.

        Returns
        -------
        x : tensor
            The same where inputs are left as they are.
        targets : dict of str to tensor
            By name.
        """
        specs, n = self.generator.specs_, x.shape[0]
        like = self._prepared_like(x) if self.changes_inputs else None
        dtypes = [tf.as_dtype(self.empty(spec).dtype) for spec in specs.values()]
        if like is not None:
            dtypes.insert(0, tf.as_dtype(like.dtype))
        arguments = [x.values, x.row_splits] if isinstance(x, tf.RaggedTensor) else [x]
        # Outside a graph TensorFlow takes a single result out of its list.
        found = tf.nest.flatten(tf.numpy_function(self._compute, arguments, dtypes, stateful=False)) if dtypes else []
        if like is not None:
            x = tf.ensure_shape(found.pop(0), (n, *like.shape[1:]))
        shapes = [(n, *spec.shape) for spec in specs.values()]
        # Set, not ensured: `transform` itself has compared the shapes with the specs'.
        for tensor, shape in zip(found, shapes, strict=True):
            tensor.set_shape(shape)
        return x, dict(zip(specs, found, strict=True))

    def empty(self, spec: TargetSpec, n: int = 0) -> Array:
        """Return n rows of a target, all missing."""
        return empty_target(spec.kind, n, spec.shape, self._dtype)

    def _compute(self, x: Array, row_splits: Array | None = None) -> list[Array]:
        g = self.generator
        samples = _samples(x, row_splits) if g.domain == "text" or row_splits is not None or g.length_ else x
        if not len(samples):
            # Distributed training fills up with empty batches, which the door would refuse.
            inputs = [self._prepared_like(x)[:0]] if self.changes_inputs else []
            return [*inputs, *(self.empty(spec) for spec in g.specs_.values())]
        with _tagging if g.domain == "text" else nullcontext():
            targets = g.transform(samples)
        return [*([targets.inputs] if self.changes_inputs else []), *(targets[name] for name in g.specs_)]

    def _prepared_like(self, x: Any) -> Array:
        """Return the form in which the model reads such a batch, of one sample that holds nothing."""
        g = self.generator
        if g.domain == "text":
            tokens = isinstance(x, tf.RaggedTensor) or len(x.shape) > 1
            return g.prepare([["a"]] if tokens else ["a"])
        dtype = x.dtype if isinstance(x, np.ndarray) else x.dtype.as_numpy_dtype
        if g.length_ is None:
            return g.prepare(np.zeros((1, *x.shape[1:]), dtype))
        return g.prepare([np.zeros(g._given_shape, dtype)])


def _samples(x: Array, row_splits: Array | None) -> Any:
    """Return series or texts as a list; texts come as bytes."""
    parts: Any = list(x) if row_splits is None else np.split(x, row_splits[1:-1]) if len(row_splits) > 1 else []
    return parts if x.dtype != object else [_decoded(part) for part in parts]


def _decoded(part: Any) -> Any:
    return part.decode("utf-8") if isinstance(part, bytes) else [token.decode("utf-8") for token in part]
