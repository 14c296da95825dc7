"""Scores against the definitions written out in NumPy, and NaN where there is nothing to compute."""

from math import isnan
from typing import Any

import numpy as np
import pytest
from at_once import score
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.audit.metrics import Metrics
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
Y3 = RNG.integers(0, 3, 60)
P3 = RNG.dirichlet(np.ones(3), 60) * 0.7 + 0.3 * np.eye(3)[Y3]
Y1 = RNG.integers(0, 2, 60)
P1 = np.clip(0.3 * Y1 + RNG.random(60) * 0.7, 0.01, 0.99)
FLAGS = RNG.integers(0, 2, (60, 4))
PROBABILITIES = np.clip(0.3 * FLAGS + RNG.random((60, 4)) * 0.7, 0.01, 0.99)


def of_classes(y: Array, told: Array, classes: int) -> dict[str, float]:
    true = np.array([((y == c) & (told == c)).sum() for c in range(classes)])
    real, claimed = np.bincount(y, minlength=classes), np.bincount(told, minlength=classes)
    precision, recall = true / np.maximum(claimed, 1), true / real
    share = real / real.sum()
    f1 = 2 * true / (real + claimed)
    return {
        "accuracy": (y == told).mean(),
        "balanced_accuracy": recall.mean(),
        "precision": precision.mean(),
        "precision_weighted": (precision * share).sum(),
        **{f"precision[{c}]": value for c, value in enumerate(precision)},
        "recall": recall.mean(),
        "recall_weighted": (recall * share).sum(),
        **{f"recall[{c}]": value for c, value in enumerate(recall)},
        "f1": f1.mean(),
        "f1_weighted": (f1 * share).sum(),
        **{f"f1[{c}]": value for c, value in enumerate(f1)},
    }


def roc_auc(member: Array, scores: Array) -> float:
    differences = scores[member == 1][:, None] - scores[member == 0]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def average_precision(member: Array, scores: Array) -> float:
    ranked = member[np.argsort(-scores)]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean())


def entropy(member: Array, p: Array) -> float:
    return float(-np.log(np.where(member == 1, p, 1 - p)).mean())


AVERAGED = [name + end for name in ("precision", "recall", "f1") for end in ("", "_weighted", "_per_class")]


def test_binary() -> None:
    found = score(["accuracy", "balanced_accuracy", *AVERAGED, "roc_auc", "pr_auc", "log_loss"], Y1, P1)
    areas = {"roc_auc": roc_auc(Y1, P1), "pr_auc": average_precision(Y1, P1), "log_loss": entropy(Y1, P1)}
    assert found == pytest.approx({**of_classes(Y1, (P1 > 0.5).astype(int), 2), **areas})


def test_multiclass() -> None:
    names = ["accuracy", "balanced_accuracy", *AVERAGED, "roc_auc", "roc_auc_per_class", "pr_auc", "log_loss"]
    members = np.eye(3)[Y3]
    areas = [roc_auc(member, p) for member, p in zip(members.T, P3.T, strict=True)]
    expected = {
        **of_classes(Y3, P3.argmax(axis=1), 3),
        "roc_auc": np.mean(areas),
        **{f"roc_auc[{c}]": area for c, area in enumerate(areas)},
        "pr_auc": np.mean([average_precision(m, p) for m, p in zip(members.T, P3.T, strict=True)]),
        "log_loss": -np.log(P3[np.arange(60), Y3]).mean(),
    }
    assert score(names, Y3, P3) == pytest.approx(expected)


def test_multilabel() -> None:
    told, columns = PROBABILITIES > 0.5, list(zip(FLAGS.T, PROBABILITIES.T, strict=True))
    each = [of_classes(y, (p > 0.5).astype(int), 2) for y, p in columns]
    expected = {
        "accuracy": (told == FLAGS).mean(),
        "hamming_loss": (told != FLAGS).mean(),
        "subset_accuracy": (told == FLAGS).all(axis=1).mean(),
        "f1": np.mean([one["f1[1]"] for one in each]),
        **{f"recall[{column}]": one["recall[1]"] for column, one in enumerate(each)},
        "roc_auc": np.mean([roc_auc(y, p) for y, p in columns]),
        "pr_auc": np.mean([average_precision(y, p) for y, p in columns]),
        "log_loss": np.mean([entropy(y, p) for y, p in columns]),
    }
    names = [name for name in expected if "[" not in name]
    assert score([*names, "recall_per_class"], FLAGS, PROBABILITIES) == pytest.approx(expected)


@pytest.mark.parametrize("outputs", [1, 3])
def test_regression(outputs: int) -> None:
    y, p = RNG.normal(size=(2, 40, outputs))
    expected = {
        "rmse": np.sqrt(((y - p) ** 2).mean(axis=0)).mean(),
        "mae": np.abs(y - p).mean(),
        "r2": (1 - ((y - p) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)).mean(),
    }
    assert score(None, y, p) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "outputs", "loss", "same"),
    [
        (Y3, np.log(P3) + 2, "logits", P3),
        (np.eye(3)[Y3], P3, "", P3),
        (Y3[:, None].astype(float), P3, "", P3),
        (Y1, np.log(P1 / (1 - P1))[:, None], "logits", P1),
        (Y1, np.stack([1 - P1, P1], axis=1), "", P1),
        (np.eye(2, dtype=int)[Y1], np.stack([1 - P1, P1], axis=1), "", P1),
        (Y3.reshape(6, 10), P3.reshape(6, 10, 3), "", P3),
        (Y1.reshape(6, 10), P1.reshape(6, 10, 1), "", P1),
    ],
    ids=["logits", "one-hot", "floats", "sigmoid logits", "two units", "two units one-hot", "steps", "binary steps"],
)
def test_the_same_in_another_form_scores_the_same(y: Any, outputs: Array, loss: str, same: Array) -> None:
    plain = Y3 if same is P3 else Y1
    names = ["accuracy", "f1", "roc_auc", "log_loss"]
    assert score(names, y, outputs, from_logits=loss == "logits") == pytest.approx(score(names, plain, same))


