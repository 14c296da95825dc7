"""Losses against plain formulas of NumPy, SciPy and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from sklearn.metrics import log_loss
from tensors import gradient_of, to_array, to_tensor

from auxtasks.keras.losses import loss_of, losses_of_vectors
from auxtasks.specs import TargetSpec

N = 7
SPECS = {
    "vector": TargetSpec("t", "t", "vector", (3,)),
    "class": TargetSpec("t", "t", "class", (), n_classes=4),
    "multilabel": TargetSpec("t", "t", "multilabel", (3,)),
    "distribution": TargetSpec("t", "t", "distribution", (2, 5)),
    "step_class": TargetSpec("t", "t", "step_class", (6,), n_classes=4),
    "step_vector": TargetSpec("t", "t", "step_vector", (6, 2)),
    "image": TargetSpec("t", "t", "image", (3, 4, 2)),
}
KINDS = sorted(SPECS)
FLOATS = {"vector", "step_vector", "image", "distribution"}


def _arrays(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A target and a linear output of every shape that the kind has."""
    rng, spec = np.random.default_rng(seed), SPECS[kind]
    output = rng.normal(size=(N, *spec.shape, *([spec.n_classes] if spec.n_classes else []))).astype("float32")
    target: Any = rng.normal(size=(N, *spec.shape)).astype("float32")
    if spec.n_classes:
        target = rng.integers(0, spec.n_classes, (N, *spec.shape))
    elif kind == "multilabel":
        target = rng.integers(0, 2, (N, *spec.shape)).astype("int8")
    elif kind == "distribution":
        target = rng.dirichlet(np.ones(5), (N, 2)).astype("float32")
        target[0, 0] = np.eye(5)[1]  # zeros have no logarithm
    return target, output


def _entries(kind: str, target: np.ndarray, output: np.ndarray) -> np.ndarray:
    """The loss of every entry by another implementation; NaN where the target is missing."""
    target, output = target.astype("float64"), output.astype("float64")
    missing = np.isnan(target) | ((target < 0) if kind not in FLOATS else False)
    target = np.where(missing, 0, target)
    if kind in ("class", "step_class"):
        found = -np.take_along_axis(log_softmax(output, axis=-1), target.astype(int)[..., None], axis=-1)[..., 0]
    elif kind == "multilabel":
        found = -(target * np.log(expit(output)) + (1 - target) * np.log(expit(-output)))
    elif kind == "distribution":
        missing = missing.any(axis=-1)
        safe = np.where(missing[..., None], 0.2, target)
        found = -(safe * log_softmax(output, axis=-1)).sum(axis=-1)
    else:
        found = (target - output) ** 2
    return np.where(missing, np.nan, found)


@given(
    kind=st.sampled_from(KINDS), seed=st.integers(0, 999), share=st.sampled_from([0.0, 0.4, 1.0]), weigh=st.booleans()
)
@settings(max_examples=60)
def test_sum_and_count_agree_with_another_implementation(kind: str, seed: int, share: float, weigh: bool) -> None:
    rng = np.random.default_rng(seed)
    target, output = _arrays(kind, seed)
    target[rng.random(target.shape) < share] = np.nan if kind in FLOATS else -1
    steps = rng.random((N, 6)) < 0.5 if kind.startswith("step") else None
    weight = rng.random(N).astype("float32") if weigh else None
    expected = _entries(kind, target, output)
    if steps is not None:
        expected = np.where(steps.reshape(N, 6, *[1] * (expected.ndim - 2)), expected, np.nan)
    count = np.isfinite(expected).sum()
    if weight is not None:
        expected = expected * weight.reshape(N, *[1] * (expected.ndim - 1))
    found = loss_of(SPECS[kind], target, to_tensor(output), steps, weight)
    assert int(found.count) == count
    np.testing.assert_allclose(to_array(found.loss), np.nansum(expected), rtol=1e-4, atol=1e-5)


def test_class_loss_is_that_of_scikit_learn() -> None:
    target, output = _arrays("class", 1)
    found = loss_of(SPECS["class"], target, to_tensor(output))
    expected = log_loss(target, np.exp(log_softmax(output.astype("float64"), axis=1)), labels=range(4))
    assert float(found.loss / found.count) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_entries_have_no_gradient_and_the_others_the_same(kind: str) -> None:
    target, output = _arrays(kind, 4)
    rest = target.copy()
    rest[:3] = np.nan if kind in FLOATS else -1

    def gradient(target: np.ndarray, output: np.ndarray) -> Any:
        return gradient_of(lambda tensor: loss_of(SPECS[kind], target, tensor).loss, output)

    found = gradient(rest, output)
    assert not found[:3].any()
    np.testing.assert_allclose(found[3:], gradient(target[3:], output[3:]), rtol=1e-5, atol=1e-7)
    assert np.any(found[3:])


@pytest.mark.parametrize("value", [1e-30, 60.0, 1e4])
@pytest.mark.parametrize("kind", KINDS)
def test_extreme_outputs_have_finite_losses(kind: str, value: float) -> None:
    target, output = _arrays(kind, 2)
    for sign in (value, -value):
        assert np.isfinite(to_array(loss_of(SPECS[kind], target, to_tensor(np.full_like(output, sign))).loss))


@given(seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_vectors_side_by_side_have_the_losses_of_each(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    target, output = rng.normal(size=(2, N, sum(sizes))).astype("float32")
    target[rng.random(target.shape) < 0.3] = np.nan
    found = losses_of_vectors(sizes, target, to_tensor(output))
    ends = np.cumsum(sizes)
    for index, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        columns = slice(end - size, end)
        one = loss_of(TargetSpec("t", "t", "vector", (size,)), target[:, columns], to_tensor(output[:, columns]))
        np.testing.assert_allclose(to_array(found.loss)[index], to_array(one.loss), rtol=1e-5, atol=1e-6)
        assert int(found.count[index]) == int(one.count)
