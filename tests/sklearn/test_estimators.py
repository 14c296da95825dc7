"""`AuxClassifier` and `AuxRegressor` behave as scikit-learn's own estimators do."""

from __future__ import annotations

import copy
import io
import pickle
import random
import warnings
from typing import Any

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auxtasks import AuxTargetGenerator
from auxtasks.errors import AuxTasksError, AuxTasksWarning
from auxtasks.sklearn import AuxClassifier, AuxRegressor
from auxtasks.sklearn.labels import fit_classes
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype(np.float32)
SIDES = np.where(X[:, 0] > 0, "right", "left")
THIRDS = np.digitize(X[:, 0], [-0.5, 0.5])
FLAGS = (X[:, :3] > 0).astype(int)
SIGNALS = np.sin(np.arange(24) * (0.3 + 0.5 * (X[:, :1] > 0))) + 0.1 * RNG.normal(size=(48, 24))
FEW_STEPS: dict[str, Any] = {
    "tasks": "reconstruction",
    "epochs": 1,
    "batch_size": 48,
    "random_state": 0,
    "optimizer": "sgd",
    "optimizer__learning_rate": 0.2,
}
# Eight steps, which suffice to tell what is learned from what is not.
LEARNS: dict[str, Any] = {"batch_size": 12, "optimizer": "adam", "optimizer__learning_rate": 0.15, "epochs": 2}


def build(input_shape: tuple[int, ...], n_outputs: int, output_activation: str, units: int = 8) -> keras.Model:
    hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
    last = keras.layers.Dense(n_outputs, activation=output_activation)
    return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), hidden, last])


