"""Every signal task against an implementation that shares no code with it: tsfresh, SciPy, statsmodels, plain loops."""

from collections import Counter
from importlib import import_module
from math import factorial, log

import numpy as np
import pytest
import scipy.signal
from statsmodels.tsa.stattools import acf

from auxtasks.extractors import signal


class Tsfresh:
    """Its functions; the module, which takes more than a second, is imported where these tests run."""

    def __getattr__(self, name):
        return lambda *given: getattr(import_module("tsfresh.feature_extraction.feature_calculators"), name)(*given)


tsfresh = Tsfresh()
LENGTHS = [2, 3, 7, 16, 63, 128, 301, 700]


def rates_of(x, k):
    found = tsfresh.fft_coefficient(x, [{"coeff": i, "attr": "abs"} for i in range(k)])
    return [value for _, value in found]


def bands_of(x, n_bands, segment_length):
    frequencies, density = scipy.signal.welch(x, nperseg=min(segment_length, len(x)))
    bands = []
    for b in range(n_bands):
        inside = [p for f, p in zip(frequencies, density, strict=True) if b < 2 * n_bands * f <= b + 1]
        bands.append(10 * np.log10(np.mean(inside)) if inside else np.nan)
    return bands


def spectral_entropy_of(x):
    _, power = scipy.signal.periodogram(x)
    share = power[1:] / power[1:].sum()
    return -np.sum(share * np.log(share)) / np.log(len(share)) if len(share) > 1 else np.nan


def ordinal_entropy_of(x, order, delay):
    windows = [tuple(x[t : t + (order - 1) * delay + 1 : delay]) for t in range(len(x) - (order - 1) * delay)]
    counts = Counter(tuple(sorted(range(order), key=window.__getitem__)) for window in windows).values()
    if not windows:
        return np.nan
    return -sum(k / len(windows) * log(k / len(windows)) for k in counts) / log(factorial(order))


def biased_acf_of(x, lags):
    padded = np.full(lags, np.nan)
    found = acf(x, nlags=min(lags, len(x) - 1), adjusted=False, fft=False)[1:]
    padded[: len(found)] = found
    return padded


def unbiased_acf_of(x, lags):
    return [tsfresh.autocorrelation(x, lag) * (len(x) - lag) / len(x) for lag in range(1, lags + 1)]


PER_CHANNEL = {
    "std": (signal.std, {}, tsfresh.standard_deviation),
    "abs_sum_changes": (signal.abs_sum_changes, {}, tsfresh.absolute_sum_of_changes),
    "fft": (signal.fft, {"n_coefficients": 50}, lambda x: rates_of(x, 50)),
    "spectrum": (signal.spectrum, {"top_db": 200}, lambda x: bands_of(x, 8, 256)),
    "spectrum, odd": (
        signal.spectrum,
        {"n_bands": 5, "segment_length": 31, "top_db": 200},
        lambda x: bands_of(x, 5, 31),
    ),
    "spectral_entropy": (signal.spectral_entropy, {}, spectral_entropy_of),
    "permutation_entropy": (
        signal.permutation_entropy,
        {},
        lambda x: tsfresh.permutation_entropy(x, 1, 3) / log(6) if len(x) > 2 else np.nan,
    ),
    "permutation_entropy, rare": (
        signal.permutation_entropy,
        {"order": 5, "delay": 2},
        lambda x: ordinal_entropy_of(x, 5, 2),
    ),
    "mean": (signal.mean, {}, tsfresh.mean),
    "rms": (signal.rms, {}, tsfresh.root_mean_square),
    "quantiles": (signal.quantiles, {"q": [0, 0.1, 0.77, 1]}, lambda x: np.quantile(x, [0, 0.1, 0.77, 1])),
    "zero_crossings": (
        signal.zero_crossings,
        {},
        lambda x: tsfresh.number_crossing_m(x, np.mean(x)) / (len(x) - 1),
    ),
    "slope": (signal.slope, {}, lambda x: tsfresh.linear_trend(x, [{"attr": "slope"}])[0][1]),
    "autocorrelation": (signal.autocorrelation, {"n_lags": 10}, lambda x: biased_acf_of(x, 10)),
    "autocorrelation, short": (signal.autocorrelation, {"n_lags": 1}, lambda x: unbiased_acf_of(x, 1)),
}


def walks(n, time, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return 2 + rng.normal(size=(n, time, channels)).cumsum(axis=1)


@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize(("task", "options", "reference"), PER_CHANNEL.values(), ids=PER_CHANNEL)
def test_each_channel_equals_the_reference(task, options, reference, time):
    X = walks(4, time)
    expected = [[reference(series[:, channel]) for channel in range(3)] for series in X]
    np.testing.assert_allclose(task(X, **options), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("time", LENGTHS)
def test_channel_correlation_equals_corrcoef(time):
    X = walks(4, time)
    expected = [[np.corrcoef(series.T)[i, j] for i, j in ((0, 1), (0, 2), (1, 2))] for series in X]
    np.testing.assert_allclose(signal.channel_correlation(X), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_permutation_entropy_sorts_ties_stably(order):
    X = np.random.default_rng(1).integers(0, 3, size=(3, 50, 2)).astype(float)
    expected = [[ordinal_entropy_of(series[:, channel], order, 1) for channel in range(2)] for series in X]
    np.testing.assert_allclose(signal.permutation_entropy(X, order=order), expected, rtol=1e-12)


@pytest.mark.parametrize(("order", "bits"), [(2, 0.918), (3, 1.522)])
def test_permutation_entropy_of_the_worked_example(order, bits):
    # Bandt & Pompe 2002, the series and both values in their introduction to H(n).
    X = np.array([4.0, 7, 9, 10, 6, 11, 3]).reshape(1, 7, 1)
    found = signal.permutation_entropy(X, order=order).item() * np.log2(factorial(order))
    assert found == pytest.approx(bits, abs=5e-4)


def test_a_cosine_has_half_its_length_times_amplitude_at_its_frequency():
    steps = np.arange(64.0).reshape(1, 64, 1)
    expected = np.zeros(33)
    expected[[0, 5]] = 7 * 64, 3 * 64 / 2
    found = signal.fft(7 + 3 * np.cos(2 * np.pi * 5 * steps / 64), n_coefficients=33)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-10)


def test_white_noise_has_twice_its_variance_in_every_band():
    # The one-sided density of white noise is 2 σ² at all frequencies: its integral to 1/2 is the variance.
    noise = 5 * np.random.default_rng(0).normal(size=(1, 100_000, 1))
    np.testing.assert_allclose(signal.spectrum(noise), 10 * np.log10(2 * 25), atol=0.15)
