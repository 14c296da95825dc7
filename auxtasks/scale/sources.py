"""Inputs that are read piece by piece: by slices of rows, or in batches in their order; those of files and batches."""

from __future__ import annotations

import itertools
import math
import mmap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, wrong_type
from auxtasks.image_files import ImageBatches, ImageFiles, image_files_of
from auxtasks.targets.samples import Ragged, read_inputs, to_array
from auxtasks.targets.tasks import WITH_FILES, checked_settings
from auxtasks.typing import Array
from auxtasks.validation import LARGEST_INT, as_array

Block = tuple[int, Array]


class Batches:
    """Batches in their order, cut anew into blocks of one size: arrays, or tuples of which the first entry counts."""

    def __init__(self, X: Any, *, with_labels: bool = False) -> None:
        # What a PyDataset and tf.data say of endless data.
        if getattr(X, "num_batches", 0) is None or (hasattr(X, "cardinality") and int(X.cardinality()) == -1):
            raise InvalidInputError(
                "`X` never ends; limit it to one pass over the data, with `take` or a number of batches."
            )
        self.n: int | None = None
        self.inputs = None
        self.once = isinstance(X, Iterator)
        self.labels: list[Array] | None = [] if with_labels else None
        self._batches = X
        batches = self._numbered()
        head = next(batches, None)
        if head is None:
            raise InvalidInputError("`X` gives no samples: there is no batch in it. A generator can be read only once.")
        self.first = head[1][:1].copy()
        self._drawn: Iterator[Block] | None = itertools.chain([head], batches)

    def count(self) -> None:
        if self.once:
            raise InvalidInputError(
                "`y`: a teacher of soft labels is fitted on samples from all of `X` before others are read, but `X` "
                "can be read only once; pass batches that can be read again, such as a `tf.data.Dataset`, or a "
                "memory map, or leave `y` out."
            )
        self._drawn = None
        self.n = sum(len(batch) for _, batch in self._numbered())

    def blocks(self, rows: int) -> Iterator[Block]:
        batches = self._drawn or self._numbered()
        self._drawn = None
        start, held, count = 0, list[Array](), 0
        for i, batch in batches:
            if batch.shape[1:] != self.first.shape[1:] or batch.dtype != self.first.dtype:
                raise InvalidInputError(
                    f"`X`: batch {i} has samples of shape {batch.shape[1:]} and dtype {batch.dtype}, and the first "
                    f"batch of shape {self.first.shape[1:]} and dtype {self.first.dtype}; bring them to one "
                    "shape and dtype."
                )
            count += len(batch)
            if count < rows:
                # A copy, because a generator may fill the same array with its next batch.
                held.append(batch.copy())
            else:
                together, at = np.concatenate([*held, batch]), 0
                for at in range(rows, count + 1, rows):
                    yield start, together[at - rows : at]
                    start += rows
                # A copy, so that a whole large batch is not kept for the sake of its rest.
                held, count = [together[at:].copy()], count - at
                del together
        if count:
            yield start, np.concatenate(held)

    def _numbered(self) -> Iterator[Block]:
        X = self._batches
        given = (X[i] for i in range(int(X.num_batches))) if hasattr(X, "num_batches") else X
        for i, batch in enumerate(given):
            inputs = _checked(i, batch)
            if self.labels is not None:
                self.labels.append(_labels_of(i, batch))
            if len(inputs):
                yield i, inputs

    def read(self) -> Array:
        ((_, inputs),) = self.blocks(LARGEST_INT)
        return inputs


def _labels_of(number: int, batch: object) -> Array:
    labels = batch[1] if isinstance(batch, tuple) and len(batch) > 1 else None
    if labels is None or isinstance(labels, (Mapping, tuple)):
        raise InvalidInputError(
            f"`y`: batch {number} of `X` must be (inputs, labels) with one array of labels for 'inferred'; pass the "
            "labels themselves as `y`."
        )
    return as_array(f"labels of batch {number} of X", labels)


def _checked(number: int, batch: object) -> Array:
    inputs = batch[0] if isinstance(batch, tuple) and batch else batch
    if isinstance(inputs, (dict, tuple)):
        raise InvalidTypeError(
            f"`X`: batch {number} holds a {type(inputs).__name__}; one array of inputs is expected, or a tuple "
            "(inputs, labels). Map the batches to the input that targets are to be made of."
        )
    array = to_array(inputs, f"batch {number} of X")
    if array.ndim < 2:
        raise InvalidInputError(
            f"`X`: batch {number} has shape {array.shape}; batches of samples are expected, (n, ...). If it is a "
            "single sample, batch the samples first."
        )
    return array


class Sliced:
    """Anything with a shape that is read by slices: arrays, memory maps, data sets of HDF5, arrays of Zarr."""

    once = False

    def __init__(self, X: Any) -> None:
        n = X.shape[0]
        if isinstance(n, float) and math.isnan(n):
            raise InvalidInputError("The length of `X` is unknown; compute the sizes of its chunks first.")
        self.inputs = X
        self.n = int(n)
        self.first = to_array(X[:1], "X")

    def count(self) -> None:
        """Do nothing: the number of samples is known."""

    def blocks(self, rows: int) -> Iterator[Block]:
        for start in range(0, self.n, rows):
            # A contiguous copy or view; checked later, by the same door as inputs in memory.
            yield start, np.ascontiguousarray(to_array(self.inputs[start : min(start + rows, self.n)], "X"))
            _release(self.inputs)


