"""The forms in which labels and samples are held: each reads as the plain array does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks import make_aux_targets
from auxtasks.columns import Column, entries_of, family_of, is_missing, plain_array, read_column
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.label_columns import encode, fit_label_column
from auxtasks.labels import check_not_signed, check_two_classes, main_labels, read_labels

pa = pytest.importorskip("pyarrow")
NAN = float("nan")


class PolarsSeries:
    """What is used of a series of polars, which is not installed."""

    def __init__(self, values: list[Any], dtype: str) -> None:
        self._values, self.dtype = values, dtype

    def null_count(self) -> int:
        """Count what is missing."""
        return self._values.count(None)

    def to_list(self) -> list[Any]:
        """Return plain objects."""
        return self._values

    def to_numpy(self) -> Any:
        """Return floats where something is missing, as polars does."""
        return np.array([NAN if value is None else value for value in self._values])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return the same, as polars does."""
        return self.to_numpy()


class PolarsFrame:
    """What is used of a data frame of polars."""

    def __init__(self, *columns: PolarsSeries) -> None:
        self._columns = list(columns)

    def get_columns(self) -> list[PolarsSeries]:
        """Return the columns."""
        return self._columns

    def to_numpy(self) -> Any:
        """Return floats, as polars does of integers with gaps."""
        return np.stack([column.to_numpy() for column in self._columns], axis=1)


