"""What a label is and which one is missing, in arrays and in tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.labels import (
    absent_labels,
    absent_targets,
    any_floats,
    any_missing,
    are_flags,
    are_signed,
    find_missing,
    labelled_rows,
    main_labels,
    missing_entries,
    present_rows,
    read_labels,
    with_negative,
    with_sign,
    without_labels,
)
from auxtasks.specs import TargetSpec

NAN = float("nan")


def test_main_labels_of_the_first_samples_are_brought_to_the_length_of_the_targets() -> None:
    assert main_labels([1, 0], "main", 3, 4)["main"].tolist() == [1, 0, -1, -1]
    floats = main_labels(np.array([0.5], "float32"), "main", 3, 2)["main"]
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, [0.5, NAN])


def test_main_labels_without_a_sign_get_one_only_where_some_are_missing() -> None:
    assert main_labels(np.array([1, 2], "uint8"), "main", 2, 2)["main"].dtype == np.uint8
    assert main_labels(np.array([1, 2], "uint8"), "main", 2, 3)["main"].dtype == np.int32
    assert main_labels(np.array([True]), "main", 1, 1)["main"].dtype == np.int32


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean"])
def test_nullable_labels_of_pandas_stay_integers(dtype: str) -> None:
    labels = read_labels("y", pd.Series([1, None, 0], dtype=dtype))
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([[1], [1, 2]], InvalidTypeError, "`y` must hold labels of one type.*different lengths"),
        (["a"], InvalidTypeError, r"`y` must hold integers or floats; got strings, shape \(1,\).*np.unique"),
        (3, InvalidInputError, "`y` must hold one entry for each sample; got the single number 3"),
    ],
)
def test_what_is_no_array_of_labels_is_refused(y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_labels("y", y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], r"must have from 1 to 3 entries.*shape \(0,\)"),
        ([1, 2, 3, 4], r"must have from 1 to 3 entries.*shape \(4,\)"),
        ([np.inf], r"`y` \('main'\) holds infinite values; use NaN"),
    ],
)
def test_main_labels_of_another_number_or_without_end_are_refused(y: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        main_labels(y, "main", 3, 4)


def test_entries_are_missing_by_their_dtype() -> None:
    assert missing_entries(np.array([-1, 0, 1])).tolist() == [True, False, False]
    assert missing_entries(np.array([-1.0, NAN])).tolist() == [False, True]
    assert not missing_entries(np.array([-1, 1]), signed=True).any()
    assert find_missing(np.array([1], "uint8")) is None
    assert find_missing(np.array(["a"])) is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "uint8", "bool"])
def test_tensors_are_told_as_arrays_are(dtype: str) -> None:
    import tensorflow as tf

    tensor = tf.cast([[1.0, -1.0], [-1.0, -1.0]] if dtype == "int32" else [[1.0, 0.0], [0.0, 0.0]], dtype)
    if dtype in ("float32", "bfloat16"):
        tensor = tf.where(tensor == 0, tf.cast(NAN, dtype), tensor)
    says_so = dtype in ("float32", "bfloat16", "int32")
    assert (find_missing(tensor) is None) is not says_so
    assert np.asarray(present_rows(tensor)).tolist() == [True, not says_so]
    assert any_floats({"a": tensor}) is (dtype in ("float32", "bfloat16"))


def test_rows_have_a_label_where_any_entry_of_any_output_is_present() -> None:
    assert present_rows(np.array([[1.0, NAN], [NAN, NAN]])).tolist() == [True, False]
    assert present_rows(np.array([-1, 2])).tolist() == [False, True]
    assert labelled_rows({"a": np.array([-1, 2, -1]), "b": np.array([NAN, NAN, 0.5])}).tolist() == [False, True, True]
    assert labelled_rows(np.array([1, 2], "uint8")) is None
    assert any_missing([np.array([1]), np.array([NAN])])
    assert not any_missing(np.array([1], "uint8"))


@pytest.mark.parametrize(
    ("labels", "hinge", "expected"),
    [
        ([-1, 1], False, True),
        ([-1, 0, 1], False, False),
        ([0, 1], False, False),
        ([-1, -1], False, False),
        ([-1, -1], True, True),
        ([-1.0, -1.0], False, True),
        ([True], False, False),
    ],
)
def test_labels_are_signed_where_they_are_minus_one_and_one(labels: Any, hinge: bool, expected: bool) -> None:
    assert are_signed(np.array(labels), hinge=hinge) is expected


def test_flags_are_zero_and_one_or_minus_one_and_one() -> None:
    assert are_flags(np.array([0.0, NAN, 1.0]))
    assert not are_flags(np.array([0, 2]))
    assert are_flags(np.array([-1, 1]), signed=True)
    assert are_flags(np.array([-1, -1]))


def test_labels_are_taken_away_with_a_sign() -> None:
    found = without_labels(np.array([3, 4], "uint8"), np.array([1]))
    assert found.dtype == np.int32
    assert found.tolist() == [3, -1]
    floats = np.array([1.0, 2.0])
    np.testing.assert_array_equal(without_labels(floats, np.array([True, False])), [NAN, 2.0])
    assert floats.tolist() == [1.0, 2.0]
    with pytest.raises(InvalidInputError, match=r"`y` holds \d+, too large for int64"):
        with_sign(np.array([2**63], "uint64"))


def test_absent_labels_look_like_those_of_the_output() -> None:
    assert absent_labels(np.array([3, 4], "uint8"), 1).tolist() == [-1]
    assert np.isnan(absent_labels(np.zeros((2, 3)), 4)).sum() == 12


def test_absent_targets_are_missing_by_their_kind() -> None:
    assert absent_targets(TargetSpec("kind", "label_column", "class", (), n_classes=3), 2).tolist() == [-1, -1]
    assert absent_targets(TargetSpec("labels", "label_column", "multilabel", (2,)), 1).tolist() == [[-1.0, -1.0]]
    assert np.isnan(absent_targets(TargetSpec("std", "std", "vector", (2,)), 1)).all()


def test_minus_one_stays_a_label_beside_floats() -> None:
    assert any_floats({"a": np.array([1.0]), "b": np.array([1])})
    assert not any_floats(np.array([1, -1]))
    assert with_negative({"a": np.array([1.0]), "b": np.array([-1])})["b"].dtype == np.float32
    assert with_negative(np.array([1, -1])).dtype.kind == "i"
    assert with_negative(None) is None