Source = Sliced | Batches


def source_of(X: object, domain: str) -> Source:
    if isinstance(X, type):
        raise wrong_type("X", "an array, not a class", X)
    in_memory = hasattr(X, "to_numpy") or isinstance(X, (list, tuple, str, bytes, Mapping))
    plain = not in_memory and str(getattr(X, "dtype", "object")) != "object"
    if plain and hasattr(X, "__getitem__") and len(getattr(X, "shape", None) or ()):
        return Sliced(X)
    if plain or in_memory or isinstance(X, np.ndarray) or not (hasattr(X, "__iter__") or hasattr(X, "num_batches")):
        return Sliced(dense(X, domain))
    return Batches(X)


def dense(X: object, domain: str) -> Array:
    """Read inputs that are in memory, all of one shape."""
    samples = read_inputs(X, domain)
    if isinstance(samples, Ragged):
        raise InvalidInputError(
            "`X` holds series of different lengths, which cannot be written by `save_to`; pad or cut them to one "
            "length, or make the targets in memory and save them with `AuxTargets.save`."
        )
    return samples.inputs


_ROWS = 256


def some_rows(X: Array, rows: Array) -> Array:
    """Copy some rows of an array, piece by piece, so that few pages of a memory map are held at once."""
    found = np.empty((len(rows), *X.shape[1:]), X.dtype)
    for start in range(0, len(rows), _ROWS):
        found[start : start + _ROWS] = X[rows[start : start + _ROWS]]
        _release(X)
    return found


def _release(X: object) -> None:
    """Give pages of a memory map back that were read: they count as memory of the process until it does."""
    while isinstance(X, np.ndarray):
        # A copy-on-write map may hold changes that are nowhere else.
        if getattr(X, "mode", "r") == "c":
            return
        X = X.base
    if isinstance(X, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        X.madvise(mmap.MADV_DONTNEED)


# Files of images and batches, with the labels that they bring

INFERRED = "inferred"
"""Stands for the labels that inputs bring with them, as in Keras: the names of folders, or what batches hold."""


def gathered(X: Any, y: Any, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return inputs and main labels in memory; those that are there already as they are."""
    size = checked_settings(params).image_size  # checked before files are looked for
    files = _files(X, params["domain"])
    if files is not None:
        images = files.read(size)
        return images, _names_of_folders(files) if _is_inferred(y) else y
    if not _are_batches(X):
        _refuse_inferred(y, "of a folder or a list of files, or in batches of (inputs, labels)")
        return X, y
    batches = Batches(X, with_labels=_is_inferred(y))
    inputs = batches.read()
    return inputs, y if batches.labels is None else _named(np.concatenate(batches.labels), X)


def streamed(X: Any, y: Any, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return inputs in a form that is read piece by piece, and main labels."""
    size = checked_settings(params).image_size
    files = _files(X, params["domain"])
    if files is None:
        _refuse_inferred(y, "of a folder or a list of files; pass the labels of batches with `save_to`")
        return X, y
    return ImageBatches(files, size), _names_of_folders(files) if _is_inferred(y) else y


def _files(X: Any, domain: str) -> ImageFiles | None:
    # In the domain "any" a list of strings may be texts; a file is a path there.
    as_paths = domain == "image" or not (isinstance(X, (list, tuple)) and X and isinstance(X[0], str))
    return image_files_of(X) if domain in WITH_FILES and as_paths else None


def _are_batches(X: Any) -> bool:
    return hasattr(X, "element_spec") or (hasattr(X, "num_batches") and hasattr(X, "__getitem__"))


def _is_inferred(y: Any) -> bool:
    return isinstance(y, str) and y == INFERRED


def _refuse_inferred(y: Any, where: str) -> None:
    if _is_inferred(y):
        raise InvalidInputError(f"`y`: {INFERRED!r} labels are those {where}; pass the labels themselves.")


def _names_of_folders(files: ImageFiles) -> Array:
    if all(name is None for name in files.classes):
        raise InvalidInputError(
            f"`y`: {INFERRED!r} labels are the names of the folders that hold the images, but there is no such folder "
            f"in {files.paths[0].parent}; put the images of each class into a folder, or pass the labels."
        )
    return np.array(files.classes, object)


def _named(labels: Array, batches: Any) -> Array:
    """Return numbers of classes as their names, which Keras keeps, where sorting these gives the same numbers."""
    names = list(getattr(batches, "class_names", None) or ())
    of_all = labels.ndim == 1 and labels.dtype.kind == "i" and np.array_equal(np.unique(labels), np.arange(len(names)))
    return np.array(names)[labels] if names and of_all and names == sorted(names) else labels
