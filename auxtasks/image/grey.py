"""From colour to one value per pixel."""

from __future__ import annotations

from auxtasks.tensors import namespace
from auxtasks.typing import Floats

LUMA = (0.2125, 0.7154, 0.0721)
"""The share of red, green and blue in luminance: ITU-R BT.709 as `skimage.color.rgb2gray` rounds it."""


def to_grey(X: Floats) -> Floats:
    """Reduce the channels of images to one.

    Parameters
    ----------
    X : ndarray of float or tensor, shape (n, h, w, c)
        The images. Three channels are taken for red, green and blue.

    Returns
    -------
    ndarray of float, shape (n, h, w)
        The only channel (a view), the luminance of three, the mean of any other number.

    Notes
    -----
    ``Y = 0.2125 R + 0.7154 G + 0.0721 B``, as `skimage.color.rgb2gray`. It is summed as
    ``G + 0.2125 (R - G) + 0.0721 (B - G)``, which keeps a colourless pixel at exactly its own value.

    Examples
    --------
    >>> import numpy as np
    >>> import numpy as np
    >>> to_grey(np.array([[[[1.0, 0.0, 0.0]]]]))
    array([[[0.2125]]])
    """
    if X.shape[-1] == 1:
        return X[..., 0]
    if X.shape[-1] != len(LUMA):
        mean: Floats = namespace(X).mean(X, axis=-1)
        return mean
    red, green, blue = X[..., 0], X[..., 1], X[..., 2]
    grey: Floats = red - green
    grey *= LUMA[0]
    grey += green
    grey += LUMA[2] * (blue - green)
    return grey
