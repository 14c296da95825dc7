"""scikit-learn's own checks of estimators, and what they cannot ask of these, with the reasons."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import estimator_checks_generator

from auxtasks import AuxTargetGenerator
from auxtasks.keras import AuxModel
from auxtasks.sklearn import AuxClassifier, AuxRegressor
from auxtasks.typing import Array

MAPPING = "transform returns a mapping of targets and not an array; the array in it passes, see ONE_TARGET"
OF_ITS_MAPPING = dict.fromkeys(
    [
        *("check_pipeline_consistency", "check_estimators_pickle", "check_transformer_data_not_an_array"),
        *("check_transformer_general", "check_methods_sample_order_invariance", "check_methods_subset_invariance"),
        "check_fit_idempotent",
    ],
    MAPPING,
)
OF_THE_GENERATOR = {
    "check_complex_data": "complex numbers are refused with a TypeError, in the words of this package",
    "check_dtype_object": "a dict among the inputs is refused with a TypeError that names its place",
    "check_fit2d_1sample": "one sample is refused, because it is constant, and the error says that",
}
OF_SIGNALS = {
    "check_n_features_in_after_fitting": "series may differ in length from those of the training",
    "check_n_features_in": "series may differ in length from those of the training",
    "check_transformer_general": "series may differ in length from those of the training",
    "check_fit2d_1feature": "series of one step are refused, because all are constant, and the error says that",
}
OF_ESTIMATORS = {
    "check_do_not_raise_errors_in_init_or_set_params": "takes **routed for a parameter that is called routed",
    "check_sample_weight_equivalence_on_dense_data": (
        "a sample of weight 0 takes part in the auxiliary tasks, and batches hold samples and not weights"
    ),
}


class OneTarget(AuxTargetGenerator, BaseEstimator):  # type: ignore[misc]
    """The generator with the array of its first target as output, so that the checks can compare it."""

    def transform(self, X: object, **params: Any) -> Array:  # type: ignore[override]
        return next(iter(super().transform(X, **params).values()))

    def fit_transform(self, X: object, y: object = None, **params: Any) -> Array:  # type: ignore[override]
        return self.fit(X, y, **params).transform(X)


class _OneStep:
    """Trained by one step, to be quick; how well the estimators learn is tested elsewhere."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        for of_type in (tags.classifier_tags, tags.regressor_tags):
            if of_type is not None:
                of_type.poor_score = True
        return tags


class OneStepClassifier(_OneStep, AuxClassifier):
    pass


class OneStepRegressor(_OneStep, AuxRegressor):
    pass


def build(input_shape: tuple[int, ...], n_outputs: int, output_activation: str) -> keras.Model:
    # In float64, because the checks compare predictions more closely than float32 rounds where rows stand elsewhere.
    sizes = ((8, "tanh"), (n_outputs, output_activation))
    layers = [keras.layers.Dense(units, activation=activation, dtype="float64") for units, activation in sizes]
    model = keras.Sequential([keras.Input(input_shape), *layers])
    losses = {"softmax": "sparse_categorical_crossentropy", "sigmoid": "binary_crossentropy", "linear": "mse"}
    model.compile(keras.optimizers.SGD(0.5), losses[output_activation])
    return model


def checks(estimator: Any, reasons: dict[str, str]) -> list[Any]:
    """Return the checks as parameters, those that cannot hold as expected failures, which must fail."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator AuxTargetGenerator does not inherit from", UserWarning)
        marked = estimator_checks_generator(estimator, expected_failed_checks=reasons, mark="xfail")
        return [each if hasattr(each, "values") else pytest.param(*each) for each in marked]


def _name(check: Callable[..., None]) -> str:
    return getattr(check, "func", check).__name__


def _without_maps(parameters: list[Any]) -> list[Any]:
    return [each for each in parameters if not getattr(each.values[1], "keywords", {}).get("readonly_memmap")]


ONE_TARGET = [
    *checks(OneTarget("any", "reconstruction"), OF_THE_GENERATOR),
    *checks(OneTarget("signal", "std"), OF_THE_GENERATOR | OF_SIGNALS),
]
GENERATOR = checks(AuxTargetGenerator("any", "reconstruction"), OF_THE_GENERATOR | OF_ITS_MAPPING)
SETTINGS: dict[str, Any] = {"domain": "any", "tasks": "reconstruction", "batch_size": 512, "random_state": 0}
# The checks have -1 among their classes.
CLASSIFIER = checks(OneStepClassifier(build, unlabelled=None, **SETTINGS), OF_ESTIMATORS)
REGRESSOR = checks(OneStepRegressor(build, **SETTINGS), OF_ESTIMATORS)
if not os.environ.get("AUXTASKS_ALL_CHECKS"):
    # What would only pass again, and takes a minute: variants on memory maps, which ONE_TARGET passes, and what the
    # classifier passes and does not depend on labels.
    GENERATOR, CLASSIFIER = _without_maps(GENERATOR), _without_maps(CLASSIFIER)
    passed, of_labels = {_name(each.values[1]) for each in CLASSIFIER}, re.compile("regressor|supervised|sample_weight")
    REGRESSOR = [
        each
        for each in _without_maps(REGRESSOR)
        if of_labels.search(_name(each.values[1])) or _name(each.values[1]) not in passed
    ]


def of(parameters: list[Any]) -> pytest.MarkDecorator:
    names = [f"{type(each.values[0]).__name__}-{_name(each.values[1])}" for each in parameters]
    return pytest.mark.parametrize(("estimator", "check"), parameters, ids=names)


@of(ONE_TARGET + GENERATOR)
def test_generator(estimator: Any, check: Callable[[Any], None]) -> None:
    with warnings.catch_warnings():
        # Some checks have columns that are constant, and the generator says that it leaves them out.
        warnings.simplefilter("ignore")
        check(estimator)


def one_step(model: AuxModel, x: Any, y: Any, sample_weight: Any = None, **_: Any) -> Any:
    """Train by one step on all samples, without the input pipeline that takes longer to make than the step."""
    return SimpleNamespace(history=model.train_on_batch(x, y, sample_weight, return_dict=True))


@of(CLASSIFIER + REGRESSOR)
def test_estimator(estimator: Any, check: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AuxModel, "fit", one_step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.parametrize("domain", ["image", "video", "text"])
def test_other_domains_have_no_tables_and_therefore_no_checks(domain: str) -> None:
    with pytest.warns(UserWarning, match="Can't test estimator|does not inherit"):
        assert len(list(estimator_checks_generator(AuxTargetGenerator(domain)))) <= 1
