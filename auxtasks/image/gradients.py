"""First differences of images along rows and columns."""

from __future__ import annotations

import numpy as np

from auxtasks.tensors import namespace
from auxtasks.typing import Floats


def central_differences(channel: Floats, rows: int, columns: int) -> tuple[Floats, Floats]:
    """Differences between the two neighbours of each pixel, zero on the border of the image.

    Parameters
    ----------
    channel : ndarray of float, shape (n, h, w)
        One channel of the images.
    rows, columns : int
        How much of the upper left of the image to compute; its border is still that of the whole image.

    Returns
    -------
    down, across : ndarray of float, shape (n, rows, columns)
        The differences along rows and along columns, not halved.

    Examples
    --------
    >>> import numpy as np
    >>> down, across = central_differences(np.array([[[0.0, 1.0, 5.0]]]), 1, 3)
    >>> down.tolist(), across.tolist()
    ([[[0.0, 0.0, 0.0]]], [[[0.0, 5.0, 0.0]]])
    """
    n, h, w = channel.shape
    down = np.empty((n, rows, columns), channel.dtype)
    across = np.empty_like(down)
    last_row, last_column = min(rows, h - 1), min(columns, w - 1)
    down[:, 0] = 0
    down[:, last_row:] = 0
    across[:, :, 0] = 0
    across[:, :, last_column:] = 0
    if last_row > 1:
        np.subtract(
            channel[:, 2 : last_row + 1, :columns], channel[:, : last_row - 1, :columns], out=down[:, 1:last_row]
        )
    if last_column > 1:
        np.subtract(
            channel[:, :rows, 2 : last_column + 1],
            channel[:, :rows, : last_column - 1],
            out=across[:, :, 1:last_column],
        )
    return down, across


def smoothed_differences(grey: Floats, side: float, centre: float) -> tuple[Floats, Floats]:
    """Differences between the two neighbours of each pixel, smoothed across, with the border reflected.

    Parameters
    ----------
    grey : ndarray of float or tensor, shape (n, h, w)
        One channel of the images.
    side, centre : float
        The smoothing weights ``[side, centre, side]``: (1, 2) is Sobel's operator, (3, 10) is Scharr's.

    Returns
    -------
    down, across : ndarray of float, shape (n, h, w)
        The differences along rows and along columns, not normalised.

    Examples
    --------
    >>> import numpy as np
    >>> down, across = smoothed_differences(np.array([[[0.0, 1.0, 5.0]]]), 1, 2)
    >>> down.tolist(), across.tolist()
    ([[[0.0, 0.0, 0.0]]], [[[4.0, 20.0, 16.0]]])
    """
    padded = namespace(grey).pad(grey, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    along_rows: Floats = padded[:, 2:] - padded[:, :-2]
    along_columns: Floats = padded[:, :, 2:] - padded[:, :, :-2]
    down = side * (along_rows[:, :, 2:] + along_rows[:, :, :-2]) + centre * along_rows[:, :, 1:-1]
    across = side * (along_columns[:, 2:] + along_columns[:, :-2]) + centre * along_columns[:, 1:-1]
    return down, across
