"""A HOG target as strokes: for each cell, one line an orientation, along the edge it stands for."""

from __future__ import annotations

import numpy as np

from auxtasks.typing import Floats


def cell_averages(hog: Floats) -> Floats:
    """Average a HOG over the blocks that a cell lies in.

    Parameters
    ----------
    hog : ndarray of float, shape (block rows, block columns, cell rows, cell columns, orientations)
        The HOG of one image. Blocks overlap: one begins at every cell.

    Returns
    -------
    ndarray of float, shape (rows, columns, orientations)
        One histogram a cell.

    Examples
    --------
    >>> cell_averages(np.ones((2, 2, 3, 3, 9))).shape
    (4, 4, 9)
    """
    block_rows, block_columns, rows, columns, orientations = hog.shape
    total = np.zeros((block_rows + rows - 1, block_columns + columns - 1, orientations))
    count = np.zeros((*total.shape[:2], 1))
    for top in range(block_rows):
        for left in range(block_columns):
            total[top : top + rows, left : left + columns] += hog[top, left]
            count[top : top + rows, left : left + columns] += 1
    return total / count


def strokes(cells: Floats, cell_size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Turn histograms into line segments.

    Parameters
    ----------
    cells : ndarray of float, shape (rows, columns, orientations)
        One histogram a cell; what is below 0 counts as 0.
    cell_size : (float, float)
        Height and width of a cell in pixels.

    Returns
    -------
    segments : ndarray of float, shape (rows * columns * orientations, 2, 2)
        The two ends of each stroke as (x, y), in pixels from the top left corner; y grows downwards.
    strength : ndarray of float, shape (rows * columns * orientations,)
        The value of each bin over the largest one, from 0 to 1.

    Notes
    -----
    Bin k stands for gradients of ``(k + 0.5) * 180° / orientations``; an edge runs at a right angle to its gradient,
    so with the gradient along (cos, sin) the stroke lies along (-sin, cos).

    Examples
    --------
    A gradient from left to right (bin 0 of 2, at 45° on average) is drawn from the top right to the bottom left.

    >>> segments, strength = strokes(np.array([[[1.0, 0.0]]]), (2, 2))
    >>> segments[0].round(2).tolist(), strength.tolist()
    ([[1.64, 0.36], [0.36, 1.64]], [1.0, 0.0])
    """
    rows, columns, orientations = cells.shape
    height, width = cell_size
    angle = (np.arange(orientations) + 0.5) * np.pi / orientations
    half = 0.45 * np.stack([-np.sin(angle) * width, np.cos(angle) * height], axis=-1)
    centre = np.stack(
        np.meshgrid((np.arange(columns) + 0.5) * width, (np.arange(rows) + 0.5) * height, indexing="xy"), axis=-1
    )[:, :, None]
    segments = np.stack([centre - half, centre + half], axis=-2)
    # A zero that was scaled and scaled back may have become a little less than zero.
    strength = np.maximum(cells, 0).ravel()
    return segments.reshape(-1, 2, 2), strength / max(strength.max(), np.finfo(float).tiny)
