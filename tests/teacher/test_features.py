"""What teachers read is finite in every domain, and is refused by name where it is the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.targets.samples import read_inputs
from auxtasks.teacher.features import BY_DOMAIN, FeatureSet

RNG = np.random.default_rng(0)
Y = [0, 1, 0, 1, 0, 1]
WORDS = ["one", "two", "three", "four", "five", "six", "seven"]
INPUTS: dict[str, tuple[str, Any]] = {
    "signals": ("signal", RNG.normal(size=(14, 20, 2))),
    "signals of 3 steps": ("signal", RNG.normal(size=(14, 3))),
    "constant signals": ("signal", np.full((14, 9), 0.1)),
    "series": ("signal", [RNG.normal(size=length) for length in (1, 2, 3, 9, 20, 8, 7, 5, 5, 6, 4, 3, 2, 1)]),
    "images": ("image", RNG.random((14, 9, 9))),
    "colour": ("image", RNG.integers(0, 255, (14, 9, 8, 3)).astype("uint8")),
    "small images": ("image", RNG.random((14, 2, 2))),
    "constant images": ("image", np.ones((14, 8, 8))),
    "video": ("video", RNG.random((14, 3, 5, 5))),
    "texts": ("text", [" ".join(RNG.choice(WORDS, 4)) for _ in range(14)]),
    "tokens": ("text", [list(RNG.choice(WORDS, 4)) for _ in range(14)]),
    "texts of letters": ("text", ["a b c", "b c"] * 7),
    "the same text": ("text", ["hello"] * 14),
    "a table": ("any", np.c_[RNG.normal(size=(14, 4)), np.ones(14)]),
    "a constant table": ("any", np.ones((14, 4))),
    "a wide table": ("any", RNG.normal(size=(14, 1500))),
}
TEACHER = {"soft_labels": {"teacher": LogisticRegression()}}


@pytest.mark.parametrize("case", INPUTS)
def test_all_inputs_have_soft_labels(case: str) -> None:
    domain, X = INPUTS[case]
    first, second = (make_aux_targets(X, domain, TEACHER, y=Y) for _ in range(2))
    soft = first["soft_labels"]
    np.testing.assert_array_equal(soft, second["soft_labels"])
    assert np.isnan(soft[:6]).all()
    np.testing.assert_allclose(soft[6:].sum(axis=1), 1.0, atol=1e-5)
    again = first.transform(X)["soft_labels"]
    np.testing.assert_allclose(again[6:], soft[6:], atol=1e-3)


@pytest.mark.parametrize("case", ["a table", "video"])
def test_the_order_of_unlabelled_samples_does_not_matter(case: str) -> None:
    domain, X = INPUTS[case]
    order = np.r_[:6, 13:5:-1]
    soft, other = (make_aux_targets(some, domain, TEACHER, y=Y)["soft_labels"] for some in (X, X[order]))
    np.testing.assert_allclose(other, soft[order], atol=1e-4)


def test_signals_may_be_of_another_length_later() -> None:
    targets = make_aux_targets(INPUTS["signals"][1], "signal", TEACHER, y=Y)
    for length in (1, 7, 20, 50):
        assert np.isfinite(targets.transform(RNG.normal(size=(3, length, 2)))["soft_labels"]).all()


TABLE = INPUTS["a table"][1]


@pytest.mark.parametrize(
    "features", ["reconstruction", ["reconstruction"], lambda X: X[:, :2], lambda X: X[:, :, None]]
)
def test_features_of_ones_own(features: Any) -> None:
    targets = make_aux_targets(TABLE, "any", {"soft_labels": {**TEACHER["soft_labels"], "features": features}}, y=Y)
    assert np.isfinite(targets["soft_labels"][6:]).all()


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (lambda X: X * np.nan, InvalidInputError, r"`features`: <lambda> gives nan for sample 0, column 0"),
        (lambda X: X[:2], InvalidInputError, r"must give one row for each of the 14 samples; found shape \(2, 5\)"),
        (lambda X: X[:, 0], InvalidInputError, r"must give one row for each .* found shape \(14,\)"),
        (lambda X: X[:, :0], InvalidInputError, "gives no column; a teacher needs at least one"),
        (lambda X: ["a"] * 14, InvalidTypeError, "does not give an array of numbers"),
        (3, InvalidTypeError, "`features` must be tasks, as `tasks` names them, or a function"),
        ("reconstructoin", UnknownNameError, "Did you mean 'reconstruction'"),
        ([], InvalidInputError, "is empty"),
    ],
)
def test_features_that_cannot_be_used_are_refused(features: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_aux_targets(TABLE, "any", {"soft_labels": {"features": features}}, y=Y)


def test_tasks_that_compute_nothing_are_refused_as_features() -> None:
    with pytest.raises(InvalidInputError, match="`features`: 'rotation' only changes the inputs"):
        make_aux_targets(INPUTS["images"][1], "image", {"soft_labels": {"features": "rotation"}}, y=Y)


def test_texts_that_share_nothing_are_refused() -> None:
    texts = [chr(0x4E00 + 2 * row) + chr(0x4E01 + 2 * row) for row in range(250)]
    with pytest.raises(InvalidInputError, match="share no words and no letters that a teacher could read"):
        make_aux_targets(texts, "text", TEACHER, y=Y)


@pytest.mark.parametrize("case", ["signals", "images", "video", "a wide table"])
@pytest.mark.parametrize("exponent", [-70, 70])
def test_features_do_not_depend_on_the_unit_of_inputs(case: str, exponent: int) -> None:
    domain, X = INPUTS[case]
    X = X.astype(np.float32)
    ordinary, scaled = (
        FeatureSet(BY_DOMAIN[domain]()).fit(read_inputs(each, domain), components=True)
        for each in (X, np.ldexp(X, exponent))
    )
    for name, features in ordinary.items():
        np.testing.assert_allclose(scaled[name], features, atol=1e-5)
