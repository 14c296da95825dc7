"""What comes next in a video."""

from __future__ import annotations

from auxtasks.errors import InvalidInputError
from auxtasks.registry import extractor
from auxtasks.typing import Floats


# Not a default: it changes the inputs, and a model built for t frames would not fit them any more.
@extractor(
    "next_frame",
    domain="video",
    kind="image",
    effect="shortens",
    place="grid",
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
    check_frames(X, "next_frame")
    return X[:, :-1], X[:, -1]


def check_frames(X: Floats, task: str) -> None:
    """Refuse videos of a single frame.

    Parameters
    ----------
    X : ndarray, shape (n, t, h, w, c)
        The videos.
    task : str
        The task that needs two frames, for the error.

    Raises
    ------
    InvalidInputError
        If there are fewer than two frames.
    """
    if X.shape[1] < 2:
        raise InvalidInputError(
            f"`X`: the task {task!r} needs videos of at least 2 frames; found {X.shape[1]} in shape {X.shape}. "
            "Expected (n, time, height, width, channels). Leave the task, or one that shortens the videos, out."
        )
