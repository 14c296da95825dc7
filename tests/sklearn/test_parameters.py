"""Parameters that are sent on: named in the signature or not, they are kept, shown and searched alike."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from auxtasks import AuxTargetGenerator
from auxtasks.errors import UnknownNameError
from auxtasks.keras import AuxModel, attach_heads
from auxtasks.sklearn import AuxClassifier, AuxRegressor
from auxtasks.sklearn.base import ROUTES

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 2
HELD_OUT = (X[:4], Y[:4])


def build(input_shape: tuple[int, ...]) -> keras.Model:
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3), keras.layers.Dense(2, "softmax")])


def named(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters in the signature that are sent on, by their names there."""
    return {name: each for name, each in inspect.signature(kind).parameters.items() if "__" in name}


@pytest.mark.parametrize("kind", [AuxClassifier, AuxRegressor])
def test_defaults_are_those_of_what_parameters_are_sent_to(kind: type) -> None:
    takers = {"targets": AuxTargetGenerator, "attach": attach_heads, "compile": keras.Model.compile}
    of_fit = {**inspect.signature(keras.Model.fit).parameters, **inspect.signature(AuxModel.fit).parameters}
    known: dict[str, Any] = {name: inspect.signature(taker).parameters for name, taker in takers.items()}
    known |= {"fit": of_fit, "predict": inspect.signature(keras.Model.predict).parameters}
    of_class = {"optimizer__learning_rate": None}  # each optimizer has its own
    for name, parameter in named(kind).items():
        prefix, _, argument = name.partition("__")
        expected = of_class[name] if name in of_class else known[prefix][argument].default
        assert parameter.default == expected, name


def test_classes_have_weights_and_numbers_have_none() -> None:
    assert named(AuxClassifier).keys() - named(AuxRegressor).keys() == {"fit__class_weight"}
    assert not named(AuxRegressor).keys() - named(AuxClassifier).keys()


@pytest.mark.parametrize("kind", [AuxClassifier, AuxRegressor])
def test_tools_see_named_parameters_and_nothing_of_them_is_sent_on(kind: Any) -> None:
    estimator = kind(build, "any")
    assert named(kind).keys() < estimator.get_params().keys() < set(inspect.signature(kind).parameters)
    assert not any(estimator.routed(prefix) for prefix in ROUTES)
    assert repr(estimator).replace("\n", "").startswith(f"{kind.__name__}(domain='any'")
    assert "__" not in repr(estimator).partition("model=")[0]


def test_what_is_set_is_sent_on_shown_and_copied() -> None:
    estimator = AuxClassifier(build, "any", fit__validation_data=HELD_OUT, fit__initial_epoch=1, model__units=3)
    estimator.set_params(fit__shuffle=False, attach__head_budget=None)
    for each in (estimator, clone(estimator), pickle.loads(pickle.dumps(estimator))):  # noqa: S301
        assert each.routed("attach") == {"head_budget": None}
        assert each.routed("model") == {"units": 3}
        sent = each.routed("fit")
        np.testing.assert_array_equal(sent.pop("validation_data")[0], X[:4])
        assert sent == {"initial_epoch": 1, "shuffle": False}
        assert {"fit__initial_epoch", "model__units"} < each.get_params().keys()
        assert all(f"{name}=" in repr(each) for name in ("fit__shuffle", "attach__head_budget", "model__units"))
        assert "fit__steps_per_epoch" not in repr(each)
    assert estimator.set_params(fit__shuffle=True).routed("fit").keys() == {"initial_epoch", "validation_data"}


def test_representations_in_a_notebook_set_apart_what_is_set() -> None:
    shown = AuxClassifier(build, "any", fit__shuffle=False, model__units=3)._get_params_html()
    assert set(shown.non_default) == {"model", "domain", "fit__shuffle", "model__units"}
    assert "compile__run_eagerly" in shown
    assert "fit__shuffle" in AuxClassifier(build, "any")._repr_html_()


def test_searches_vary_named_parameters() -> None:
    estimator = AuxClassifier(build, "any")
    grid = ParameterGrid({"fit__shuffle": [True, False], "optimizer__learning_rate": [None, 0.1]})
    sent = [clone(estimator).set_params(**params).routed("optimizer") for params in grid]
    assert sent == [{}, {"learning_rate": 0.1}] * 2


class OfOneParameter(AuxClassifier):
    def __init__(self, model: Any, epochs: int = 1) -> None:
        super().__init__(model, "any", "reconstruction", epochs=epochs)


def test_a_subclass_may_name_few() -> None:
    estimator = OfOneParameter(build, 3)
    assert estimator.get_params() == {"model": build, "epochs": 3}
    assert clone(estimator).epochs == 3
    assert not any(estimator.routed(prefix) for prefix in ROUTES)


def test_a_name_without_a_prefix_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no parameter of AuxClassifier named 'fit_shuffle'. Did you mean 'fit__shuffle'"
    ):
        AuxClassifier(build, "any", fit_shuffle=False)
    with pytest.raises(
        UnknownNameError, match=r"no parameter of AuxRegressor named 'fitt__shuffle'. Did you mean 'fit__shuffle'"
    ):
        AuxRegressor(build, "any").set_params(fitt__shuffle=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fit__validation_dat", "argument of AuxModel.fit named 'validation_dat'. Did you mean 'validation_data'"),
        (
            "attach__deep_supervison",
            "argument of attach_heads named 'deep_supervison'. Did you mean 'deep_supervision'",
        ),
        ("targets__max_tokes", "argument of AuxTargetGenerator named 'max_tokes'. Did you mean 'max_tokens'"),
        ("predict__batchsize", "argument of keras.Model.predict named 'batchsize'. Did you mean 'batch_size'"),
        ("compile__jit", "argument named 'jit'"),
        ("fit__self", "argument of AuxModel.fit named 'self'"),
    ],
)
def test_a_name_after_a_prefix_that_nothing_takes_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"`{name.replace('compile__jit', 'compile')}`: there is no {message}"):
        AuxClassifier(build, "any", "reconstruction", **{name: 1}).fit(X, Y)
