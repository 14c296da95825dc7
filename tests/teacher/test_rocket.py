"""Features of series are those of the paper, whatever series stand beside one in a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auxtasks.targets.samples import read_inputs
from auxtasks.teacher.convolutions import KERNELS, Rocket, _dilations
from auxtasks.teacher.features import RocketFeatures
from auxtasks.typing import Array


def _slow(rocket: Rocket, series: Array) -> list[float]:
    """The transform of the paper, step by step, of one series (time, channels)."""
    time, found = len(series), []
    for each in rocket.convolutions:
        weights = np.full(9, -1.0)
        weights[list(KERNELS[each.kernel])] = 2.0
        one = series[:, each.channels].sum(axis=1)
        values = []
        for center in range(time):
            steps = [center + (k - 4) * each.dilation for k in range(9)]
            values.append(sum(w * one[step] for w, step in zip(weights, steps, strict=True) if 0 <= step < time))
        reach = 4 * each.dilation
        inner = values[reach : time - reach]
        kept = np.array(values if each.padded or not inner else inner)
        found += [float(np.mean(kept > bias)) for bias in each.biases]
    return found


@pytest.mark.parametrize(("time", "channels"), [(30, 1), (23, 3), (5, 2), (1, 1)])
def test_features_are_those_of_the_paper(time: int, channels: int) -> None:
    X = np.random.default_rng(0).normal(size=(4, time, channels))
    lengths = np.full(4, time)
    rocket = Rocket(n_features=84 * 6).fit(X, lengths)
    found = rocket.transform(X, lengths)
    assert found.shape == (4, 84 * 6)
    for row in (0, 3):
        np.testing.assert_allclose(found[row], _slow(rocket, X[row]), atol=1e-6)


def test_kernels_and_dilations_are_those_of_the_aeon_package() -> None:
    # `MiniRocket(2520).fit` of aeon 1.6 on series of 60 steps, whose `transform` gives the same features bit for bit
    # with the same biases. It is not installed for the tests, because it holds NumPy and pandas back.
    assert _dilations(60, 30) == ([1, 2, 3, 4, 5, 6, 7], [11, 5, 5, 3, 3, 2, 1])
    assert (len(KERNELS), KERNELS[0], KERNELS[-1]) == (84, (0, 1, 2), (6, 7, 8))


def test_padding_and_the_other_series_change_nothing() -> None:
    rng = np.random.default_rng(1)
    series = [rng.normal(size=(length, 2)).astype(np.float32) for length in (1, 3, 8, 9, 17, 40, 40)]
    lengths = np.array([len(each) for each in series])
    X = np.zeros((len(series), 55, 2), np.float32)
    for row, each in enumerate(series):
        X[row, : len(each)] = each
    rocket = Rocket(n_features=84 * 3).fit(X, lengths)
    together = rocket.transform(X, lengths)
    for row, each in enumerate(series):
        np.testing.assert_array_equal(rocket.transform(each[np.newaxis], lengths[[row]])[0], together[row])
    assert np.isfinite(together).all()


def _samples(X: Any) -> Any:
    return read_inputs(X, "signal", padding="post", padding_value=0.0, length=None)


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e9, 0.0), (1.0, 1e6), (3.0, -1e7)])
def test_the_units_of_the_inputs_do_not_matter(scale: float, shift: float) -> None:
    X = np.random.default_rng(2).normal(size=(6, 40, 2))
    first, second = RocketFeatures().fit(_samples(X)), RocketFeatures().fit(_samples(scale * X + shift))
    # A step at which rounding decides is one of 40.
    assert np.mean(np.abs(first - second) > 1e-6) < 0.01


@pytest.mark.parametrize("time", [1, 2, 8, 9, 10])
def test_short_and_constant_series_have_features(time: int) -> None:
    for X in (np.random.default_rng(3).normal(size=(5, time)), np.full((5, time), 0.1)):
        features = RocketFeatures()
        found = features.fit(_samples(X))
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(features.of(_samples(X[:1]))[0], found[0])


def test_many_channels_and_the_same_draw_each_time() -> None:
    X = np.random.default_rng(4).normal(size=(3, 12, 30)).astype(np.float32)
    lengths = np.full(3, 12)
    one, other = (Rocket(84, seed=5).fit(X, lengths).transform(X, lengths) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert max(len(each.channels) for each in Rocket(84).fit(X, lengths).convolutions) <= 8


def test_samples_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(6).normal(size=(7, 20))
    whole = RocketFeatures().fit(_samples(X))
    monkeypatch.setattr("auxtasks.teacher.features._NUMBERS", 45)
    monkeypatch.setattr("auxtasks.teacher.convolutions._OF_CHANNEL", 25)
    np.testing.assert_array_equal(RocketFeatures().fit(_samples(X)), whole)