def build_logits(input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
    return build(input_shape, n_outputs, "linear")


def build_one_unit(input_shape: tuple[int, ...]) -> keras.Model:
    return build(input_shape, 1, "sigmoid")


def build_outputs(meta: dict[str, Any], n_classes: list[int] | None) -> keras.Model:
    inputs = keras.Input(meta["input_shape"])
    hidden = keras.layers.Dense(16, activation="tanh")(inputs)
    units, activation = n_classes or [1] * meta["n_outputs"], meta["output_activation"]
    outputs = {f"{letter}": keras.layers.Dense(k, activation=activation)(hidden) for letter, k in zip("ba", units)}  # noqa: B905
    return keras.Model(inputs, outputs)


def build_compiled(input_shape: tuple[int, ...], n_classes: int, rate: float = 0.2) -> keras.Model:
    model = build(input_shape, n_classes, "softmax")
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


class Stop(keras.callbacks.Callback):
    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = epoch + 1 >= self.after


def classifier(model: Any = build, domain: str = "any", **params: Any) -> AuxClassifier:
    return AuxClassifier(model, domain, **{**FEW_STEPS, **params})


def weights_of(estimator: Any) -> list[Array]:
    return [np.asarray(weight) for weight in estimator.model_.get_weights()]


def assert_same_weights(first: Any, second: Any) -> None:
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def fitted() -> AuxClassifier:
    y = SIDES.astype(object)
    y[24:] = -1
    return classifier(**LEARNS, predict__batch_size=48).fit(X, y)


def test_what_fit_leaves(fitted: AuxClassifier) -> None:
    assert fitted.classes_.tolist() == ["left", "right"]
    assert fitted.n_features_in_ == 5
    assert list(fitted.generator_.specs_) == ["reconstruction"]
    assert len(fitted.history_["reconstruction_loss"]) == 2
    assert type(fitted.model_) is keras.Sequential
    assert [layer.name for layer in fitted.model_.layers][1] == "hidden"
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert fitted.score(X, SIDES) > 0.85


def test_unlabelled_samples_are_not_scored(fitted: AuxClassifier) -> None:
    y = SIDES.astype(object)
    y[::2] = -1
    assert fitted.score(X, y) == fitted.score(X[1::2], SIDES[1::2])
    with pytest.raises(AuxTasksError, match="no label at all"):
        fitted.score(X, np.full(48, -1, object))


@pytest.mark.parametrize(
    "y",
    [
        [-1 if third == 2 else side for third, side in zip(THIRDS, SIDES, strict=True)],
        [None if third == 2 else side for third, side in zip(THIRDS, SIDES, strict=True)],
        [np.nan if third == 2 else side for third, side in zip(THIRDS, SIDES, strict=True)],
    ],
    ids=["-1", "None", "NaN"],
)
def test_lists_of_names_may_have_gaps(y: list[Any]) -> None:
    labels = fit_classes(y, -1)
    assert labels.classes[0].tolist() == ["left", "right"]
    np.testing.assert_array_equal(labels.encode(y)[0], np.where(THIRDS == 2, -1, SIDES == "right"))


def test_each_sample_may_have_some_of_its_labels() -> None:
    y = np.stack([SIDES, THIRDS.astype(str)], axis=1).astype(object)
    y[::2, 0], y[1::2, 1] = None, None
    labels = fit_classes(y, -1)
    assert [classes.tolist() for classes in labels.classes] == [["left", "right"], ["0", "1", "2"]]
    flags = np.where(np.arange(3) == np.arange(48)[:, None] % 3, FLAGS, -1)
    assert fit_classes(flags, -1).target_type == "multilabel-indicator"


@pytest.mark.parametrize(
    ("model", "y", "n_columns"),
    [(build, THIRDS, 3), (build_logits, THIRDS, 3), (build_one_unit, SIDES == "left", 2), (build, FLAGS, 3)],
    ids=["classes", "logits", "one unit", "flags"],
)
def test_classes_of_every_kind(model: Any, y: Array, n_columns: int) -> None:
    estimator = classifier(model, **LEARNS).fit(X, y)
    probabilities = estimator.predict_proba(X)
    assert probabilities.shape == (48, n_columns)
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    assert estimator.predict(X).shape == y.shape
    assert estimator.score(X, y) > (0.75 if y.ndim == 1 else 0.4)


FEW = np.where(THIRDS == 2, -1, THIRDS)
FEW_FLAGS = np.where(np.arange(48)[:, None] < 24, FLAGS, -1)


@pytest.mark.parametrize(
    ("one", "y", "other", "same_y"),
    [
        (classifier(), FEW, classifier(), np.where(FEW == -1, np.nan, FEW)),
        (classifier(), FEW, classifier(unlabelled="none"), np.array(["0", "1", "none"])[FEW]),
        (classifier(), FEW_FLAGS, classifier(), np.where(FEW_FLAGS == -1, np.nan, FEW_FLAGS)),
        (classifier(), FEW, classifier(loss="categorical_crossentropy"), FEW),
        (
            classifier(build_logits),
            THIRDS,
            classifier(build_logits, loss="sparse_categorical_crossentropy", loss__from_logits=True),
            THIRDS,
        ),
        (classifier(batch_size=32), SIDES, AuxClassifier(build_compiled, "any", epochs=1, random_state=0), SIDES),
        (classifier(), THIRDS, classifier(class_weight={2: 1.0}), THIRDS),
    ],
    ids=["nan", "strings", "flags", "one-hot", "logits", "compiled by the builder", "weights of 1"],
)
def test_two_ways_of_saying_the_same(one: Any, y: Array, other: Any, same_y: Array) -> None:
    pairs = zip(weights_of(one.fit(X, y)), weights_of(other.fit(X, same_y)), strict=True)
    for weights, same in pairs:
        np.testing.assert_allclose(weights, same, rtol=1e-4, atol=1e-6)


def test_several_columns_of_classes() -> None:
    y = np.stack([SIDES, THIRDS.astype(str)], axis=1).astype(object)
    y[30:, 1] = -1
    estimator = classifier(build_outputs, **LEARNS).fit(X, y)
    assert [classes.tolist() for classes in estimator.classes_] == [["left", "right"], ["0", "1", "2"]]
    assert [each.shape for each in estimator.predict_proba(X)] == [(48, 2), (48, 3)]
    predicted = estimator.predict(X)
    assert (predicted == np.stack([SIDES, THIRDS.astype(str)], axis=1)).mean(axis=0).min() > 0.5
    assert estimator.score(X, y) == (predicted[:30] == y[:30]).all(axis=1).mean()


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (build, np.where(np.arange(48) < 32, X[:, 0], np.nan)),
        (build, np.where(np.arange(48)[:, None] < 32, X[:, :2], np.nan)),
        (build_outputs, X[:, :2].astype(float)),
    ],
    ids=["one", "two", "two outputs"],
)
def test_numbers(model: Any, y: Array) -> None:
    learns = {**LEARNS, "epochs": 3, "optimizer__learning_rate": 0.05} if y.ndim == 1 else {}
    estimator = AuxRegressor(model, "any", **{**FEW_STEPS, **learns}).fit(X, y)
    assert estimator.predict(X).shape == y.shape
    assert estimator.score(X, y) > (0.7 if y.ndim == 1 else -5)


