"""How strong edges are, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auxtasks.image.averaging import area_average
from auxtasks.image.gradients import smoothed_differences
from auxtasks.image.grey import to_grey
from auxtasks.image.sizes import check_pair
from auxtasks.registry import extractor
from auxtasks.tensors import namespace
from auxtasks.typing import Floats
from auxtasks.validation import check_choice

SMOOTHING = {"sobel": (1.0, 2.0), "scharr": (3.0, 10.0)}
"""The side and centre weights across the difference."""


# No log1p: it would compress images in 0..255 and leave those in 0..1 as they are.
@extractor(
    "edges",
    domain="image",
    kind="image",
    place="grid",
    source="skimage.filters.sobel and scharr, averaged over a grid by area",
    graph=True,
)
def edges(X: Floats, *, size: int | Sequence[int] = (8, 8), operator: str = "sobel") -> Floats:
    """Mean edge strength over a coarse grid.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range; of three channels the luminance is taken, of any other number the mean.
    size : int or (rows, columns), default (8, 8)
        The grid; at most the size of the image.
    operator : {"sobel", "scharr"}
        The derivative filter.

    Returns
    -------
    ndarray of float, shape (n, min(h, rows), min(w, columns), 1)
        Non-negative, in the unit of the image; 0 for a constant image. NaN where squares exceed the range
        of the dtype (values above about 1e18 in float32).

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If `size` is not made of positive integers, or there is no such `operator`.

    Notes
    -----
    The magnitude is ``sqrt((down² + across²) / 2)`` of the differences ``x[i+1] - x[i-1]`` along each axis, smoothed
    across it by weights that sum to 1, with the border reflected, as `skimage.filters.sobel`; then the mean by area.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.arange(4.0).repeat(4).reshape(1, 4, 4, 1)
    >>> edges(ramp, size=(2, 1)).ravel().round(3)
    array([1.061, 1.061])
    """
    grid = check_pair("size", size)
    side, centre = SMOOTHING[check_choice("operator", operator, SMOOTHING)]
    xp = namespace(X)
    with np.errstate(over="ignore", invalid="ignore"):
        down, across = smoothed_differences(to_grey(X), side, centre)
        magnitude: Floats = down * down
        magnitude += across * across
        magnitude = xp.sqrt(magnitude)
        # Smoothing weights that sum to 1, and the mean of the two squares rather than their sum.
        magnitude *= 1 / ((2 * side + centre) * 2**0.5)
        averaged = area_average(magnitude[..., None], grid)
    finite: Floats = xp.where(xp.isfinite(averaged), averaged, np.nan)
    return finite
