"""How strong edges are, and where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from auxtasks.extractors.image.pixels import area_average, check_pair, to_grey
from auxtasks.extractors.tensors import homogeneous, in_units, namespace, to_unit_size
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice, check_number

SMOOTHING = {"sobel": (1.0, 2.0), "scharr": (3.0, 10.0)}
"""The side and centre weights across the difference."""


# No log1p: it would compress images in 0..255 and leave those in 0..1 as they are.
@register_task(
    "edges",
    domain="image",
    kind="image",
    spatial="grid",
    source="skimage.filters.sobel and scharr, averaged over a grid by area",
    tensor_function=True,
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
        Non-negative, in the unit of the image; 0 for a constant image.

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

    def strength(X: Any) -> Any:
        down, across = _smoothed_differences(to_grey(X), side, centre)
        magnitude = down * down
        magnitude += across * across
        magnitude = namespace(X).sqrt(magnitude)
        # Smoothing weights that sum to 1, and the mean of the two squares rather than their sum.
        magnitude *= 1 / ((2 * side + centre) * 2**0.5)
        return area_average(magnitude[..., None], grid)

    return homogeneous(strength, X)


METHODS = ("shi_tomasi", "harris")


@register_task(
    "corners",
    domain="image",
    kind="image",
    spatial="grid",
    source=(
        "Shi and Tomasi 1994, Good features to track; Harris and Stephens 1988, A combined corner and edge detector; "
        "skimage.feature.corner_shi_tomasi and corner_harris, averaged over a grid by area"
    ),
)
def corners(
    X: Floats,
    *,
    size: int | Sequence[int] = (8, 8),
    method: str = "shi_tomasi",
    sigma: float = 1.0,
    k: float = 0.05,
) -> Floats:
    """Mean corner response over a coarse grid.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range; of three channels the luminance is taken, of any other number the mean.
    size : int or (rows, columns), default (8, 8)
        The grid; at most the size of the image.
    method : {"shi_tomasi", "harris"}
        The response: the smaller eigenvalue of the structure tensor, or ``det - k trace²``.
    sigma : float, default 1.0
        Standard deviation of the Gaussian window of the structure tensor, in pixels, from 0.1 to 50.
    k : float, default 0.05
        How much Harris holds edges against a corner, from 0 to 0.25.

    Returns
    -------
    ndarray of float, shape (n, min(h, rows), min(w, columns), 1)
        In the image's unit squared and non-negative (Shi-Tomasi), or to the fourth power and negative on edges
        (Harris); 0 for a constant image, infinite where it exceeds the range of the dtype.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If an option is of the wrong type or out of its range, or there is no such `method`.

    Notes
    -----
    The structure tensor is the Gaussian mean of the products of Sobel's derivatives, as
    ``skimage.feature.structure_tensor(image, sigma, mode="reflect")``. Unlike scikit-image's corner functions, which
    take the image to be zero outside, the border is reflected, so that the frame of an image is no corner.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((1, 8, 8, 1))
    >>> image[:, :4, :4] = 1
    >>> corners(image, size=2, sigma=0.5).round(2).tolist()
    [[[[0.33], [0.05]], [[0.05], [0.02]]]]
    """
    grid = check_pair("size", size)
    check_choice("method", method, METHODS)
    sigma = check_number("sigma", sigma, low=0.1, high=50)
    k = check_number("k", k, low=0, high=0.25)
    # Always in units of the image, because a small response does not tell whether products vanished or cancelled.
    grey, powers = to_unit_size(to_grey(X))
    rr, rc, cc = _structure_tensor(grey, sigma)
    if method == "harris":
        response = rr * cc - rc * rc - k * (rr + cc) ** 2
    else:
        # Rounding can leave it a little below zero, which the eigenvalue of a mean of squares is not.
        response = np.maximum((rr + cc - np.sqrt((rr - cc) ** 2 + 4 * rc * rc)) / 2, 0)
    return in_units(area_average(response[..., None], grid), powers, degree=4 if method == "harris" else 2)


def _structure_tensor(grey: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    down, across = _smoothed_differences(grey, 1.0, 2.0)
    rows, columns = (_gaussian(length, sigma, grey.dtype) for length in grey.shape[1:])
    products = down * down, down * across, across * across
    rr, rc, cc = (np.matmul(np.matmul(rows, product), columns.T) for product in products)
    return rr, rc, cc


@lru_cache(maxsize=64)
def _gaussian(length: int, sigma: float, dtype: DTypeLike) -> Array:
    """Return the (length, length) matrix that smooths a line of pixels, reflected at its ends."""
    from scipy.ndimage import gaussian_filter1d

    matrix: Array = gaussian_filter1d(np.eye(length), sigma, axis=0, mode="reflect").astype(dtype)
    matrix.flags.writeable = False
    return matrix


def _smoothed_differences(grey: Floats, side: float, centre: float) -> tuple[Floats, Floats]:
    """Differences between the two neighbours of each pixel, smoothed across, with the border reflected."""
    padded = namespace(grey).pad(grey, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    along_rows: Floats = padded[:, 2:] - padded[:, :-2]
    along_columns: Floats = padded[:, :, 2:] - padded[:, :, :-2]
    down = side * (along_rows[:, :, 2:] + along_rows[:, :, :-2]) + centre * along_rows[:, :, 1:-1]
    across = side * (along_columns[:, 2:] + along_columns[:, :-2]) + centre * along_columns[:, 1:-1]
    return down, across
