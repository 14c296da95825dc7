"""A task's form for tensors gives what its form for arrays gives, on whichever backend Keras runs.

New forms are picked up from the registry.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from tensors import BACKEND, compiled, to_array, to_tensor

from auxtasks import AuxTargetGenerator, Extractor
from auxtasks.errors import InvalidInputError
from auxtasks.registry import DOMAINS, tasks_of
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(7, 41, 3)).cumsum(axis=1)
IMAGES = RNG.random((7, 24, 21, 3))
INPUTS: dict[str, Array] = {
    "signal": SIGNALS,
    "image": IMAGES,
    "video": RNG.random((7, 5, 12, 10, 2)),
    "any": RNG.normal(size=(7, 11)),
}
# Channels and samples for which some tasks have no value.
DEGENERATE = {
    "signal": SIGNALS * np.array([1.0, 0.0, 1.0]) * np.array([1, 1, 1, 0, 1, 1, 1])[:, None, None] + 5,
    "image": IMAGES * np.array([1, 0, 1, 1, 1, 1, 1])[:, None, None, None],
    "video": INPUTS["video"] * np.array([1, 0, 1, 1, 1, 1, 1])[:, None, None, None, None],
    "any": INPUTS["any"] * np.array([1, 0, 1, 1, 1, 1, 1])[:, None],
}
OTHER_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "fft": [{"n_coefficients": 5}],
    "spectrum": [{"segment_length": 16}, {"n_bands": 30, "segment_length": 60, "top_db": 20}],
    "quantiles": [{"q": (0, 0.3, 1)}],
    "autocorrelation": [{"n_lags": 60}],
    "hog": [
        {"orientations": 4, "pixels_per_cell": (5, 4), "cells_per_block": (2, 1), "block_norm": "L1-sqrt"},
        {"pixels_per_cell": 3, "cells_per_block": 1, "block_norm": "L2", "transform_sqrt": True},
        {"block_norm": "L1"},
        {"layout": "blocks"},
        {"layout": "blocks", "cells_per_block": (1, 2), "block_norm": "L1-sqrt"},
        {"layout": "blocks", "cells_per_block": 2, "block_norm": "L1"},
        {"layout": "blocks", "block_norm": "L2"},
    ],
    "edges": [{"size": (3, 40), "operator": "scharr"}],
    "colour_histogram": [{"bins": 3, "value_range": (0.2, 0.7)}, {"bins": 30}],
    "thumbnail": [{"size": (5, 7)}],
}
WITH_FORM = [
    (domain, task)
    for domain in INPUTS
    for task in tasks_of(domain).values()
    if task.tensor_function is not None and task.domain in (domain, "any")
]
CASES = [(domain, task, options) for domain, task in WITH_FORM for options in [{}, *OTHER_OPTIONS.get(task.name, [])]]
EVERY = pytest.mark.parametrize(
    ("domain", "task", "options"), CASES, ids=[f"{d}-{t.name}-{'-'.join(map(str, o.values()))}" for d, t, o in CASES]
)
WITHOUT = [
    (domain, task)
    for domain in DOMAINS
    for task in tasks_of(domain).values()
    if task.tensor_function is None and task.domain != "text"
]


def check_tensors(task: Extractor, options: dict[str, Any], *inputs: Array, **how: Any) -> None:
    """Call a tensor form as a training step does, which leaves its input as it is, on inputs of one shape."""
    complete = task.with_defaults(options)
    function = compiled(lambda x: task.tensor_function(x, **complete), inputs[0].shape[1:], **how)  # type: ignore[misc]
    for X in inputs:
        x = to_tensor(X)
        assert_close(to_array(function(x)), task.function(X, **complete))
        np.testing.assert_array_equal(to_array(x), X)


def assert_close(found: Array, expected: Array) -> None:
    """Compare within float32's rounding of the largest value; what is missing is so in both."""
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * max(np.nanmax(np.abs(expected), initial=0), 1))


@EVERY
def test_tensors_give_what_arrays_give(domain: str, task: Extractor, options: dict[str, Any]) -> None:
    check_tensors(task, options, INPUTS[domain].astype(np.float32), DEGENERATE[domain].astype(np.float32))


