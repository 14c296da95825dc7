"""How samples lie in arrays, as the targets that were made from them know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array

Side = Literal["post", "pre"]
"""Where padding lies: at the end or at the beginning."""


@dataclass(frozen=True)
class Layout:
    """How many tokens each text has, and where its padding lies.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,), optional
        The tokens of each sample; None where the samples are no texts.
    side : {"post", "pre"}
        The side that is padded.
    padding : int
        The number that stands for no token.
    inputs : object
        What the targets were made from; None if that is not known.
    """

    lengths: Array | None = None
    side: Side = "post"
    padding: int = 0
    inputs: Any = None

    @classmethod
    def of(cls, targets: Any) -> Layout:
        """Read it off targets, or whatever is passed for them; what is not there is left at its default."""
        generator, lengths = getattr(targets, "generator", None), getattr(targets, "lengths", None)
        vocabulary = getattr(getattr(generator, "texts_", None), "vocabulary", None)
        return cls(
            lengths=None if lengths is None else np.asarray(lengths),
            side=getattr(generator, "padding", "post"),
            padding=getattr(vocabulary, "padding", 0),
            inputs=_inputs_of(targets),
        )


def _inputs_of(targets: Any) -> Any:
    try:
        return getattr(targets, "inputs", None)
    except InvalidInputError:  # not saved with the targets
        return None