def test_signals_in_every_form() -> None:
    ragged = [row[: 20 + i % 5] for i, row in enumerate(SIGNALS)]
    estimator = classifier(domain="signal", tasks=["std", "fft"], **LEARNS).fit(ragged, SIDES)
    assert estimator.score(ragged, SIDES) > 0.85
    table = classifier(domain="signal", tasks=["std"]).fit(SIGNALS, SIDES)
    channel = classifier(domain="signal", tasks=["std"]).fit(SIGNALS[:, :, np.newaxis], SIDES)
    assert_same_weights(table, channel)
    assert (table.n_features_in_, hasattr(channel, "n_features_in_")) == (24, False)


def test_search_over_tasks_weights_and_depth_in_a_pipeline() -> None:
    tasks = [["std"], ["std", {"fft": {"n_coefficients": 4}}]]
    grid = [
        {"tasks": tasks, "weights": [0.0], "model__units": [4]},
        {"at": ["hidden"], "weights": [1.0], "model__units": [4]},
    ]
    grid = [{f"auxclassifier__{name}": values for name, values in part.items()} for part in grid]
    pipeline = make_pipeline(StandardScaler(), classifier(domain="signal"))
    y = np.where(np.arange(48) % 3 == 0, -1, THIRDS)
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(SIGNALS, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 3
    assert scores[0] == scores[1]  # with weight 0 the tasks make no difference to what the model learns
    assert search.predict(SIGNALS).shape == (48,)
    assert search.best_estimator_[-1].model_.get_layer("hidden").units == 4


def test_nothing_of_a_test_fold_reaches_its_training() -> None:
    fold = KFold(2, shuffle=True, random_state=0)
    how: dict[str, Any] = {"cv": fold, "return_estimator": True, "return_indices": True}
    X_wide = 100 * X.astype(float)
    first = cross_validate(classifier(), X_wide, SIDES, **how)
    train, test = first["indices"]["train"][0], first["indices"]["test"][0]
    changed, y = X_wide.copy(), SIDES.copy()
    changed[test] *= 1e4
    y[test] = RNG.permutation(y[test])
    second = cross_validate(classifier(), changed, y, **how)
    assert_same_weights(first["estimator"][0], second["estimator"][0])
    assert not np.array_equal(weights_of(first["estimator"][1])[0], weights_of(second["estimator"][1])[0])
    alone = AuxTargetGenerator("any", "reconstruction").fit(X_wide[train])
    for result in (first, second):
        scaling = result["estimator"][0].generator_.scalings_["reconstruction"]
        np.testing.assert_array_equal(scaling.mean, alone.scalings_["reconstruction"].mean)


SIMPLE: dict[str, Any] = {"soft_labels": {"teacher": LogisticRegression(), "features": ["reconstruction"]}}
"""A teacher that is fitted in no time."""
PARTLY = np.where(np.arange(48) % 2, SIDES, "none").astype(object)


def test_no_label_of_a_test_fold_reaches_a_teacher() -> None:
    fold = next(KFold(2, shuffle=True, random_state=0).split(X))
    how: dict[str, Any] = {"cv": [fold], "return_indices": True, "return_estimator": True, "error_score": "raise"}
    estimator = classifier(tasks=["reconstruction", SIMPLE], unlabelled="none", **LEARNS)
    first = cross_validate(estimator, X, PARTLY, **how)
    test = first["indices"]["test"][0]
    changed, y = X.copy(), PARTLY.copy()
    changed[test] *= 1e4
    y[test] = [{"left": "right", "right": "left"}.get(label, label) for label in y[test]]
    second = cross_validate(estimator, changed, y, **how)
    assert_same_weights(first["estimator"][0], second["estimator"][0])
    specs = [each["estimator"][0].generator_.specs_["soft_labels"] for each in (first, second)]
    assert specs[0] == specs[1]
    assert specs[0].options["n_labelled"] < 24


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (classifier(unlabelled="none"), PARTLY),
        (classifier(unlabelled="none", loss="categorical_crossentropy"), PARTLY),
        (classifier(build_one_unit, unlabelled="none"), PARTLY),
        (classifier(unlabelled=None), np.where(np.arange(48)[:, None] % 2, FLAGS, np.nan)),
        (
            classifier(build_outputs, unlabelled="none"),
            np.stack([PARTLY, np.where(np.arange(48) % 3, THIRDS.astype(str), "none").astype(object)], axis=1),
        ),
        (AuxRegressor(build, "any", **FEW_STEPS), np.where(np.arange(48) % 2, X[:, 0], np.nan)),
        (AuxRegressor(build_outputs, "any", **FEW_STEPS), np.where(np.arange(48)[:, None] % 2, X[:, :2], np.nan)),
    ],
    ids=["classes", "one-hot", "one unit", "flags", "several outputs", "numbers", "several numbers"],
)
def test_soft_labels_of_every_kind_of_label(estimator: Any, y: Array) -> None:
    simple: Any = {"features": ["reconstruction"]}
    fitted = clone(estimator).set_params(tasks=[{"soft_labels": simple}]).fit(X, y)
    names = list(fitted.generator_.specs_)
    assert names == (["soft_labels"] if y.ndim == 1 or len(names) == 1 else ["soft_labels_b", "soft_labels_a"])
    assert set(fitted.history_) >= {f"{name}_loss" for name in names}
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    soft, same = (each.generator_.transform(X[:4])[names[0]] for each in (fitted, again))
    np.testing.assert_array_equal(soft, same)


