"""Inputs that lie in files of images or come in batches, brought into memory once, with the labels that they bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.image_files import ImageFiles, image_files_of
from auxtasks.scale.sources import Batches
from auxtasks.targets.settings import WITH_FILES, checked_settings
from auxtasks.typing import Array

INFERRED = "inferred"
"""Stands for the labels that inputs bring with them, as in Keras: the names of folders, or what batches hold."""


def gathered(X: Any, y: Any, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return inputs and main labels in memory; those that are there already as they are."""
    files = _files(X, params)
    if files is not None:
        images = files.read(checked_settings(params).image_size)
        return images, _labels_of(files) if _is_inferred(y) else y
    if not _are_batches(X):
        _refuse_inferred(y, "of a folder or a list of files, or in batches of (inputs, labels)")
        return X, y
    batches = Batches(X, with_labels=_is_inferred(y))
    inputs = batches.read()
    return inputs, y if batches.labels is None else _named(np.concatenate(batches.labels), X)


def streamed(X: Any, y: Any, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return inputs in a form that is read piece by piece, and main labels."""
    files = _files(X, params)
    if files is None:
        _refuse_inferred(y, "of a folder or a list of files; pass the labels of batches with `save_to`")
        return X, y
    return files.batches(checked_settings(params).image_size), _labels_of(files) if _is_inferred(y) else y


def _files(X: Any, params: Mapping[str, Any]) -> ImageFiles | None:
    checked_settings(params)  # before files are looked for
    # In the domain "any" a list of strings may be texts; a file is a path there.
    as_paths = params["domain"] == "image" or not (isinstance(X, (list, tuple)) and X and isinstance(X[0], str))
    return image_files_of(X) if params["domain"] in WITH_FILES and as_paths else None


def _are_batches(X: Any) -> bool:
    return hasattr(X, "element_spec") or (hasattr(X, "num_batches") and hasattr(X, "__getitem__"))


def _is_inferred(y: Any) -> bool:
    return isinstance(y, str) and y == INFERRED


def _refuse_inferred(y: Any, where: str) -> None:
    if _is_inferred(y):
        raise InvalidInputError(f"`y`: {INFERRED!r} labels are those {where}; pass the labels themselves.")


def _labels_of(files: ImageFiles) -> Array:
    if all(name is None for name in files.classes):
        raise InvalidInputError(
            f"`y`: {INFERRED!r} labels are the names of the folders that hold the images, but there is no such folder "
            f"in {files.paths[0].parent}; put the images of each class into a folder, or pass the labels."
        )
    return files.labels


def _named(labels: Array, batches: Any) -> Array:
    """Return numbers of classes as their names, which Keras keeps, where sorting these gives the same numbers."""
    names = list(getattr(batches, "class_names", None) or ())
    of_all = labels.ndim == 1 and labels.dtype.kind == "i" and np.array_equal(np.unique(labels), np.arange(len(names)))
    return np.array(names)[labels] if names and of_all and names == sorted(names) else labels
