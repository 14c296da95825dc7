"""How much moves in a video."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.tensors import namespace
from auxtasks.typing import Floats
from auxtasks.video.prediction import check_frames


@extractor(
    "motion_energy",
    domain="video",
    kind="vector",
    log1p=True,
    axes=["step"],
    default=True,
    source="mean squared frame difference",
    graph=True,
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
        Non-negative, in the unit of the video squared; 0 between equal frames, NaN where it exceeds the range of the
        dtype (differences above about 1e18 in float32).

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
    check_frames(X, "motion_energy")
    xp = namespace(X)
    _, t, h, w, c = X.shape
    with np.errstate(over="ignore", invalid="ignore"):
        difference = xp.reshape(X[:, 1:] - X[:, :-1], (-1, t - 1, h * w * c))
        difference *= difference
        energy = xp.mean(difference, axis=-1)
    finite: Floats = xp.where(xp.isfinite(energy), energy, np.nan)
    return finite
