"""Histogram of oriented gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.image.orientation import cell_histograms
from auxtasks.extractors.image.pixels import check_pair
from auxtasks.extractors.tensors import namespace
from auxtasks.registry import extractor
from auxtasks.typing import Floats
from auxtasks.validation import check_choice, check_flag, check_int

BLOCK_NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
LARGEST_DEFAULT_CELL = 8


@extractor(
    "hog",
    domain="image",
    kind="vector",
    place="grid",
    axes=["block row", "block column", "cell row", "cell column", "orientation"],
    default=True,
    source="Dalal and Triggs 2005, Histograms of Oriented Gradients for Human Detection; skimage.feature.hog",
    graph=True,
)
def hog(
    X: Floats,
    *,
    orientations: int = 9,
    pixels_per_cell: int | Sequence[int] | None = None,
    cells_per_block: int | Sequence[int] = (3, 3),
    block_norm: str = "L2-Hys",
    transform_sqrt: bool = False,
) -> Floats:
    """Histogram of oriented gradients: which way edges run, and where.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range. In colour images each pixel counts with the channel of the largest gradient.
    orientations : int, default 9
        The number of bins over 0° to 180°, from 1 to 180.
    pixels_per_cell : int or (rows, columns), optional
        The size of a cell. By default, along each axis, a quarter of the image but no more than 8 pixels:
        2 for 8×8 images, 7 for 28×28, and 8, as scikit-image has it, from 32×32 on.
    cells_per_block : int or (rows, columns), default (3, 3)
        The size of a block, in cells. Blocks overlap, one begins at every cell.
    block_norm : {"L2-Hys", "L2", "L1", "L1-sqrt"}
        How a block ``v`` is normalised, with ``e = 1e-5``: ``v / sqrt(|v|₂² + e²)`` clipped at 0.2 and normalised
        again, the same without clipping, ``v / (|v|₁ + e)``, or the square root of that.
    transform_sqrt : bool, default False
        Whether to take the square root of the (non-negative) images first.

    Returns
    -------
    ndarray of float, shape (n, block rows, block columns, cell rows, cell columns, orientations)
        From 0 to 1. Zero where a block has no gradient, as in a constant image; NaN where the squares of gradients
        exceed the range of the dtype (values above about 1e18 in float32).

    Raises
    ------
    InvalidInputError
        If an image is smaller than a cell or a block, or negative with `transform_sqrt` (in tensors the target is NaN
        then).
    InvalidTypeError, UnknownNameError
        If an option is of the wrong type, or there is no such `block_norm`.

    Notes
    -----
    The gradient is ``x[i+1] - x[i-1]``, zero on the border. A cell's bin holds the mean over its pixels of the
    gradient magnitudes whose angle modulo 180° is in ``[k, k+1) * 180° / orientations``. Pixels that do not fill a
    cell at the right and the bottom are left out. The values are those of ``skimage.feature.hog`` with
    ``feature_vector=False``.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.arange(8.0).repeat(8).reshape(1, 8, 8, 1)
    >>> hog(ramp, pixels_per_cell=8, cells_per_block=1, orientations=4).round(3).ravel()
    array([0., 0., 1., 0.])
    >>> hog(ramp).shape
    (1, 2, 2, 3, 3, 9)
    """
    orientations = check_int("orientations", orientations, low=1, high=180)
    block = check_pair("cells_per_block", cells_per_block)
    norm = check_choice("block_norm", block_norm, BLOCK_NORMS)
    h, w = X.shape[1:3]
    cell = _default_cell(h, w) if pixels_per_cell is None else check_pair("pixels_per_cell", pixels_per_cell)
    _check_fits(h, w, cell, block)
    if check_flag("transform_sqrt", transform_sqrt):
        if isinstance(X, np.ndarray) and X.min() < 0:
            raise InvalidInputError(
                "`transform_sqrt` needs images without negative values; "
                f"found {X.min():g}. Leave it False or shift the images."
            )
        X = namespace(X).sqrt(X)
    return normalised_blocks(cell_histograms(X, orientations, cell), block, norm)


def _default_cell(h: int, w: int) -> tuple[int, int]:
    """Return a quarter of each axis, within 1 to 8 pixels, so that the default block fits from 3 pixels on."""
    rows, columns = (max(1, min(LARGEST_DEFAULT_CELL, length // 4)) for length in (h, w))
    return rows, columns


def _check_fits(h: int, w: int, cell: tuple[int, int], block: tuple[int, int]) -> None:
    if h < cell[0] or w < cell[1]:
        raise InvalidInputError(
            f"`pixels_per_cell`: the images are smaller than a cell; expected at least {cell[0]}×{cell[1]} pixels, "
            f"found {h}×{w}. Choose smaller cells or enlarge the images."
        )
    least = cell[0] * block[0], cell[1] * block[1]
    if h < least[0] or w < least[1]:
        raise InvalidInputError(
            f"`cells_per_block`: the images are smaller than a block of {block[0]}×{block[1]} cells of "
            f"{cell[0]}×{cell[1]} pixels; expected at least {least[0]}×{least[1]} pixels, found {h}×{w}. "
            "Choose fewer cells per block or smaller `pixels_per_cell`, or leave the task 'hog' out."
        )


EPSILON = 1e-5
"""Keeps a block without gradients at zero, as scikit-image has it."""
CEILING = 0.2
"""The largest share of one bin before the second normalisation of L2-Hys (Lowe 2004)."""


def normalised_blocks(histograms: Floats, block: tuple[int, int], norm: str) -> Floats:
    """Normalise each block of cells by its own norm."""
    if not isinstance(histograms, np.ndarray):
        return _normalised_tensors(histograms, block, norm)
    windows = np.lib.stride_tricks.sliding_window_view(histograms, block, axis=(1, 2))
    blocks = windows.transpose(0, 1, 2, 4, 5, 3)
    with np.errstate(over="ignore", invalid="ignore"):
        if norm in ("L1", "L1-sqrt"):
            size = _sum_over_blocks(histograms.sum(axis=-1), block) + EPSILON
        else:
            energy = np.einsum("...o,...o->...", histograms, histograms)
            size = np.sqrt(_sum_over_blocks(energy, block) + EPSILON**2)
        # An infinite norm would turn the block into zeros, which it is not.
        scale = np.where(np.isfinite(size), 1 / size, np.nan).astype(histograms.dtype, copy=False)
        normalised: Floats = np.multiply(blocks, scale[..., None, None, None], order="C")
        if norm == "L1-sqrt":
            np.sqrt(normalised, out=normalised)
        if norm == "L2-Hys":
            np.minimum(normalised, CEILING, out=normalised)
            flat = normalised.reshape(*size.shape, -1)
            energy = np.einsum("...i,...i->...", flat, flat)
            flat *= (1 / np.sqrt(energy + EPSILON**2))[..., None]
    return normalised


def _normalised_tensors(histograms: Any, block: tuple[int, int], norm: str) -> Any:
    import tensorflow as tf

    rows, columns = (cells - length + 1 for cells, length in zip(histograms.shape[1:3], block, strict=True))
    windows = [[histograms[:, i : i + rows, j : j + columns] for j in range(block[1])] for i in range(block[0])]
    blocks = tf.stack([tf.stack(row, axis=3) for row in windows], axis=3)
    axes = (3, 4, 5)
    if norm in ("L1", "L1-sqrt"):
        size = tf.reduce_sum(blocks, axes, keepdims=True) + EPSILON
    else:
        size = tf.sqrt(tf.reduce_sum(tf.square(blocks), axes, keepdims=True) + EPSILON**2)
    # An infinite norm would turn the block into zeros, which it is not.
    normalised = blocks / tf.where(tf.math.is_finite(size), size, np.nan)
    if norm == "L1-sqrt":
        normalised = tf.sqrt(normalised)
    if norm == "L2-Hys":
        clipped = tf.minimum(normalised, CEILING)
        normalised = clipped * tf.math.rsqrt(tf.reduce_sum(tf.square(clipped), axes, keepdims=True) + EPSILON**2)
    return normalised


def _sum_over_blocks(cells: Floats, block: tuple[int, int]) -> Floats:
    """Sum a (n, rows, columns) quantity of cells over each block."""
    n, rows, columns = cells.shape
    shape = (n, rows - block[0] + 1, columns - block[1] + 1)
    down = np.zeros((n, shape[1], columns), cells.dtype)
    for row in range(block[0]):
        down += cells[:, row : row + shape[1]]
    total = np.zeros(shape, cells.dtype)
    for column in range(block[1]):
        total += down[:, :, column : column + shape[2]]
    return total
