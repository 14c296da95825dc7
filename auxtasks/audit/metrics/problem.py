"""Which kind of problem the main task is: classes, labels or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.labels import are_flags, are_signed, missing_entries, read_labels
from auxtasks.typing import Array
from auxtasks.validation import check_choice

Problem = Literal["binary", "multiclass", "multilabel", "regression"]


def check_problem(problem: object) -> None:
    """Refuse what is neither a kind of problem nor None, for which labels decide."""
    if problem is not None:
        check_choice("problem", problem, get_args(Problem))


def problem_of(y: object, shape: Sequence[int | None], *, loss: Any = None) -> Problem:
    """Tell the kind of problem from the labels and the shape of the model's output.

    =====================  ============================================  ==========================================
    output                 labels                                        problem
    =====================  ============================================  ==========================================
    ``(n,)``, ``(n, 1)``   0 and 1, or -1 and 1                          binary
    ``(n,)``, ``(n, 1)``   other numbers                                 regression
    ``(n, k)``             ``(n,)`` whole numbers from 0 to k - 1        multiclass; binary for k = 2
    ``(n, k)``             ``(n, k)`` one-hot, or a categorical loss     multiclass; binary for k = 2
    ``(n, k)``             ``(n, k)`` of 0 and 1, or of -1 and 1         multilabel
    ``(n, k)``             ``(n, k)`` other numbers                      regression
    =====================  ============================================  ==========================================

    Axes between (steps, pixels) are counted as samples. A matrix in which every row holds a single 1 is taken for
    one-hot unless the loss judges each unit by itself, as ``"binary_crossentropy"`` does. An axis of length 1 at the
    end of the labels does not matter.
    """
    labels, about, rank = without_last_one(read_labels("y", y)), about_loss(loss), len(shape)
    signed = are_signed(labels, hinge=about.scale == "margins")
    if missing_entries(labels, signed=signed).all():
        raise InvalidInputError(f"`y` holds no label at all; found shape {labels.shape}, all missing. Give some.")
    units = shape[-1] if rank > 1 else 1
    if units == 1 and labels.ndim == max(rank - 1, 1):
        return "binary" if are_flags(labels, signed=signed) else "regression"
    if units != 1 and labels.ndim == rank - 1 and _are_classes(labels, units):
        return "binary" if units == 2 else "multiclass"
    if units != 1 and labels.ndim == rank and units in (None, labels.shape[-1]):
        return _of_rows(labels, signed, about)
    raise InvalidInputError(
        f"`y` must fit the output of the model: class numbers below its last axis, or its shape. Found labels of "
        f"shape {labels.shape}, dtype {labels.dtype}, up to {np.nanmax(labels):g}, and an output of shape "
        f"{tuple(shape)}."
    )


def without_last_one(labels: Array) -> Array:
    """Leave out a last axis of length 1, which says nothing."""
    return labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels


def _are_classes(labels: Array, units: int | None) -> bool:
    present = labels[~missing_entries(labels)]
    highest = np.inf if units is None else units - 1
    return bool(((present == np.floor(present)) & (present >= 0) & (present <= highest)).all())


def _of_rows(labels: Array, signed: bool, about: AboutLoss) -> Problem:
    """Tell labels that have as many columns as the output apart."""
    flags = are_flags(labels, signed=signed)
    rows = labels[~missing_entries(labels, signed=signed).any(axis=-1)]
    # One-hot rows are missing as a whole; where every row has a hole, columns are missing one by one.
    single = len(rows) > 0 and bool((rows.sum(axis=-1) == (2 - labels.shape[-1] if signed else 1)).all())
    one_hot = flags and not about.of_each_unit and single
    if about.of_one_class or one_hot:
        return "binary" if labels.shape[-1] == 2 else "multiclass"
    return "multilabel" if flags else "regression"


Scale = Literal["probabilities", "logits", "margins"]
"""What the outputs of a classifier are; margins are those of hinge losses, of which the sign alone decides."""


class AboutLoss(NamedTuple):
    """The name of a loss in small letters only, empty where it is not known, and whether it takes logits."""

    name: str
    from_logits: bool

    @property
    def scale(self) -> Scale:
        """What the outputs are that the loss is made for."""
        if "hinge" in self.name:
            return "margins"
        return "logits" if self.from_logits else "probabilities"

    @property
    def of_one_class(self) -> bool:
        """Whether the loss takes the outputs of one sample for the probabilities of classes that exclude each other."""
        return "categorical" in self.name or self.name.startswith("kl") or "kullback" in self.name

    @property
    def of_each_unit(self) -> bool:
        """Whether the loss takes each output for a yes or no of its own."""
        return self.name.startswith(("binary", "bce")) or ("hinge" in self.name and not self.of_one_class)


def about_loss(loss: Any) -> AboutLoss:
    """Read what the compiled loss of a model says."""
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        loss = loss[0] if len(loss) == 1 else None
    if isinstance(loss, str):
        return AboutLoss(_plain(loss), False)
    if callable(getattr(loss, "get_config", None)):
        # The class tells what a loss is also where its user has renamed it.
        return AboutLoss(_plain(type(loss).__name__), bool(loss.get_config().get("from_logits", False)))
    return AboutLoss(_plain(getattr(loss, "__name__", "")), False)


def _plain(name: str) -> str:
    """Bring ``BinaryCrossentropy`` and ``binary_crossentropy`` to one form."""
    return name.replace("_", "").lower()
