"""What cannot be used is refused, before anything is computed where type and shape tell."""

from __future__ import annotations

import pickle
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import InvalidInputError, InvalidTypeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 16))
LAZY = da.from_array(X, chunks=(5, -1))
FRAME = dd.from_pandas(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), npartitions=1)


def unread(*shape: int, dtype: Any = float) -> Any:
    """Make an array that must not be computed."""

    def never() -> Any:
        raise AssertionError

    return da.from_delayed(dask.delayed(never)(), shape, dtype)


@pytest.mark.parametrize(
    ("inputs", "domain", "error", "message"),
    [
        (unread(3), "signal", InvalidInputError, r"`X` must have the shape \(n, time\).*got shape \(3,\)"),
        (unread(0, 4), "signal", InvalidInputError, r"`X` holds no samples; its shape is \(0, 4\)"),
        (unread(3, 4, dtype=complex), "signal", InvalidTypeError, "found complex numbers"),
        (unread(3, 4, dtype="U3"), "signal", InvalidTypeError, r"found strings \(dtype <U3, shape \(3, 4\)\)"),
        (unread(3, 4, dtype=object), "signal", InvalidTypeError, "got dtype object"),
        (FRAME, "any", InvalidTypeError, "got dtype object"),
        (FRAME, "text", InvalidTypeError, r"`X` must be one column .* \['a', 'b'\]"),
        (dask.delayed(np.ones)((3, 4)), "signal", InvalidTypeError, r"got dask.delayed.Delayed. Make one by"),
        (
            db.from_sequence([X], npartitions=1).filter(lambda _: False),
            "signal",
            InvalidInputError,
            "partitions are empty",
        ),
        (db.from_delayed([]), "signal", InvalidInputError, "a bag without partitions"),
    ],
)
def test_inputs(inputs: Any, domain: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_aux_targets(inputs, domain)


def test_unknown_lengths_of_other_axes() -> None:
    with pytest.raises(InvalidInputError, match=r"known lengths along all axes but the first.*compute_chunk_sizes"):
        make_aux_targets(LAZY[:, da.from_array(X[0]) > 0], "signal")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_partition_is_named(bad: float) -> None:
    spoilt = X.copy()
    spoilt[13, 3] = bad
    spoilt = da.from_array(spoilt, chunks=(5, -1))
    place = r"partition 2 of `X`, samples 10 to 14 \(counted from its first sample\): .* first at `X\[3\]\[3\]`"
    with pytest.raises(InvalidInputError, match=place):
        make_aux_targets(spoilt, "signal")
    targets = AuxTargetGenerator("signal").fit(X).transform(spoilt)
    with pytest.raises(InvalidInputError, match=place):
        targets.compute()


def test_partitions_that_differ() -> None:
    def cut(series: np.ndarray) -> np.ndarray:
        return series[:, :1] if series[0, 0] else series

    mixed = db.from_sequence([np.ones((9, 2)), np.zeros((9, 2))], npartitions=2).map(cut)
    with pytest.raises(
        InvalidInputError, match=r"partition 1 of `X` has samples of shape \(9, 2\), and partition 0 .*1\)"
    ):
        make_aux_targets(mixed, "signal")
    longer = make_aux_targets(list(X), "signal").transform(db.from_sequence([np.ones(30)], npartitions=1))
    for lazy in (longer, longer.prepare(db.from_sequence([np.ones(30)], npartitions=1))):
        with pytest.raises(InvalidInputError, match=r"inputs of shape \(n, 30\), and \(n, 16\) was expected"):
            lazy.compute()


def test_a_target_that_depends_on_the_length_is_named(temporary_task: Any) -> None:
    temporary_task("halves", lambda X: X[:, : X.shape[1] // 2, 0])
    bag = db.from_sequence([np.arange(8.0), np.arange(6.0)], npartitions=2)
    with pytest.raises(
        InvalidInputError, match=r"task 'halves': a target has kind vector and shape \(4,\) in one part"
    ):
        make_aux_targets(bag, "signal", "halves")


def test_given_columns() -> None:
    with pytest.raises(InvalidInputError, match=r"one entry for each of the 20 samples; found shape \(3,\)"):
        make_aux_targets(LAZY, "signal", label_columns={"speaker": [1, 2, 3]})
    fitted = AuxTargetGenerator("signal").fit(X, label_columns={"speaker": np.arange(20) % 2})
    with pytest.raises(InvalidInputError, match=r"one entry for each of the 20 samples; found shape \(3,\)"):
        fitted.transform(LAZY, label_columns={"speaker": [1, 2, 3]})
    assert (fitted.transform(LAZY)["speaker"].compute() == -1).all()


def test_a_fit_that_fails_changes_nothing() -> None:
    generator = AuxTargetGenerator("signal").fit(X)
    before = pickle.dumps(generator.specs_)
    with pytest.raises(InvalidInputError, match="NaN"):
        generator.fit(da.full((4, 16), np.nan, chunks=2))
    assert pickle.dumps(generator.specs_) == before


def test_copies_of_integers_that_are_none(temporary_task: Any) -> None:
    def shifted(X: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        # Halves appear only where the first value is 1, which no trial can foresee.
        return X + np.where(X[:, :1] == 1, 0.5, 0.0), np.ones(len(X), np.int32)

    temporary_task("shifted", shifted, kind="class", effect="expands", classes=lambda _: ("as it was", "shifted"))
    whole = np.arange(2, 34).reshape(2, 16) ** 2
    generator = AuxTargetGenerator("signal", ["std", "shifted"]).fit(whole)
    one = da.from_array(np.ones((2, 16), int), chunks=1)
    with pytest.raises(InvalidInputError, match="copies of these samples are not int64"):
        generator.transform(one).inputs.compute()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pd.Series([0, None, 1, 1], dtype="Int64"), np.array([0, -1, 1, 1], np.int64)),
        (pd.Series([True, None, False, True], dtype="boolean"), np.array([1, -1, 0, 1], np.int64)),
        (pd.Series([0.5, None, 1, 1], dtype="Float64"), np.array([0.5, np.nan, 1, 1])),
    ],
)
def test_columns_and_frames_of_nullable_dtypes_are_read(labels: Any, expected: Any) -> None:
    frame = pd.DataFrame({"a": pd.array([1, 2, 3, 4], dtype="Int64"), "b": [1.5, 2.0, 0.0, 1.0]})
    lazy = make_aux_targets(dd.from_pandas(frame, npartitions=2), "signal", "std").compute_chunk_sizes()
    np.testing.assert_allclose(lazy["std"].compute(), make_aux_targets(frame, "signal", "std")["std"])
    main = lazy.with_main(dd.from_pandas(labels, npartitions=2))["main"]
    assert main.dtype == expected.dtype
    np.testing.assert_array_equal(main.compute(), expected)
