"""The doors: whatever comes, a value of the promised type goes through or an error of ours comes back."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd
import pytest

from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError, UnknownNameError, abbreviated
from auxtasks.validation import (
    as_array,
    as_numbers,
    check_choice,
    check_depth,
    check_flag,
    check_int,
    check_keys,
    check_name,
    check_names,
    check_number,
    check_path,
    check_processes,
)


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ENDLESS: list[Any] = [1]
ENDLESS += [ENDLESS, ENDLESS]
UNHASHABLE = ([], {}, set(), np.array([1, 2]), np.array("a"), pd.Series(["a"]), ENDLESS, nested(5000))
NO_NUMBERS = (
    *UNHASHABLE,
    None,
    "1",
    b"1",
    True,
    np.bool_(1),
    1j,
    Decimal(1),
    np.array(1),
    np.timedelta64(1),
    pd.NA,
    int,
)


def type_of(value: Any) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", NO_NUMBERS, ids=type_of)
def test_no_numbers(value: Any) -> None:
    for check in (check_int, check_number):
        with pytest.raises(InvalidTypeError, match=r"`n` must be an? (integer|number); got .* of type"):
            check("n", value, low=0)


def test_numbers() -> None:
    assert [check_int("n", value, low=0) for value in (3, np.int8(3), np.uint64(3))] == [3, 3, 3]
    assert [check_number("n", value, low=0) for value in (3, np.float16(3), Fraction(6, 2))] == [3, 3, 3]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "`n` must be from 0 to 9223372036854775807; got 9223372036854775808"),
        (10**5000, "`n` must be from 0 to 9223372036854775807; got an integer of 16610 bits"),
        (-(10**400), "`n` must be at least 0; got an integer of 1329 bits"),
    ],
    ids=["65 bits", "5000 digits", "negative"],
)
def test_integers_have_64_bits(value: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_int("n", value, low=0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1e39, r"`x` must be from 0 to 3.40\d*e\+38; got 1e\+39"),
        (10**400, r"`x` must be from 0 to 3.40\d*e\+38; got an integer of 1329 bits"),
        (float("inf"), r"`x` must be from 0 to 3.40\d*e\+38; got inf"),
        (float("nan"), "`x` must be at least 0; got nan"),
        (-1, "`x` must be at least 0; got -1"),
    ],
    ids=["1e39", "400 digits", "infinity", "NaN", "negative"],
)
def test_numbers_are_those_of_float32(value: float, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_number("x", value, low=0)


def test_processes_are_bounded() -> None:
    with pytest.raises(InvalidInputError, match="`n_jobs` must be from -1 to 4096; got 1000000000"):
        check_processes("n_jobs", 10**9)


@pytest.mark.parametrize("value", UNHASHABLE, ids=type_of)
def test_what_cannot_be_hashed_is_no_name(value: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"`way`: there is no way named .*Valid names: 'a', 'b'"):
        check_choice("way", value, ("a", "b"), "way")
    with pytest.raises(InvalidTypeError, match="`name` must be a name, that is a string without '/'; got"):
        check_name("name", value)
    with pytest.raises(InvalidTypeError, match="`axes` must be a list of names; got"):
        check_names("axes", [value])
    with pytest.raises(InvalidTypeError, match="`flag` must be True or False; got"):
        check_flag("flag", value)
    with pytest.raises(InvalidTypeError, match="`path` must be a path; got"):
        check_path("path", value)


def test_keys() -> None:
    assert check_keys("at", {"a": 1}, ("a", "b"), "task") == {"a": 1}
    with pytest.raises(InvalidTypeError, match=r"`at` must be a mapping with names \(task\) as keys; got \['a'\]"):
        check_keys("at", ["a"], ("a", "b"), "task")
    for key in (1, None, ("a",), float("nan"), pd.NA):
        with pytest.raises(UnknownNameError, match="`at`: there is no task named"):
            check_keys("at", {key: 1}, ("a", 2), "task")


@pytest.mark.parametrize("value", ["", "\0", "\ud800"], ids=list("abc"))
def test_what_is_no_path(value: str) -> None:
    with pytest.raises(InvalidInputError, match="`path` must be a path that the system can hold; got"):
        check_path("path", value)


def test_paths() -> None:
    assert check_path("path", "a/b") == check_path("path", Path("a/b")) == Path("a/b")
    with pytest.raises(InvalidTypeError, match="`path` must be a path; got <class 'pathlib"):
        check_path("path", Path)


@pytest.mark.parametrize("value", [ENDLESS, nested(33), {"a": nested(5000)}], ids=["endless", "deep", "mapping"])
def test_depth(value: Any) -> None:
    check_depth("x", nested(20))
    with pytest.raises(InvalidInputError, match="`x` must not hold lists or mappings more than 32 deep"):
        check_depth("x", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], [1, 2]], "`x` cannot be read as an array of numbers"),
        (np.ma.masked_less([1, 2], 2), "`x` is a masked array, whose mask would be lost"),
        (pd.DataFrame, "`x` must be an array, not a class; got <class"),
        (np.ones(2, ml_dtypes.bfloat16), "`x` must hold numbers; found dtype bfloat16"),
        (np.ones(2, ml_dtypes.float8_e5m2), "`x` must hold numbers; found dtype float8_e5m2"),
        (np.ones(2, "M8[s]"), "`x` must hold numbers; found dtype datetime64"),
        (["a"], "`x` must hold numbers; found dtype <U1"),
        (iter([1]), "`x` must hold numbers; found dtype object"),
    ],
)
def test_no_arrays(value: Any, message: str) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        as_numbers("x", value)


def test_arrays_stay_the_objects_they_were() -> None:
    array = np.ones(3)
    assert as_array("x", array) is array
    np.testing.assert_array_equal(as_numbers("x", pd.Series([1, 2])), [1, 2])


def test_messages_are_short() -> None:
    for value in ("a" * 10**6, list(range(10**5)), nested(5000), np.arange(10**6), {"a" * 10**6: 1}, 10**5000):
        with pytest.raises(AuxTasksError, match="`n`") as found:
            check_int("n", value, low=0)
        assert len(str(found.value)) < 600
    assert abbreviated({"b": [1, 2.5], "a": "text"}) == "{'a': 'text', 'b': [1, 2.5]}"
