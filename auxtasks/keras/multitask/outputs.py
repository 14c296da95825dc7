"""What the heads of a model with several tasks predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.specs import TargetSpec
from auxtasks.validation import check_choice, check_int, check_number

Where = str | int | float

TYPES = {
    "classes": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "labels": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "numbers": (None, "mse", "mae"),
}
"""The activation, loss and metric of each type of output."""
_NAMED = {"binary": ("labels", 1), "regression": ("numbers", 1)}
_KINDS = {"class": "classes", "multilabel": "labels", "vector": "numbers"}


@dataclass(frozen=True)
class OutputSpec:
    """What one head of a multi-task model predicts.

    Parameters
    ----------
    units : int, default 1
        How many classes, labels or numbers.
    kind : {"classes", "labels", "numbers"}, default "numbers"
        Classes exclude each other and come as integers; labels are each 0 or 1.
    hidden : int or sequence of int, optional
        The units of the hidden layers of this head; by default those of all heads.
    at : str, int or float, optional
        The layer of the encoder that it reads; by default the encoder's output.
    loss, metrics, weight : optional
        As for ``compile``; by default those of the kind, and a weight of 1.

    Examples
    --------
    >>> OutputSpec(10, "classes", hidden=64)
    OutputSpec(units=10, kind='classes', hidden=64, at=None, loss=None, metrics=None, weight=1.0)
    """

    units: int = 1
    kind: str = "numbers"
    hidden: int | Sequence[int] | None = None
    at: Where | None = None
    loss: Any = None
    metrics: Any = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no head can be built from."""
        check_choice("kind", self.kind, TYPES)
        check_int("units", self.units, low=2 if self.kind == "classes" else 1)
        check_number("weight", self.weight, low=0.0)


def output_spec(task: str, asked: Any) -> OutputSpec:
    """Return what a head predicts, said in full.

    Parameters
    ----------
    task : str
        The name, for errors.
    asked : int, str, TargetSpec or OutputSpec
        As `build_multitask_model` takes it.

    Returns
    -------
    OutputSpec
        The same.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If there is no head for it.
    """
    if isinstance(asked, OutputSpec):
        return asked
    if isinstance(asked, str):
        check_choice(f"tasks[{task!r}]", asked, _NAMED)
        kind, units = _NAMED[asked]
        return OutputSpec(units, kind)
    if isinstance(asked, TargetSpec):
        if asked.kind not in _KINDS:
            raise InvalidInputError(
                f"`tasks`: {task!r} is of kind {asked.kind!r}; only {', '.join(_KINDS)} have a head here. Add others "
                "with attach_heads."
            )
        return OutputSpec(asked.size, _KINDS[asked.kind])
    if isinstance(asked, Integral) and not isinstance(asked, bool):
        return OutputSpec(check_int(f"tasks[{task!r}]", asked, low=2), "classes")
    raise InvalidTypeError(
        f"`tasks`: {task!r} must be a number of classes, 'regression', 'binary', a TargetSpec or an OutputSpec; got "
        f"{asked!r}."
    )
