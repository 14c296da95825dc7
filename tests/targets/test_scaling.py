"""Scaling: standard on the training data, invertible, and it says what it leaves out."""

import json
import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from auxtasks import make_aux_targets
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.specs import counted_columns
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.statistics import moments
from auxtasks.typing import Array

NUMBERS = st.one_of(st.just(0.0), st.floats(1e-3, 1e6))
COLUMNS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8), elements=NUMBERS)


def as_given(values: Array, **options: Any) -> Any:
    """Targets that are just these values."""
    return make_aux_targets(
        np.zeros((len(values), 1)), "any", [], label_columns={"a": values}, dtype="float64", **options
    )


def as_task(temporary_task: Any, values: Array, **declared: Any) -> Any:
    """Targets of a task that gives these values."""
    temporary_task("these", lambda X: values[X[:, 0, 0].astype(int)], **declared)
    return make_aux_targets(np.arange(len(values))[:, None], "signal", "these", dtype="float64")


@pytest.mark.filterwarnings("ignore:overflow")
@given(values=COLUMNS, log1p=st.booleans(), dtype=st.sampled_from(["float32", "float64"]))
def test_invert_undoes_apply(values: Array, log1p: bool, dtype: str) -> None:
    values = values.astype(dtype)
    found = moments(values, log1p=log1p, name="a")
    d = values.shape[1]
    scaling = Scaling(log1p, found.mean, np.where(found.std > 0, found.std, 1.0), tuple(range(d)), tuple(range(d)))
    back = scaling.invert(scaling.apply(values))
    assert back.dtype == dtype
    eps = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(back, values, rtol=20 * eps, atol=eps * np.abs(values).max())
    copied = Scaling.from_dict(json.loads(json.dumps(scaling.to_dict())))
    np.testing.assert_array_equal(copied.apply(values), scaling.apply(values))


@pytest.mark.parametrize("shape", [(500, 3), (500, 7, 3), (500, 4, 5, 3)])
def test_mean_zero_and_standard_deviation_one_along_the_last_axis(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal([1e6, -3, 0.1], [5, 1e-3, 100], size=shape)
    values[::7, ..., 0] = np.nan
    scaled = as_given(values)["a"].reshape(-1, 3)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1, rtol=1e-8)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(values.reshape(-1, 3)))


