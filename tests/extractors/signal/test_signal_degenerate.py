"""Signals at the edge: constant, of one or two steps, far from zero, very large and very small, read-only."""

import tracemalloc

import numpy as np
import pytest

from auxtasks.extractors import signal

nan = np.nan
UNIT_FREE = ["spectral_entropy", "permutation_entropy", "zero_crossings", "autocorrelation", "channel_correlation"]
NUMERIC = sorted(set(signal.__all__) - {"next_steps", "transform"})
SMALL = {"fft": {"n_coefficients": 3}, "spectrum": {"n_bands": 2}, "quantiles": {"q": (0, 0.3)}}
SMALL["autocorrelation"] = {"n_lags": 2}


def compute(name, X):
    return getattr(signal, name)(X, **SMALL.get(name, {}))


CONSTANT = {
    "std": 0,
    "abs_sum_changes": 0,
    "fft": lambda c: [60 * abs(c), 0, 0],
    "spectrum": nan,
    "spectral_entropy": nan,
    "permutation_entropy": 0,
    "mean": lambda c: c,
    "rms": abs,
    "quantiles": lambda c: c,
    "zero_crossings": 0,
    "slope": 0,
    "autocorrelation": nan,
    "channel_correlation": nan,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [0.0, 0.1, -1e8])
@pytest.mark.parametrize("name", NUMERIC)
def test_a_constant_signal_has_no_rounding_for_variation(name, level, dtype):
    found = compute(name, np.full((2, 60, 2), level, dtype))
    expected = CONSTANT[name]
    if callable(expected):
        np.testing.assert_allclose(found, np.broadcast_to(expected(level), found.shape), rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, np.full(found.shape, expected))


# Of the single step 3, of the steps 3 and 5, and of the steps 3, 5 and 4.
SHORT = {
    "std": (0, 1, np.sqrt(2 / 3)),
    "abs_sum_changes": (0, 2, 3),
    "fft": ([3, nan, nan], [8, 2, nan], [12, np.sqrt(3), nan]),
    "spectrum": (nan, [nan, 0], [nan, 0]),
    "spectral_entropy": (nan, nan, nan),
    "permutation_entropy": (nan, nan, 0),
    "mean": (3, 4, 4),
    "rms": (3, np.sqrt(17), np.sqrt(50 / 3)),
    "quantiles": ([3, 3], [3, 3.6], [3, 3.6]),
    "zero_crossings": (nan, 1, 1),
    "slope": (nan, 2, 0.5),
    "autocorrelation": (nan, [-0.5, nan], [-0.5, 0]),
    "channel_correlation": (nan, 1, 1),
}


@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("name", NUMERIC)
def test_the_shortest_signals(name, time):
    found = compute(name, np.array([3.0, 5.0, 4.0])[:time].reshape(1, time, 1).repeat(2, axis=2))
    expected = np.broadcast_to(SHORT[name][time - 1], found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NUMERIC)
def test_float32_stays_float32_and_keeps_its_digits_far_from_zero(name):
    X = (1e4 + np.random.default_rng(0).normal(size=(3, 2000, 2))).astype(np.float32)
    found = compute(name, X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, compute(name, X.astype(np.float64)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("exponent", [-110, 110])
@pytest.mark.parametrize("name", UNIT_FREE)
def test_squares_neither_overflow_nor_vanish_in_float32(name, exponent):
    X = np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32)
    np.testing.assert_array_equal(compute(name, np.ldexp(X, exponent)), compute(name, X))


def test_the_spectrum_of_a_scaled_signal_is_shifted():
    X = np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32)
    shift = 20 * 110 * np.log10(2)
    np.testing.assert_allclose(signal.spectrum(np.ldexp(X, 110)), signal.spectrum(X) + shift, rtol=1e-6)


def test_bands_below_the_strongest_by_more_than_top_db_are_raised_to_the_floor():
    steps = np.arange(64.0).reshape(1, 64, 1)
    found = signal.spectrum(np.cos(2 * np.pi * 4 * steps / 64), n_bands=4, top_db=50)[0, 0]
    np.testing.assert_allclose(found - found[0], [0, -50, -50, -50])


def test_a_change_after_the_last_whole_segment_has_no_spectrum():
    # Many levels, for the mean of some segment not to be exactly its constant value.
    X = np.linspace(0.1, 7, 50).reshape(50, 1, 1).repeat(21, axis=1)
    X[:, -1] += 1
    assert np.isnan(signal.spectrum(X, n_bands=2, segment_length=7)).all()


@pytest.mark.parametrize("name", sorted(set(NUMERIC) - {"channel_correlation"}))
def test_one_read_only_channel_is_not_written_to(name):
    # With one channel no copy is needed to lay its steps side by side, so that a write would reach the input.
    X = np.random.default_rng(0).normal(size=(2, 20, 1))
    before = X.copy()
    X.setflags(write=False)
    compute(name, X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("name", "options"), [(name, {}) for name in NUMERIC] + [("permutation_entropy", {"order": 7})]
)
def test_memory_is_a_small_multiple_of_the_signals(name, options):
    X = np.random.default_rng(0).normal(size=(800, 60, 2))
    getattr(signal, name)(X[:1], **options)
    tracemalloc.start()
    getattr(signal, name)(X, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * X.nbytes
