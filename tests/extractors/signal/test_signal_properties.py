"""What must not change the tasks of a signal, and what must, whatever the signal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from auxtasks.extractors import signal

# Whole numbers, so that shifts and sums are exact and a value equals the mean or does not.
SIGNALS = arrays(np.float64, array_shapes(min_dims=3, max_dims=3, max_side=40), elements=st.integers(-50, 50))
PAIRS = arrays(np.float64, st.tuples(st.just(2), st.integers(1, 30), st.just(2)), elements=st.integers(-50, 50))
SHIFT_INVARIANT = [
    signal.std,
    signal.abs_sum_changes,
    signal.spectrum,
    signal.spectral_entropy,
    signal.permutation_entropy,
    signal.zero_crossings,
    signal.slope,
    signal.autocorrelation,
    signal.channel_correlation,
]
REVERSIBLE = [
    signal.std,
    signal.abs_sum_changes,
    signal.fft,
    signal.spectral_entropy,
    signal.mean,
    signal.rms,
    signal.quantiles,
    signal.zero_crossings,
    signal.autocorrelation,
    signal.channel_correlation,
]
# Lowest and highest value.
BOUNDED = {
    signal.spectral_entropy: (0, 1),
    signal.permutation_entropy: (0, 1),
    signal.zero_crossings: (0, 1),
    signal.autocorrelation: (-1, 1),
    signal.channel_correlation: (-1, 1),
}


@pytest.mark.parametrize("task", SHIFT_INVARIANT)
@given(X=PAIRS, shift=st.integers(-(2**40), 2**40))
def test_an_offset_changes_nothing(task, X, shift):
    np.testing.assert_array_equal(task(X + shift), task(X))


@pytest.mark.parametrize("task", REVERSIBLE)
@given(X=PAIRS)
def test_time_reversal_changes_nothing(task, X):
    np.testing.assert_allclose(task(X[:, ::-1]), task(X), rtol=1e-9, atol=1e-9)


@given(X=SIGNALS)
def test_time_reversal_turns_the_slope(X):
    np.testing.assert_allclose(signal.slope(X[:, ::-1]), -signal.slope(X), atol=1e-9)


@pytest.mark.parametrize(("task", "bounds"), BOUNDED.items())
@given(X=PAIRS)
def test_values_stay_within_their_bounds_or_are_missing(task, bounds, X):
    found = task(X)
    low, high = bounds
    assert (np.isnan(found) | ((low <= found + 1e-12) & (found <= high + 1e-12))).all()


@given(X=SIGNALS)
def test_quantiles_rise_from_the_smallest_to_the_largest_value(X):
    found = signal.quantiles(X, q=(0, 0.1, 0.4, 0.5, 0.9, 1))
    assert (np.diff(found, axis=2) >= -1e-12).all()
    np.testing.assert_array_equal(found[:, :, 0], X.min(axis=1))
    np.testing.assert_array_equal(found[:, :, -1], X.max(axis=1))


@given(X=SIGNALS)
def test_rms_is_made_of_mean_and_std(X):
    np.testing.assert_allclose(signal.rms(X) ** 2, signal.mean(X) ** 2 + signal.std(X) ** 2, atol=1e-9)


@given(X=SIGNALS)
def test_all_fourier_magnitudes_hold_the_energy_of_the_signal(X):
    # Parseval: frequencies between 0 and half the sampling rate count twice.
    time = X.shape[1]
    squares = signal.fft(X, n_coefficients=time // 2 + 1) ** 2
    twice = 2 * squares.sum(axis=2) - squares[:, :, 0] - (squares[:, :, -1] if time % 2 == 0 else 0)
    np.testing.assert_allclose(twice / time, (X**2).sum(axis=1), rtol=1e-9, atol=1e-9)


@given(X=SIGNALS, wanted=st.integers(1, 30))
def test_a_series_lacks_just_the_coefficients_it_is_too_short_for(X, wanted):
    missing = np.isnan(signal.fft(X, n_coefficients=wanted))
    assert (missing == (np.arange(wanted) > X.shape[1] // 2)).all()


@given(X=SIGNALS)
def test_changes_add_up_to_at_least_the_range(X):
    assert (signal.abs_sum_changes(X) >= np.ptp(X, axis=1)).all()
