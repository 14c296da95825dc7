"""The power of series by frequency."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.typing import Floats


def one_sided_power(series: Any) -> Any:
    """Square the magnitudes of the Fourier coefficients at the frequencies above 0.

    Parameters
    ----------
    series : ndarray of float or tensor, shape (..., time)
        The series; an array is overwritten.

    Returns
    -------
    ndarray of float or tensor, shape (..., time // 2)
        Half the power of the whole spectrum, as the negative frequencies, equal to the positive ones, are left out.

    Examples
    --------
    >>> one_sided_power(np.array([1.0, -1.0, 1.0, -1.0])).round(6)
    array([0., 8.])
    """
    time = series.shape[-1]
    if isinstance(series, np.ndarray):
        from scipy.fft import rfft

        coefficients = rfft(series, axis=-1, overwrite_x=True)[..., 1:]
        power: Floats = np.square(coefficients.real)
        power += np.square(coefficients.imag)
        if time % 2 == 0:
            # Half the sampling rate has no negative twin.
            power[..., -1] /= 2
        return power
    import tensorflow as tf

    coefficients = tf.signal.rfft(series)[..., 1:]
    power = tf.square(tf.math.real(coefficients)) + tf.square(tf.math.imag(coefficients))
    halves = np.ones(time // 2, np.float32)
    halves[-1:] = 1 if time % 2 else 0.5
    return power * halves
