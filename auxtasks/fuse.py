"""The one call that fuses predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, wrong_type
from auxtasks.typing import Array
from auxtasks.validation import as_array, check_choice, check_keys, check_number, is_real

Method = Literal["mean", "vote", "max"]


def fuse(
    predictions: Any, method: Method = "mean", weights: Sequence[float] | Mapping[str, float] | None = None
) -> Array:
    """Fuse what several heads, or models of several seeds or folds, predict for the same samples.

    Parameters
    ----------
    predictions : sequence or mapping of array-like, or one stacked array
        One prediction for each predictor, all of the same shape: probabilities of classes ``(n, k)``, of one class
        ``(n,)`` or ``(n, 1)`` or of labels ``(n, labels)``; numbers of any shape; for ``"vote"`` also class numbers
        ``(n,)`` or flags ``(n, labels)`` as integers or booleans. A stacked array has the predictors along its first
        axis.
    method : {"mean", "vote", "max"}, default "mean"
        ``"mean"`` averages, ``"max"`` takes the largest, entry by entry. ``"vote"`` counts decisions: the likeliest
        class of probabilities ``(n, k)``, more than 0.5 of those of one class, and integers and booleans as they are;
        for several labels, of which each is decided by itself, pass ``probabilities > 0.5``.
    weights : sequence or mapping of float, optional
        The weight of each predictor in a mean or vote; for predictions by name also by name, 1 for omitted ones. The
        default is 1 for each; a predictor of weight 0 is not read.

    Returns
    -------
    ndarray
        ``"mean"`` and ``"max"``: shaped like one prediction, in its dtype. ``"vote"``: the class of each sample
        ``(n,)`` for probabilities, shaped like one prediction for integers and booleans.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If there is no prediction, shapes differ, or a weight cannot be used; for integers with another method than
        ``"vote"``, since the mean of class numbers is not a class.

    Notes
    -----
    A predictor that is missing for a sample has NaN there, or -1 in integers, and the others decide; the result is NaN
    or -1 where all are missing. This is entry by entry, but a row of probabilities with a NaN casts no vote at all.

    Equal votes go to the smallest class number, as in scikit-learn's ``VotingClassifier``. The result of ``"max"`` is
    not scaled to sum to 1; the class is its largest entry (Kittler, Hatef, Duin and Matas 1998, On combining
    classifiers, IEEE TPAMI 20(3):226-239, which also has the mean and the vote).

    Logits are numbers like others: their mean is the logarithm of the geometric mean of the probabilities, up to a
    constant, and one head that is very sure outvotes the rest. For the mean of probabilities apply softmax or sigmoid
    first, as ``AuxModel.predict_auxiliary`` does.

    Examples
    --------
    >>> early, late = np.array([[0.6, 0.4], [0.3, 0.7]]), np.array([[0.2, 0.8], [np.nan, np.nan]])
    >>> fuse([early, late])
    array([[0.4, 0.6],
           [0.3, 0.7]])
    >>> fuse({"early": early, "late": late}, weights={"late": 3}).round(2).tolist()
    [[0.3, 0.7], [0.3, 0.7]]
    >>> fuse([[0, 2, 1], [1, 2, -1], [1, 0, -1]], "vote")
    array([1, 2, 1])
    """
    check_choice("method", method, get_args(Method))
    names, stacked = read_predictors(predictions)
    if method == "max" and weights is not None:
        raise InvalidInputError("`weights` apply to a mean or a vote; omit them for 'max'.")
    shares = checked_weights(weights, names, len(stacked))
    if not shares.all():
        stacked, shares = stacked[shares > 0], shares[shares > 0]
    if method == "vote":
        return vote(stacked, shares)
    if stacked.dtype.kind != "f":
        raise InvalidInputError(
            f"`predictions` hold {stacked.dtype.name}, which are read as class numbers or flags: use method='vote'. "
            f"For the {method} of numbers pass floats."
        )
    if method == "mean":
        return _mean(stacked, shares)
    # Unlike np.nanmax, this says nothing where all are NaN.
    largest: Array = np.fmax.reduce(stacked, axis=0)
    return largest


def _mean(stacked: Array, shares: Array) -> Array:
    # Predictors one by one: sums in float64 need no second copy of all of them.
    total, weight = np.zeros(stacked.shape[1:]), np.zeros(stacked.shape[1:])
    for values, share in zip(stacked, shares, strict=True):
        present = ~np.isnan(values)
        total += np.where(present, values, 0.0) * share
        weight += present * share
    mean = np.full(total.shape, np.nan)
    np.divide(total, weight, out=mean, where=weight > 0)
    return mean.astype(stacked.dtype, copy=False)


def read_predictors(predictions: Any) -> tuple[tuple[str, ...] | None, Array]:
    if isinstance(predictions, Mapping):
        return tuple(predictions), _stack([abbreviated(name) for name in predictions], list(predictions.values()))
    is_array = hasattr(predictions, "__array__") and not isinstance(predictions, type)
    if not is_array and not isinstance(predictions, Sequence):
        raise InvalidTypeError(
            "`predictions` must be a list or mapping of arrays, one for each predictor, or one stacked array; got "
            f"{type(predictions).__name__}."
        )
    parts = list(predictions if isinstance(predictions, Sequence) else _read("the stacked array", predictions))
    return None, _stack([f"number {number}" for number in range(len(parts))], parts)


def _stack(labels: list[str], parts: list[Any]) -> Array:
    if not parts:
        raise InvalidInputError("`predictions` is empty; pass at least one prediction.")
    arrays = [_read(label, part) for label, part in zip(labels, parts, strict=True)]
    for label, array in zip(labels, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise InvalidInputError(
                f"`predictions` must have one shape, (n, ...); {labels[0]} has {arrays[0].shape} and {label} has "
                f"{array.shape}."
            )
    kinds = {array.dtype.kind for array in arrays}
    if "f" in kinds and len(kinds) > 1:
        raise InvalidTypeError(
            "`predictions` must all be floats (probabilities, numbers) or all integers (classes); found "
            f"{', '.join(sorted({array.dtype.name for array in arrays}))}."
        )
    # Together, signed and unsigned integers would become floats, and classes probabilities.
    return np.stack(arrays if len(kinds) == 1 else [array.astype(np.int64) for array in arrays])


def _read(label: str, part: Any) -> Array:
    if isinstance(part, Mapping):
        raise InvalidTypeError(
            f"`predictions`: {label} is a mapping of several outputs. Fuse them one by one: "
            "{name: fuse([each[name] for each in predictions]) for name in predictions[0]}."
        )
    array = as_array(f"predictions: {label}", part)
    if not is_real(array.dtype):
        raise InvalidTypeError(
            f"`predictions` must hold numbers; {label} has dtype {array.dtype}, shape {array.shape}. Number classes "
            "that have names first: np.unique(names, return_inverse=True)."
        )
    if not array.ndim:
        raise InvalidInputError(
            f"`predictions`: {label} must hold an entry for each sample; found a single number. For one predictor pass "
            "[prediction]."
        )
    return array


def checked_weights(weights: Any, names: tuple[str, ...] | None, n: int) -> Array:
    if weights is None:
        return np.ones(n)
    if isinstance(weights, Mapping):
        if names is None:
            raise InvalidTypeError("`weights` by name need `predictions` by name; pass one number for each predictor.")
        by_name = check_keys("weights", weights, names, "predictor")
        weights = [by_name.get(name, 1.0) for name in names]
    if not isinstance(weights, (list, tuple)):
        given, weights = weights, as_array("weights", weights)
        if weights.ndim != 1:
            raise wrong_type("weights", "one number for each predictor", given)
    if len(weights) != n:
        raise InvalidInputError(f"`weights` must have one entry for each of the {n} predictors; got {len(weights)}.")
    found = np.array([check_number("weights", weight, low=0.0) for weight in weights])
    if not found.any():
        raise InvalidInputError("`weights` are all 0; give at least one predictor a positive weight.")
    # Together at most 1, so that no sum is infinite; a power of two changes no digit.
    shares: Array = np.ldexp(found, -np.frexp(found.sum())[1])
    return shares


MISSING = -1


def vote(stacked: Array, shares: Array) -> Array:
    decisions = _decide(stacked) if stacked.dtype.kind == "f" else stacked
    signed = decisions.dtype.kind == "i"
    candidates = np.setdiff1d(decisions, [MISSING]) if signed else np.unique(decisions)
    most = np.zeros(decisions.shape[1:])
    winner = np.full(decisions.shape[1:], MISSING if signed else 0, dtype=decisions.dtype)
    # In ascending order, and only more votes than before win.
    for candidate in candidates:
        votes = np.tensordot(shares, (decisions == candidate).astype(np.float64), axes=1)
        # A rounded sum of weights is no majority.
        wins = votes > most + 1e-9 * shares.sum()
        most, winner = np.where(wins, votes, most), np.where(wins, candidate, winner)
    return winner


def _decide(stacked: Array) -> Array:
    """Return the class that each row of probabilities is for, -1 where there is none."""
    if stacked.ndim > 2 and stacked.shape[-1] > 1:
        missing: Array = np.asarray(np.isnan(stacked).any(axis=-1))
        return np.where(missing, MISSING, np.where(missing[..., None], 0, stacked).argmax(axis=-1))
    if ((stacked < 0) | (stacked > 1)).any():
        raise InvalidInputError(
            f"`predictions`: a vote takes probabilities of classes (n, k) or of one class (n,), or classes as "
            f"integers; found floats of shape {stacked.shape[1:]} outside 0 to 1. For logits apply the sigmoid."
        )
    decided: Array = np.where(np.isnan(stacked), MISSING, (stacked > 0.5).astype(np.int64))
    return decided[..., 0] if stacked.ndim > 2 else decided


__all__ = ["Method", "fuse"]
