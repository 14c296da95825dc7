"""Losses of auxiliary heads: Keras's own over what is present, their chance, and class weights that follow training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, assert_same, aux_targets, dense_base, fit_alike, labels
from scipy.special import expit, log_softmax, softmax
from tensors import gradient_of, to_array, to_tensor

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, Rebalanced, attach_heads
from auxtasks.keras.losses import Adapted, chance_of, loss_of, resolve_losses, with_chance
from auxtasks.specs import TargetSpec

KINDS = {
    **SPECS,
    "tags": TargetSpec("tags", "test", "multilabel", (3,), baseline_loss=0.69),
    "words": TargetSpec("words", "test", "step_class", (6,), n_classes=4, baseline_loss=1.38),
    "shares": TargetSpec("shares", "test", "distribution", (3,), baseline_loss=0.5),
}
RNG = np.random.default_rng(0)
Y = {"main": labels(), **aux_targets(), "tags": RNG.integers(-1, 2, (48, 3))}
TAGS = {**SPECS, "tags": KINDS["tags"]}


def _model(losses: Any, specs: Any = TAGS, **kwargs: Any) -> AuxModel:
    model = attach_heads(dense_base(), specs, samples=X, weights=1.0, losses=losses, **kwargs)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    return model


def _huber(target: Any, output: Any) -> Any:
    error = np.abs(target - output)
    return np.where(error <= 0.5, error**2 / 2, 0.5 * error - 0.125).mean(axis=-1)


def _focal(target: Any, output: Any) -> Any:
    p = np.exp(log_softmax(output, axis=-1)[np.arange(len(target)), target])
    return -0.25 * (1 - p) ** 2 * np.log(p)


def _binary_focal(target: Any, output: Any) -> Any:
    p = np.where(target == 1, expit(output), expit(-output))
    return -((1 - p) ** 2) * np.log(p)


def _squared_error_of_classes(target: Any, output: Any) -> Any:
    return ((np.eye(4)[target] - softmax(output, axis=-1)) ** 2).mean(axis=-1)


FORMULAS = [
    ("numbers", {"huber": {"delta": 0.5}}, _huber),
    ("kind", "focal", _focal),
    ("tags", "focal", _binary_focal),
    ("words", "mse", _squared_error_of_classes),
    ("shares", "kl_divergence", lambda t, o: (t * np.log(t / softmax(o, axis=-1))).sum(axis=-1)),
]


@pytest.mark.parametrize(("task", "asked", "formula"), FORMULAS, ids=[task for task, *_ in FORMULAS])
def test_losses_of_keras_are_summed_over_what_is_present(task: str, asked: Any, formula: Any) -> None:
    spec, rng = KINDS[task], np.random.default_rng(1)
    shape = (9, *spec.shape)
    classes = spec.kind in ("class", "step_class")
    output = rng.normal(size=(*shape, spec.n_classes) if classes else shape).astype("float32")
    if classes:
        target: Any = rng.integers(0, spec.n_classes or 0, shape)
    elif task == "tags":
        target = rng.integers(0, 2, shape)
    else:
        target = rng.dirichlet(np.ones(3), 9) if task == "shares" else rng.normal(size=shape)
    expected = formula(target, output)
    known = target.astype("float64") if not classes and task != "tags" else target.copy()
    known[:4] = -1 if known.dtype.kind == "i" else np.nan
    if task == "tags":  # labels may be missing either way
        known = np.where(np.arange(9)[:, None] < 2, np.nan, known)
    entries = Adapted(spec, resolve_losses({task: asked}, {task: spec})[task])
    found = loss_of(spec, known, to_tensor(output), entries=entries)
    assert int(found.count) == expected[4:].size
    np.testing.assert_allclose(to_array(found.loss), expected[4:].sum(), rtol=1e-4)
    gradient = gradient_of(lambda tensor: loss_of(spec, known, tensor, entries=entries).loss, output)
    assert np.isfinite(gradient).all()
    assert not gradient[:4].any()
    assert gradient[4:].any()


def test_chance_is_the_loss_of_predicting_frequencies_or_means() -> None:
    absolute, focal = keras.losses.MeanAbsoluteError(), keras.losses.BinaryFocalCrossentropy()
    numbers = np.array([[1.0], [3.0], [np.nan], [5.0]])
    assert chance_of(KINDS["numbers"], Adapted(KINDS["numbers"], absolute), numbers) == pytest.approx(4 / 3)
    tags = np.array([[1, 0, 0], [0, 0, 1], [1, -1, 1], [1, 1, 1]])
    rate = np.array([3 / 4, 1 / 3, 3 / 4])
    expected = -(rate * (1 - rate) ** 2 * np.log(rate) + (1 - rate) * rate**2 * np.log(1 - rate)).mean()
    assert chance_of(KINDS["tags"], Adapted(KINDS["tags"], focal), tags) == pytest.approx(expected, rel=1e-5)
    # The cross-entropy by another way is the chance that targets have already.
    given = np.repeat([0, 1, 1, 2], 5)
    targets = auxtasks.make_aux_targets(X[:20], "any", "reconstruction", label_columns={"kind": given})
    entropy = keras.losses.SparseCategoricalCrossentropy()
    model = attach_heads(dense_base(), targets, losses={"kind": entropy, "reconstruction": "mae"})
    assert model.specs["kind"].baseline_loss == pytest.approx(targets.specs["kind"].baseline_loss, rel=1e-5)
    means = np.abs(targets["reconstruction"] - targets["reconstruction"].mean(axis=0)).mean()
    assert model.specs["reconstruction"].baseline_loss == pytest.approx(means, rel=1e-5)


def test_targets_that_nobody_has_are_no_part_of_chance() -> None:
    tags = np.array([[1, 0, -1], [0, 1, -1]])
    entropy = Adapted(KINDS["tags"], keras.losses.BinaryCrossentropy())
    assert chance_of(KINDS["tags"], entropy, tags) == pytest.approx(np.log(2))
    numbers = np.full((3, 4), np.nan)
    assert chance_of(KINDS["numbers"], Adapted(KINDS["numbers"], keras.losses.MeanAbsoluteError()), numbers) == 1.0


def test_a_loss_named_as_that_of_the_kind_trains_the_same() -> None:
    plain, named = _model(None, SPECS), _model({"kind": "sparse_categorical_crossentropy"}, SPECS)
    named._plan.specs["kind"] = SPECS["kind"]  # the same chance, which is not known of specs alone
    y = {name: Y[name] for name in ("main", *SPECS)}
    for model in (plain, named):
        fit_alike(model, X, y)
    for one, other in zip(plain.base.get_weights(), named.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_losses_are_saved_with_the_model(tmp_path: Path) -> None:
    # Keras leaves the delta out of Huber's options.
    rebalanced = {"rebalanced": {"by": "loss", "loss": {"huber": {"delta": 0.07}}}}
    tags = Rebalanced(loss={"focal": {"gamma": 1.0}}, momentum=0.9)
    model = _model({"numbers": {"huber": {"delta": 0.1}}, "kind": rebalanced, "tags": tags})
    model.fit(X, Y, 48, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.specs == model.specs
    assert loaded.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    logs, expected = (fit_alike(each, X, Y, 48) for each in (loaded, model))
    assert {name: logs[name] == pytest.approx(expected[name], rel=1e-4) for name in logs} == dict.fromkeys(logs, True)


@pytest.mark.graph
def test_weight_zero_is_plain_training_under_any_loss() -> None:
    plain, base = dense_base(), dense_base()
    model = attach_heads(
        base, TAGS, samples=X, weights=0.0, losses={"kind": "rebalanced", "tags": "focal"}, metrics="auto"
    )
    for each, y in ((plain, labels()), (model, Y)):
        each.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
        fit_alike(each, X, y, 48)
    assert_same(plain, base)


@pytest.mark.parametrize("task", ["kind", "tags"])
@pytest.mark.parametrize("by", ["frequency", "loss"])
def test_rebalanced_weights_have_mean_one_and_favour_what_they_should(by: str, task: str) -> None:
    spec, rng = KINDS[task], np.random.default_rng(0)
    loss = Rebalanced(by, momentum=1.0).for_target(spec, None)
    rare = rng.random((4000, *spec.shape)) < 0.1
    target = np.where(rare, 1, 0) if task == "tags" else np.where(rare, 4, rng.integers(0, 4, 4000))
    values = np.where(rare, 3.0, 1.0).astype("float32")

    def weighted(present: np.ndarray, *, training: bool) -> np.ndarray:
        return to_array(loss.weighted(target, to_tensor(values), present, training=training))

    all_present = np.ones_like(rare)
    np.testing.assert_allclose(weighted(all_present, training=False), values, rtol=1e-6)  # nothing is known yet
    found = weighted(all_present, training=True) / values
    assert found.mean() == pytest.approx(1.0, rel=0.01)
    classes = 2 if task == "tags" else 5
    expected = 1 / (classes * 0.1) if by == "frequency" else 3 / 1.2
    assert found[rare].mean() == pytest.approx(expected, rel=0.1)
    np.testing.assert_allclose(weighted(rare, training=False) / values, found, rtol=1e-5)


def test_missing_targets_do_not_count_as_a_class() -> None:
    loss = Rebalanced().for_target(KINDS["kind"], None)
    target = np.array([-1, -1, 2])
    loss.weighted(target, to_tensor(np.array([np.nan, np.nan, 1.0])), target >= 0, training=True)
    assert to_array(loss.counts).tolist() == [[0, 0, 1, 0, 0]]
    assert np.isfinite(to_array(loss.sums)).all()


REFUSED = [
    ({"nmbers": "mse"}, UnknownNameError, "`losses`: .*'nmbers'.*Did you mean 'numbers'"),
    ({"kind": "focl"}, UnknownNameError, "`losses`: there is no loss named 'focl'. Did you mean 'focal'"),
    ({"numbers": "focal"}, InvalidInputError, "'focal' is for classes and labels, and target 'numbers' is of kind"),
    ({"numbers": "rebalanced"}, InvalidInputError, "'rebalanced' weighs classes, and target 'numbers'"),
    ({"numbers": "binary_crossentropy"}, InvalidInputError, "BinaryCrossentropy is for targets of kind 'multilabel'"),
    ({"tags": "categorical_crossentropy"}, InvalidInputError, "CategoricalCrossentropy is for targets of kind 'class'"),
    ({"tags": "cosine_similarity"}, InvalidInputError, "CosineSimilarity is for targets of kind"),
    ({"kind": {"focal": {"gama": 2.0}}}, InvalidInputError, "options of 'focal': .*'gama'"),
    ({"kind": {"rebalanced": {"by": "los"}}}, UnknownNameError, "`by`: .*Did you mean 'loss'"),
    ({"kind": Rebalanced(loss="rebalanced")}, InvalidInputError, "'kind' is rebalanced twice"),
    ({"numbers": lambda y, p: y - p}, InvalidTypeError, "must be a name such as 'focal' or 'huber'"),
    ({"kind": "dice"}, InvalidInputError, "one value per row along the last axis"),
    ("focal", InvalidTypeError, r"`losses` must be a mapping with names \(auxiliary target\) as keys; got 'focal'"),
]


@pytest.mark.parametrize(("losses", "error", "message"), REFUSED)
def test_what_cannot_be_a_loss_is_refused(losses: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        with_chance(TAGS, resolve_losses(losses, TAGS), {})
