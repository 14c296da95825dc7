"""Heads are small beside the model that they serve, and still learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from sklearn.decomposition import PCA

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras import attach_heads
from auxtasks.keras.head_plans import EXPLAINED, FEWEST, MOST_COMPONENTS, HeadPlan, build_heads, principal_components
from auxtasks.keras.heads import HeadSize, MapHead, SampleHead, StepHead
from auxtasks.specs import TargetSpec

SPECS = {
    "wide": TargetSpec("wide", "test", "vector", (300,)),
    "narrow": TargetSpec("narrow", "test", "vector", (3,)),
    "class": TargetSpec("class", "test", "class", (), n_classes=7),
    "grid": TargetSpec("grid", "test", "vector", (12,), spatial="grid"),
    "image": TargetSpec("image", "test", "image", (12, 9, 2)),
    "series": TargetSpec("series", "test", "step_vector", (30, 4)),
    "steps": TargetSpec("steps", "test", "step_class", (10,), n_classes=40),
}
PLANS = {
    "samples": HeadPlan(SampleHead, (SPECS["wide"], SPECS["narrow"], SPECS["class"]), (10, 6)),
    "grid": HeadPlan(SampleHead, (SPECS["grid"],), (9, 8, 5)),
    "flat": HeadPlan(SampleHead, (SPECS["wide"],), (25,)),
    "steps": HeadPlan(StepHead, (SPECS["steps"],), (10, 6)),
    "image": HeadPlan(MapHead, (SPECS["image"],), (5, 7, 6)),
    "image of a vector": HeadPlan(MapHead, (SPECS["image"],), (25,)),
    "image of a video": HeadPlan(MapHead, (SPECS["image"],), (3, 5, 7, 6)),
    "series": HeadPlan(MapHead, (SPECS["series"],), (8, 6)),
}


def n_trained(model: Any) -> int:
    return sum(int(np.prod(variable.shape)) for head in model.heads for variable in head.trainable_variables)


def wide_base(units: int = 4000) -> keras.Model:
    return keras.Sequential([keras.Input((20,)), layers.Dense(units, name="hidden"), layers.Dense(1)])


def a_wide_target(n: int = 200, d: int = 300) -> tuple[np.ndarray, auxtasks.AuxTargets]:
    """Samples of which 20 numbers, mixed, make up d."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 20)).astype("float32")
    mixed = X @ rng.normal(size=(20, d)) + 0.01 * rng.normal(size=(n, d))
    return X, auxtasks.make_aux_targets(X, "any", tasks=[], label_columns={"wide": mixed})


@pytest.mark.parametrize("name", list(PLANS))
@settings(max_examples=15)
@given(rank=st.none() | st.integers(1, 9), width=st.sampled_from([0, 8, 32]), n_components=st.integers(0, 20))
def test_as_many_parameters_are_counted_as_are_trained(
    name: str, rank: int | None, width: int, n_components: int
) -> None:
    plan = PLANS[name]
    wide = n_components and plan.family is SampleHead and SPECS["wide"] in plan.specs
    size = HeadSize(rank, width, {"wide": n_components} if wide else {})
    (head,) = build_heads([plan], 0, {plan.name: size})
    found = sum(int(np.prod(variable.shape)) for variable in head.trainable_variables)
    assert found == plan.n_parameters(size)
    outputs = head.predict_from(keras.ops.ones((2, *plan.shape)))
    for spec in plan.specs:
        expected = spec.shape if spec.kind in ("vector", "image", "step_vector") else (*spec.shape, spec.n_classes)
        assert outputs[spec.name].shape == (2, *expected)


@pytest.mark.parametrize("budget", [0.0, 0.1, 0.5])
def test_all_heads_together_stay_within_the_budget(budget: float) -> None:
    X, targets = a_wide_target()
    base = keras.Sequential([layers.Dense(1000), layers.Dense(6000), layers.Dense(1)])
    specs = {**targets.specs, **{name: SPECS[name] for name in ("narrow", "class", "image")}}
    model = attach_heads(base, specs, samples=X, head_budget=budget)
    allowed = max(FEWEST, int(budget * base.count_params()))
    assert 0.8 * allowed < n_trained(model) <= allowed


def test_heads_within_the_budget_are_as_without_one() -> None:
    X, targets = a_wide_target(d=12)
    first, second = (
        attach_heads(wide_base(30), targets, samples=X, seed=0, head_budget=budget).heads[0] for budget in (0.1, None)
    )
    assert first.size == second.size == HeadSize()
    np.testing.assert_array_equal(first.kernel, second.kernel)


def test_without_a_budget_every_number_has_weights_of_its_own() -> None:
    X, targets = a_wide_target()
    assert n_trained(attach_heads(wide_base(), targets, samples=X, head_budget=None)) == 4000 * 300 + 300


def test_a_budget_that_no_head_keeps_is_refused() -> None:
    X, targets = a_wide_target()
    specs = {**targets.specs, "series": SPECS["series"]}
    with pytest.raises(InvalidInputError, match=r"allows 500,000 .* 'wide', on a tap of shape \(300000,\)"):
        attach_heads(wide_base(300_000), specs, samples=X, head_budget=0)
    with pytest.raises(InvalidInputError, match="`head_budget` must be at least 0"):
        attach_heads(wide_base(), targets, samples=X, head_budget=-0.1)
    with pytest.raises(InvalidTypeError, match="`head_budget` must be a number"):
        attach_heads(wide_base(), targets, samples=X, head_budget="small")  # type: ignore[arg-type]


