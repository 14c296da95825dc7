"""Targets and inputs batch by batch: what `AuxTargets.to_tf_dataset` and `AuxTargets.to_py_dataset` return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from auxtasks.batches.composition import compose
from auxtasks.batches.forms import read_rows, read_weights
from auxtasks.batches.planned import Ordered, Plan, PlannedBatches, planned_rows
from auxtasks.errors import InvalidInputError
from auxtasks.labels import check_not_signed, labelled_rows
from auxtasks.validation import check_flag, check_int

if TYPE_CHECKING:
    import tensorflow as tf


def py_dataset(
    inputs: Any, labels: Mapping[str, Any], main: Sequence[str], *, kwargs: Mapping[str, Any], **how: Any
) -> PlannedBatches:
    """Return batches as `AuxTargets.to_py_dataset` does; `main` names the labels that are no targets."""
    data, plan, counts = _planned(inputs, labels, main, **how)
    return PlannedBatches(data, plan, counts, **kwargs)


def tf_dataset(
    inputs: Any,
    labels: Mapping[str, Any],
    main: Sequence[str],
    *,
    batch_size: int | None,
    prefetch: bool,
    **how: Any,
) -> tf.data.Dataset:
    """Return batches as `AuxTargets.to_tf_dataset` does; `main` names the labels that are no targets."""
    import tensorflow as tf

    check_flag("prefetch", prefetch)
    at_once = _READ_AT_ONCE if batch_size is None else batch_size
    data, plan, _ = _planned(inputs, labels, main, batch_size=at_once, **how)
    leaves = keras.tree.flatten(data)
    dtypes = [tf.string if leaf.dtype == object else tf.as_dtype(leaf.dtype) for leaf in leaves]

    def read(rows: Any) -> Any:
        # Read from where the arrays are, so that none is copied into the graph, and maps stay on disk.
        found = tf.numpy_function(lambda chosen: [np.asarray(leaf[chosen]) for leaf in leaves], [rows], dtypes, False)
        for tensor, leaf in zip(found, leaves, strict=True):
            tensor.set_shape((rows.shape[0], *leaf.shape[1:]))
        return keras.tree.pack_sequence_as(data, found)

    batches = planned_rows(plan).map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if batch_size is None:
        n = sum(map(len, plan.epoch(0)))
        batches = batches.unbatch().apply(tf.data.experimental.assert_cardinality(n))
    return batches.prefetch(tf.data.AUTOTUNE) if prefetch else batches


_READ_AT_ONCE = 64
"""So many samples are read at once where they are wanted one by one."""


def _planned(
    inputs: Any,
    labels: Mapping[str, Any],
    main: Sequence[str],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    share: float | None,
    drop_remainder: bool,
    sample_weight: Any,
) -> tuple[Any, Plan, tuple[int, int]]:
    """Check all that was given, and return the arrays, the plan and the counts of labels."""
    check_int("batch_size", batch_size, low=1)
    shuffled = check_flag("shuffle", shuffle) or share is not None
    check_flag("drop_remainder", drop_remainder)
    # What is not seeded differs from run to run, as in Keras.
    drawn = np.random.SeedSequence().generate_state(1)[0].item() if seed is None else check_int("seed", seed, low=0)
    n, labels = len(next(iter(labels.values()))), dict(labels)
    x = read_rows("inputs", inputs, n)
    data = (x, labels) if sample_weight is None else (x, labels, read_weights(sample_weight, n))
    # None where there are no main labels, all where none can be missing.
    known = labelled_rows({name: labels[name] for name in main}) if main else np.zeros(n, bool)
    labelled = np.ones(n, bool) if known is None else known
    plan: Plan | None = None
    if share is not None:
        for name in main:
            check_not_signed("y", labels[name])
        plan = compose(labelled, batch_size, share, drawn)
    if plan is None:
        plan = Ordered(n, batch_size, drawn if shuffled else None, drop_remainder)
    if not plan.n_batches:
        raise InvalidInputError(
            f"`batch_size` is {batch_size}, so drop_remainder=True leaves no batch of {n} samples; choose at most {n}."
        )
    return data, plan, (int(labelled.sum()), n)
