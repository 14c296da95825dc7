"""The one call that fuses predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.fusion.predictors import checked_weights, read_predictors
from auxtasks.fusion.voting import vote
from auxtasks.typing import Array
from auxtasks.validation import check_choice

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
        How much each predictor counts in a mean or vote; for predictions by name also by name, 1 for those left out.
        The default is 1 for each; one of weight 0 is not read at all.

    Returns
    -------
    ndarray
        ``"mean"`` and ``"max"``: shaped like one prediction, in its dtype. ``"vote"``: the class of each sample
        ``(n,)`` for probabilities, shaped like one prediction for integers and booleans.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If there is no prediction, shapes differ, or a weight cannot be used; for integers with another method than
        ``"vote"``, since the mean of class numbers is no class.

    Notes
    -----
    A predictor that is missing for a sample has NaN there, or -1 in integers, and the others decide; the result is NaN
    or -1 where all are missing. This is entry by entry, but a row of probabilities with a NaN casts no vote at all.

    Equal votes go to the smallest class number, as in scikit-learn's ``VotingClassifier``. What ``"max"`` gives is not
    scaled to sum to 1; the class is its largest entry (Kittler, Hatef, Duin and Matas 1998, On combining classifiers,
    IEEE TPAMI 20(3):226-239, which also has the mean and the vote).

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
        raise InvalidInputError(
            "`weights` say how much predictors count in a mean or a vote; leave them out for 'max'."
        )
    shares = checked_weights(weights, names, len(stacked))
    if not shares.all():
        stacked, shares = stacked[shares > 0], shares[shares > 0]
    if method == "vote":
        return vote(stacked, shares)
    if stacked.dtype.kind != "f":
        raise InvalidInputError(
            f"`predictions` hold {stacked.dtype.name}, which are taken for class numbers or flags: use method='vote'. "
            f"For the {method} of numbers pass floats."
        )
    return _largest(stacked) if method == "max" else _mean(stacked, shares)


def _largest(stacked: Array) -> Array:
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
