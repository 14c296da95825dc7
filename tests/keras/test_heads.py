"""Each kind of head learns something simple on each kind of tap."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

N = 96


def _conv2d() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="map"),
            layers.Flatten(),
            layers.Dense(24, activation="relu", name="flat"),
            layers.Dense(1),
        ]
    )


def _conv1d() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 2)),
            layers.Conv1D(12, 3, padding="same", activation="relu", name="series"),
            layers.Flatten(),
            layers.Dense(24, activation="relu", name="flat"),
            layers.Dense(1),
        ]
    )


def _simple_targets(x: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """Targets of every kind per sample that the mean of the first channel decides."""
    level = x[..., 0].reshape(N, -1).mean(axis=1)
    high = (level > np.median(level)).astype("int64")
    two = np.stack([level, -level], axis=1).astype("float32")
    return {
        "vector": (two, "vector"),
        "class": (high, "class"),
        "multilabel": (np.stack([high, 1 - high], axis=1).astype("int8"), "multilabel"),
        "distribution": (np.exp(two) / np.exp(two).sum(axis=1, keepdims=True), "distribution"),
    }


def _fit(base: keras.Model, x: np.ndarray, targets: dict[str, Any], at: Any) -> tuple[Any, dict[str, list[float]]]:
    specs = {
        name: TargetSpec(name, "test", kind, values.shape[1:], n_classes=2 if "class" in kind else None)
        for name, (values, kind) in targets.items()
    }
    model = attach_heads(base, specs, at=at, samples=x, seed=0, weights=1.0)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    y = {"main": np.full(N, np.nan), **{name: values for name, (values, _) in targets.items()}}
    # Few long epochs: beginning one takes longer than its steps.
    x, y = keras.tree.map_structure(lambda array: np.repeat(array, 9, axis=0), (x, y))
    return model, model.fit(x, y, epochs=4, batch_size=32, verbose=0).history


def _assert_learnt(logs: dict[str, list[float]], targets: Any, share: float = 0.5) -> None:
    for name in targets:
        values, kind = targets[name]
        # Of a head that says nothing.
        start = (values**2).mean() if kind in ("vector", "step_vector", "image") else np.log(2)
        # The cross-entropy of a distribution cannot fall below the distribution's own entropy.
        floor = -(values * np.log(values)).sum(axis=-1).mean() if kind == "distribution" else 0.0
        last = logs[f"{name}_loss"][-1]
        assert last - floor < share * (start - floor), (name, start, last)


@pytest.mark.graph
def test_heads_per_sample_and_images_learn_on_maps_and_on_flat_taps() -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(N, 8, 8, 2)).astype("float32")
    x += np.random.default_rng(1).normal(size=(N, 1, 1, 2)).astype("float32")
    coarse = x[..., :1].reshape(N, 2, 4, 2, 4, 1).mean(axis=(2, 4))
    once = {**_simple_targets(x), "image": (coarse, "image")}
    targets = {f"{name}_{tap}": target for tap in ("map", "flat") for name, target in once.items()}
    model, logs = _fit(_conv2d(), x, targets, {name: name.split("_")[1] for name in targets})
    _assert_learnt(logs, targets)
    assert np.isnan(logs["main_loss"]).all()
    assert len(model.heads) == 4  # on each tap one for the four tasks per sample, and one decoder
    model.run_eagerly = True
    predicted = model.predict_auxiliary(x, verbose=0)
    y = {"main": np.zeros(N), "image_map": coarse, "image_flat": coarse}
    evaluated = model.evaluate(x, y, return_dict=True, verbose=0)
    for tap in ("map", "flat"):
        found = {name: predicted[f"{name}_{tap}"] for name in once}
        assert {name: values.shape for name, values in found.items()} == {
            name: values.shape if name != "class" else (N, 2) for name, (values, _) in once.items()
        }
        assert np.mean(found["class"].argmax(axis=1) == once["class"][0]) > 0.9
        np.testing.assert_allclose(found["distribution"].sum(axis=1), 1, atol=1e-5)
        assert np.mean((found["image"] - coarse) ** 2) == pytest.approx(evaluated[f"image_{tap}_loss"], rel=1e-4)


@pytest.mark.graph
def test_heads_per_step_learn_on_series_and_on_flat_taps_and_an_image_on_a_series() -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(N, 12, 2)).astype("float32")
    x += 2 * np.random.default_rng(1).normal(size=(N, 1, 2)).astype("float32")
    halves = x.reshape(N, 6, 2, 2).mean(axis=2)
    once = {"same": (x, "step_vector"), "halves": (halves, "step_vector")}
    targets = {f"{name}_{tap}": target for tap in ("series", "flat") for name, target in once.items()}
    targets["steps_series"] = ((x[..., 0] > 0).astype("int64"), "step_class")
    image = np.broadcast_to(x.mean(axis=1)[:, None, None, :1], (N, 4, 3, 1)).copy()
    targets["image_series"] = (image, "image")
    _, logs = _fit(_conv1d(), x, targets, {name: name.split("_")[1] for name in targets})
    _assert_learnt(logs, targets)


def test_heads_of_one_seed_are_equal_and_of_another_are_not() -> None:
    x = np.zeros((2, 12, 2), "float32")
    specs = {"vector": TargetSpec("vector", "test", "vector", (3,))}
    first, again, other = (
        attach_heads(_conv1d(), specs, samples=x, seed=seed, weights=1.0).heads[0].kernel for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_loss_is_in_units_of_chance_and_weighted() -> None:
    x = np.random.default_rng(0).normal(size=(N, 12, 2)).astype("float32")
    y = {"main": np.full(N, np.nan), "vector": x[:, 0, :]}

    def losses(chance: float, weight: float) -> dict[str, float]:
        keras.utils.set_random_seed(0)
        spec = TargetSpec("vector", "test", "vector", (2,), baseline_loss=chance)
        model = attach_heads(_conv1d(), {"vector": spec}, weights=weight, samples=x, seed=0)
        model.compile("sgd", "mse")
        found: dict[str, float] = model.evaluate(x, y, return_dict=True, verbose=0)
        return found

    plain, scaled = losses(1.0, 1.0), losses(4.0, 3.0)
    assert scaled["vector_loss"] == pytest.approx(plain["vector_loss"] / 4, rel=1e-5)
    assert scaled["loss"] == pytest.approx(3 * scaled["vector_loss"], rel=1e-5)