class LazyColumn(Sequence[Any]):
    """A column of a Hugging Face data set, which is read by slices."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __getitem__(self, at: Any) -> Any:
        """Read what is asked for."""
        return self._values[at]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._values)


INTEGERS = {
    "list": [0, None, 2],
    "objects": np.array([0, NAN, 2], object),
    "masked": np.ma.masked_array([0, 7, 2], [False, True, False]),
    "masked uint8": np.ma.masked_array(np.array([0, 7, 2], "uint8"), [False, True, False]),
    "masked in a list": [0, np.ma.masked, 2],
    "pandas Int64": pd.Series([0, None, 2], dtype="Int64"),
    "pandas array": pd.array([0, None, 2], dtype="Int8"),
    "pandas on Arrow": pd.Series([0, None, 2], dtype="int64[pyarrow]"),
    "Arrow": pa.array([0, None, 2]),
    "Arrow in chunks": pa.chunked_array([[0], [None, 2]]),
    "polars": PolarsSeries([0, None, 2], "Int64"),
    "Hugging Face": LazyColumn([0, None, 2]),
}
FRAMES = {
    "pandas": pd.DataFrame({"y": pd.array([0, None, 2], dtype="Int64")}),
    "Arrow": pa.table({"y": [0, None, 2]}),
    "polars": PolarsFrame(PolarsSeries([0, None, 2], "Int64")),
}
STRINGS = {
    "list": ["b", None, "a"],
    "masked": np.ma.masked_array(["b", "x", "a"], [False, True, False]),
    "pandas": pd.Series(["b", None, "a"]),
    "categories": pd.Series(["b", None, "a"], dtype="category"),
    "pandas on Arrow": pd.Series(["b", None, "a"], dtype="string[pyarrow]"),
    "Arrow": pa.array(["b", None, "a"]),
    "polars": PolarsSeries(["b", None, "a"], "String"),
    "Hugging Face": LazyColumn(["b", None, "a"]),
}
FLOATS = {
    "list": [0.5, NAN, 2.0],
    "masked": np.ma.masked_array([0.5, 7.0, 2.0], [False, True, False]),
    "pandas": pd.Series([0.5, None, 2.0]),
    "pandas Float64": pd.Series([0.5, None, 2.0], dtype="Float64"),
    "pandas on Arrow": pd.Series([0.5, None, 2.0], dtype="double[pyarrow]"),
    "Arrow": pa.array([0.5, None, 2.0]),
    "polars": PolarsSeries([0.5, None, 2.0], "Float64"),
}


@pytest.mark.parametrize("form", INTEGERS)
def test_integers_with_a_gap_are_classes(form: str) -> None:
    labels = read_labels("y", INTEGERS[form])
    assert (labels.tolist(), labels.dtype) == ([0, -1, 2], np.int64)
    column = fit_label_column("label", INTEGERS[form], 3)
    assert column.kind == "class"
    assert encode(column, INTEGERS[form]).tolist() == [0, -1, 1]


@pytest.mark.parametrize("form", FRAMES)
def test_a_frame_of_one_column_is_its_column(form: str) -> None:
    assert main_labels(FRAMES[form], "main", 3, 3)["main"].tolist() == [[0], [-1], [2]]
    assert fit_label_column("label", FRAMES[form], 3).kind == "class"


@pytest.mark.parametrize("form", STRINGS)
def test_strings_with_a_gap_are_classes(form: str) -> None:
    column = fit_label_column("label", STRINGS[form], 3)
    assert column.classes == ("a", "b")
    assert encode(column, STRINGS[form]).tolist() == [1, -1, 0]
    with pytest.raises(InvalidTypeError, match=r"`y` must hold integers or floats; got strings, shape \(3,\)"):
        read_labels("y", STRINGS[form])


@pytest.mark.parametrize("form", FLOATS)
def test_floats_with_a_gap_are_numbers(form: str) -> None:
    np.testing.assert_array_equal(read_labels("y", FLOATS[form]), [0.5, NAN, 2.0])
    assert fit_label_column("label", FLOATS[form], 3).kind == "vector"


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, None, False], dtype="bool[pyarrow]"),
        pa.array([True, None, False]),
        np.ma.masked_array([True, True, False], [False, True, False]),
        [True, None, False],
    ],
)
def test_booleans_with_a_gap_are_classes(values: Any) -> None:
    assert read_labels("y", values).tolist() == [1, -1, 0]


def test_whole_numbers_of_arrow_in_floats_stay_numbers() -> None:
    assert read_labels("y", pa.array([1.0, None, 2.0])).dtype == np.float64
    assert read_labels("y", PolarsSeries([1.0, None, 2.0], "Float64")).dtype == np.float64


def test_without_a_gap_arrays_and_their_dtypes_are_kept() -> None:
    y = np.arange(3, dtype=np.uint8)
    assert read_labels("y", y) is y
    assert read_labels("y", np.ma.masked_array(y, [False] * 3)).dtype == np.uint8
    assert read_labels("y", pa.array([1, 2], pa.int16())).dtype == np.int16


@pytest.mark.parametrize(
    "rows",
    [
        pa.array([[0, 1], [1, None]]),
        np.ma.masked_array([[0, 1], [1, 7]], [[0, 0], [0, 1]]),
        [np.ma.masked_array([0, 1]), np.ma.masked_array([1, 7], [False, True])],
        pd.Series([[0, 1], [1, None]]),
        pa.table({"a": [0, 1], "b": [1, None]}),
        LazyColumn([[0, 1], [1, None]]),
    ],
    ids=["Arrow lists", "masked", "masked rows", "pandas lists", "Arrow table", "Hugging Face"],
)
def test_rows_of_labels(rows: Any) -> None:
    assert read_labels("y", rows).tolist() == [[0, 1], [1, -1]]


def test_signed_classes_with_a_gap_become_floats() -> None:
    found = read_labels("y", np.ma.masked_array([-1, 1, 1], [False, False, True]))
    np.testing.assert_array_equal(found, [-1.0, 1.0, NAN])


@pytest.mark.parametrize(
    "y", [np.array([2**63, 1], np.uint64), [2**63, None, 1], [2**63, -1], pd.Series([2**63, None], dtype="UInt64")]
)
def test_labels_that_would_wrap_are_refused(y: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`y` holds 9223372036854775808, too large for int64. Number classes"):
        read_labels("y", y)


def test_classes_that_are_numbered_anyway_may_be_large() -> None:
    column = fit_label_column("label", [2**63, -5, None, 2**63 + 1], 4)
    assert column.classes == (2**63, 2**63 + 1)
    assert encode(column, [2**63 + 1, 2**63, None]).tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([None, None], InvalidInputError, "`y` holds no label at all among its 2 entries"),
        (pa.array([None, None], pa.int64()), InvalidInputError, "`y` holds no label at all among its 2 entries"),
        ([1, "a"], InvalidTypeError, "`y` must hold labels of one type; expected integer labels.*found str"),
        (np.array(["2020-01-01"], "M8[D]"), InvalidTypeError, "`y` must hold integers.*dtype datetime64"),
    ],
)
def test_what_cannot_be_read_is_refused(y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_labels("y", y)


def test_a_column_is_read_once() -> None:
    column = read_column("`y`", [1, None])
    assert isinstance(column, Column)
    assert read_column("`y`", column) is column


def test_sparse_labels_and_frames_of_dask_are_brought_into_memory() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert plain_array(sparse.csr_array([[0, 1]])).tolist() == [[0, 1]]
    frames = pytest.importorskip("dask.dataframe")
    lazy = frames.from_pandas(pd.DataFrame({"y": pd.array([0, None], dtype="Int64")}), npartitions=2)
    assert read_labels("y", lazy["y"]).tolist() == [0, -1]


X = [[1.0, 3.0], [2.0, 2.0], [4.0, 0.0]]


@pytest.mark.parametrize(
    "given",
    [
        pa.array(X),
        pa.chunked_array([X[:1], X[1:]]),
        pa.table({"a": [1.0, 2.0, 4.0], "b": [3.0, 2.0, 0.0]}),
        LazyColumn(X),
        pd.Series(X, dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
        pd.DataFrame(X).astype("Float64"),
        PolarsFrame(PolarsSeries([1.0, 2.0, 4.0], "Float64"), PolarsSeries([3.0, 2.0, 0.0], "Float64")),
    ],
    ids=["Arrow", "chunks", "table", "Hugging Face", "pandas on Arrow", "nullable frame", "polars"],
)
def test_inputs_are_read_like_labels(given: Any) -> None:
    found, plain = (make_aux_targets(each, "signal", "std") for each in (given, np.array(X)))
    np.testing.assert_allclose(found["std"], plain["std"])
    np.testing.assert_array_equal(found.inputs, X)


def test_inputs_with_a_gap_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"`X` has a missing value, first at `X\[1, 0\]`.*Impute"):
        make_aux_targets(pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.0, 2.0]}), "signal", "std")


TEXTS = ["so it goes", "so it is"]


@pytest.mark.parametrize("texts", [pa.array(TEXTS), pa.chunked_array([TEXTS]), LazyColumn(TEXTS), pd.array(TEXTS)])
def test_texts_are_read_like_lists_of_them(texts: Any) -> None:
    assert (
        make_aux_targets(texts, "text", "next_word").vocabulary
        == make_aux_targets(TEXTS, "text", "next_word").vocabulary
    )


def test_a_column_of_a_data_set_is_read() -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": [*TEXTS, "so"], "y": [0, None, 1]})
    targets = make_aux_targets(data["text"], "text", "next_word", label_columns={"label": data["y"]})
    assert targets["label"].tolist() == [0, -1, 1]
    assert targets.with_main(data["y"])["main"].tolist() == [0, -1, 1]


def test_entries_of_what_is_no_column_are_left_alone() -> None:
    array = np.ones((2, 3))
    assert entries_of(array) is array
    assert entries_of("text") == "text"
    assert entries_of(None) is None


@pytest.mark.parametrize("value", [None, NAN, np.float32("nan"), pd.NA, pd.NaT])
def test_what_stands_for_a_missing_entry(value: Any) -> None:
    assert is_missing(value)


def test_entries_have_a_family() -> None:
    assert [family_of(value) for value in (True, 2, 2.0, "2", b"2")] == [
        *("integer", "integer", "float", "string", "unknown"),
    ]
    assert not is_missing("")


@pytest.mark.parametrize("y", [[-1, 1, 1], [[-1], [1]]])
def test_integers_of_minus_one_and_one_are_refused_as_classes(y: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`y` holds only -1 and 1.*-1 stands for a missing label"):
        check_not_signed("y", np.array(y))
    labels = np.array(y)
    with pytest.raises(InvalidInputError, match="`y` holds one class only, 1, and 1 missing labels; at least two"):
        check_two_classes("y", labels, labels != -1)


@pytest.mark.parametrize("y", [[-1, 0], [-1, 1, 2], [-1.0, 1.0], [[-1, 1], [1, 1]], [1, 1]])
def test_other_labels_are_not_taken_for_signed_ones(y: Any) -> None:
    check_not_signed("y", np.array(y))