def test_soft_labels_are_among_the_defaults_and_in_pipelines() -> None:
    y = PARTLY.copy()
    pipeline = make_pipeline(StandardScaler(), classifier(tasks=None, unlabelled="none"))
    pipeline.fit(X, y)
    assert "soft_labels" in pipeline[-1].generator_.specs_
    search = GridSearchCV(
        classifier(unlabelled="none"), {"tasks": [["reconstruction"], [SIMPLE]]}, cv=2, error_score="raise"
    )
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


def test_soft_labels_are_left_out_where_there_is_nothing_to_teach_or_to_be_taught_from() -> None:
    plain = classifier(weights=0.0).fit(X, SIDES)
    for y in (SIDES, np.array(["left", "right", *["none"] * 46], object)):
        estimator = classifier(tasks=["soft_labels"], unlabelled="none")
        with pytest.warns(AuxTasksWarning, match="'soft_labels' is left out"):
            estimator.fit(X, y)
        assert estimator.generator_.specs_ == {}
        assert estimator.predict(X).shape == (48,)
        if y is SIDES:
            assert_same_weights(estimator, plain)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuxTasksWarning)
        assert "soft_labels" not in classifier(tasks=None).fit(X, SIDES).generator_.specs_


@pytest.mark.parametrize("as_records", [False, True])
def test_given_columns_are_cut_with_the_folds(as_records: bool) -> None:
    given = pd.DataFrame({"third": THIRDS, "size": np.abs(X[:, 0]).astype(float)})
    params = {"label_columns": given.to_records(index=False) if as_records else given}
    found = cross_validate(
        classifier(tasks=[]), X, SIDES, params=params, cv=2, return_estimator=True, error_score="raise"
    )
    assert [list(each.generator_.specs_) for each in found["estimator"]] == [["third", "size"]] * 2


def test_one_seed_gives_one_model_and_leaves_the_generators_alone() -> None:
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    keras.utils.set_random_seed(3)
    expected = (random.random(), np.random.random(), float(keras.random.uniform(())))  # noqa: NPY002, S311
    keras.utils.set_random_seed(3)
    first, second, other = (classifier(random_state=seed).fit(X, SIDES) for seed in (0, 0, 1))
    assert expected == (random.random(), np.random.random(), float(keras.random.uniform(())))  # noqa: NPY002, S311
    assert_same_weights(first, second)
    assert not np.array_equal(weights_of(first)[0], weights_of(other)[0])


def test_parameters_are_sent_on() -> None:
    estimator = classifier(callbacks=[Stop], callbacks__0__after=2, fit__epochs=5, model__units=3, attach__name="both")
    estimator = clone(estimator).set_params(model__units=6, targets__dtype="float64", metrics=["accuracy"])
    estimator.fit(X, SIDES)
    assert len(estimator.history_["accuracy"]) == 2
    assert estimator.model_.get_layer("hidden").units == 6
    assert estimator.generator_.dtype == "float64"
    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(ValueError, match=r"no parameter of AuxClassifier named 'fitt__epochs'. Did you mean"):
        estimator.set_params(epochs=3, fitt__epochs=1)
    assert estimator.epochs == 1


