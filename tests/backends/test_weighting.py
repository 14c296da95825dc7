"""Weights that change while a model trains, on every backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from backend_models import TARGETS, X, Y, base, fit, same

from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

OTHERS = ["uncertainty", "dwa", {"decay": {"steps": 4}}, {"pretrain": {"steps": 2}}]


@pytest.mark.feature("Weights by plans and losses")
def test_steps_are_counted_and_weights_are_logged() -> None:
    model = attach_heads(base(), TARGETS, weights=1.0, weighting=OTHERS)
    logs = fit(model, X, TARGETS.with_main(Y))
    assert [int(each.steps.numpy()) for each in model.weightings] == [6] * 4
    assert np.isfinite(logs["std_weight"]).all()


@pytest.mark.feature("Weights by plans and losses")
def test_a_plan_is_followed_to_the_step() -> None:
    model = attach_heads(base(), TARGETS, weights=0.5, weighting={"warm_up": {"steps": 4}})
    logs = fit(model, X, TARGETS.with_main(Y))
    assert logs["std_weight"] == pytest.approx([0.5 * (0 + 1 / 4 + 2 / 4) / 3, 0.5 * (3 / 4 + 1 + 1) / 3])


@pytest.mark.feature("Weights by gradients: gates, projections, GradNorm")
@pytest.mark.parametrize("weighting", ["projection", "cosine_gate"])
def test_weight_0_under_a_gate_trains_as_without_heads(weighting: str) -> None:
    plain, wrapped = base(), base()
    fit(plain, X, Y, epochs=1)
    model = attach_heads(wrapped, TARGETS, weights=0.0, weighting=weighting, at="conv", seed=5)
    fit(model, X, TARGETS.with_main(Y), epochs=1)
    assert same(plain, wrapped)


@pytest.mark.feature("Weights by gradients: gates, projections, GradNorm")
def test_a_task_that_is_the_main_one_goes_through_whole_and_its_opposite_not_at_all() -> None:
    x = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    found = {}
    for name, sign in (("same", 1.0), ("opposite", -1.0)):
        model = linear_model(x)
        logs = model.fit(x, {"main": x[:, :1], "twin": sign * x[:, :1]}, epochs=1, batch_size=16, verbose=0).history
        found[name] = logs["twin_cosine"][0], logs["twin_weight"][0]
    assert found["same"] == pytest.approx((1.0, 1.0), abs=1e-5)
    assert found["opposite"] == pytest.approx((-1.0, 0.0), abs=1e-5)


def linear_model(x: np.ndarray) -> keras.Model:
    """A map, and a head of the same weights beside it."""
    keras.utils.set_random_seed(0)
    # From a trunk of zeros, main and task pull by their labels alone.
    trunk = keras.layers.Dense(4, name="trunk", kernel_initializer="zeros")
    network = keras.Sequential([keras.Input((5,)), trunk, keras.layers.Dense(1)])
    specs = {"twin": TargetSpec("twin", "test", "vector", (1,))}
    model = attach_heads(network, specs, at="trunk", weights=1.0, weighting="cosine_gate", samples=x)
    model.compile("sgd", "mse")
    model.heads[0].set_weights(network.layers[-1].get_weights())
    return model


@pytest.mark.feature("Weights by gradients: gates, projections, GradNorm")
@pytest.mark.parametrize("weighting", ["monitor", "gradnorm", {"cosine_gate": {"per": "layer", "strength": "sign"}}])
def test_cosines_are_logged(weighting: Any) -> None:
    model = attach_heads(base(), TARGETS, weights=1.0, weighting=weighting, at="conv")
    logs = fit(model, X, TARGETS.with_main(Y), epochs=1)
    assert -1.0 <= logs["std_cosine"][0] <= 1.0


@pytest.mark.feature("Tasks in turn (`schedule`)")
@pytest.mark.needs_backend("tensorflow", reason="each task has an optimizer of its own in the middle of a step")
def test_tasks_take_turns() -> None:
    model = attach_heads(base(), TARGETS, weights=1.0, schedule="alternating")
    fit(model, X, TARGETS.with_main(Y), epochs=1)
    assert model._steps_done() == 3


@pytest.mark.needs_backend("jax", "torch", reason="TensorFlow takes turns")
def test_turns_are_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInputError, match="`schedule`: tasks are trained in turn only on TensorFlow"):
        attach_heads(base(), TARGETS, schedule="alternating")
