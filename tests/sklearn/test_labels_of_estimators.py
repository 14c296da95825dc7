"""Labels and class weights of the estimators, before anything is trained."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks.errors import AuxTasksWarning, InvalidInputError, UnknownNameError
from auxtasks.sklearn.labels import check_weighed, fit_classes, fit_numbers, numbered_weights, read_y

pa = pytest.importorskip("pyarrow")
NAMES = fit_classes(["cat", "dog", "cat", "emu"], -1)
NUMBERS = fit_classes([1, 2, 5, 5], -1)


@pytest.mark.parametrize(
    "y",
    [
        np.ma.masked_array([3, 5, 5, 3], [0, 0, 1, 0]),
        pd.Series([3, 5, None, 3], dtype="Int64"),
        pd.Series([3, 5, None, 3], dtype="int64[pyarrow]"),
        pa.array([3, 5, None, 3]),
        [3, 5, None, 3],
        np.array([3, 5, -1, 3]),
    ],
    ids=["masked", "pandas", "pandas on Arrow", "Arrow", "list", "array"],
)
def test_a_masked_or_null_class_is_missing(y: Any) -> None:
    labels = fit_classes(y, -1)
    assert [classes.tolist() for classes in labels.classes] == [[3, 5]]
    assert labels.encode(y)[0].tolist() == [0, 1, -1, 0]


def test_what_is_masked_is_missing_also_where_minus_one_is_a_class() -> None:
    y = np.ma.masked_array([-1, 1, 1], [False, False, True])
    assert fit_classes(y, None).encode(y)[0].tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    "y", [np.ma.masked_array([1, 2, 3], [0, 1, 0]), pa.array([1, None, 3]), pd.Series([1, None, 3], dtype="Int64")]
)
def test_a_masked_or_null_number_is_missing(y: Any) -> None:
    (numbers,) = fit_numbers(y).encode(y)
    np.testing.assert_array_equal(numbers, np.array([1, np.nan, 3], np.float32))


def test_large_classes_keep_their_value() -> None:
    labels = fit_classes(np.array([2**63 + 1, 2**63 + 1, 7], np.uint64), -1)
    assert labels.classes[0].tolist() == [7, 2**63 + 1]


def test_minus_one_and_one_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"found 1 class, 1. Entries of -1 were taken for missing.*unlabelled="):
        fit_classes([-1, 1, 1], -1)


@pytest.mark.parametrize(
    ("asked", "labels", "expected"),
    [
        ({1: 50, 2: 1}, NUMBERS, {"out": {0: 50, 1: 1}}),
        ({np.int64(5): 2.0}, NUMBERS, {"out": {2: 2.0}}),
        ({"cat": 3, "emu": 0.5}, NAMES, {"out": {0: 3, 2: 0.5}}),
        ("balanced", NAMES, {"out": "balanced"}),
        ({"main": {"dog": 2}, "pose": {0: 9}}, NAMES, {"out": {1: 2}, "pose": {0: 9}}),
        ({"pose": "balanced"}, NAMES, {"pose": "balanced"}),
        (None, NAMES, None),
    ],
)
def test_class_weights_go_by_the_classes_of_y(asked: Any, labels: Any, expected: Any) -> None:
    assert numbered_weights(asked, labels, ["out"]) == expected


def test_each_column_has_weights_of_its_own_classes() -> None:
    labels = fit_classes([["a", 3], ["b", 4], ["b", 3]], -1)
    asked = {"first": {"b": 2}, "second": {4: 3}}
    assert numbered_weights(asked, labels, ["first", "second"]) == {"first": {1: 2}, "second": {1: 3}}


def test_weights_of_classes_that_are_none_are_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"`fit__class_weight`: there is no class of 'out' named 0.*'1', '2', '5'"
    ):
        numbered_weights({0: 3.0}, NUMBERS, ["out"])
    with pytest.raises(UnknownNameError, match=r"`class_weight`: there is no class of y named 'cow'.*'cat', 'dog'"):
        check_weighed("class_weight", {"cow": 3.0}, NAMES)
    with pytest.raises(InvalidInputError, match="`fit__class_weight`: numbers have no classes; pass `sample_weight`"):
        numbered_weights({0: 3.0}, fit_numbers([0.5, 1.5]), ["out"])


def test_many_classes_are_pointed_out_in_words_of_their_own() -> None:
    with pytest.warns(
        AuxTasksWarning, match="`y` holds 25 classes among 25 samples; numbers are for AuxRegressor"
    ) as said:
        fit_classes(np.arange(25), -1)
    assert len(said) == 1


def test_a_column_vector_is_flattened() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array, missing = read_y(pa.table({"y": [1, None]}), -1)
    assert (array.shape, missing.tolist()) == ((2,), [False, True])
