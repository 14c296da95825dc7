"""Auxiliary targets travel inside x, so that y stays what the main loss, class weights and metrics expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import GeneratorType
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.labels import labelled_rows
from auxtasks.specs import TargetSpec

MAIN = "main"


class AuxBatch(NamedTuple):
    """What the model reads, and beside it what belongs to the auxiliary tasks.

    `labelled` tells which samples have a main label; it is empty where all of them have one, and then the main loss
    and metrics are computed by Keras exactly as without heads.
    """

    inputs: Any
    targets: dict[str, Any]
    weights: dict[str, Any]
    labelled: Any = ()


class Packer:
    """Moves the auxiliary part of ``(x, y, sample_weight)`` into x, for every form of data that Keras takes.

    Parameters
    ----------
    specs : mapping of str to TargetSpec
        The auxiliary targets.
    required : bool
        Whether a task missing from y is an error, as it is in training.
    negative_labels : bool
        Whether negative integers are labels (as for hinge losses) and not missing ones.
    """

    def __init__(self, specs: Mapping[str, TargetSpec], *, required: bool, negative_labels: bool = False) -> None:
        self.specs = specs
        self.required = required
        self.negative_labels = negative_labels

    def pack(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        """Pack arrays, or one batch; what is packed already passes through.

        Parameters
        ----------
        x, y, sample_weight
            As Keras's ``fit`` takes them; y is a mapping with ``"main"`` (or the names of the model's outputs) and
            the targets, or the main label alone.

        Returns
        -------
        tuple of x, y, sample_weight
            With an `AuxBatch` as x.
        """
        if isinstance(x, AuxBatch):
            return x, y, sample_weight
        targets, main = self._split(y, "y")
        if self.required:
            for name in self.specs:
                if name not in targets:
                    raise InvalidInputError(
                        f"`y`: the auxiliary target {name!r} is missing; found {_names(y)}. Pass "
                        "targets.with_main(y), or attach heads for the targets you have."
                    )
        weights, main_weight = self._split(sample_weight, "sample_weight")
        # What one batch holds must not change its structure, so it always carries the rows.
        return AuxBatch(x, targets, weights, self._labelled(main)), main, main_weight

    def pack_any(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        """Pack data in any form: arrays, `tf.data.Dataset`, `PyDataset` or a generator.

        Parameters
        ----------
        x, y, sample_weight
            As Keras's ``fit`` takes them.

        Returns
        -------
        tuple of x, y, sample_weight
            For everything but arrays the last two are None.
        """
        if isinstance(x, tf.data.Dataset):
            return _map_dataset(x, self.pack), y, sample_weight
        if isinstance(x, keras.utils.PyDataset):
            return PackedDataset(x, self.pack), y, sample_weight
        if isinstance(x, GeneratorType):
            return _map_generator(x, self.pack), y, sample_weight
        if isinstance(x, AuxBatch):
            return x, y, sample_weight
        self._check_arrays(x, y)
        batch, main, main_weight = self.pack(x, y, sample_weight)
        if not isinstance(batch.labelled, tuple) and np.all(batch.labelled):
            batch = batch._replace(labelled=())
        return batch, main, main_weight

    def _labelled(self, main: Any) -> Any:
        if main is None or self.negative_labels:
            return ()
        rows = labelled_rows(keras.tree.map_structure(lambda y: y if hasattr(y, "dtype") else np.asarray(y), main))
        return () if rows is None else rows

    def _split(self, values: Any, argument: str) -> tuple[dict[str, Any], Any]:
        """Take the auxiliary targets out of a mapping; what is left is the main part."""
        if not isinstance(values, Mapping):
            return {}, values
        auxiliary = {name: values[name] for name in self.specs if name in values}
        rest = {name: value for name, value in values.items() if name not in auxiliary}
        if set(rest) == {MAIN}:
            return auxiliary, rest[MAIN]
        if not rest:
            return auxiliary, None
        if auxiliary and len(rest) == 1 and argument == "y":
            raise unknown_name("y", next(iter(rest)), [MAIN, *self.specs], "output")
        return auxiliary, rest

    def _check_arrays(self, x: Any, y: Any) -> None:
        """Compare lengths and shapes of arrays with the specs, before anything is trained."""
        lengths = {len(array) for array in keras.tree.flatten(x) if hasattr(array, "__len__")}
        if not isinstance(y, Mapping) or len(lengths) != 1:
            return
        (n,) = lengths
        for name, value in y.items():
            shape = np.shape(value) if not isinstance(value, (Mapping, list, tuple)) else (n,)
            if shape[:1] != (n,):
                raise InvalidInputError(
                    f"`y`: {name!r} must have one row for each of the {n} samples of `x`; found shape {shape}."
                )
            if name in self.specs and shape[1:] != self.specs[name].shape:
                raise InvalidInputError(
                    f"`y`: the rows of target {name!r} must have shape {self.specs[name].shape}, as the heads were "
                    f"built for; found shape {shape}. Use targets.transform(X) for new samples."
                )


class PackedDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are packed as they are read.

    Parameters
    ----------
    source : keras.utils.PyDataset
        Yields ``(x, y)`` or ``(x, y, sample_weight)``.
    pack : callable
        `Packer.pack`.
    """

    def __init__(self, source: keras.utils.PyDataset, pack: Callable[..., tuple[Any, Any, Any]]) -> None:
        super().__init__(
            workers=source.workers,
            use_multiprocessing=source.use_multiprocessing,
            max_queue_size=source.max_queue_size,
        )
        self._source = source
        self._pack = pack

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return one packed batch."""
        return _without_none(self._pack(*as_tuple(self._source[index])))

    @property
    def num_batches(self) -> int | None:
        """The number of batches, None if there is no end."""
        batches: int | None = self._source.num_batches
        return batches

    def on_epoch_begin(self) -> None:
        """Tell the source that an epoch begins."""
        self._source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the source that an epoch ended."""
        self._source.on_epoch_end()


def _map_dataset(dataset: tf.data.Dataset, pack: Callable[..., tuple[Any, Any, Any]]) -> tf.data.Dataset:
    # Moving references about costs nothing, and in order, so no parallel calls are needed.
    return dataset.map(lambda *batch: _without_none(pack(*batch)))


def _map_generator(batches: Iterator[Any], pack: Callable[..., tuple[Any, Any, Any]]) -> Iterator[Any]:
    return (_without_none(pack(*as_tuple(batch))) for batch in batches)


def as_tuple(batch: Any) -> tuple[Any, ...]:
    """Return a batch, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``, as a tuple.

    Parameters
    ----------
    batch : tuple, list or anything else
        What a data set yields; what is no tuple or list is x alone.

    Returns
    -------
    tuple
        Of one to three entries.

    Raises
    ------
    InvalidTypeError
        If there are more or none.
    """
    if isinstance(batch, (tuple, list)) and not isinstance(batch, AuxBatch):
        if not 1 <= len(batch) <= 3:
            raise InvalidTypeError(f"a batch must be (x, y) or (x, y, sample_weight); got {len(batch)} entries.")
        return tuple(batch)
    return (batch,)


def _without_none(packed: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    """Shorten a batch to what it holds: tf.data has no None."""
    x, y, sample_weight = packed
    if sample_weight is not None:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


def _names(y: Any) -> str:
    return f"the keys {list(y)}" if isinstance(y, Mapping) else f"a {type(y).__name__} without names"
