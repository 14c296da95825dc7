"""Targets are right at every magnitude of the inputs, or refused; nothing infinite comes out."""

from __future__ import annotations

import warnings
from math import log2
from typing import Any

import numpy as np
import pytest
from tensors import to_array, to_tensor

from auxtasks import AuxTargetGenerator, Extractor, make_aux_targets
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.extractors.image import edges, hog
from auxtasks.extractors.signal import rms, std
from auxtasks.registry import tasks_of
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
INPUTS: dict[str, Array] = {
    "signal": RNG.normal(size=(3, 40, 3)).cumsum(axis=1).astype(np.float32),
    "image": (RNG.integers(0, 256, size=(3, 24, 24, 3)) / 256).astype(np.float32),
    "video": RNG.random((3, 5, 12, 10, 2), np.float32),
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "corners": [{"method": "harris"}],
    "edges": [{"operator": "scharr"}],
    "hog": [{"layout": "blocks"}, {"block_norm": "L2"}, {"block_norm": "L1"}, {"block_norm": "L1-sqrt"}],
}
CASES = [
    (domain, task, options)
    for domain in INPUTS
    for task in tasks_of(domain).values()
    if task.domain == domain and task.effect == "none"
    for options in [{}, *OPTIONS.get(task.name, [])]
]


def named(cases: list[tuple[str, Extractor, dict[str, Any]]]) -> Any:
    ids = [f"{domain}-{task.name}-{'-'.join(map(str, options.values()))}" for domain, task, options in cases]
    return pytest.mark.parametrize(("domain", "task", "options"), cases, ids=ids)


def times_a_power(X: Array, exponent: int) -> Array:
    """Multiply by a power of two, which is exact."""
    return np.ldexp(X, exponent)


def assert_close(found: Array, expected: Array) -> None:
    """Compare within the rounding of the largest value, as float32 rounds; below its smallest there is nothing."""
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    if largest > float(np.finfo(np.float32).tiny):
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(found, expected.astype(np.float32), rtol=1e-4, atol=1e-5 * largest)


@named(CASES)
def test_single_precision_gives_what_double_precision_gives(
    domain: str, task: Extractor, options: dict[str, Any]
) -> None:
    for exponent in (-120, -100, -75, -60, -30, 40, 64, 100):
        X = times_a_power(INPUTS[domain], exponent)
        found = task.function(X, **task.with_defaults(options))
        assert_close(found, task.function(X.astype(np.float64), **task.with_defaults(options)))


@named(CASES)
def test_double_precision_scales_as_ordinary_inputs_do(domain: str, task: Extractor, options: dict[str, Any]) -> None:
    def call(exponent: int) -> Array:
        result: Array = task.function(
            times_a_power(INPUTS[domain].astype(np.float64), exponent), **task.with_defaults(options)
        )
        return result

    once, twice = call(0), call(1)
    degree = log2(np.nanmax(np.abs(twice)) / np.nanmax(np.abs(once)))
    if not degree.is_integer() or not np.allclose(twice, times_a_power(once, int(degree)), equal_nan=True):
        assert task.name in ("spectrum", "hog")  # decibels, and a norm to which something is added
        return
    for exponent in (-900, -520, -200, 200, 520, 900):
        if exponent * degree > -1000:
            with np.errstate(over="ignore"):
                expected = times_a_power(once, exponent * int(degree))
            np.testing.assert_allclose(call(exponent), expected, rtol=1e-6)


@named([case for case in CASES if case[1].tensor_function is not None])
def test_tensors_give_what_arrays_give(domain: str, task: Extractor, options: dict[str, Any]) -> None:
    assert task.tensor_function is not None
    for exponent in (-100, -70, 64, 100):
        X = times_a_power(INPUTS[domain], exponent)
        found = to_array(task.tensor_function(to_tensor(X), **task.with_defaults(options)))
        assert_close(found, task.function(X.astype(np.float64), **task.with_defaults(options)))


def test_samples_and_channels_of_extreme_magnitude_leave_others_as_they_are() -> None:
    X = RNG.normal(size=(4, 30, 3)).astype(np.float32)
    scales = np.array([[1, 1, 1], [1e-30, 1, 0], [1, 1e25, 1], [0, 1e-25, 1]], np.float32)
    for task in (std, rms):
        ordinary, mixed = task(X), task(X * scales[:, None])
        np.testing.assert_array_equal(mixed[scales == 1], ordinary[scales == 1])
        np.testing.assert_allclose(mixed, ordinary * scales, rtol=1e-5)
    X = RNG.random((4, 16, 16, 3)).astype(np.float32)
    scales = np.array([1, 1e-30, 1e25, 0], np.float32)[:, None, None, None]
    np.testing.assert_array_equal(edges(X * scales)[0], edges(X)[0])
    np.testing.assert_allclose(edges(X * scales), edges(X) * scales, rtol=1e-5)
    np.testing.assert_allclose(hog(X * scales)[2], hog(X)[2], rtol=1e-3)


@pytest.mark.parametrize("exponent", [-100, -75, 66, 100])
def test_copies_of_signals_of_any_magnitude_are_the_copies_scaled(exponent: int) -> None:
    ordinary = make_aux_targets(INPUTS["signal"], "signal", "transform").inputs
    found = make_aux_targets(times_a_power(INPUTS["signal"], exponent), "signal", "transform").inputs
    np.testing.assert_array_equal(found, times_a_power(ordinary, exponent))


