"""The inputs themselves as a target."""

from __future__ import annotations

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.tensors import namespace
from auxtasks.registry import register_task
from auxtasks.typing import Floats


@register_task(
    "reconstruction",
    domain="any",
    kind=None,
    spatial="grid",
    default=True,
    weight_scale=0.1,
    source="autoencoding; Le et al. 2018, Supervised autoencoders: improving generalization performance",
    tensor_function=True,
)
def reconstruction(X: Floats) -> Floats:
    """Reproduce the inputs, laid out as a target.

    Parameters
    ----------
    X : ndarray of float, with 2 to 5 dimensions
        The inputs.

    Returns
    -------
    ndarray of float
        ``(n, d)`` as it is, a vector; ``(n, time, d)`` as it is, a vector per step; ``(n, h, w, c)`` as it is, an
        image; ``(n, t, h, w, c)`` as an image of shape ``(n, h, w, t * c)``, in which channel ``i * c + j`` is
        channel ``j`` of frame ``i``.

    Raises
    ------
    InvalidInputError
        If there are fewer than 2 or more than 5 dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> reconstruction(np.zeros((2, 3, 8, 9, 4))).shape
    (2, 8, 9, 12)
    """
    if not 2 <= X.ndim <= 5:
        raise InvalidInputError(
            f"`X`: the task 'reconstruction' takes inputs of 2 to 5 dimensions, (n, d) to (n, time, height, width, "
            f"channels); found shape {X.shape}. Reshape the inputs or leave the task out."
        )
    if X.ndim < 5:
        return X
    xp = namespace(X)
    _, t, h, w, c = X.shape
    frames_last: Floats = xp.reshape(xp.transpose(X, (0, 2, 3, 1, 4)), (-1, h, w, t * c))
    return frames_last


__all__ = ["reconstruction"]