def test_components_are_those_of_scikit_learn() -> None:
    values = np.random.default_rng(0).normal(size=(300, 5)) @ np.random.default_rng(1).normal(size=(5, 90)) + 3
    found = principal_components(values)
    known = PCA(EXPLAINED).fit(values)
    np.testing.assert_allclose(found[0], values.mean(axis=0), atol=1e-5)
    assert len(found) - 1 == known.n_components_
    # The deviation of a population, where scikit-learn has that of a sample.
    lengths = np.linalg.norm(found[1:], axis=1)
    np.testing.assert_allclose(lengths, np.sqrt(known.explained_variance_ * 299 / 300), rtol=1e-4)
    np.testing.assert_allclose(np.abs(found[1:] @ known.components_.T), np.diag(lengths), atol=1e-3)


def test_components_of_noise_are_as_many_as_are_allowed() -> None:
    assert len(principal_components(np.random.default_rng(0).normal(size=(800, 300)))) == 1 + MOST_COMPONENTS


@pytest.mark.parametrize("n", [1, 2, 5])
def test_components_of_few_samples_span_these(n: int) -> None:
    values = np.random.default_rng(0).normal(size=(n, 80))
    assert len(principal_components(values)) <= n


def test_missing_numbers_count_as_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3)) @ np.random.default_rng(1).normal(size=(3, 70))
    values[:, 5], values[7] = np.nan, np.nan
    found = principal_components(values)
    assert np.isfinite(found).all()
    assert not found[:, 5].any()


@pytest.mark.graph
def test_a_wide_vector_is_learned_from_its_components(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    X, targets = a_wide_target(d=1200)
    model = attach_heads(wide_base(450), targets, samples=X, weights=1.0)
    assert model.heads[0].size.components["wide"] <= 20
    assert n_trained(model) < 50_000
    model.compile(keras.optimizers.Adam(0.01), "mse")
    y = targets.with_main(np.full(len(X), np.nan))
    X, y = keras.tree.map_structure(lambda array: np.tile(array, (5, *[1] * (array.ndim - 1))), (X, y))
    history = model.fit(X, y, epochs=4, verbose=0).history
    X = X[: len(X) // 5]
    assert history["wide_loss"][-1] < 0.1  # of chance; components leave out 0.05 at most
    model.run_eagerly = True
    predicted = model.predict_auxiliary(X, verbose=0)["wide"]
    assert predicted.shape == targets["wide"].shape
    raw = targets.unscale("wide", targets["wide"])
    error = np.mean((targets.unscale("wide", predicted) - raw) ** 2) / raw.var()
    assert error < 0.1
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    loaded.run_eagerly = True  # which Keras does not save
    np.testing.assert_array_equal(loaded.predict_auxiliary(X, verbose=0)["wide"], predicted)
    assert [head.size for head in loaded.heads] == [head.size for head in model.heads]


def test_on_components_the_trunk_has_the_gradient_of_the_projected_target() -> None:
    X, targets = a_wide_target()
    model = attach_heads(wide_base(2000), targets, samples=X, weights=1.0, seed=0)
    (head,) = model.heads
    mean, axes = np.split(head.components["wide"].numpy(), [1])
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    predicted = head(model.base.layers[0](X)).numpy()
    inside = (targets["wide"] - mean) @ unit.T @ unit + mean
    whole, projected = (2 * (predicted - target) for target in (targets["wide"], inside))
    np.testing.assert_allclose(whole @ axes.T, projected @ axes.T, atol=1e-2)
    np.testing.assert_allclose((predicted - mean) @ unit.T @ unit, predicted - mean, atol=1e-3)


def test_an_image_coarser_than_the_map_is_read_off_means() -> None:
    plan = HeadPlan(MapHead, (TargetSpec("image", "test", "image", (2, 3, 1)),), (4, 6, 5))
    (head,) = build_heads([plan], 0, {"image": HeadSize(width=32)})
    head.outer.assign(np.zeros(head.outer.shape))
    outer = head.outer.numpy()
    outer[1, 1] = 1.0
    head.outer.assign(outer)
    features = np.random.default_rng(0).normal(size=(2, 4, 6, 5)).astype("float32")
    hidden = np.maximum(features @ head.kernel.numpy(), 0).sum(axis=-1)
    expected = hidden.reshape(2, 2, 2, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(head(features)[..., 0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("grid", "tap", "whole"),
    [
        ((4, 4), (7, 7, 8), True),
        ((14, 7), (7, 7, 8), True),
        ((15, 7), (7, 7, 8), False),
        ((4, 4), (30,), True),
        ((4, 4), (3, 7, 7, 8), True),
    ],
)
def test_a_target_that_is_not_far_finer_than_the_tap_is_linear_in_all_of_it(
    grid: tuple[int, int], tap: tuple[int, ...], whole: bool
) -> None:
    plan = HeadPlan(MapHead, (TargetSpec("image", "test", "image", (*grid, 2)),), tap)
    assert plan.largest == (HeadSize() if whole else HeadSize(width=32))


def test_a_model_says_what_its_heads_have() -> None:
    X, targets = a_wide_target(d=12)
    model = attach_heads(wide_base(30), targets, samples=X)
    assert repr(model).endswith("with 661 parameters; heads (56 %): wide at 'hidden' with 372>")
    assert repr(attach_heads(wide_base(30), targets, samples=X)).startswith("<AuxModel of 'sequential")
    assert "; heads (104 %): " in repr(attach_heads(wide_base(1), targets, samples=X))


@pytest.mark.parametrize("name", ["my label", "ä/b", "x" * 40])
def test_heads_are_named_by_their_targets(name: str) -> None:
    X, _ = a_wide_target()
    spec = TargetSpec(name, "test", "vector", (2,))
    model = attach_heads(wide_base(30), {name: spec}, samples=X)
    model.compile("sgd", "mse")
    model.fit(X[:4], {"main": np.zeros(4), name: np.zeros((4, 2))}, verbose=0)
    assert model.heads[0].name.startswith("head_")
