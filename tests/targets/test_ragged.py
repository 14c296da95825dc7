"""Series of different lengths: computed as they are, padded for the model only."""

from typing import Any

import numpy as np
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError

RNG = np.random.default_rng(0)
LENGTHS = [30, 24, 30, 27, 24, 30, 28]
SERIES = [RNG.normal(size=(length, 2)).cumsum(axis=0) for length in LENGTHS]


@pytest.mark.parametrize("padding", ["post", "pre"])
def test_inputs_are_padded_on_the_side_asked_for(padding: str) -> None:
    inputs = make_aux_targets(SERIES, "signal", "std", padding=padding, padding_value=-9).inputs
    assert (inputs.dtype, inputs.shape) == (np.float32, (7, 30, 2))
    for row, series in zip(inputs, SERIES, strict=True):
        steps = slice(0, len(series)) if padding == "post" else slice(30 - len(series), 30)
        np.testing.assert_array_equal(row[steps], series.astype(np.float32))
        assert (np.delete(row, np.arange(30)[steps], axis=0) == -9).all()


@pytest.mark.parametrize("give", [list, tuple, lambda s: np.array([*s, None], object)[:-1]])
def test_every_way_of_giving_series(give: Any) -> None:
    expected = make_aux_targets(SERIES, "signal", "std")["std"]
    np.testing.assert_array_equal(make_aux_targets(give(SERIES), "signal", "std")["std"], expected)


def test_series_without_channels_stay_without() -> None:
    plain = [series[:, 0] for series in SERIES]
    targets = make_aux_targets(plain, "signal", "std", scale=False)
    assert targets.inputs.shape == (7, 30)
    np.testing.assert_allclose(targets["std"][:, 0], [series.std() for series in plain], rtol=1e-6)


def test_lists_of_integers_and_floats_mix() -> None:
    targets = make_aux_targets([[1, 3], [1.0, 2.0, 6.0]], "signal", "std", scale=False)
    np.testing.assert_allclose(targets["std"][:, 0], [1, np.std([1, 2, 6])], rtol=1e-6)


@pytest.mark.parametrize("padding", ["post", "pre"])
def test_values_per_step_are_padded_as_the_inputs_are_and_missing_there(padding: str) -> None:
    targets = make_aux_targets(SERIES, "signal", "reconstruction", scale=False, padding=padding, padding_value=np.pi)
    target, padded = targets["reconstruction"], targets.inputs == np.float32(np.pi)
    assert targets.specs["reconstruction"].shape == (30, 2)
    np.testing.assert_array_equal(np.isnan(target), padded)
    np.testing.assert_array_equal(target[~padded], targets.inputs[~padded])


def test_other_series_are_padded_to_the_length_of_the_training_series() -> None:
    targets = make_aux_targets(SERIES, "signal", ["std", "reconstruction"])
    for other in (SERIES[1:2], np.stack([SERIES[1], SERIES[4]]), [SERIES[1], SERIES[3]]):
        found = targets.transform(other)
        assert found.inputs.shape[1:] == found["reconstruction"].shape[1:] == (30, 2)
        np.testing.assert_array_equal(found["std"][0], targets["std"][1])
    longer = [RNG.normal(size=(length, 2)) for length in (31, 32)]
    with pytest.raises(InvalidInputError, match=r"'reconstruction' has shape \(n, 32, 2\).* had \(n, 30, 2\)"):
        targets.transform(longer)
    assert make_aux_targets(SERIES, "signal", "std").transform(longer).inputs.shape == (2, 32, 2)


def test_next_steps_are_cut_off_each_series() -> None:
    targets = make_aux_targets(SERIES, "signal", {"next_steps": {"horizon": 3}}, scale=False)
    assert targets.inputs.shape == (7, 27, 2)
    for row, target, series in zip(targets.inputs, targets["next_steps"], SERIES, strict=True):
        np.testing.assert_allclose(target.reshape(3, 2), series[-3:], rtol=1e-6)
        np.testing.assert_array_equal(row[: len(series) - 3], series[:-3].astype(np.float32))
    assert targets.transform(SERIES[1:2]).inputs.shape == (1, 27, 2)
    with pytest.raises(InvalidInputError, match="`horizon`"):
        make_aux_targets(SERIES, "signal", {"next_steps": {"horizon": 24}})


def test_copies_have_the_length_of_their_originals() -> None:
    tasks = ["std", {"transform": {"transformations": ["time_reversal"]}}]
    targets = make_aux_targets(SERIES, "signal", tasks, scale=False)
    for copy, series in zip(targets.inputs[7:], SERIES, strict=True):
        np.testing.assert_array_equal(copy[: len(series)], series[::-1].astype(np.float32))
    np.testing.assert_allclose(targets["std"][7:], targets["std"][:7], rtol=1e-6)


def test_a_target_that_depends_on_the_length_is_refused(temporary_task: Any) -> None:
    temporary_task("flat", lambda X: X.reshape(len(X), -1))
    with pytest.raises(InvalidInputError, match="must not depend on the length of a series"):
        make_aux_targets(SERIES, "signal", "flat")
