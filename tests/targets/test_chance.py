"""The chance of a target is the loss of its best constant prediction."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError
from auxtasks.targets.statistics import ClassCounts, DistributionSums, LabelCounts
from auxtasks.typing import Array

RNG = np.random.default_rng(0)


def baseline_of_column(values: Array, scale: bool) -> float:
    targets = make_aux_targets(
        np.zeros((len(values), 1)), "any", [], label_columns={"a": values}, scale=scale, dtype="float64"
    )
    # A vector per step is guessed alike at every step.
    constant = np.nanmean(targets["a"], axis=(0, 1) if targets["a"].ndim == 3 else 0)
    np.testing.assert_allclose(targets.specs["a"].baseline_loss, np.nanmean((targets["a"] - constant) ** 2), rtol=1e-12)
    return targets.specs["a"].baseline_loss


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("shape", [(90, 4), (90, 6, 4), (90, 3, 3, 4)])
def test_numbers_mean_squared_error_of_the_mean(shape: tuple[int, ...], scale: bool) -> None:
    values = RNG.normal(5, 3, size=shape) + np.arange(4)
    values[RNG.random(shape) < 0.2] = np.nan
    chance = baseline_of_column(values, scale)
    if scale:
        # Predicting the mean of each pixel beats predicting that of the channel, by a little.
        assert 0.9 < chance <= 1 + 1e-12
        assert len(shape) > 2 or chance == pytest.approx(1)


def test_steps_that_few_samples_reach_do_not_make_the_guess_better() -> None:
    values = np.full((50, 40, 1), np.nan)
    values[:, :5] = RNG.normal(size=(50, 5, 1))
    values[0] = RNG.normal(size=(40, 1))
    assert baseline_of_column(values, scale=True) == pytest.approx(1)


def test_classes_entropy_of_their_frequencies() -> None:
    classes = np.array([0, 0, 1, 2, 2, 2, -1, -1])
    assert ClassCounts.of(classes, 4).baseline_loss == pytest.approx(entropy([2, 1, 3]))
    assert ClassCounts.of(classes.reshape(2, 4), 4).baseline_loss == pytest.approx(entropy([2, 1, 3]))


def test_labels_mean_binary_entropy() -> None:
    labels = np.array([[1, 0], [0, 0], [1, -1], [0, 1]], np.int8)
    expected = (4 * entropy([1, 1]) + 3 * entropy([1, 2])) / 7
    assert LabelCounts.of(labels).baseline_loss == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(60, 5), (60, 2, 5)])
def test_distributions_cross_entropy_of_the_mean(shape: tuple[int, ...]) -> None:
    p = RNG.dirichlet(np.array([1, 1, 0.2, 2, 3]), size=shape[:-1])
    p[3, ..., 0] = 0
    p /= p.sum(axis=-1, keepdims=True)
    expected = -(p * np.log(p.mean(axis=0))).sum(axis=-1).mean()
    assert DistributionSums.of(p).baseline_loss == pytest.approx(expected)
    with_missing = np.concatenate([p, np.full((7, *p.shape[1:]), np.nan)])
    assert DistributionSums.of(with_missing).baseline_loss == pytest.approx(expected)


@pytest.mark.parametrize(
    ("constant", "missing"),
    [
        (ClassCounts.of(np.ones(4, int), 2), ClassCounts.of(-np.ones(4, int), 2)),
        (LabelCounts.of(np.ones((4, 2), int)), LabelCounts.of(-np.ones((4, 2), int))),
        (DistributionSums.of(np.full((4, 2), 0.5)), DistributionSums.of(np.full((4, 2), np.nan))),
    ],
)
def test_constant_or_missing_labels_have_none(constant: Any, missing: Any) -> None:
    assert constant.baseline_loss == missing.baseline_loss == 0
    assert missing.absent
    assert not constant.absent


def test_validation_data_have_the_spec_of_the_training_data(signals: Array) -> None:
    targets = make_aux_targets(signals, "signal")
    assert targets.transform(9 * signals + 1).specs == targets.specs


@pytest.mark.parametrize("bad", [3, -2])
def test_classes_a_task_does_not_declare_are_refused(temporary_task: Any, signals: Array, bad: int) -> None:
    temporary_task("side", lambda X: np.full(len(X), bad), kind="class", classes=lambda options: ("a", "b", "c"))
    with pytest.raises(InvalidInputError, match=f"'side' holds classes from {bad} to {bad}.*declares 3 classes"):
        make_aux_targets(signals, "signal", "side")
