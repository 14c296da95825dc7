"""The targets of one partition, made by a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.layouts import Layout
from auxtasks.cluster.piece import Piece
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


@dataclass(frozen=True)
class Made:
    """The targets of a partition; where a task adds copies, these come after the originals.

    Parameters
    ----------
    targets : dict of str to ndarray
        By name.
    inputs : ndarray or None
        None where the model reads the samples as they are.
    lengths : ndarray or None
        How many steps of each text are tokens.
    n : int
        How many samples are no copies.
    """

    targets: dict[str, Array]
    inputs: Array | None
    lengths: Array | None
    n: int


def make(
    block: Any, piece: Piece, generator: AuxTargetGenerator, inputs: Layout | None, targets: dict[str, Layout]
) -> Made:
    """Make the targets of a partition.

    Parameters
    ----------
    block : array-like or sequence
        The samples.
    piece : Piece
        Which partition it is.
    generator : AuxTargetGenerator
        The fitted generator.
    inputs : Layout or None
        How the inputs are to be laid out; None if they are not asked for.
    targets : dict of str to Layout
        How the targets are laid out.

    Returns
    -------
    Made
        The targets.

    Raises
    ------
    AuxTasksError
        If the samples cannot be used, or do not give what was said before; the partition is named.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.cluster.layouts import target_layout
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
    >>> layouts = {"std": target_layout(generator.specs_["std"], np.dtype("float32"))}
    >>> make([[0.0, 0.0]], Piece(0, "partition 0 of `X`", {}), generator, None, layouts).targets["std"]
    array([[-1.]], dtype=float32)
    """
    if not len(block):
        empty = None if inputs is None else inputs.empty()
        return Made({name: layout.empty() for name, layout in targets.items()}, empty, np.empty(0, np.int64), 0)
    with piece.named():
        found = piece.own(generator).transform(block, given=piece.given or None)
        brought = None if inputs is None else as_said(found.inputs, inputs)
    return Made(dict(found), brought, found.lengths, found.n_original)


def target_of(made: Made, *, name: str, copies: bool | None) -> Array:
    """Take a target out of what a partition gave: of the originals, of the copies, or with None of all samples."""
    return _half(made, made.targets[name], copies)


def inputs_of(made: Made, *, copies: bool | None) -> Array:
    """Take the inputs out of what a partition gave, where they were asked for."""
    if made.inputs is None:
        raise InvalidInputError("the inputs of this partition were not asked for.")
    return _half(made, made.inputs, copies)


def lengths_of(made: Made, *, copies: bool | None) -> Array:
    """Take the numbers of tokens of texts out of what a partition gave."""
    return _half(made, np.asarray(made.lengths, np.int64), copies)


def _half(made: Made, array: Array, copies: bool | None) -> Array:
    return array if copies is None else array[made.n :] if copies else array[: made.n]


def as_said(inputs: Array, said: Layout) -> Array:
    """Return inputs in the dtype that was said before, and refuse those that are laid out otherwise."""
    if inputs.shape[1:] != said.shape:
        raise InvalidInputError(
            f"`X`: these samples give inputs of shape (n, {', '.join(map(str, inputs.shape[1:]))}), and (n, "
            f"{', '.join(map(str, said.shape))}) was expected, as of the training inputs; crop or pad the samples."
        )
    brought = inputs.astype(said.dtype, copy=False)
    if said.dtype.kind in "biu" and not np.array_equal(brought, inputs):
        raise InvalidInputError(
            f"`X`: copies of these samples are no {said.dtype}; convert the inputs to float32 first."
        )
    return brought
