"""Which kind of problem the main task is, and its labels and predictions laid out for the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.labels import are_flags, are_signed, missing_entries, read_labels
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice

Problem = Literal["binary", "multiclass", "multilabel", "regression"]


def check_problem(problem: object) -> None:
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


@dataclass(frozen=True)
class Evidence:
    """What metrics are computed from, without the samples whose label is missing.

    `truth` and `predicted`, the decisions, hold class numbers, shape (n,), or flags or numbers, shape (n, columns).
    Samples are ranked by `scores`, a column for each class, in a binary problem the column of class 1 alone.
    """

    problem: Problem
    truth: Array
    predicted: Array
    scores: Floats
    are_probabilities: bool
    classes: tuple[int, ...]

    @property
    def members(self) -> Array:
        """Whether each sample belongs to the class of each column of the scores, shape (n, columns)."""
        truth = self.truth if self.problem == "multilabel" else self.truth[:, None]
        members: Array = truth == (np.arange(self.scores.shape[1]) if self.problem == "multiclass" else 1)
        return members


def gather(
    y_true: object, y_pred: object, problem: Problem, *, scale: Scale, signed: bool, classes: tuple[int, ...]
) -> Evidence:
    outputs = read_outputs(y_pred, problem)
    truth = _by_row(read_labels("y_true", y_true), outputs, problem)
    missing = missing_entries(truth, signed=signed)
    present = ~(missing.any(axis=1) if truth.ndim > 1 else missing)
    truth, outputs = truth[present], outputs[present]
    if problem == "regression":
        numbers = truth.reshape(len(truth), -1)
        return Evidence(problem, numbers, outputs, outputs, False, ())
    if problem != "multilabel" and truth.ndim > 1:
        truth = truth.argmax(axis=1)
    elif signed:
        truth = truth > 0
    truth = truth.astype(np.int64)
    _check_classes(truth, outputs, problem)
    scores = _scores(outputs, problem, scale)
    # Comparisons with NaN are False: what cannot be ranked is decided here too, and left to the metrics to refuse.
    predicted = scores.argmax(axis=1) if problem == "multiclass" else scores > (0 if scale == "margins" else 0.5)
    if problem == "binary":
        predicted = predicted[:, 0]
    return Evidence(problem, truth, predicted.astype(np.int64), scores, scale != "margins", classes)


def _by_row(labels: Array, outputs: Floats, problem: Problem) -> Array:
    labels = without_last_one(labels)
    units = outputs.shape[1]
    # Otherwise rows of labels are one-hot.
    as_rows = problem in ("multilabel", "regression") or labels.ndim > 1
    rows = labels.reshape(-1, units) if units > 1 and as_rows and labels.size == outputs.size else labels.reshape(-1)
    if len(rows) != len(outputs):
        raise InvalidInputError(
            f"`y_true` must have a label for each prediction; found labels of shape {labels.shape} and {len(outputs)} "
            f"rows of {units} outputs."
        )
    return rows


def _scores(outputs: Floats, problem: Problem, scale: Scale) -> Floats:
    if scale != "margins":
        probabilities = as_probabilities(outputs, problem, scale == "logits")
        return probabilities[:, None] if problem == "binary" else probabilities
    if problem == "binary" and outputs.shape[1] == 2:
        return outputs[:, 1:] - outputs[:, :1]
    return outputs


def _check_classes(truth: Array, outputs: Floats, problem: Problem) -> None:
    n_classes = outputs.shape[1] if problem == "multiclass" else 2
    outside = truth[(truth < 0) | (truth >= n_classes)]
    if len(outside):
        raise InvalidInputError(
            f"`y_true` must hold classes from 0 to {n_classes - 1} in a {problem} problem with {outputs.shape[1]} "
            f"outputs; found {int(outside[0])}."
        )


def as_probabilities(y_pred: object, problem: Problem, from_logits: bool = False) -> Floats:
    """Turn the outputs of a model into one row of probabilities (for numbers: of predictions) for each sample.

    float32 stays float32, because scikit-learn clips probabilities by the precision of their type; softmax and sigmoid
    are computed in float64. Outputs that should be probabilities and are not are passed on as they are.
    """
    outputs = read_outputs(y_pred, problem)
    if problem == "regression":
        return outputs
    exclusive = problem != "multilabel" and outputs.shape[1] > 1
    if from_logits:
        from scipy.special import expit, softmax

        wide = outputs.astype(np.float64)
        outputs = softmax(wide, axis=1) if exclusive else expit(wide)
    return outputs[:, -1] if problem == "binary" else outputs


def read_outputs(y_pred: object, problem: Problem) -> Floats:
    outputs = to_numbers(y_pred)
    rows = outputs.reshape(-1, outputs.shape[-1] if outputs.ndim > 1 else 1)
    if problem == "binary" and rows.shape[1] > 2:
        raise InvalidInputError(f"`y_pred` must have 1 or 2 units for a binary problem; got shape {outputs.shape}.")
    return rows.astype(np.result_type(rows.dtype, np.float32), copy=False)


def to_numbers(y_pred: object) -> Array:
    try:
        outputs = np.asarray(y_pred)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`y_pred` cannot be read as an array of numbers: {error}") from error
    if outputs.dtype.kind not in "biuf":
        raise InvalidTypeError(f"`y_pred` must hold numbers; got dtype {outputs.dtype}, shape {outputs.shape}.")
    if not outputs.ndim:
        raise InvalidInputError(f"`y_pred` must have one row for each sample; got the single number {outputs}.")
    return outputs
