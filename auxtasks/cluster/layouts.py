"""How lazy arrays are laid out, before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.source import Source
from auxtasks.compute.raw import empty_target
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


@dataclass(frozen=True)
class Layout:
    """The shape of one sample's values, and their dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def empty(self) -> Array:
        """Return the values of no samples."""
        return np.empty((0, *self.shape), self.dtype)


def target_layout(spec: TargetSpec, dtype: np.dtype[Any]) -> Layout:
    """Tell how a target is laid out.

    Parameters
    ----------
    spec : TargetSpec
        The target.
    dtype : dtype
        The dtype of targets made of numbers.

    Returns
    -------
    Layout
        Of one sample.

    Examples
    --------
    >>> target_layout(TargetSpec("a", "a", "class", (), n_classes=2), np.dtype("float32"))
    Layout(shape=(), dtype=dtype('int32'))
    """
    return Layout(spec.shape, empty_target(spec.kind, 0, spec.shape, dtype).dtype)


def inputs_layout(generator: AuxTargetGenerator, source: Source, copies: bool) -> Layout:
    """Tell how the inputs that a model reads are laid out, by trying one sample of zeros.

    Parameters
    ----------
    generator : AuxTargetGenerator
        The fitted generator.
    source : Source
        The partitions.
    copies : bool
        Whether a task adds copies, which may not be integers where the inputs are.

    Returns
    -------
    Layout
        Samples of a bag, whose dtype only they tell, become float32, in which series are padded too.
    """
    if generator.domain == "text":
        length = generator.texts_.length if generator.texts_ is not None else 0
        return Layout((), np.dtype(object)) if generator.inputs == "texts" else Layout((length,), np.dtype(np.int32))
    if source.array is None:
        like = generator.prepare(np.zeros((1, *generator._given_shape), np.float32))
        return Layout(like.shape[1:], np.dtype(np.float32))
    one = np.zeros((1, *source.array.shape[1:]), source.array.dtype)
    if copies and one.dtype.kind in "biu":
        low, high = (0, 1) if one.dtype == bool else (np.iinfo(one.dtype).min, np.iinfo(one.dtype).max)
        one[...] = np.random.default_rng(0).integers(low, high, one.shape, one.dtype, endpoint=True)
        found = generator.transform(one).inputs
    else:
        found = generator.prepare(one)
    return Layout(found.shape[1:], found.dtype)
