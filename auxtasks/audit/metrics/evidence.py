"""Labels and predictions of a test part, cleared of what is missing and laid out for the metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auxtasks.audit.metrics.problem import Problem, Scale, without_last_one
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.labels import missing_entries, read_labels
from auxtasks.typing import Array, Floats


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
    """Lay labels and outputs out for the metrics."""
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
    """Give labels one row for each row of the outputs, with all columns or none."""
    labels = without_last_one(labels)
    units = outputs.shape[1]
    per_column = units > 1 and (problem in ("multilabel", "regression") or _is_one_hot(labels, outputs))
    rows = labels.reshape(-1, units) if per_column and labels.size == outputs.size else labels.reshape(-1)
    if len(rows) != len(outputs):
        raise InvalidInputError(
            f"`y_true` must have a label for each prediction; found labels of shape {labels.shape} and {len(outputs)} "
            f"rows of {units} outputs."
        )
    return rows


def _is_one_hot(labels: Array, outputs: Floats) -> bool:
    return labels.ndim > 1 and labels.size == outputs.size


def _scores(outputs: Floats, problem: Problem, scale: Scale) -> Floats:
    if scale != "margins":
        probabilities = as_probabilities(outputs, problem, scale == "logits")
        return probabilities[:, None] if problem == "binary" else probabilities
    if problem == "binary" and outputs.shape[1] == 2:
        return outputs[:, 1:] - outputs[:, :1]
    return outputs


def _check_classes(truth: Array, outputs: Floats, problem: Problem) -> None:
    """Refuse classes that the model cannot name."""
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
    """Lay outputs out as one row for each sample."""
    outputs = to_numbers(y_pred)
    rows = outputs.reshape(-1, outputs.shape[-1] if outputs.ndim > 1 else 1)
    if problem == "binary" and rows.shape[1] > 2:
        raise InvalidInputError(f"`y_pred` must have 1 or 2 units for a binary problem; got shape {outputs.shape}.")
    return rows.astype(np.result_type(rows.dtype, np.float32), copy=False)


def to_numbers(y_pred: object) -> Array:
    """Return outputs as an array of numbers."""
    try:
        outputs = np.asarray(y_pred)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`y_pred` cannot be read as an array of numbers: {error}") from error
    if outputs.dtype.kind not in "biuf":
        raise InvalidTypeError(f"`y_pred` must hold numbers; got dtype {outputs.dtype}, shape {outputs.shape}.")
    if not outputs.ndim:
        raise InvalidInputError(f"`y_pred` must have one row for each sample; got the single number {outputs}.")
    return outputs
