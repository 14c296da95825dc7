"""The magnitudes of a signal's Fourier transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.extractors.signal.layout import check_count, from_first_step, normalised
from auxtasks.extractors.tensors import constant, float_dtype, namespace
from auxtasks.registry import register_task
from auxtasks.typing import Floats
from auxtasks.validation import check_int, check_number


def _magnitudes_of_tensors(X: Any, *, n_coefficients: int) -> Any:
    xp, time = namespace(X), X.shape[1]
    wanted = check_count("n_coefficients", n_coefficients, time // 2 + 1)
    real, imaginary = (part[:, :, :wanted] for part in xp.rfft(from_first_step(X)))
    real = xp.concatenate([real[:, :, :1] + time * X[:, 0, :, None], real[:, :, 1:]], axis=2)
    too_short = ((0, 0), (0, 0), (0, wanted - real.shape[2]))
    return xp.pad(xp.hypot(real, imaginary), too_short, constant_values=np.nan)


@register_task(
    "fft",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel", "coefficient"],
    default=True,
    tensor_function=_magnitudes_of_tensors,
    source="discrete Fourier transform, numpy.fft.rfft; tsfresh fft_coefficient with attr 'abs'",
)
def fft(X: Floats, *, n_coefficients: int = 50) -> Floats:
    """Magnitudes of the first Fourier coefficients of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    n_coefficients : int, default 50
        How many coefficients, from frequency 0 on. A series of `time` steps has ``time // 2 + 1`` of them; up to 65,536
        may be asked for where it has fewer.

    Returns
    -------
    ndarray of float, shape (n, channels, n_coefficients)
        Non-negative, in the unit of the signal and not divided by its length. Coefficients that a series is too short
        to have are NaN.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `n_coefficients` is not an integer of at least 1, or too large.

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

    n, time, channels = X.shape
    wanted = check_count("n_coefficients", n_coefficients, time // 2 + 1)
    coefficients = rfft(from_first_step(X), axis=2, overwrite_x=True)[:, :, :wanted]
    coefficients[:, :, 0] += time * X[:, 0]
    present = coefficients.shape[2]
    if present == wanted:
        return np.abs(coefficients)
    magnitudes: Floats = np.full((n, channels, wanted), np.nan, X.dtype)
    np.abs(coefficients, out=magnitudes[:, :, :present])
    return magnitudes


@register_task(
    "spectrum",
    domain="signal",
    kind="vector",
    axes=["channel", "band"],
    source="Welch 1967, IEEE Trans. Audio Electroacoust. 15(2):70-73, as scipy.signal.welch; decibels and top_db as "
    "librosa.power_to_db",
    tensor_function=True,
)
def spectrum(X: Floats, *, n_bands: int = 8, segment_length: int = 256, top_db: float = 80.0) -> Floats:
    """Power of each channel in equally wide frequency bands, in decibels.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.
    n_bands : int, default 8
        How many bands the frequencies above 0, up to half the sampling rate, are divided into; at most 1024.
    segment_length : int, default 256
        The steps of a segment, at least ``2 * n_bands``; a shorter series is one segment.
    top_db : float, default 80
        How far a band may lie below the strongest band of its channel, in decibels, at most 200; what lies lower is
        raised to that floor. It is mostly rounding error there, and the logarithm of 0 does not exist.

    Returns
    -------
    ndarray of float, shape (n, channels, n_bands)
        Decibels relative to one squared unit of the signal per cycle per step. NaN for a channel constant within every
        segment, and for bands without a frequency because the series is shorter than ``2 * n_bands`` steps.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If an option is not a number or out of its range.

    Notes
    -----
    Segments overlap by half, have their mean subtracted and are weighted by a periodic Hann window; their one-sided
    power spectral densities are averaged, which equals ``scipy.signal.welch(x, nperseg=min(segment_length, time))``.
    With ``f`` in cycles per step, band ``b`` is ``b < 2 n_bands f <= b + 1``, and its value ``10 log10`` of the mean
    density of its frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> fast = np.array([[[1.0], [-1.0]] * 8])
    >>> spectrum(fast, n_bands=2, top_db=30).round(1)
    array([[[-24.,   6.]]])
    """
    bands = check_int("n_bands", n_bands, low=1, high=1024)
    longest = check_int("segment_length", segment_length, low=2 * bands)
    top = check_number("top_db", top_db, low=0, high=200)
    length = min(longest, X.shape[1])
    # The peak's power is added after the logarithm, so that no square overflows or vanishes.
    deviations, peaks = normalised(X)
    power, absent = _band_means(_density(deviations, length), bands, length)
    xp = namespace(X)
    floor = xp.max(power, axis=2, keepdims=True) * 10 ** (-top / 10)
    floor = xp.where(floor == 0, np.nan, floor)
    decibels: Floats = 10 * xp.log10(xp.where(power > floor, power, floor)) + 20 * xp.log10(peaks)
    decibels += constant(absent, like=decibels)
    return decibels


def _density(deviations: Floats, length: int) -> Floats:
    """Welch's one-sided power spectral density at the frequencies ``k / length``, k >= 1."""
    xp = namespace(deviations)
    segments = _segments(deviations, length)
    # From the first step, for a constant segment to become exactly 0.
    segments = segments - segments[..., :1]
    segments -= xp.mean(segments, axis=3, keepdims=True)
    window = np.sin(np.pi * np.arange(length) / length) ** 2 if length > 1 else np.ones(1)
    segments *= constant(window, like=deviations)
    density: Floats = xp.mean(one_sided_power(segments), axis=2)
    density *= 2 / float(window @ window)
    return density


def _segments(series: Any, length: int) -> Any:
    """Cut series into segments that overlap by half, (n, channels, segments, length); of an array a view."""
    step = length - length // 2
    if isinstance(series, np.ndarray):
        return np.lib.stride_tricks.sliding_window_view(series, length, axis=2)[:, :, ::step]
    starts = np.arange(0, series.shape[2] - length + 1, step)
    return namespace(series).take(series, starts[:, None] + np.arange(length), axis=2)


def _band_means(density: Floats, n_bands: int, length: int) -> tuple[Floats, Floats]:
    """Average the density within each band; beside it NaN for each band that holds no frequency, and 0 for others."""
    # Frequency k / length lies in band ceil(2 k n_bands / length) - 1; whole numbers keep the edges exact.
    band_of = (2 * n_bands * np.arange(1, length // 2 + 1) - 1) // length
    members = (band_of[:, None] == np.arange(n_bands)).astype(float_dtype(density))
    counts = members.sum(axis=0)
    absent: Floats = np.where(counts == 0, np.nan, np.zeros_like(counts))
    means: Floats = namespace(density).matmul(density, members / np.maximum(counts, 1))
    return means, absent


def one_sided_power(series: Any) -> Any:
    """Square the magnitudes of the Fourier coefficients at the frequencies above 0."""
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
    xp = namespace(series)
    real, imaginary = (part[..., 1:] for part in xp.rfft(series))
    halves = np.ones(time // 2)
    halves[-1:] = 1 if time % 2 else 0.5
    return (xp.square(real) + xp.square(imaginary)) * constant(halves, like=series)
