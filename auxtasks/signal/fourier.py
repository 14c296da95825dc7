"""The magnitudes of a signal's Fourier transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.registry import extractor
from auxtasks.signal.layout import from_first_step
from auxtasks.typing import Floats
from auxtasks.validation import check_int


def _magnitudes_of_tensors(X: Any, *, n_coefficients: int) -> Any:
    import tensorflow as tf

    wanted = check_int("n_coefficients", n_coefficients, low=1)
    coefficients = tf.signal.rfft(from_first_step(X))[:, :, :wanted]
    offset = tf.cast(X.shape[1] * X[:, 0], coefficients.dtype)
    coefficients = tf.concat([coefficients[:, :, :1] + offset[:, :, None], coefficients[:, :, 1:]], axis=2)
    too_short = [[0, 0], [0, 0], [0, wanted - coefficients.shape[2]]]
    return tf.pad(tf.abs(coefficients), too_short, constant_values=np.nan)


@extractor(
    "fft",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel", "coefficient"],
    default=True,
    graph=_magnitudes_of_tensors,
    source="discrete Fourier transform, numpy.fft.rfft; tsfresh fft_coefficient with attr 'abs'",
)
def fft(X: Floats, *, n_coefficients: int = 50) -> Floats:
    """Magnitudes of the first Fourier coefficients of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    n_coefficients : int, default 50
        How many coefficients, from frequency 0 on. A series of `time` steps has ``time // 2 + 1`` of them.

    Returns
    -------
    ndarray of float, shape (n, channels, n_coefficients)
        Non-negative, in the unit of the signal and not divided by its length. Coefficients that a series is too short
        to have are NaN.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `n_coefficients` is not an integer of at least 1.

    Notes
    -----
    ``|sum(x[t] exp(-2πi k t / time))|`` for ``k = 0, 1, …``. The first value of a channel is subtracted before the
    transform and added to coefficient 0 after it, so that in float32 a large offset does not leak into the others;
    for a constant channel they are exactly 0.

    Examples
    --------
    >>> import numpy as np
    >>> fft(np.array([[[1.0], [3.0], [1.0], [3.0]]]), n_coefficients=4)
    array([[[ 8.,  0.,  4., nan]]])
    """
    from scipy.fft import rfft

    wanted = check_int("n_coefficients", n_coefficients, low=1)
    n, time, channels = X.shape
    coefficients = rfft(from_first_step(X), axis=2, overwrite_x=True)[:, :, :wanted]
    coefficients[:, :, 0] += time * X[:, 0]
    present = coefficients.shape[2]
    if present == wanted:
        return np.abs(coefficients)
    magnitudes: Floats = np.full((n, channels, wanted), np.nan, X.dtype)
    np.abs(coefficients, out=magnitudes[:, :, :present])
    return magnitudes