def test_early_heads_alone_are_trained() -> None:
    estimator = classifier(tasks=["soft_labels"], attach__deep_supervision=["hidden"])
    with pytest.warns(AuxTasksWarning, match="'soft_labels' is left out"):
        estimator.fit(X, SIDES)
    assert estimator.generator_.specs_ == {}
    assert len(estimator.history_["main_at_hidden_loss"]) == 1


def test_callbacks_and_optimizers_are_made_anew_for_each_fit() -> None:
    stop, optimizer = keras.callbacks.EarlyStopping("val_loss", patience=1), keras.optimizers.SGD(0.1)
    estimator = classifier(callbacks=stop, optimizer=optimizer, fit__validation_data=(X[:9], SIDES[:9]))
    first = weights_of(estimator.fit(X[9:], SIDES[9:]))
    assert len(estimator.history_["val_loss"]) == 1
    np.testing.assert_array_equal(first[0], weights_of(estimator.fit(X[9:], SIDES[9:]))[0])
    assert not optimizer.built
    assert stop.best is None


@pytest.mark.parametrize("copied", ["joblib", "deepcopy"])
def test_saved_estimators_predict_alike(fitted: AuxClassifier, copied: str) -> None:
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    again = joblib.load(buffer) if copied == "joblib" else copy.deepcopy(fitted)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.score(X, SIDES) == fitted.score(X, SIDES)
    assert again.history_ == fitted.history_


def test_large_inputs_are_predicted_in_batches(fitted: AuxClassifier) -> None:
    small = clone(fitted).set_params(predict__batch_size=16)
    vars(small).update({name: value for name, value in vars(fitted).items() if name.endswith("_") or name[0] == "_"})
    np.testing.assert_allclose(small.predict_proba(X), fitted.predict_proba(X), rtol=1e-5)


@pytest.mark.graph
def test_weights_of_samples() -> None:
    right = np.where(SIDES == "right", 50.0, 0.0) + 1e-6
    estimator = classifier(**LEARNS, compile__jit_compile=False).fit(X, SIDES, sample_weight=right)
    assert (estimator.predict(X) == "right").mean() > 0.8


def test_balanced_weights_of_classes_are_weights_of_samples() -> None:
    counts = dict(zip(*np.unique(THIRDS, return_counts=True), strict=True))
    balanced = np.array([48 / (3 * counts[label]) for label in THIRDS])
    by_class = classifier(class_weight="balanced").fit(X, THIRDS)
    assert_same_weights(by_class, classifier().fit(X, THIRDS, sample_weight=balanced))


def test_class_weights_of_fit_are_those_of_the_estimator() -> None:
    """The keys are the classes of y, not the numbers that the model knows them by."""
    weights = {3: 5.0, 5: 2.0}
    by_fit = classifier(fit__class_weight=weights).fit(X, 2 * THIRDS + 1)
    assert_same_weights(by_fit, classifier(class_weight=weights).fit(X, 2 * THIRDS + 1))
    both = classifier(fit__class_weight={3: 5.0}).fit(X, 2 * THIRDS + 1, sample_weight=np.where(THIRDS == 2, 2.0, 1.0))
    assert_same_weights(both, by_fit)


def test_a_score_of_arrays_with_gaps_is_that_of_the_labelled_samples() -> None:
    estimator = classifier().fit(X, THIRDS)
    expected = estimator.score(X[:40], THIRDS[:40])
    assert estimator.score(X, np.ma.masked_array(THIRDS, np.arange(48) >= 40)) == expected
    with pytest.raises(AuxTasksError, match=r"`y` must have a row for each sample.*\(48,\); found \(40,\)"):
        estimator.score(X, THIRDS[:40])


def test_one_number_has_no_score() -> None:
    estimator = AuxRegressor(build, "any", **FEW_STEPS).fit(X, X[:, 0])
    with pytest.warns(AuxTasksWarning, match="`y` holds one label, and R² needs two"):
        assert np.isnan(estimator.score(X[:1], X[:1, 0]))


def test_copies_that_a_task_adds_have_no_main_label() -> None:
    images = RNG.random((24, 6, 6))
    y = (images.mean(axis=(1, 2)) > 0.5).astype(int)
    estimator = classifier(domain="image", tasks="rotation").fit(images, y, sample_weight=np.ones(24))
    assert estimator.predict(images).shape == (24,)


