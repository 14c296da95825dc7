"""What a model puts out, as probabilities."""

from __future__ import annotations

import numpy as np

from auxtasks.audit.metrics.problem import Problem
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.typing import Array, Floats


def as_probabilities(y_pred: object, problem: Problem, from_logits: bool = False) -> Floats:
    """Turn the outputs of a model into one row of probabilities (for numbers: of predictions) for each sample.

    Parameters
    ----------
    y_pred : array-like
        The outputs, ``(n, units)`` or ``(n,)``; axes between are counted as samples.
    problem : {"binary", "multiclass", "multilabel", "regression"}
        What they are for.
    from_logits : bool, default False
        Whether to take the softmax (classes) or the sigmoid (a single unit, labels) first.

    Returns
    -------
    ndarray of float, shape (n,) or (n, units)
        The probability of class 1 for a binary problem, whether of one unit or two; else one column for each unit.

    Raises
    ------
    InvalidTypeError
        If the outputs are not numbers.

    Notes
    -----
    float32 stays float32, because scikit-learn clips probabilities by the precision of their type; softmax and sigmoid
    are computed in float64. Outputs that should be probabilities and are not are passed on as they are.

    Examples
    --------
    >>> as_probabilities([[0.0], [2.0]], "binary", from_logits=True).round(3)
    array([0.5  , 0.881])
    >>> as_probabilities([[0.25, 0.75]], "binary")
    array([0.75])
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
    """Lay outputs out as one row for each sample.

    Parameters
    ----------
    y_pred : array-like
        The outputs.
    problem : {"binary", "multiclass", "multilabel", "regression"}
        What they are for.

    Returns
    -------
    ndarray of float, shape (n, units)
        In float32 at least.

    Raises
    ------
    InvalidTypeError
        If the outputs are not numbers.
    InvalidInputError
        If they are a single number, or have too many units for a binary problem.

    Examples
    --------
    >>> read_outputs([0.5, 1.0, 0.25], "binary").shape
    (3, 1)
    """
    outputs = to_numbers(y_pred)
    rows = outputs.reshape(-1, outputs.shape[-1] if outputs.ndim > 1 else 1)
    if problem == "binary" and rows.shape[1] > 2:
        raise InvalidInputError(f"`y_pred` must have 1 or 2 units for a binary problem; got shape {outputs.shape}.")
    return rows.astype(np.result_type(rows.dtype, np.float32), copy=False)


def to_numbers(y_pred: object) -> Array:
    """Return outputs as an array of numbers.

    Parameters
    ----------
    y_pred : array-like
        The outputs.

    Returns
    -------
    ndarray
        Of a boolean, integer or floating dtype, with an axis of samples at least.

    Raises
    ------
    InvalidTypeError
        If they are not numbers.
    InvalidInputError
        If they are a single number.

    Examples
    --------
    >>> to_numbers([0.5, 1.0])
    array([0.5, 1. ])
    """
    try:
        outputs = np.asarray(y_pred)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"`y_pred` cannot be read as an array of numbers: {error}") from error
    if outputs.dtype.kind not in "biuf":
        raise InvalidTypeError(f"`y_pred` must hold numbers; got dtype {outputs.dtype}, shape {outputs.shape}.")
    if not outputs.ndim:
        raise InvalidInputError(f"`y_pred` must have one row for each sample; got the single number {outputs}.")
    return outputs