@pytest.mark.parametrize(("domain", "task"), WITH_FORM, ids=[f"{d}-{t.name}" for d, t in WITH_FORM])
def test_ties_and_edges_of_bins_also_under_xla(domain: str, task: Extractor) -> None:
    X = np.rint(10 * DEGENERATE[domain]).astype(np.float32)
    check_tensors(task, {}, X, xla=True)


@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("task", [t for d, t in WITH_FORM if d == "signal" and t.domain == d], ids=lambda t: t.name)
def test_the_shortest_signals(task: Extractor, time: int) -> None:
    X = np.array([3.0, 5.0, 4.0], np.float32)[:time].reshape(1, time, 1).repeat(2, axis=2)
    check_tensors(task, {}, X)


@pytest.mark.parametrize("domain", INPUTS)
def test_a_generator_gives_the_same_in_a_training_step(domain: str) -> None:
    tasks = [task.name for where, task in WITH_FORM if where == domain]
    generator, X = AuxTargetGenerator(domain, tasks).fit(INPUTS[domain]), (1.1 * DEGENERATE[domain]).astype(np.float32)
    expected = generator.transform(X)
    found = compiled(generator.in_graph, X.shape[1:])(to_tensor(X))
    assert set(found) == set(expected)
    for name, array in expected.items():
        # Of standard deviations, which all but distributions are scaled to.
        np.testing.assert_allclose(to_array(found[name]), array, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "X",
    [np.rint(SIGNALS).astype(np.int64) << 33, 1e30 * SIGNALS, np.rint(SIGNALS).astype("int8"), SIGNALS > 0],
    ids=["int64", "float64", "int8", "bool"],
)
def test_arrays_of_any_dtype_are_rounded_to_single_precision(X: Array) -> None:
    generator = AuxTargetGenerator("signal", ["mean", "zero_crossings"]).fit(X.astype("float64"))
    expected = generator.in_graph(to_tensor(X.astype(np.float32)))
    for name, target in generator.in_graph(X).items():
        np.testing.assert_array_equal(to_array(target), to_array(expected[name]))


def test_what_single_precision_does_not_hold_is_missing() -> None:
    generator = AuxTargetGenerator("signal", "mean", scale=False).fit(SIGNALS)
    found = to_array(generator.in_graph(SIGNALS * np.array([1, 1e300, 1]))["mean"])
    np.testing.assert_array_equal(np.isnan(found), [[False, True, False]] * len(found))


def test_no_gradient_flows_through_targets() -> None:
    generator = AuxTargetGenerator("signal", "mean").fit(SIGNALS)
    x = keras.Variable(SIGNALS[:2], dtype="float32")
    assert gradient_of(lambda x: keras.ops.sum(x * generator.in_graph(x)["mean"][:, None]), x) == pytest.approx(
        np.broadcast_to(to_array(generator.in_graph(x)["mean"])[:, None], x.shape), rel=1e-5
    )


def gradient_of(function: Any, x: keras.Variable) -> Array:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = function(x)
        return to_array(tape.gradient(value, x.value))
    if BACKEND == "jax":
        import jax

        return to_array(jax.grad(function)(x.value))
    function(x).backward()
    return to_array(x.value.grad)


@pytest.mark.skipif(BACKEND != "jax", reason="64-bit floats are an option of JAX")
@pytest.mark.parametrize("domain", INPUTS)
def test_64_bit_floats_of_jax_change_nothing(domain: str) -> None:
    import jax

    tasks, X = [task for where, task in WITH_FORM if where == domain], INPUTS[domain].astype(np.float32)
    with jax.enable_x64(True):
        found = jax.jit(lambda x: {task.name: task.tensor_function(x, **task.options) for task in tasks})(to_tensor(X))
    for task in tasks:
        assert_close(to_array(found[task.name]), task.function(X, **task.options))


@pytest.mark.parametrize(("domain", "task"), WITHOUT, ids=[f"{d}-{t.name}" for d, t in WITHOUT])
def test_tasks_without_a_form_are_refused_by_name(domain: str, task: Extractor) -> None:
    X = INPUTS[domain][:, :21]  # square images, for those that are turned
    generator = AuxTargetGenerator(domain, ["reconstruction", task.name]).fit(X)
    with pytest.raises(InvalidInputError, match=f"'{task.name}'.*make_aux_targets"):
        generator.in_graph(X)
