"""Targets and inputs batch by batch: what `AuxTargets.to_tf_dataset` and `AuxTargets.to_py_dataset` return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from auxtasks.batches.composition import planned
from auxtasks.batches.forms import as_arrays, as_inputs
from auxtasks.batches.planned import Ordered, Plan, PlannedBatches, planned_rows
from auxtasks.errors import InvalidInputError
from auxtasks.labels import labelled_rows
from auxtasks.optional import is_dask
from auxtasks.validation import check_flag, check_int

if TYPE_CHECKING:
    from auxtasks.aux_targets import AuxTargets


def py_dataset(targets: AuxTargets, y: Any, *, kwargs: Mapping[str, Any], **how: Any) -> PlannedBatches:
    """Return batches as a Keras `PyDataset`; see `AuxTargets.to_py_dataset`."""
    data, plan, counts = _planned(targets, y, **how)
    return PlannedBatches(data, plan, counts, **kwargs)


def tf_dataset(targets: AuxTargets, y: Any, *, batch_size: int | None, prefetch: bool, **how: Any) -> tf.data.Dataset:
    """Return batches as a `tf.data.Dataset`; see `AuxTargets.to_tf_dataset`."""
    check_flag("prefetch", prefetch)
    data, plan, _ = _planned(targets, y, batch_size=_READ_AT_ONCE if batch_size is None else batch_size, **how)
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
    targets: AuxTargets,
    y: Any,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    labelled_share: float | None,
    drop_remainder: bool,
    sample_weight: Any,
    inputs: Any,
) -> tuple[Any, Plan, tuple[int, int]]:
    """Check all that was given, and return the arrays, the plan and the counts of labels."""
    if is_dask(next(iter(targets.values()))):
        raise InvalidInputError(
            "these targets are not computed yet, and each batch would compute whole chunks again; call compute() "
            "first, or write them by to_zarr and read chunk by chunk, as examples/dask_cluster.py does."
        )
    check_int("batch_size", batch_size, low=1)
    shuffled = check_flag("shuffle", shuffle) or labelled_share is not None
    check_flag("drop_remainder", drop_remainder)
    # What is not seeded differs from run to run, as in Keras.
    drawn = np.random.SeedSequence().generate_state(1)[0].item() if seed is None else check_int("seed", seed, low=0)
    n = targets.n_samples
    labels = dict(targets) if y is None else targets.with_main(y)
    x = as_inputs(targets.inputs if inputs is None else inputs)
    data = (x, labels) if sample_weight is None else (x, labels, as_arrays(sample_weight))
    for argument, parts in (("inputs", x), ("sample_weight", data[2:])):
        for part in keras.tree.flatten(parts):
            if np.shape(part)[:1] != (n,):
                raise InvalidInputError(
                    f"`{argument}` must have one row for each of the {n} samples; found shape {np.shape(part)}."
                )
    labelled = _labelled({name: labels[name] for name in labels if name not in targets}, n)
    if labelled_share is None:
        plan: Plan = Ordered(n, batch_size, drawn if shuffled else None, drop_remainder)
        if not plan.n_batches:
            raise InvalidInputError(
                f"`batch_size` is {batch_size}, and with drop_remainder=True no batch is left of {n} samples; choose "
                f"at most {n}."
            )
    else:
        plan = planned(labelled, batch_size, labelled_share, drawn)
    return data, plan, (int(labelled.sum()), n)


def _labelled(labels: Mapping[str, Any], n: int) -> Any:
    """Tell which samples have a main label: none where there are no labels, all where none can be missing."""
    if not labels:
        return np.zeros(n, bool)
    rows = labelled_rows(dict(labels))
    return np.ones(n, bool) if rows is None else rows
