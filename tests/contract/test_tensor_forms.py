"""A task's form for tensors gives what its form for arrays gives; new forms are picked up from the registry."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

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


def of_tensors(task: Extractor, X: Array, options: dict[str, Any], **how: Any) -> Array:
    """Call a tensor form in a graph that does not know the number of samples."""
    signature = [tf.TensorSpec((None, *X.shape[1:]), tf.float32)]
    complete = task.with_defaults(options)
    function = tf.function(lambda x: task.tensor_function(x, **complete), input_signature=signature, **how)  # type: ignore[misc]
    return np.asarray(function(tf.constant(X, tf.float32)))


def assert_close(found: Array, expected: Array) -> None:
    """Compare within float32's rounding of the largest value; what is missing is so in both."""
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * max(np.nanmax(np.abs(expected), initial=0), 1))


@EVERY
@pytest.mark.parametrize("inputs", [INPUTS, DEGENERATE], ids=["ordinary", "degenerate"])
def test_tensors_give_what_arrays_give(
    domain: str, task: Extractor, options: dict[str, Any], inputs: dict[str, Array]
) -> None:
    X = inputs[domain].astype(np.float32)
    assert_close(of_tensors(task, X, options), task.function(X, **task.with_defaults(options)))


@pytest.mark.parametrize(("domain", "task"), WITH_FORM, ids=[f"{d}-{t.name}" for d, t in WITH_FORM])
def test_tensor_forms_compile_under_xla(domain: str, task: Extractor) -> None:
    X = np.rint(10 * DEGENERATE[domain]).astype(np.float32)  # whole numbers, for ties and edges of bins
    assert_close(of_tensors(task, X, {}, jit_compile=True), task.function(X, **task.options))


@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("task", [t for d, t in WITH_FORM if d == "signal" and t.domain == d], ids=lambda t: t.name)
def test_the_shortest_signals(task: Extractor, time: int) -> None:
    X = np.array([3.0, 5.0, 4.0], np.float32)[:time].reshape(1, time, 1).repeat(2, axis=2)
    assert_close(of_tensors(task, X, {}), task.function(X, **task.options))


@cache
def fitted(domain: str, scale: bool) -> AuxTargetGenerator:
    """Fit every task that has a form, under each of its options."""
    tasks = [
        {f"{task.name}_{number}": {"task": task.name, **options}}
        for number, (where, task, options) in enumerate(CASES)
        if where == domain
    ]
    return AuxTargetGenerator(domain, tasks, scale=scale).fit(INPUTS[domain])


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("domain", INPUTS)
def test_a_generator_gives_the_same_in_a_graph(domain: str, scale: bool) -> None:
    generator, X = fitted(domain, scale), (1.1 * DEGENERATE[domain]).astype(np.float32)
    expected = generator.transform(X)
    found = generator.in_graph(X)
    assert list(found) == list(expected)
    for name, array in expected.items():
        # Within 1e-4 of a standard deviation, or of the largest value of what is not scaled.
        unit = 1.0 if scale else max(1.0, np.nanmax(np.abs(array), initial=0))
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-4 * unit, err_msg=name)


@pytest.mark.parametrize(("domain", "task"), WITHOUT, ids=[f"{d}-{t.name}" for d, t in WITHOUT])
def test_tasks_without_a_form_are_refused_by_name(domain: str, task: Extractor) -> None:
    X = INPUTS[domain][:, :21]  # square images, for those that are turned
    generator = AuxTargetGenerator(domain, ["reconstruction", task.name]).fit(X)
    with pytest.raises(InvalidInputError, match=f"'{task.name}'.*make_aux_targets"):
        generator.in_graph(X)
