"""Rotated copies: which way is up."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats

DEGREES = ("0", "90", "180", "270")


@register_task(
    "rotation",
    domain="image",
    kind="class",
    effect="expands",
    classes=lambda _: DEGREES,
    source="Gidaris et al. 2018, Unsupervised representation learning by predicting image rotations",
)
def rotation(X: Floats, *, rng: np.random.Generator) -> tuple[Floats, Array]:
    """Rotated copies of the images, by 90°, 180° or 270°, and by how much.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, h, c)
        The images, which must be square; any dtype.
    rng : numpy.random.Generator
        Draws one of the three rotations for each image, with equal chance.

    Returns
    -------
    copies : ndarray, shape (n, h, h, c)
        One rotated copy of each image, of the dtype of `X`.
    classes : ndarray of int32, shape (n,)
        1, 2 or 3 quarter turns anticlockwise. Class 0 is that of the untouched images, which are not returned.

    Raises
    ------
    InvalidInputError
        If the images are not square.

    Notes
    -----
    ``numpy.rot90(image, class)``, without any interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> copies, classes = rotation(np.arange(4.0).reshape(1, 2, 2, 1), rng=np.random.default_rng(0))
    >>> classes, copies[0, :, :, 0].tolist()
    (array([3], dtype=int32), [[2.0, 0.0], [3.0, 1.0]])
    """
    h, w = X.shape[1:3]
    if h != w:
        raise InvalidInputError(
            f"`X`: the task 'rotation' needs square images, so that a rotated one has the same shape; found {h}×{w} "
            f"pixels in shape {X.shape}. Crop or pad the images to squares, or leave the task out."
        )
    classes = rng.integers(1, len(DEGREES), size=len(X), dtype=np.int32)
    copies = np.empty_like(X)
    for turns in range(1, len(DEGREES)):
        chosen = classes == turns
        copies[chosen] = np.rot90(X[chosen], turns, axes=(1, 2))
    return copies, classes
