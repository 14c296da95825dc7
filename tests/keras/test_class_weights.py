"""Class weights of outputs and targets are sample weights by another name."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, assert_same, aux_targets, dataset, dense_base, labels, some_missing
from sklearn.utils.class_weight import compute_sample_weight

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads
from auxtasks.keras.class_weights import by_name, combined, counted, entry_weights, main_weights
from auxtasks.specs import TargetSpec

RNG = np.random.default_rng(0)
CLASSES = ("a", "b", "c", "d", "e")
TASKS = {
    "numbers": SPECS["numbers"],
    "kind": TargetSpec("kind", "test", "class", (), n_classes=5, baseline_loss=1.6, classes=CLASSES),
    "tags": TargetSpec("tags", "test", "multilabel", (3,), baseline_loss=0.69, columns=("x", "y", "z")),
}
Y = {"main": some_missing(labels()), **aux_targets(), "tags": RNG.integers(-1, 2, (48, 3))}


def _model(**how: Any) -> AuxModel:
    model = attach_heads(dense_base(dropout=0.0), TASKS, samples=X, weights=1.0)
    model.compile(keras.optimizers.SGD(0.1), LOSS, **how)
    return model


@pytest.mark.parametrize("form", ["arrays", pytest.param("dataset", marks=pytest.mark.graph)])
def test_class_weights_are_sample_weights(form: str) -> None:
    asked = {"main": {0: 0.5, 1: 2.0}, "kind": {"b": 3.0, 0: 0.0}}
    weighed, expected = _model(), _model(run_eagerly=True)
    data: Any = (X, Y) if form == "arrays" else (dataset(X, Y, 48),)
    # Arrays are composed into batches of labelled and unlabelled samples, which must take their weights along.
    batches: Any = {"batch_size": 24} if form == "arrays" else {"shuffle": False}
    weighed.fit(*data, class_weight=asked, verbose=0, **batches)
    lookup = {"main": {0: 0.5, 1: 2.0}, "kind": {1: 3.0, 0: 0.0}}
    weights = {task: np.array([of.get(c, 1.0) for c in Y[task]], "float32") for task, of in lookup.items()}
    expected.fit(X, Y, sample_weight=weights, verbose=0, **{"batch_size": 48, **batches})
    for one, other in zip(weighed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_weights_of_ones_change_nothing() -> None:
    plain, ones = _model(), _model()
    plain.fit(X, Y, verbose=0)
    ones.fit(X, Y, verbose=0, class_weight={"kind": {0: 1.0}, "tags": {"x": 1.0}})
    assert_same(plain.base, ones.base)


def test_balanced_is_that_of_scikit_learn() -> None:
    kind, tags = Y["kind"].copy(), Y["tags"]
    kind[:9] = -1
    found = entry_weights(counted("balanced", kind, TASKS["kind"]), kind, TASKS["kind"])
    np.testing.assert_allclose(found[9:], compute_sample_weight("balanced", kind[9:]), rtol=1e-6)
    of_tags = entry_weights(counted("balanced", tags, TASKS["tags"]), tags, TASKS["tags"])
    for label in range(3):
        present = tags[:, label] >= 0
        expected = compute_sample_weight("balanced", tags[present, label])
        np.testing.assert_allclose(of_tags[present, label], expected, rtol=1e-6)
    one_hot = np.eye(3, dtype="float32")[labels()]
    one_hot[:5] = np.nan
    assert counted("balanced", one_hot, None) == pytest.approx(counted("balanced", labels()[5:], None))


def test_positive_weights_multiply_positive_entries_alone() -> None:
    weights = entry_weights({0: 4.0}, np.array([[1, 1, 0], [0, -1, 1]]), TASKS["tags"])
    assert weights.tolist() == [[4, 1, 1], [1, 1, 1]]


def test_steps_have_weights_of_their_own_and_multiply_those_of_samples() -> None:
    spec = TargetSpec("words", "test", "step_class", (3,), n_classes=3)
    found = entry_weights({2: 5.0}, np.array([[0, 2, -1], [2, 2, 1]]), spec)
    assert combined(found, np.array([1.0, 0.5])).tolist() == [[1, 5, 1], [2.5, 2.5, 0.5]]


def test_balanced_main_classes_work_like_those_of_keras() -> None:
    y, weights = labels(), compute_sample_weight("balanced", labels())
    model, base = _model(), dense_base(dropout=0.0)
    base.compile(keras.optimizers.SGD(0.1), LOSS)
    model.set_loss_weights(0.0)
    model.fit(X, {**Y, "main": y}, shuffle=False, verbose=0, class_weight="balanced")
    base.fit(X, y, shuffle=False, verbose=0, class_weight={c: weights[y == c][0] for c in range(3)})
    for one, other in zip(base.get_weights(), model.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


REFUSED = [
    ({"knd": {0: 1.0}}, UnknownNameError, "`class_weight`: .*'knd'.*Did you mean 'kind'"),
    ({"numbers": "balanced"}, InvalidInputError, "'numbers' is of kind 'vector' and has no classes"),
    ({"kind": {"f": 1.0}}, UnknownNameError, "no class of 'kind' named 'f'"),
    ({"kind": {5: 1.0}}, UnknownNameError, "no class of 'kind' named 5"),
    ({"tags": {"x": -1.0}}, InvalidInputError, r"class_weight\['tags'\]\['x'\]` must be at least 0"),
    ({"kind": [1.0, 2.0]}, InvalidTypeError, "'kind' must have a mapping of classes to weights, or 'balanced'"),
    (np.ones(3), InvalidTypeError, "`class_weight` must map class numbers to weights"),
    ("balancd", InvalidTypeError, "`class_weight` must map class numbers to weights"),
]


@pytest.mark.parametrize(("asked", "error", "message"), REFUSED)
def test_weights_that_fit_no_class_are_refused(asked: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        by_name(asked, "main", ["main"], TASKS)


def test_weights_that_would_spread_over_other_samples_are_refused() -> None:
    with pytest.raises(
        InvalidInputError, match=r"`sample_weight`: 'kind' must have shape \(n,\); found shape \(48, 1\)"
    ):
        _model().fit(X, Y, sample_weight={"kind": np.ones((48, 1))}, verbose=0)
    with pytest.raises(InvalidInputError, match="`y` has no labels named 'man'; found \\['main'\\]"):
        main_weights({"man": {0: 2.0}}, labels(), None, None)


def test_classes_are_counted_in_arrays_only() -> None:
    with pytest.raises(InvalidInputError, match="classes of 'kind' can only be counted in arrays passed to fit"):
        _model().fit(dataset(X, Y), class_weight={"kind": "balanced"}, verbose=0)