def test_copies_beyond_half_precision_are_of_single_precision() -> None:
    X = (15_000 * INPUTS["signal"] / np.abs(INPUTS["signal"]).max()).astype(np.float16) * np.float16(4)
    assert np.isfinite(X).all()
    copies = make_aux_targets(X, "signal", {"transform": {"scaling_sigma": 2, "transformations": ["scaling"]}}).inputs
    assert copies.dtype == np.float32
    assert np.isfinite(copies).all()


def test_copies_that_are_not_finite_are_refused(temporary_task: Any) -> None:
    def burst(X: Array, *, rng: np.random.Generator) -> tuple[Array, Array]:
        return X / np.zeros_like(X), rng.integers(1, 2, len(X))

    temporary_task("burst", burst, kind="class", effect="expands", classes=lambda _: ("as it is", "burst"))
    with (
        np.errstate(divide="ignore"),
        pytest.raises(InvalidInputError, match="'burst' gives copies with values that are not finite"),
    ):
        make_aux_targets(INPUTS["signal"], "signal", "burst")


@pytest.mark.parametrize(("domain", "dtype", "value"), [("signal", "float32", 1e33), ("image", "float64", 1e303)])
def test_values_whose_sums_overflow_are_refused(domain: str, dtype: str, value: float) -> None:
    X = INPUTS[domain].astype(dtype)
    X[1, 2, 0] = value
    message = rf"too large to sum in {dtype}, first 1e\+3\d+ at `X\[1\]\[2, 0.*power of ten"
    with pytest.raises(InvalidInputError, match=message):
        make_aux_targets(X, domain)


def test_the_advice_to_those_who_hold_values_too_large_works() -> None:
    X = times_a_power(INPUTS["signal"], 120)
    with pytest.raises(InvalidInputError, match=r"X.astype\(\"float64\"\)"):
        make_aux_targets(X, "signal", ["std", "fft"])
    expected = make_aux_targets(INPUTS["signal"].astype(np.float64), "signal", ["std"])["std"]
    # At ordinary magnitude log1p bends what it leaves straight at tiny ones, and logarithms have no unit at large ones.
    found = make_aux_targets(X.astype("float64"), "signal", ["std", "fft"])
    assert np.isfinite(found["std"]).all()
    assert found["std"].std() == pytest.approx(expected.std(), rel=1e-5)


@pytest.mark.parametrize(
    ("X", "domain", "task", "dtype"),
    [
        (times_a_power(INPUTS["video"], -73), "video", "motion_energy", "float32"),  # squares with few digits
        (times_a_power(INPUTS["video"], -100), "video", "motion_energy", "float32"),  # squares that would be 0
        (times_a_power(INPUTS["image"], -40), "image", {"corners": {"method": "harris"}}, "float32"),
        (times_a_power(INPUTS["signal"].astype(np.float64), -600), "signal", "mean", "float32"),
        (times_a_power(INPUTS["signal"].astype(np.float64), -600), "signal", "mean", "float64"),
    ],
)
def test_targets_without_digits_are_refused_and_not_taken_for_constants(
    X: Array, domain: str, task: Any, dtype: str
) -> None:
    with pytest.raises(InvalidInputError, match=r"holds values of at most some .* too small .* multiply the inputs"):
        make_aux_targets(X, domain, task, dtype=dtype)


def test_squares_too_large_are_missing_and_said_to_be_and_the_advice_works() -> None:
    X = times_a_power(INPUTS["image"], 80)
    told = pytest.warns(AuxTasksWarning, match=r"too large for float32 .* pass them as float64 with dtype='float64'")
    with told, pytest.warns(AuxTasksWarning, match="'corners' has no value"):
        assert list(make_aux_targets(X, "image", ["corners", "edges"])) == ["edges"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = make_aux_targets(X.astype(np.float64), "image", "corners", dtype="float64")
    expected = make_aux_targets(INPUTS["image"].astype(np.float64), "image", "corners", dtype="float64")
    np.testing.assert_allclose(found["corners"], expected["corners"], atol=1e-9)


def test_what_exceeds_the_range_after_scaling_is_missing_and_said_to_be() -> None:
    generator = AuxTargetGenerator("signal", "mean").fit(times_a_power(INPUTS["signal"], -80))
    far = times_a_power(INPUTS["signal"], 80)
    with pytest.warns(AuxTasksWarning, match="9 values of the target 'mean' exceed the range of float32 in units"):
        found = generator.transform(far)["mean"]
    assert np.isnan(found).all()
    assert np.isnan(to_array(generator.in_graph(far)["mean"])).all()


@pytest.mark.parametrize("domain", INPUTS)
@pytest.mark.parametrize("mean", [50, 75, 100])
def test_a_graph_keeps_the_digits_of_inputs_far_from_zero(domain: str, mean: float) -> None:
    noise = np.random.default_rng(1).normal(size=(32, *{"signal": (128, 2)}.get(domain, INPUTS[domain].shape[1:])))
    X = (noise + mean).astype(np.float32).astype(np.float64)
    names = [task.name for task in tasks_of(domain).values() if task.tensor_function is not None]
    generator = AuxTargetGenerator(domain, names).fit(X)
    found, expected = generator.in_graph(X), generator.transform(X)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4, err_msg=name)
