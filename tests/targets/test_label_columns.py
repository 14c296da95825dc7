"""Label columns given by the user: their kinds, their numbers, what is missing and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.label_columns import LabelColumn, encode, fit_label_column

NAN = float("nan")


def fit_and_encode(values):
    column = fit_label_column("label", values, len(values))
    return column, encode(column, values, len(values))


@pytest.mark.parametrize(
    ("values", "classes", "expected"),
    [
        ([30, 10, 30, -1], (10, 30), [1, 0, 1, -1]),
        (np.array([5, 0, 5], np.uint8), (0, 5), [1, 0, 1]),
        (np.array([True, False, True]), (False, True), [1, 0, 1]),
        ([True, None, False], (False, True), [1, -1, 0]),
        ([7, None, NAN, 3], (3, 7), [1, -1, -1, 0]),
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (np.array(["b", "a"]), ("a", "b"), [1, 0]),
        (np.array(["b", None, NAN, "a"], object), ("a", "b"), [1, -1, -1, 0]),
        ([[2], [9], [2]], (2, 9), [0, 1, 0]),
        (pd.Series([4, pd.NA, 2], dtype="Int64"), (2, 4), [1, -1, 0]),
        (pd.Series(["x", pd.NA, "w"], dtype="string"), ("w", "x"), [1, -1, 0]),
        (pd.Series(["x", None, "w"], dtype="category", index=[7, 8, 9]), ("w", "x"), [1, -1, 0]),
        (pd.DataFrame({"speaker": ["x", "w"]}), ("w", "x"), [1, 0]),
        (np.array([2**63 + 5, 1], np.uint64), (1, 2**63 + 5), [1, 0]),
    ],
)
def test_integers_and_strings_are_classes_numbered_by_their_sorted_values(values, classes, expected):
    column, target = fit_and_encode(values)
    assert (column.kind, column.shape, column.classes) == ("class", (), classes)
    np.testing.assert_array_equal(target, expected)
    assert target.dtype == np.int32


@pytest.mark.parametrize(
    ("values", "kind", "shape", "dtype"),
    [
        ([0.5, NAN, 2.0], "vector", (1,), np.float64),
        ([1, 2.5, None], "vector", (1,), np.float64),
        (np.array([[0, 1], [NAN, 3]], np.float32), "vector", (2,), np.float32),
        (np.ones((2, 3), np.float16), "vector", (3,), np.float32),
        (np.ones((2, 5, 3)), "step_vector", (5, 3), np.float64),
        (np.ones((2, 5, 6, 1), np.float32), "image", (5, 6, 1), np.float32),
        ([[0, 1, 1], [-1, 1, 0]], "multilabel", (3,), np.int8),
        (np.array([[True, False]]), "multilabel", (2,), np.int8),
    ],
)
def test_numbers_and_flags_keep_their_values(values, kind, shape, dtype):
    column, target = fit_and_encode(values)
    assert (column.kind, column.shape, column.classes) == (kind, shape, ())
    assert target.dtype == dtype
    np.testing.assert_array_equal(target, np.array(values, dtype=float).reshape(-1, *shape))


def test_integers_in_rows_are_classes_per_step():
    column, target = fit_and_encode([[3, 5, 5], [-1, 3, 9]])
    assert (column.kind, column.shape, column.classes) == ("step_class", (3,), (3, 5, 9))
    np.testing.assert_array_equal(target, [[0, 1, 1], [-1, 0, 2]])
    np.testing.assert_array_equal(encode(column, [[9, 4, 3]]), [[2, -1, 0]])


def test_the_names_of_a_data_frame_are_kept():
    assert fit_label_column("pose", pd.DataFrame({"roll": [0.1], "yaw": [0.2]}), 1).columns == ("roll", "yaw")


@given(st.lists(st.one_of(st.integers(-3, 50), st.none()), min_size=1).filter(lambda v: any((x or 0) > 0 for x in v)))
def test_class_numbers_lead_back_to_the_labels(values):
    column, target = fit_and_encode(values)
    decoded = [column.classes[number] if number >= 0 else None for number in target]
    assert decoded == [value if value is not None and value >= 0 else None for value in values]


@pytest.mark.parametrize("values", [["b", None], [True, False], [[1, 5]], [[0.5, 1.0]], [3, 4]])
def test_a_column_survives_json(values):
    column, _ = fit_and_encode(values)
    restored = LabelColumn.from_dict(json.loads(json.dumps(column.to_dict())))
    assert restored == column


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1, 2], InvalidInputError, r"`label` must have one entry for each of the 3 samples; found shape \(2,\)"),
        (7, InvalidInputError, r"found shape \(\)"),
        ([1.0, np.inf, 2.0], InvalidInputError, r"`label` must be finite.*found inf at position \(1,\)"),
        ([None, NAN, None], InvalidInputError, "`label` has no label at all: all 3 are missing"),
        ([-1, -1, -2], InvalidInputError, "`label` has no label at all"),
        (np.zeros((3, 0)), InvalidInputError, r"`label` must not be empty; found shape \(3, 0\)"),
        (np.zeros((3, 1, 1, 1, 1)), InvalidInputError, "labels of type float must have shape"),
        (np.zeros((3, 2, 2), int), InvalidInputError, "labels of type integer must have shape.*as floats"),
        ([["a", "b"]] * 3, InvalidInputError, "labels of type string must have shape.*one by one"),
        (
            [np.zeros((2, 3)), np.zeros((2, 4)), np.zeros((2, 3))],
            InvalidInputError,
            "`label` must be an array; its entries differ",
        ),
        ([1, "a", 2], InvalidTypeError, "expected integer labels, as before it, at position 1.*found str"),
        (["a", None, 2.5], InvalidTypeError, "expected string labels, as before it, at position 2.*found float"),
        ([[1], [1, 2], [3]], InvalidTypeError, "at position 0 of shape .*found list.*different lengths"),
        ([b"a", b"b", b"c"], InvalidTypeError, "at position 0.*found bytes"),
        (np.array(["2020-01-01"] * 3, "M8[D]"), InvalidTypeError, "got an array of dtype datetime64"),
        (np.zeros(3, complex), InvalidTypeError, "got an array of dtype complex128"),
    ],
)
def test_labels_that_make_no_target_are_refused(values, error, message):
    with pytest.raises(error, match=message):
        fit_label_column("label", values, 3)


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, 3, None, 1], dtype="Int64"),
        pd.Series(pd.Categorical([1, 3, None, 1])),
        pd.Categorical([1, 3, None, 1]),
        pd.DataFrame({"label": pd.array([1, 3, None, 1], dtype="Int64")}),
    ],
    ids=["array", "series of categories", "categories", "frame"],
)
def test_nullable_integers_of_pandas_are_classes(values):
    column = fit_label_column("label", values, 4)
    assert column.kind == "class"
    assert encode(column, values).tolist() == [0, 1, -1, 0]


@pytest.mark.parametrize(
    ("training", "later", "expected"),
    [
        (["a", "c"], ["c", "b", None], [1, -1, -1]),
        (["a", "c"], [None, NAN], [-1, -1]),
        ([1, 2], [2, 3, -5], [1, -1, -1]),
        ([1, 2], pd.Series([2, None, 1]), [1, -1, 0]),
        ([[0, 1]], [[None, 1]], [[-1, 1]]),
        ([0.5], [1, 2], [[1], [2]]),
        ([[0.5, 1]], [[2, None]], [[2, NAN]]),
        ([2, 1], [[None]], [-1]),
    ],
)
def test_later_labels_are_encoded_by_the_training_ones(training, later, expected):
    column = fit_label_column("label", training, len(training))
    np.testing.assert_array_equal(encode(column, later), expected)


@pytest.mark.parametrize(
    ("training", "later", "error", "message"),
    [
        (["a"], [1], InvalidTypeError, "`label` was fitted on labels of type string; found integer"),
        ([1], ["a"], InvalidTypeError, "`label` was fitted on labels of type integer; found string"),
        ([1], [1.5], InvalidTypeError, "`label` was fitted on labels of type integer; found float"),
        ([1.5], ["a"], InvalidTypeError, "`label` was fitted on labels of type float; found string"),
        ([[1.5, 2]], [[1.5]], InvalidInputError, r"fitted on labels of shape \('n', 2\); found \(1, 1\)"),
        ([[0, 1]], [[0, 2]], InvalidInputError, r"fitted on labels of 0, 1 and -1 \(missing\); found 2"),
    ],
)
def test_later_labels_unlike_the_training_ones_are_refused(training, later, error, message):
    column = fit_label_column("label", training, 1)
    with pytest.raises(error, match=message):
        encode(column, later)