def trained_before(input_shape: tuple[int, ...]) -> Any:
    return made.setdefault("model", build(input_shape, 2, "softmax"))


made: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("estimator", "y", "message"),
    [
        (classifier(), None, "requires y to be passed"),
        (classifier(), SIDES[:-1], "inconsistent numbers of samples: 48 and 47"),
        (classifier(), np.where(SIDES == "left", -1, 1), "found 1 class.*pass unlabelled=None"),
        (classifier(), np.full(48, -1), "no label at all among its 48 samples"),
        (classifier(), np.where(THIRDS == 2, "-1", SIDES), "`y` holds the string '-1', .* pass unlabelled='-1'"),
        (classifier(), np.where(THIRDS == 2, "nan", SIDES), "`y` holds the string 'nan'"),
        (classifier(), np.stack([THIRDS, np.full(48, -1)], axis=1), "no label at all among its 48 samples in column 1"),
        (classifier(), X[:, 0], "Unknown label type: continuous"),
        (classifier(build(X.shape[1:], 2, "softmax")), SIDES, "`model` must be a function"),
        (classifier(lambda: None), SIDES, "must return a keras.Model; it returned NoneType"),
        (classifier(lambda n_units: None), SIDES, "argument 'n_units' has no default"),
        (classifier(model__width=3), SIDES, "no argument of the function that builds the model named 'width'"),
        (classifier(model__n_outputs=4), SIDES, "output 'main' has 4 units, and 2 are needed"),
        (classifier(build_one_unit, loss="binary_crossentropy"), THIRDS, "output 'main' has 1 units, and 3 are needed"),
        (
            classifier(callbacks=keras.callbacks.Callback(), callbacks__patience=1),
            SIDES,
            "`callbacks__patience` needs a",
        ),
        (classifier(callbacks=[Stop], callbacks__1__after=1), SIDES, "have the places or names: 0. Pass"),
        (
            classifier(build_compiled, optimizer="adam", compile__jit_compile=False),
            SIDES,
            "`compile__jit_compile` says",
        ),
        (classifier(loss="categorical_hinge"), SIDES, "give margins and no probabilities"),
        (classifier(build_outputs, model__n_classes=[2, 2]), SIDES, r"outputs \['b', 'a'\], and `y` needs 1"),
        (classifier(optimizer=3), SIDES, "`optimizer` must be a name, a class or an optimizer"),
        (classifier(loss__from_logits=True, loss=keras.losses.MeanSquaredError()), SIDES, "`loss__from_logits` needs"),
        (classifier(fit__validation_data=(X, THIRDS)), SIDES, "none of the classes of the training"),
        (AuxRegressor(build, "any"), SIDES, "must hold numbers; got dtype <U5"),
        (AuxRegressor(build, "any"), np.full(48, np.nan), "no number at all"),
        (AuxRegressor(build, "any"), np.full(48, 1e39), "beyond the range of float32"),
    ],
)
def test_what_cannot_be_fitted(estimator: Any, y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_weight": np.ones(47)}, r"must have shape \(48,\); got shape \(47,\)"),
        ({"sample_weight": -np.ones(48)}, "finite numbers of 0 or more"),
        ({"label_columns": X}, "`label_columns` must have named columns"),
        ({"label_columns": {"third": THIRDS[:-1]}}, "48"),
    ],
)
def test_what_cannot_be_passed_to_fit(params: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        classifier().fit(X, SIDES, **params)


@pytest.mark.graph  # where a second model would be asked for, to share what is traced
def test_a_model_that_is_not_new_would_carry_over_what_it_learned() -> None:
    estimator = classifier(trained_before).fit(X, SIDES)
    with pytest.raises(AuxTasksError, match="from one fold into the next"):
        estimator.fit(X, SIDES)


def test_scores_of_cross_validation_are_those_of_labelled_samples() -> None:
    y = np.where(np.arange(48) % 2 == 0, -1, THIRDS)
    found = cross_validate(classifier(), X, y, cv=2, return_estimator=True, return_indices=True, error_score="raise")
    for score, estimator, test in zip(found["test_score"], found["estimator"], found["indices"]["test"], strict=True):
        labelled = test[test % 2 == 1]
        assert score == (estimator.predict(X[labelled]) == THIRDS[labelled]).mean()
