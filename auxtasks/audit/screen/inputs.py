"""The inputs that targets are computed from, for the samples drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.inputs.arrays import to_array
from auxtasks.targets.mapping import AuxTargets
from auxtasks.typing import Array


class Inputs(NamedTuple):
    """Inputs, shape (n, ...), and whether they are numbers of words; these are -1 where padded."""

    values: Array
    words: bool


def read_inputs(targets: Mapping[str, Array], inputs: object, n: int, rows: Array) -> Inputs | None:
    """Return the inputs of some samples.

    Parameters
    ----------
    targets : mapping of str to ndarray
        The targets, which may know their inputs.
    inputs : array-like or None
        What the user gave instead.
    n : int
        How many samples there are.
    rows : ndarray of int
        Which of them to return.

    Returns
    -------
    Inputs or None
        None where there are none.

    Raises
    ------
    InvalidTypeError
        If they are not numbers.
    InvalidInputError
        If there are more or fewer than samples.

    Examples
    --------
    >>> read_inputs({}, [1.0, 2.0, 3.0], 3, np.array([0, 2])).values.tolist()
    [[1.0], [3.0]]
    """
    words, lengths = False, None
    if isinstance(targets, AuxTargets):
        words, lengths = targets.vocabulary is not None, targets.lengths
        inputs = _inputs_of(targets) if inputs is None else inputs
    if inputs is None:
        return None
    found = to_array(inputs, "inputs")
    if not found.ndim or len(found) != n:
        raise InvalidInputError(f"`inputs` must hold the {n} samples of the targets; found shape {found.shape}.")
    chosen = found[rows].reshape(len(rows), *(found.shape[1:] or (1,)))
    if words and lengths is not None:
        # What comes after a text is padding, and no word of it.
        chosen = np.where(np.arange(chosen.shape[1]) < lengths[rows, None], chosen, -1)
    return Inputs(chosen, words)


def _inputs_of(targets: AuxTargets) -> Array | None:
    try:
        return targets.inputs
    except InvalidInputError:
        # Targets may have been saved without them.
        return None
