"""Main labels in every form that users have, and what is said of those that nothing can be taught from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.teacher.labels import MainLabels, main_of, read_main

N = 8
ONE_HOT = np.eye(3)[[0, 1, 2, 0]]
FLAGS = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 0], [1, -1, 0], [-1, -1, -1]])
NAN = float("nan")


def _read(y: Any) -> MainLabels:
    (found,) = read_main(y, N, N)
    return found


CLASSES: dict[str, tuple[Any, list[int]]] = {
    # labels, and the classes of the samples that have one, which come first
    "fewer": ([0, 1, 0, 2], [0, 1, 0, 2]),
    "-1": (np.array([0, 1, -1, -1]), [0, 1]),
    "uint8": (np.array([0, 1, 2], "uint8"), [0, 1, 2]),
    "all of uint8": (np.arange(N, dtype="uint8"), list(range(N))),
    "bool": (np.array([True, False]), [1, 0]),
    "float 0 and 1": (np.array([0.0, 1.0, NAN]), [0, 1]),
    "columns": (np.array([[0], [1], [2]]), [0, 1, 2]),
    "masked": (np.ma.masked_array(np.arange(N) % 2, np.arange(N) > 2), [0, 1, 0]),
    "masked uint8": (np.ma.masked_array(np.arange(N, dtype="uint8"), np.arange(N) > 2), [0, 1, 2]),
    "masked bool": (np.ma.masked_array([True, False, True], [False, False, True]), [1, 0]),
    "masked strings": (np.ma.masked_array(["b", "a", "b"], [False, False, True]), [1, 0]),
    "Int64": (pd.Series([0, 2, None], dtype="Int64"), [0, 2]),
    "boolean": (pd.Series([True, False, None], dtype="boolean"), [1, 0]),
    "categorical": (pd.Series(["b", "a", None], dtype="category"), [1, 0]),
    "pd.Categorical": (pd.Categorical(["b", "a", None]), [1, 0]),
    "categorical integers": (pd.Series(pd.Categorical([3, 1, None])), [3, 1]),
    "string": (pd.Series(["b", "a", None], dtype="string"), [1, 0]),
    "list of strings": (["b", "a", None], [1, 0]),
    "strings": (np.array(["b", "a"]), [1, 0]),
    "column of strings": (np.array([["b"], ["a"], [None]], object), [1, 0]),
    "objects": (np.array(["b", "a", None], object), [1, 0]),
    "integers beside None": (np.array([0, 1, None], object), [0, 1]),
    "bool beside None": (np.array([True, False, None], object), [1, 0]),
    "one-hot": (ONE_HOT, [0, 1, 2, 0]),
    "one-hot and NaN": (np.r_[ONE_HOT, np.full((2, 3), NAN)], [0, 1, 2, 0]),
    "one-hot and -1": (np.r_[ONE_HOT.astype(int), np.full((2, 3), -1)], [0, 1, 2, 0]),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes(case: str) -> None:
    y, classes = CLASSES[case]
    labels = _read(y)
    assert labels.kind == "distribution"
    assert labels.main.shape[0] == N
    np.testing.assert_array_equal(labels.rows, np.arange(len(classes)))
    np.testing.assert_array_equal(labels.answers(labels.rows), classes)
    assert labels.width >= max(2, max(classes) + 1)
    assert labels.names == (("a", "b") if "ategorical" not in case and labels.names else labels.names)
    np.testing.assert_array_equal(main_of(y, N, N)["main"], labels.main)


NUMBERS: dict[str, tuple[Any, int]] = {
    "floats": (np.array([0.5, 1.5, NAN]), 2),
    "column": (np.array([[0.5], [1.5]]), 2),
    "several": (np.array([[0.5, 1.0], [1.5, NAN], [3.0, 4.0]]), 2),
    "masked": (np.ma.masked_array([0.5, 1.5, 2.5], [False, False, True]), 2),
    "Float64": (pd.Series([0.5, 1.5, None], dtype="Float64"), 2),
    "objects": (np.array([0.5, 1.5, None], object), 2),
    "a data frame": (pd.DataFrame({"a": [0.5, 1.5], "b": [1.0, 2.5]}), 2),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers(case: str) -> None:
    y, n_labelled = NUMBERS[case]
    labels = _read(y)
    assert (labels.kind, len(labels.rows)) == ("vector", n_labelled)
    assert labels.answers(labels.rows).shape == (n_labelled, labels.width)
    assert np.isfinite(labels.answers(labels.rows)).all()


def test_flags() -> None:
    labels = _read(FLAGS)
    assert (labels.kind, labels.width, labels.rows.tolist()) == ("multilabel", 3, [0, 1, 2])
    assert _read(FLAGS[:3].astype(float)).kind == "multilabel"


def test_several_outputs() -> None:
    found = read_main({"a": [0, 1], "b": np.array([0.5]), "c": ["x", "y", None]}, N, N + 2)
    assert [(each.output, each.kind, len(each.main)) for each in found] == [
        ("a", "distribution", N + 2),
        ("b", "vector", N + 2),
        ("c", "distribution", N + 2),
    ]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.array([-3, 0, 1]), InvalidInputError, "classes are numbered from 0, and -1 stands .* found -3"),
        (np.zeros((3, 2, 2)), InvalidInputError, r"one label, or one row of labels.*found shape \(8, 2, 2\)"),
        (np.full(N, -1), InvalidInputError, "found no label at all"),
        (np.array([None] * 3, object), InvalidInputError, "holds no label at all"),
        (np.zeros(9, int), InvalidInputError, "must have from 1 to 8 entries"),
        ([], InvalidInputError, "must have from 1 to 8 entries"),
        (
            np.array([[3, 4], [5, 6]]),
            InvalidInputError,
            "neither classes nor labels of 0 and 1; pass numbers .* floats",
        ),
        ([1.0, np.inf], InvalidInputError, "holds infinite values"),
        (None, InvalidTypeError, "`y` must hold the main labels"),
        (np.array(["2020-01-01"], "M8[D]"), InvalidTypeError, "must hold integers, floats, booleans or strings"),
    ],
)
def test_labels_that_cannot_be_taught_from_are_refused(y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_main(y, N, N)
