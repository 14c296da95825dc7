"""What cannot be trained is refused by a message that says what to do."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import SPECS, X, aux_targets, dataset, dense_base, dense_model, labels
from keras import layers

from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import attach_heads, strip_heads
from auxtasks.specs import TargetSpec

Y = {"main": labels(), **aux_targets()}


def _without(name: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in Y.items() if key != name}


@pytest.fixture(scope="module")
def model() -> Any:
    return dense_model()


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (
            labels(),
            InvalidInputError,
            r"'numbers' is missing; found a ndarray without names. Pass targets.with_main\(y\)",
        ),
        (None, InvalidInputError, "'numbers' is missing; found a NoneType without names"),
        (_without("kind"), InvalidInputError, r"'kind' is missing; found the keys \['main', 'numbers'\]"),
        (_without("main"), InvalidInputError, r"the main label 'main' is missing; found .*Pass targets.with_main\(y\)"),
        ({**_without("main"), "mian": labels()}, UnknownNameError, "named 'mian'. Did you mean 'main'"),
        ({**Y, "number": Y["numbers"]}, UnknownNameError, "named 'number'. Did you mean 'numbers'"),
        ({**Y, "numbers": Y["numbers"][:, :3]}, InvalidInputError, r"must have shape \(4,\).*found shape \(48, 3\)"),
        ({**Y, "kind": Y["kind"][:, None]}, InvalidInputError, r"'kind' must have shape \(\).*found shape \(48, 1\)"),
        ({**Y, "numbers": Y["numbers"][:40]}, InvalidInputError, r"one row for each of the 48 samples.*\(40, 4\)"),
        (
            {**Y, "main": ["cat"] * 48},
            InvalidInputError,
            "'main' must be numbers; found dtype object. Number the classes",
        ),
        ({**Y, "main": labels()[:40]}, InvalidInputError, r"'main' must have one row for each of the 48.*\(40,\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(model: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"`y`: .*{message}"):
        model.fit(X, y, verbose=0)


def test_one_class_written_as_one_and_minus_one_is_refused(model: Any) -> None:
    signed = np.where(labels() > 0, 1, -1)
    with pytest.raises(InvalidInputError, match=r"`y` holds only -1 and 1.* encode two classes as 0 and 1"):
        model.fit(X, {**Y, "main": signed}, verbose=0)


def test_masked_labels_are_missing_ones(model: Any) -> None:
    kept = np.arange(48) < 20
    masked, missing = np.ma.masked_array(labels(), ~kept), np.where(kept, labels(), -1)
    assert model.evaluate(X, masked, verbose=0) == model.evaluate(X, missing, verbose=0)
    assert model.evaluate(X, masked, verbose=0) != model.evaluate(X, labels(), verbose=0)


def test_a_data_set_without_the_targets_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"'numbers' is missing; found a \w*Tensor without names"):
        model.fit(dataset(X, labels()), verbose=0)


def test_data_of_another_kind_is_refused(model: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"`x` must be in arrays, a tf.data.Dataset, .*; got zip"):
        model.fit(zip(X, labels(), strict=True), verbose=0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_weight": {"number": np.ones(48)}}, UnknownNameError, "`sample_weight`: .*Did you mean 'numbers'"),
        ({"sample_weight": [None] + [1.0] * 47}, InvalidInputError, "`sample_weight`: 'all' must hold finite numbers"),
        (
            {"sample_weight": np.ones(48), "class_weight": {0: 2.0}},
            InvalidInputError,
            "`class_weight` and `sample_weight` cannot both be given",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(model: Any, arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        model.fit(X, Y, verbose=0, **arguments)


def test_an_optimizer_of_another_model_is_refused() -> None:
    base = dense_base()
    base.compile("adam", "sparse_categorical_crossentropy")
    base.fit(X, labels(), verbose=0)
    model = attach_heads(base, SPECS, samples=X, weights=1.0)
    with pytest.raises(InvalidInputError, match="`optimizer` was already built for another model"):
        model.compile(base.optimizer, "mse")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weights": -1.0}, InvalidInputError, r"`weights\['numbers'\]` must be at least 0.0; got -1.0"),
        ({"weights": {"kind": float("nan")}}, InvalidInputError, r"`weights\['kind'\]` must be at least 0.0; got nan"),
        ({"weights": {"kid": 1.0}}, UnknownNameError, "`weights`: .*'kid'. Did you mean 'kind'"),
        ({"weights": "high"}, InvalidInputError, "`weights`: 'numbers' must be a number or 'auto'; got 'high'"),
        ({"weights": [1.0]}, InvalidTypeError, "`weights` must be a number, 'auto' or a mapping"),
        ({"weights": {"kind": b"1"}}, InvalidTypeError, r"`weights\['kind'\]` must be a number; got b'1'"),
        ({"targets": {}}, InvalidInputError, "`targets` holds no target; compute at least one task"),
        ({"targets": {"numbers": np.ones(3)}}, InvalidTypeError, "`targets` must be AuxTargets.*; got dict"),
        ({"targets": None}, InvalidTypeError, "`targets` must be AuxTargets.*; got NoneType"),
        ({"samples": None}, InvalidInputError, "`samples`: pass a few samples of what the model reads"),
        ({"seed": -1}, InvalidInputError, "`seed` must be at least 0; got -1"),
        ({"base": layers.Dense(3)}, InvalidTypeError, "`base` must be a keras.Model; got .* of type Dense"),
        ({"base": dense_base}, InvalidTypeError, "`base` must be a keras.Model; got .* of type function"),
    ],
)
def test_heads_that_cannot_be_attached_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attach_heads(**{"base": dense_base(), "targets": SPECS, "samples": X, **arguments})


def test_attaching_twice_and_stripping_what_has_no_heads_are_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`base` already has auxiliary heads; pass strip_heads\(base\)"):
        attach_heads(model, SPECS, samples=X, weights=1.0)
    with pytest.raises(InvalidTypeError, match=r"`model` must be an AuxModel.*; got Sequential"):
        strip_heads(dense_base())


def test_a_target_of_the_wrong_shape_in_a_spec_is_found_on_use() -> None:
    model = attach_heads(dense_base(), {"numbers": TargetSpec("numbers", "t", "vector", (2,))}, samples=X, weights=1.0)
    model.compile("sgd", "mse")
    with pytest.raises(InvalidInputError, match=r"'numbers' must have shape \(2,\)"):
        model.evaluate(X, {"main": labels(), "numbers": Y["numbers"]})


def test_a_base_with_a_training_step_of_its_own_is_warned_about() -> None:
    class Own(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            raise NotImplementedError

    with pytest.warns(AuxTasksWarning, match="Own has its own train_step, which training with heads does not run"):
        attach_heads(Own([keras.Input((10,)), layers.Dense(4), layers.Dense(2)]), SPECS, samples=X, weights=1.0)
