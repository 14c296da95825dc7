"""What lazy targets are: a mapping like that of arrays, with main labels of any form beside them."""

from __future__ import annotations

import pickle
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from auxtasks import AuxTargets, make_aux_targets
from auxtasks.cluster import LazyAuxTargets
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError

X = np.random.default_rng(0).normal(size=(23, 16, 2)).cumsum(axis=1)
LAZY = make_aux_targets(da.from_array(X, chunks=(5, -1, -1)), "signal", ["std", "fft"])
WHOLE = make_aux_targets(X, "signal", ["std", "fft"])


def test_the_mapping() -> None:
    assert isinstance(LAZY, LazyAuxTargets)
    assert list(LAZY) == ["std", "fft"]
    assert LAZY["std"].chunks == ((5, 5, 5, 5, 3), (2,))
    assert repr(LAZY).splitlines()[0] == "LazyAuxTargets of 23 samples in 5 chunks"
    fft = repr(LAZY).splitlines()[3]
    assert fft.split()[:5] == ["fft", "vector", "(18,)", "1", "?"]
    assert fft.endswith("82 columns without any value")
    assert LAZY.inputs.chunks == ((5, 5, 5, 5, 3), (16,), (2,))
    with pytest.raises(KeyError, match="there is no target named 'stg'"):
        LAZY["stg"]


def test_pickled_and_persisted_they_are_the_same() -> None:
    for same in (pickle.loads(pickle.dumps(LAZY)), LAZY.persist()):  # noqa: S301
        assert type(same) is LazyAuxTargets
        assert (same.n_samples, same.n_original) == (23, 23)
        np.testing.assert_array_equal(same["fft"].compute(), LAZY["fft"].compute())
    assert type(LAZY.compute()) is AuxTargets


@pytest.mark.parametrize(
    "y",
    [
        np.arange(23) % 3,
        np.arange(7, dtype=np.uint8),
        np.linspace(0, 1, 9).reshape(-1, 1),
        [True, False],
        {"kind": np.arange(4), "size": np.ones(23)},
    ],
)
def test_main_labels(y: Any) -> None:
    def lazily(labels: Any) -> Any:
        return da.from_array(np.asarray(labels), chunks=2)

    expected = WHOLE.with_main(y)
    for given in (y, {key: lazily(labels) for key, labels in y.items()} if isinstance(y, dict) else lazily(y)):
        found = LAZY.with_main(given)
        assert list(found) == list(expected)
        for key, array in expected.items():
            assert found[key].chunks[0] == (5, 5, 5, 5, 3)
            assert found[key].dtype == array.dtype
            np.testing.assert_allclose(found[key].compute(), array, rtol=1e-6, atol=1e-6)


def test_a_column_as_main_labels() -> None:
    column = dd.from_pandas(pd.Series(np.arange(23)), npartitions=4)
    np.testing.assert_array_equal(LAZY.with_main(column)["main"].compute(), np.arange(23))


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (da.ones(24), InvalidInputError, r"must have from 1 to 23 entries.*shape \(24,\)"),
        (da.ones(()), InvalidInputError, "got the single number"),
        (da.from_array(np.array(["a", "b"])), InvalidTypeError, "must hold integers or floats; got strings"),
        (da.ones(9, chunks=3)[da.ones(9, chunks=3) > 0], InvalidInputError, "known chunks"),
        (np.ones(24), InvalidInputError, "must have from 1 to 23 entries"),
    ],
)
def test_main_labels_that_are_none(y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LAZY.with_main(y)


def test_labels_found_wrong_when_they_are_computed() -> None:
    labels = LAZY.with_main(da.full(5, np.inf, chunks=2))["main"]
    with pytest.raises(InvalidInputError, match=r"`y` \('main'\) holds infinite values"):
        labels.compute()
    with pytest.raises(InvalidInputError, match="'std' is already the name of a target"):
        LAZY.with_main(da.ones(5), name="std")


def test_unscaling_stays_lazy() -> None:
    back = LAZY.unscale("fft", LAZY["fft"])
    assert back.shape == (23, 100)
    np.testing.assert_allclose(back.compute(), WHOLE.unscale("fft", WHOLE["fft"]), rtol=1e-5)
    np.testing.assert_array_equal(LAZY.unscale("std", WHOLE["std"]), WHOLE.unscale("std", WHOLE["std"]))
    with pytest.raises(InvalidInputError, match=r"must have the shape \(\.\.\., \(18,\)\)"):
        LAZY.unscale("fft", LAZY["std"])
    with pytest.raises(UnknownNameError, match="'stg'"):
        LAZY.unscale("stg", LAZY["std"])


def test_what_would_compute_too_much_names_the_ways_out() -> None:
    with pytest.raises(InvalidInputError, match=r"to_zarr\('here'\).*compute\(\)\.save"):
        LAZY.save("here")
    for batches in (LAZY.to_tf_dataset, LAZY.to_py_dataset):
        with pytest.raises(InvalidInputError, match=r"not computed yet.*compute\(\) first, or write them by to_zarr"):
            batches(np.arange(23))