@pytest.mark.parametrize("dtype", [int, float])
def test_margins_are_decided_at_zero_and_have_no_log_loss(dtype: type) -> None:
    margins = 2 * P1 - 1
    signed = (2 * Y1 - 1).astype(dtype)
    found = score(["accuracy", "roc_auc", "log_loss"], signed, margins, loss="hinge")
    expected = score(["accuracy", "roc_auc"], Y1, P1)
    assert isnan(found.pop("log_loss"))
    assert found == pytest.approx(expected)
    assert score(["accuracy"], signed, margins) == score(["accuracy"], Y1, margins, loss="squared_hinge")


@given(st.lists(st.booleans(), min_size=60, max_size=60).filter(lambda gone: not all(gone)))
def test_samples_without_a_label_do_not_count(gone: list[bool]) -> None:
    left_out = np.array(gone)
    numbers = np.where(left_out, np.nan, P1)
    assert score(None, numbers, Y1 + 0.5) == pytest.approx(score(None, P1[~left_out], Y1[~left_out] + 0.5), nan_ok=True)
    metrics = Metrics.of(["accuracy", "f1", "recall_per_class"], Y3, (None, 3))
    assert metrics.score(np.where(left_out, -1, Y3), P3) == pytest.approx(
        metrics.score(Y3[~left_out], P3[~left_out]), nan_ok=True
    )


def test_a_row_of_labels_that_lacks_one_does_not_count() -> None:
    holed = FLAGS.copy()
    holed[::3, 1] = -1
    whole = (holed >= 0).all(axis=1)
    assert score(None, holed, PROBABILITIES) == pytest.approx(score(None, FLAGS[whole], PROBABILITIES[whole]))


def test_what_is_not_defined_is_nan_and_no_warning() -> None:
    metrics = Metrics.of(
        ["accuracy", "f1", "roc_auc", "pr_auc", "recall_per_class", "roc_auc_per_class"], Y3, (None, 3)
    )
    found = metrics.score([0, 1, 1], np.eye(3)[[0, 1, 0]])
    assert {name for name, value in found.items() if isnan(value)} == {"roc_auc", "pr_auc", "recall[2]", "roc_auc[2]"}
    assert (found["accuracy"], found["roc_auc[1]"]) == pytest.approx((2 / 3, 0.75))
    alone = Metrics.of(["roc_auc", "pr_auc", "accuracy"], Y1, (None, 1)).score([1, 1], [0.4, 0.6])
    assert alone == pytest.approx({"roc_auc": np.nan, "pr_auc": np.nan, "accuracy": 0.5}, nan_ok=True)
    constant = Metrics.of(None, [0.5, 1.5], (None, 1)).score([2.5, 2.5], [2.0, 3.0])
    assert constant == pytest.approx({"rmse": 0.5, "mae": 0.5, "r2": np.nan}, nan_ok=True)


def test_without_a_label_or_a_finite_prediction_all_is_nan() -> None:
    metrics = Metrics.of(["accuracy", "log_loss", "recall_per_class", "f1[1]"], Y3, (None, 3))
    for y, p in (([-1, -1], P3[:2]), ([0, 1], np.full((2, 3), np.nan))):
        found = metrics.score(y, p)
        assert list(found) == ["accuracy", "log_loss", "recall[0]", "recall[1]", "recall[2]", "f1[1]"]
        assert all(map(isnan, found.values()))


def test_outputs_that_are_no_probabilities_have_no_log_loss() -> None:
    assert isnan(score("log_loss", Y3, 2 * P3)["log_loss"])
    assert isnan(score("log_loss", Y1, P1 - 0.5)["log_loss"])
    assert score("log_loss", Y3, P3.astype(np.float16))["log_loss"] == pytest.approx(
        score("log_loss", Y3, P3)["log_loss"], rel=1e-3
    )


def test_a_class_that_is_predicted_but_not_there_takes_no_part_in_means() -> None:
    found = Metrics.of(["f1", "recall", "f1_per_class"], [0, 1, 2], (None, 3)).score([0, 1], np.eye(3)[[0, 2]])
    assert found == {"f1": 0.5, "recall": 0.5, "f1[0]": 1.0, "f1[1]": 0.0, "f1[2]": 0.0}


def test_classes_the_model_has_units_for_but_nobody_labelled_do_not_matter() -> None:
    wide = np.concatenate([np.zeros((60, 1)), P3], axis=1)
    names = ["accuracy", "f1", "roc_auc", "log_loss"]
    assert score(names, Y3 + 1, wide) == pytest.approx(score(names, Y3, P3))
