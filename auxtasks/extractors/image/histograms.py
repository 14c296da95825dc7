"""Histograms: which values and which textures there are, wherever they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.image.pixels import to_grey
from auxtasks.extractors.tensors import as_floats, constant, float_dtype, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int, check_number


@register_task(
    "colour_histogram",
    domain="image",
    kind="distribution",
    source="Swain and Ballard 1991, Color indexing, by channel; numpy.histogram",
    tensor_function=True,
)
def colour_histogram(X: Floats, *, bins: int = 8, value_range: Sequence[float] | None = None) -> Floats:
    """Histogram of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images.
    bins : int, default 8
        The number of bins, of equal width, from 2 to 256.
    value_range : (low, high), optional
        What the bins span, such as ``(0, 255)`` or ``(0.0, 1.0)``; values outside count in the first or last bin. By
        default each image's own range from its smallest to its largest value over all channels.

    Returns
    -------
    ndarray of float, shape (n, c, bins)
        The share of the pixels in each bin, summing to 1 in each channel. Without `value_range`, a constant image has
        no range and is NaN.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If an option is of the wrong type, or `value_range` is not two numbers in rising order.

    Notes
    -----
    Bin ``floor(bins (x - low) / (high - low))``, the largest value in the last bin, as `numpy.histogram`. The default
    range cannot know whether images are in 0..255 or 0..1 and does not guess: it makes the histogram the same for
    both, at the price of the overall brightness and contrast of an image. Give `value_range` to keep them. It never
    depends on the other images.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([0.0, 0.1, 0.6, 1.0]).reshape(1, 2, 2, 1)
    >>> colour_histogram(image, bins=2).ravel(), colour_histogram(image, bins=2, value_range=(0, 4)).ravel()
    (array([0.5, 0.5]), array([1., 0.]))
    """
    bins = check_int("bins", bins, low=2, high=256)
    xp = namespace(X)
    if value_range is None:
        low, high = (limit(X, axis=(1, 2, 3), keepdims=True) for limit in (xp.min, xp.max))
    else:
        low, high = _checked_range(value_range, X)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = high - low
        scaled = xp.clip(X, low, high)
        scaled -= low
        scaled /= width
        scaled *= bins
        counts = _counts(scaled, bins)
    counts /= X.shape[1] * X.shape[2]
    defined = (width > 0) & xp.isfinite(width)
    shares: Floats = xp.where(xp.reshape(defined, (-1, 1, 1)), counts, np.nan)
    return shares


def _counts(scaled: Any, bins: int) -> Any:
    """Count the values from 0 to `bins` in bins of width 1, by image and channel, (n, c, bins)."""
    if isinstance(scaled, np.ndarray):
        n, _, _, c = scaled.shape
        index = scaled.astype(np.intp)
        # The largest value belongs to the last bin; below zero is only what was cast from NaN, of undefined samples.
        np.clip(index, 0, bins - 1, out=index)
        index += np.arange(n * c).reshape(n, 1, 1, c) * bins
        counts = np.bincount(index.ravel(), minlength=n * c * bins).reshape(n, c, bins)
        return counts.astype(scaled.dtype)
    xp = namespace(scaled)
    # How many values lie at or above each edge but the first; bin by bin, so that no tensor holds all of them.
    at_or_above = [xp.sum(as_floats(scaled >= edge, like=scaled), axis=(1, 2)) for edge in range(1, bins)]
    every = xp.sum(xp.ones_like(scaled), axis=(1, 2))
    edges = xp.stack([every, *at_or_above, xp.zeros_like(every)], axis=-1)
    return edges[..., :-1] - edges[..., 1:]


def _checked_range(value_range: object, X: Floats) -> tuple[Floats, Floats]:
    if not isinstance(value_range, Sequence) or isinstance(value_range, (str, bytes)):
        raise InvalidTypeError(
            f"`value_range` must be two numbers such as (0, 255), or None; got {value_range!r} of type "
            f"{type(value_range).__name__}."
        )
    if len(value_range) != 2:
        raise InvalidInputError(f"`value_range` must be two numbers such as (0, 255); got {value_range!r}.")
    limit = float(np.finfo(float_dtype(X)).max) / 2
    low, high = (check_number("value_range", value, low=-limit, high=limit) for value in value_range)
    if not low < high:
        raise InvalidInputError(f"`value_range` must rise from low to high; got {value_range!r}.")
    return constant(low, like=X), constant(high, like=X)


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
