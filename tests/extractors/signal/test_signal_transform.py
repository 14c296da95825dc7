"""Transformed copies of signals and the classes they get."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.extractors.signal import transform
from auxtasks.extractors.signal.transformations import NAMES
from auxtasks.registry import find_task


def apply(X, name, seed=0, **options):
    copies, classes = transform(X, rng=np.random.default_rng(seed), transformations=[name], **options)
    assert (classes == 1).all()
    return copies


@pytest.fixture(name="X")
def fixture_signals():
    return 3 + np.random.default_rng(7).normal(size=(400, 50, 2)) * [1.0, 20.0]


def test_every_transformation_is_drawn_about_as_often(X):
    _, classes = transform(X, rng=np.random.default_rng(0))
    counts = np.bincount(classes, minlength=5)
    assert counts[0] == 0
    # Four standard deviations of a binomial count: sqrt(400 × 1/4 × 3/4) = 8.7.
    assert (abs(counts[1:] - 100) < 35).all()


def test_a_class_says_what_was_done(X):
    copies, classes = transform(X, rng=np.random.default_rng(0))
    names = find_task("transform", "signal").classes({"transformations": NAMES})
    assert names == ("original", *NAMES)
    done = {name: copies[classes == number] for number, name in enumerate(names)}
    original = {name: X[classes == number] for number, name in enumerate(names)}
    np.testing.assert_array_equal(done["time_reversal"], original["time_reversal"][:, ::-1])
    np.testing.assert_array_equal(np.sort(done["permutation"], axis=1), np.sort(original["permutation"], axis=1))
    ratio = done["scaling"] / original["scaling"]
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(50, axis=1))
    assert (done["jitter"] != original["jitter"]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_keep_shape_and_dtype_and_leave_the_originals(X, dtype):
    X = X.astype(dtype)
    before = X.copy()
    copies, classes = transform(X, rng=np.random.default_rng(0))
    assert (copies.shape, copies.dtype, classes.shape, classes.dtype) == (X.shape, dtype, (400,), np.int32)
    assert not np.shares_memory(copies, X)
    np.testing.assert_array_equal(X, before)


def test_one_seed_gives_the_same_copies_in_both_precisions(X):
    first, classes = transform(X, rng=np.random.default_rng(3))
    second, again = transform(X.astype(np.float32), rng=np.random.default_rng(3))
    np.testing.assert_array_equal(again, classes)
    np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-4)


def test_jitter_is_a_share_of_each_channels_own_spread(X):
    noise = apply(X, "jitter", jitter_sigma=0.2) - X
    # 20,000 draws a channel: the estimate of a standard deviation errs by 0.5 %.
    np.testing.assert_allclose(noise.std(axis=(0, 1)), 0.2 * X.std(axis=1).mean(axis=0), rtol=0.03)
    constant = np.full((2, 10, 1), 0.3)
    np.testing.assert_array_equal(apply(constant, "jitter"), constant)


def test_scaling_draws_a_factor_about_one_for_each_channel(X):
    factors = (apply(X, "scaling", scaling_sigma=0.3) / X)[:, 0]
    # 800 draws: the mean errs by 0.3 / sqrt(800) = 0.011.
    assert factors.mean() == pytest.approx(1, abs=0.05)
    assert factors.std() == pytest.approx(0.3, rel=0.1)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


@given(time=st.integers(2, 30), n_segments=st.integers(2, 8), seed=st.integers(0, 99))
def test_permutation_moves_whole_segments_and_never_none(time, n_segments, seed):
    steps = np.arange(time, dtype=float).reshape(1, time, 1).repeat(20, axis=0)
    moved = apply(steps, "permutation", seed=seed, n_segments=n_segments)[:, :, 0]
    np.testing.assert_array_equal(np.sort(moved, axis=1), steps[:, :, 0])
    assert (moved != steps[:, :, 0]).any(axis=1).all()
    assert ((np.diff(moved, axis=1) != 1).sum(axis=1) < n_segments).all()


@pytest.mark.parametrize("name", ["time_reversal", "permutation"])
def test_a_single_step_stays_as_it_is(name):
    X = np.ones((3, 1, 2))
    np.testing.assert_array_equal(apply(X, name), X)
