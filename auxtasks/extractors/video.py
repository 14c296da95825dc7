"""How much moves in a video."""

from __future__ import annotations

from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.tensors import homogeneous, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Floats


@register_task(
    "motion_energy",
    domain="video",
    kind="vector",
    log1p=True,
    axes=["step"],
    default=True,
    source="mean squared frame difference",
    tensor_function=True,
)
def motion_energy(X: Floats) -> Floats:
    """Mean squared difference of consecutive frames.

    Parameters
    ----------
    X : ndarray of float, shape (n, t, h, w, c)
        The videos, in any range, of at least two frames.

    Returns
    -------
    ndarray of float, shape (n, t - 1)
        Non-negative, in the unit of the video squared; 0 between equal frames, infinite where it exceeds the range of
        the dtype (differences above about 1e19 in float32).

    Raises
    ------
    InvalidInputError
        If there are fewer than two frames.

    Notes
    -----
    ``mean((x[t+1] - x[t])²)`` over height, width and channels.

    Examples
    --------
    >>> import numpy as np
    >>> motion_energy(np.array([0.0, 3.0, 3.0]).reshape(1, 3, 1, 1, 1))
    array([[9., 0.]])
    """
    _check_frames(X, "motion_energy")
    return homogeneous(_mean_squared_difference, X, degree=2)


def _mean_squared_difference(X: Any) -> Any:
    xp = namespace(X)
    _, t, h, w, c = X.shape
    difference = xp.reshape(X[:, 1:] - X[:, :-1], (-1, t - 1, h * w * c))
    difference *= difference
    return xp.mean(difference, axis=-1)


# Not a default: it changes the inputs, and a model built for t frames would not fit them any more.
@register_task(
    "next_frame",
    domain="video",
    kind="image",
    effect="shortens",
    spatial="grid",
    source="Srivastava et al. 2015, Unsupervised learning of video representations using LSTMs: the future predictor",
)
def next_frame(X: Floats) -> tuple[Floats, Floats]:
    """Last frame of each video, which the model then does not see.

    Parameters
    ----------
    X : ndarray, shape (n, t, h, w, c)
        The videos, of at least two frames; any dtype.

    Returns
    -------
    shortened : ndarray, shape (n, t - 1, h, w, c)
        All frames but the last, a view.
    target : ndarray, shape (n, h, w, c)
        The last frame, a view, in the unit of the video.

    Raises
    ------
    InvalidInputError
        If there are fewer than two frames.

    Examples
    --------
    >>> import numpy as np
    >>> shortened, target = next_frame(np.arange(3.0).reshape(1, 3, 1, 1, 1))
    >>> shortened.ravel(), target.ravel()
    (array([0., 1.]), array([2.]))
    """
    _check_frames(X, "next_frame")
    return X[:, :-1], X[:, -1]


def _check_frames(X: Floats, task: str) -> None:
    if X.shape[1] < 2:
        raise InvalidInputError(
            f"`X`: the task {task!r} needs videos of at least 2 frames; found {X.shape[1]} in shape {X.shape}. "
            "Expected (n, time, height, width, channels). Leave the task, or one that shortens the videos, out."
        )


__all__ = ["next_frame", "motion_energy"]  # noqa: RUF022 (the order in which the tasks are listed)