def test_log1p_comes_first_where_the_task_says_so(signals: Array) -> None:
    changes = np.log1p(np.abs(np.diff(signals, axis=1)).sum(axis=1))
    expected = (changes - changes.mean(axis=0)) / changes.std(axis=0)
    targets = make_aux_targets(signals, "signal", "abs_sum_changes")
    np.testing.assert_allclose(targets["abs_sum_changes"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        targets.unscale("abs_sum_changes", targets["abs_sum_changes"]), np.expm1(changes), rtol=1e-5
    )


def test_other_data_are_scaled_with_the_statistics_of_the_training_data(signals: Array) -> None:
    targets = make_aux_targets(signals, "signal", "std")
    np.testing.assert_array_equal(targets.transform(signals)["std"], targets["std"])
    raw = np.log1p(signals.std(axis=1))
    expected = (np.log1p((3 * signals).std(axis=1)) - raw.mean(axis=0)) / raw.std(axis=0)
    np.testing.assert_allclose(targets.transform(3 * signals)["std"], expected, rtol=1e-4, atol=1e-5)


def test_few_columns_that_are_left_out_are_named_and_many_are_counted() -> None:
    constant = [f"column {at} (constant)" for at in range(4)]
    assert counted_columns(constant[:3]) == "column 0 (constant); column 1 (constant); column 2 (constant)"
    assert counted_columns(constant) == "4 constant columns"
    signals = np.random.default_rng(0).normal(size=(20, 64, 3))
    # A series of 64 steps has 33 coefficients, and 50 are asked for.
    targets = make_aux_targets(signals, "signal", {"fft": {"n_coefficients": 50}})
    assert repr(targets).endswith("  51 columns without any value")


def test_columns_that_teach_nothing_are_left_out_and_put_back(temporary_task: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    a[5] = np.nan
    nothing = np.full(300, np.nan)
    shifted = 1e9 + 1e-9 * b
    values = np.stack([a, np.full(300, 7.0), b, a, nothing, shifted, b], axis=1)
    targets = as_task(temporary_task, values, axes=["column"])
    spec = targets.specs["these"]
    assert spec.columns == ("column 0", "column 2")
    assert spec.shape == (2,) == targets["these"].shape[1:]
    assert spec.dropped == (
        "column 1 (constant)",
        "column 3 (copy of column 0)",
        "column 4 (without any value)",
        "column 5 (constant)",
        "column 6 (copy of column 2)",
    )
    np.testing.assert_allclose(targets.unscale("these", targets["these"]), values, rtol=1e-12, atol=1e-12)
    assert "  2 constant columns; 2 copied columns; 1 column without any value" in repr(targets)
    np.testing.assert_array_equal(targets.transform(np.arange(300)[:, None])["these"], targets["these"])


def test_equal_statistics_do_not_make_a_copy(temporary_task: Any) -> None:
    values = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert as_task(temporary_task, values).specs["these"].dropped == ()


def test_what_is_scaled_and_left_out_is_logged(signals: Array, caplog: pytest.LogCaptureFixture) -> None:
    signals[:, :, 1] = 0
    with caplog.at_level(logging.INFO, logger="auxtasks"):
        make_aux_targets(signals, "signal", "std")
    assert caplog.messages == ["std: vector (1,), log1p, mean and std, baseline 1; left out: channel 1 (constant)"]


def test_a_dead_channel_of_an_image_becomes_zero() -> None:
    images = np.random.default_rng(0).normal(size=(50, 4, 4, 2))
    images[..., 1] = 3.0
    scaled = as_given(images)["a"]
    np.testing.assert_array_equal(scaled[..., 1], 0)
    np.testing.assert_allclose(scaled[..., 0].std(), 1)


def test_a_target_without_anything_to_learn_is_left_out_with_a_warning(signals: Array) -> None:
    with pytest.warns(AuxTasksWarning, match="target 'flat' is constant on the training data and is left out"):
        targets = make_aux_targets(signals, "signal", "std", label_columns={"flat": np.full(len(signals), 2.0)})
    assert list(targets) == ["std"] == list(targets.transform(signals))
    short = {"fft": {"n_coefficients": 4}}
    with pytest.warns(AuxTasksWarning, match="'gone' has no value"):
        make_aux_targets(signals, "signal", short, label_columns={"gone": np.full(len(signals), np.nan)})


def test_nothing_left_is_refused() -> None:
    with (
        pytest.warns(AuxTasksWarning, match="'std' is constant"),
        pytest.raises(InvalidInputError, match="every target is constant or has no value"),
    ):
        make_aux_targets(np.ones((3, 5)), "signal", "std")


def test_unscaled_targets_keep_every_column_and_a_positive_chance() -> None:
    targets = make_aux_targets(np.ones((3, 5)), "signal", ["std", "fft"], scale=False)
    assert targets.specs["fft"].shape == (50,)
    assert targets.specs["std"].baseline_loss == 1.0
    np.testing.assert_array_equal(targets["std"], 0)
    np.testing.assert_array_equal(targets.unscale("std", targets["std"]), targets["std"])


def test_a_wild_prediction_stays_finite() -> None:
    scaling = Scaling(True, np.array([1.0]), np.array([2.0]), (0,), (0,))
    wild = scaling.invert(np.array([[1e4]], np.float32))
    assert wild.dtype == np.float32
    assert wild[0, 0] == np.finfo(np.float32).max


def test_negative_values_under_log1p_are_refused(temporary_task: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"'these' holds negative values.*log1p=True"):
        as_task(temporary_task, np.array([[1.0], [-2.0]]), log1p=True)


def test_a_variance_that_overflows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'a' holds values too large to compute their variance"):
        as_given(np.array([1e200, -1e200]))


@given(values=COLUMNS, cut=st.integers(0, 8))
def test_moments_of_parts_merge_to_those_of_the_whole(values: Array, cut: int) -> None:
    parts = [moments(part, log1p=False, name="a") for part in (values[:cut], values[cut:])]
    merged = parts[0].merged(parts[1])
    np.testing.assert_allclose(merged.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(merged.std, values.std(axis=0), rtol=1e-9, atol=1e-9 * np.abs(values).max())


def test_a_large_offset_costs_no_digits() -> None:
    values = 1e8 + np.random.default_rng(0).normal(size=(200_000, 1))
    np.testing.assert_allclose(moments(values, log1p=False, name="a").std, values.std(axis=0), rtol=1e-7)
