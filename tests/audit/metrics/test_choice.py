"""Which problem labels and outputs make, which metrics go with it, and what is refused."""

from typing import Any

import keras
import numpy as np
import pytest
from at_once import score

from auxtasks.audit.metrics import NAMES, Metrics, as_probabilities, higher_is_better, problem_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError

NAN = float("nan")
FLAGS = [[1, 1, 0], [0, 1, 0]]
ONE_HOT = [[0, 1, 0], [0, 0, 1]]
SIGNED = [[1.0, 1.0, -1.0], [-1.0, 1.0, -1.0]]


@pytest.mark.parametrize(
    ("y", "shape", "loss", "expected"),
    [
        ([0, 1, -1], (None, 1), None, "binary"),
        ([[0.0], [NAN], [1.0]], (None, 1), None, "binary"),
        ([-1, 1, 1], (None, 1), None, "binary"),
        ([-1.0, NAN, 1.0], (3,), None, "binary"),
        ([0, 1, 1], (None, 2), None, "binary"),
        ([0, 3, -1], (None, 4), None, "multiclass"),
        ([0.0, 3.0, NAN], (None, 4), None, "multiclass"),
        ([[0, 3, -1]], (None, 3, 4), None, "multiclass"),
        ([0, 1, 1], (None, 4), None, "multiclass"),
        (ONE_HOT, (None, 3), None, "multiclass"),
        (ONE_HOT, (None, 3), "binary_crossentropy", "multilabel"),
        (ONE_HOT, (None, 3), keras.losses.BinaryCrossentropy(name="mine"), "multilabel"),
        ([[0.2, 0.7, 0.1]], (None, 3), keras.losses.categorical_crossentropy, "multiclass"),
        ([[0.2, 0.7, 0.1]], (None, 3), keras.losses.KLDivergence(), "multiclass"),
        (FLAGS, (None, 3), None, "multilabel"),
        (SIGNED, (None, 3), "hinge", "multilabel"),
        ([0, 1, 5], (None, 1), None, "regression"),
        ([0.5, 1.0], (None, 1), None, "regression"),
        ([[0.5, 1.0, 2.0]], (None, 3), "mse", "regression"),
    ],
)
def test_problem(y: Any, shape: tuple[int | None, ...], loss: Any, expected: str) -> None:
    assert problem_of(y, shape, loss=loss) == expected


@pytest.mark.parametrize(
    ("y", "shape", "message"),
    [
        ([-1, -1], (None, 3), r"`y` holds no label at all.*shape \(2,\)"),
        ([0, 1, 3], (None, 3), r"`y` must fit the output.*up to 3.*\(None, 3\)"),
        ([0.5, 1.0], (None, 3), "`y` must fit the output"),
        ([[0, 1]], (None, 3), r"`y` must fit the output.*shape \(1, 2\)"),
        (1, (None, 3), "`y` must hold one entry for each sample; got the single number 1"),
    ],
)
def test_labels_of_another_model_are_refused(y: Any, shape: tuple[int | None, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        problem_of(y, shape)


def test_labels_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"`y` must hold integers or floats; got strings.*return_inverse"):
        problem_of(["a", "b"], (None, 2))
    with pytest.raises(InvalidTypeError, match="`y_pred` must hold numbers; got dtype <U1"):
        score(None, [0, 1], ["a", "b"])


@pytest.mark.parametrize(
    ("loss", "scale"),
    [
        (None, "probabilities"),
        ("sparse_categorical_crossentropy", "probabilities"),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "logits"),
        ([keras.losses.SparseCategoricalCrossentropy(from_logits=True)], "logits"),
        ({"main": "categorical_hinge"}, "margins"),
    ],
)
def test_the_loss_says_what_outputs_are(loss: Any, scale: str) -> None:
    assert Metrics.of(None, [0, 2, 1], (None, 3), loss=loss).scale == scale


@pytest.mark.parametrize(
    ("y", "shape", "names"),
    [
        ([0, 1], (None, 1), ("accuracy", "f1", "log_loss")),
        ([0, 1], (None, 3), ("accuracy", "f1", "log_loss")),
        (FLAGS, (None, 3), ("accuracy", "f1", "roc_auc")),
        ([0.5, 1.5], (None, 1), ("rmse", "mae", "r2")),
    ],
)
def test_defaults(y: Any, shape: tuple[int | None, ...], names: tuple[str, ...]) -> None:
    metrics = Metrics.of(None, y, shape)
    assert metrics.names == names
    assert metrics.judged == names[0]


def test_lower_is_better_for_errors_alone() -> None:
    assert {name for name in NAMES if not higher_is_better(name)} == {"log_loss", "hamming_loss", "mae", "rmse"}
    assert higher_is_better("recall[3]")


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (
            "acuracy",
            UnknownNameError,
            "`metrics`: there is no metric named 'acuracy'. Did you mean 'accuracy'.*'log_loss'",
        ),
        ("log_loss[1]", UnknownNameError, "no metric named 'log_loss"),
        (["accuracy", "rmse"], InvalidInputError, "'rmse' is not defined for a multiclass problem.*balanced_accuracy"),
        (["f1", "f1"], InvalidInputError, "must hold different names"),
        ([], InvalidInputError, "must hold different names"),
        ("f1_per_class", InvalidInputError, "must be a single number"),
        (3, InvalidTypeError, "must be names of metrics; got 3 of type int"),
        ([None], InvalidTypeError, "must be names of metrics; got None"),
    ],
)
def test_names_that_cannot_be_judged_are_refused(names: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Metrics.of(names, [0, 1, 2], (None, 3))


def test_predictions_must_fit_the_labels() -> None:
    metrics = Metrics.of(None, [0, 1, 2], (None, 3))
    with pytest.raises(InvalidInputError, match=r"`y_true` must have a label for each prediction.*\(2,\) and 3 rows"):
        metrics.score([0, 1], np.eye(3))
    with pytest.raises(InvalidInputError, match=r"`y_true` must hold classes from 0 to 2.*found 5"):
        metrics.score([0, 1, 5], np.eye(3))
    with pytest.raises(InvalidInputError, match="1 or 2 units for a binary problem"):
        as_probabilities(np.eye(3), "binary")


def test_probabilities_of_logits_are_those_of_keras() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype("float32") * 3
    np.testing.assert_allclose(as_probabilities(logits, "multiclass", True), keras.ops.softmax(logits), rtol=1e-5)
    np.testing.assert_allclose(as_probabilities(logits, "multilabel", True), keras.ops.sigmoid(logits), rtol=1e-5)
    np.testing.assert_allclose(
        as_probabilities(logits[:, :1], "binary", True), keras.ops.sigmoid(logits[:, 0]), rtol=1e-5
    )
    np.testing.assert_array_equal(as_probabilities(logits, "regression", True), logits)
