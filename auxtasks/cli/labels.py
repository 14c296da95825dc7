"""The main labels, from an array or from a text file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auxtasks.cli.archive import read_npy
from auxtasks.cli.data import Data, listed
from auxtasks.cli.lines import read_lines
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def read_labels(source: str, data: Data | None) -> Array:
    """Read labels.

    Parameters
    ----------
    source : str
        The name of an array beside the inputs, or else an .npy file or a text file of one label a line, in which an
        empty line stands for a sample without one.
    data : Data, optional
        The inputs.

    Returns
    -------
    ndarray
        Integers, floats or, for classes by name, strings.

    Raises
    ------
    InvalidInputError
        If there is neither such an array nor such a file, or it cannot be read.
    """
    if data is not None and source in data.others:
        return data.others[source]
    path = Path(source)
    if path.is_file() and path.suffix.lower() == ".npy":
        return read_npy(path)
    if path.is_file() and path.suffix.lower() != ".npz":
        return labels_of(read_lines(path))
    holds = f"; {data.path} holds {listed(data.others)} besides its inputs" if data and data.others else ""
    raise InvalidInputError(
        f"`--labels`: {source!r} is neither an array beside the inputs nor an .npy or text file{holds}."
    )


def labels_of(lines: Sequence[str]) -> Array:
    """Turn lines into labels: integers if all are, else numbers if all are, else names of classes.

    Parameters
    ----------
    lines : sequence of str
        The labels; empty ones and "nan" are missing.

    Returns
    -------
    ndarray
        Missing is -1, NaN or "".

    Examples
    --------
    >>> labels_of(["1", "", "0"]), labels_of(["0.5", "2"]), labels_of(["cat", "7"])
    (array([ 1, -1,  0]), array([0.5, 2. ]), array(['cat', '7'], dtype='<U3'))
    """
    values = ["" if _is_missing(line) else line.strip() for line in lines]
    try:
        return np.array([int(value) if value else -1 for value in values], np.int64)
    except ValueError:
        pass
    try:
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    except ValueError:
        return np.array(values, str)


def numbered(labels: Array, *others: Array) -> tuple[list[Array], tuple[str, ...]]:
    """Give numbers to classes that are given by name, by the order of their names.

    Parameters
    ----------
    labels : ndarray
        The labels of the training samples, which decide what classes there are.
    *others : ndarray
        Those of other samples.

    Returns
    -------
    list of ndarray, tuple of str
        All labels, numbers as they were given, and the classes; none if labels are numbers.

    Raises
    ------
    InvalidInputError
        If other samples are of another class, or numbered where the others have names.

    Examples
    --------
    >>> numbered(np.array(["dog", "cat", ""]))
    ([array([ 1,  0, -1])], ('cat', 'dog'))
    """
    if labels.dtype.kind != "U":
        return [labels, *others], ()
    classes = tuple(sorted({name for name in labels.ravel().tolist() if not _is_missing(name)}))
    return [_numbers(part, classes) for part in (labels, *others)], classes


def _numbers(labels: Array, classes: tuple[str, ...]) -> Array:
    number = {name: number for number, name in enumerate(classes)}
    names = labels.ravel().tolist()
    unknown = sorted({str(name) for name in names if name not in number and not _is_missing(name)})
    if unknown:
        raise InvalidInputError(
            f"`y_test` holds {listed(unknown[:5])}, which no training sample has; the classes of these are "
            f"{listed(classes)}."
        )
    return np.array([number.get(name, -1) for name in names], np.int64).reshape(labels.shape)


def _is_missing(name: object) -> bool:
    return str(name).strip().lower() in ("", "nan")
