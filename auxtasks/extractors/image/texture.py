"""Local binary patterns: what the texture is like."""

from __future__ import annotations

import numpy as np

from auxtasks.extractors.image.pixels import to_grey
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats

POINTS = 8
CODES = POINTS + 2
"""The uniform patterns with 0 to 8 bright neighbours, and all others together."""
NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""Row and column of each point of the circle, anticlockwise from the right; diagonals are interpolated."""
DIAGONAL = 0.70711
"""How far along each axis a diagonal point lies: sin 45°, with the five decimals of scikit-image."""


@register_task(
    "local_binary_patterns",
    domain="image",
    kind="distribution",
    source=(
        "Ojala et al. 2002, Multiresolution gray-scale and rotation invariant texture classification with local binary "
        "patterns; skimage.feature.local_binary_pattern(image, 8, 1, 'uniform')"
    ),
)
def local_binary_patterns(X: Floats) -> Floats:
    """Histogram of uniform local binary patterns, with 8 points at radius 1.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range; of three channels the luminance is taken, of any other number the mean.

    Returns
    -------
    ndarray of float, shape (n, 10)
        The share of pixels of each pattern, summing to 1: uniform ones by their number of neighbours that are at
        least as bright as the pixel, from 0 to 8, then all others. Inside a constant image all have pattern 8.
        Invariant to scaling the image by a positive number.

    Notes
    -----
    A neighbour's bit is ``x_neighbour - x >= 0``, with bilinear interpolation on the diagonals and zero outside the
    image; a pattern is uniform where the bits change at most twice along the circle. Differences are taken before
    interpolating, so that equal pixels compare as equal; scikit-image interpolates first, and its rounding decides a
    few such ties otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> local_binary_patterns(np.ones((1, 4, 4, 1))).round(2)
    array([[0.  , 0.  , 0.  , 0.25, 0.  , 0.5 , 0.  , 0.  , 0.25, 0.  ]])
    """
    grey = to_grey(X)
    n, h, w = grey.shape
    samples = np.arange(n).reshape(n, 1, 1) << POINTS
    patterns = np.bincount((_patterns(grey) + samples).ravel(), minlength=n << POINTS).reshape(n, -1)
    shares: Floats = (patterns @ _codes_of_patterns() / (h * w)).astype(X.dtype)
    return shares


def _patterns(grey: Floats) -> Array:
    """Return the bits of each pixel's neighbours as uint8, (n, h, w)."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)))
    # A neighbour is a fixed step away in the flat padded images, so that whole batches are one contiguous operation.
    # What the frames of zeros get is left out at the end.
    flat, width = padded.ravel(), padded.shape[2]
    first, last = width + 1, flat.size - width - 1
    centre = flat[first:last]
    patterns = np.zeros(padded.shape, np.uint8)
    bits = patterns.ravel()[first:last]
    value, term = np.empty_like(centre), np.empty_like(centre)

    def at(row: int, column: int) -> Floats:
        step = row * width + column
        return flat[first + step : last + step]

    with np.errstate(over="ignore", invalid="ignore"):
        for bit, (row, column) in enumerate(NEIGHBOURS):
            if row and column:
                np.subtract(at(row, 0), centre, out=value)
                value += np.subtract(at(0, column), centre, out=term)
                # Divided by the positive DIAGONAL: the sign is all that counts.
                value *= (1 - DIAGONAL) / DIAGONAL
                value += np.subtract(at(row, column), centre, out=term)
                bright = value >= 0
            else:
                bright = at(row, column) >= centre
            bits |= bright.view(np.uint8) * np.uint8(1 << bit)
    return patterns[:, 1:-1, 1:-1]


def _codes_of_patterns() -> Array:
    """Return which code each of the 256 patterns has, one-hot, (256, CODES)."""
    bits = np.arange(1 << POINTS)[:, None] >> np.arange(POINTS) & 1
    # From the first point to the last, not around, as scikit-image counts.
    changes = np.abs(np.diff(bits, axis=1)).sum(axis=1)
    codes = np.where(changes <= 2, bits.sum(axis=1), CODES - 1)
    return np.eye(CODES)[codes]
