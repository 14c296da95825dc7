"""Tasks that change the signals: the last steps are cut off to be predicted, or a copy is transformed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.signal.level import std
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice, check_int, check_number


@register_task(
    "next_steps",
    domain="signal",
    kind="vector",
    effect="shortens",
    axes=["step", "channel"],
    source="multiple-output forecasting, Ben Taieb et al. 2012, Expert Syst. Appl. 39(8):7067-7083",
)
def next_steps(X: Floats, *, horizon: int = 5) -> tuple[Floats, Floats]:
    """Last steps of each signal, cut off the inputs.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit, longer than `horizon`.
    horizon : int, default 5
        How many steps to predict.

    Returns
    -------
    inputs : ndarray of float, shape (n, time - horizon, channels)
        The steps before, a view of `X`.
    target : ndarray of float, shape (n, horizon, channels)
        The steps cut off, a view of `X`.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `horizon` is not an integer of at least 1, or the signals are not longer.

    Notes
    -----
    ``(X[:, :-horizon], X[:, -horizon:])``.

    Examples
    --------
    >>> import numpy as np
    >>> inputs, target = next_steps(np.array([[[1.0], [2.0], [3.0]]]), horizon=1)
    >>> inputs.shape, target
    ((1, 2, 1), array([[[3.]]]))
    """
    steps = check_int("horizon", horizon, low=1)
    if X.shape[1] <= steps:
        raise InvalidInputError(
            f"`horizon` must be smaller than the length of every series; got {steps} for X of shape {X.shape} "
            "(n, time, channels). Choose a smaller horizon or leave short series out."
        )
    return X[:, :-steps], X[:, -steps:]


NAMES = ("jitter", "scaling", "time_reversal", "permutation")
"""The transformations there are."""


def _check_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidTypeError(
            f"`transformations` must be a list or tuple of names; got {value!r} of type {type(value).__name__}."
        )
    names = tuple(check_choice("transformations", name, NAMES) for name in value)
    if not names or len(set(names)) < len(names):
        raise InvalidInputError(f"`transformations` must hold at least one name and none twice; got {value!r}.")
    return names


def _classes(options: Mapping[str, Any]) -> tuple[str, ...]:
    return ("original", *_check_names(options["transformations"]))


@register_task(
    "transform",
    domain="signal",
    kind="class",
    effect="expands",
    classes=_classes,
    source="task: Saeed et al. 2019, Proc. ACM IMWUT 3(2):61; transformations: Um et al. 2017, ICMI, 216-220",
)
def transform(
    X: Floats,
    *,
    rng: np.random.Generator,
    transformations: Sequence[str] = NAMES,
    jitter_sigma: float = 0.05,
    scaling_sigma: float = 0.1,
    n_segments: int = 4,
) -> tuple[Floats, Array]:
    """Which transformation a copy of each signal underwent.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    rng : numpy.random.Generator
        Where the draws come from.
    transformations : sequence of str, default ("jitter", "scaling", "time_reversal", "permutation")
        The transformations to draw from, each as likely.
    jitter_sigma : float, default 0.05
        Standard deviation of the noise that ``"jitter"`` adds, as a share of the channel's own, up to 100.
    scaling_sigma : float, default 0.1
        Standard deviation, about 1, of the factor that ``"scaling"`` multiplies each channel by; up to 100.
    n_segments : int, default 4
        How many segments of equal length ``"permutation"`` reorders; never left in their order.

    Returns
    -------
    copies : ndarray of float, shape (n, time, channels)
        One transformed copy of each signal, of the dtype of `X`.
    classes : ndarray of int32, shape (n,)
        The transformation of each copy, from 1 in the order of `transformations`; 0 stands for an original.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If an option is of the wrong type, out of its range or not the name of a transformation.

    Notes
    -----
    Some signals a transformation cannot change, such as jitter a constant channel, scaling one of zeros, and time
    reversal a symmetric one. Their copies equal the original and carry their class all the same.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[[1.0], [2.0], [3.0]]])
    >>> transform(X, rng=np.random.default_rng(0), transformations=["time_reversal"])
    (array([[[3.],
            [2.],
            [1.]]]), array([1], dtype=int32))
    """
    names = _check_names(transformations)
    noise = check_number("jitter_sigma", jitter_sigma, low=0, high=100)
    spread = check_number("scaling_sigma", scaling_sigma, low=0, high=100)
    segments = check_int("n_segments", n_segments, low=2)
    apply: dict[str, Callable[[Floats], Floats]] = {
        "jitter": lambda rows: _jitter(rows, rng, noise),
        "scaling": lambda rows: _scale(rows, rng, spread),
        "time_reversal": lambda rows: rows[:, ::-1],
        "permutation": lambda rows: _permute(rows, rng, segments),
    }
    classes = rng.integers(1, len(names) + 1, size=len(X), dtype=np.int32)
    copies: Floats = np.empty(X.shape, X.dtype)
    for number, name in enumerate(names, start=1):
        drawn = np.flatnonzero(classes == number)
        copies[drawn] = apply[name](X[drawn])
    return copies, classes


def _jitter(X: Floats, rng: np.random.Generator, sigma: float) -> Floats:
    noise = rng.standard_normal(X.shape)
    noise *= sigma * std(X)[:, None]
    noise += X
    return noise


def _scale(X: Floats, rng: np.random.Generator, sigma: float) -> Floats:
    factors = rng.normal(1.0, sigma, size=(len(X), 1, X.shape[2]))
    return X * factors.astype(X.dtype)


def _permute(X: Floats, rng: np.random.Generator, n_segments: int) -> Floats:
    n, time, _ = X.shape
    n_segments = min(n_segments, time)
    order = rng.random((n, n_segments)).argsort(axis=1)
    kept = (order == np.arange(n_segments)).all(axis=1)
    order[kept] = np.roll(order[kept], 1, axis=1)
    # The new place of each step's segment; sorting steps by it stably keeps the steps of a segment together.
    place_of_step = order[:, np.arange(time) * n_segments // time]
    steps = place_of_step.argsort(axis=1, kind="stable")
    return np.take_along_axis(X, steps[:, :, None], axis=1)
