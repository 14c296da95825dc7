"""How much of a corner there is, and where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from auxtasks.image.averaging import area_average
from auxtasks.image.gradients import smoothed_differences
from auxtasks.image.grey import to_grey
from auxtasks.image.sizes import check_pair
from auxtasks.registry import extractor
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice, check_number

METHODS = ("shi_tomasi", "harris")


@extractor(
    "corners",
    domain="image",
    kind="image",
    place="grid",
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
        (Harris); 0 for a constant image. NaN where products exceed the range of the dtype.

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
    with np.errstate(over="ignore", invalid="ignore"):
        rr, rc, cc = _structure_tensor(to_grey(X), sigma)
        response = rr * cc - rc * rc - k * (rr + cc) ** 2 if method == "harris" else _smaller_eigenvalue(rr, rc, cc)
        averaged = area_average(response[..., None], grid)
    averaged[~np.isfinite(averaged)] = np.nan
    return averaged


def _structure_tensor(grey: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    down, across = smoothed_differences(grey, 1.0, 2.0)
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


def _smaller_eigenvalue(rr: Floats, rc: Floats, cc: Floats) -> Floats:
    smaller: Floats = (rr + cc - np.sqrt((rr - cc) ** 2 + 4 * rc * rc)) / 2
    # Rounding can leave it a little below zero, which the eigenvalue of a mean of squares is not.
    return np.maximum(smaller, 0)
