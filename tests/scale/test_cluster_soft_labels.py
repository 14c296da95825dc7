"""Soft labels of collections of Dask: those in memory, from a teacher that is fitted on the samples drawn."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from auxtasks import AuxTargetGenerator, load_targets, make_aux_targets
from auxtasks.cluster import LazyAuxTargets
from auxtasks.errors import AuxTasksWarning, InvalidInputError

RNG = np.random.default_rng(0)
N = 60
CLASSES = np.arange(N) % 2
Y = np.where(np.arange(N) % 3 == 1, CLASSES, -1)
SIGNALS = RNG.normal(size=(N, 20, 2)).cumsum(axis=1) * (1 + CLASSES[:, None, None])
SERIES = [signal[: 9 + row % 12] for row, signal in enumerate(SIGNALS)]
IMAGES = RNG.random((N, 8, 8)) + CLASSES[:, None, None]
WORDS = [["sun", "rain"], ["bread", "salt"]]
TEXTS = [" ".join([*RNG.choice(WORDS[label], 3), "or"]) for label in CLASSES]
CHUNKS = (7, 0, 20, 33)
SIMPLE: Any = {"soft_labels": {"teacher": LogisticRegression(), "features": ["std", "mean"]}}


@pytest.fixture(params=[1000, 30])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All samples are drawn, or half of them."""
    monkeypatch.setattr("auxtasks.teacher.teaching.MOST_SAMPLES", request.param)
    return int(request.param)


def array(X: Any) -> Any:
    return da.from_array(X, chunks=(CHUNKS, *X.shape[1:]))


def bag(X: Any) -> Any:
    ends = np.cumsum(CHUNKS)
    return db.from_delayed([dask.delayed(X[end - n : end]) for n, end in zip(CHUNKS, ends, strict=True)])


def column(X: Any) -> Any:
    return dd.from_pandas(pd.DataFrame({"text": X}), npartitions=4)["text"]


CASES: dict[str, tuple[Any, Any, str]] = {
    "signals": (SIGNALS, array, "signal"),
    "series": (SERIES, bag, "signal"),
    "images": (IMAGES, array, "image"),
    "a table": (SIGNALS[:, 0], array, "any"),
    "texts": (TEXTS, bag, "text"),
    "a column": (TEXTS, column, "text"),
}


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("case", CASES)
def test_in_partitions_as_in_memory(case: str, check_alike: Any) -> None:
    X, lazily, domain = CASES[case]
    lazy, whole = make_aux_targets(lazily(X), domain, y=Y), make_aux_targets(X, domain, y=Y)
    assert isinstance(lazy, LazyAuxTargets)
    assert list(lazy) == ["soft_labels"]
    assert lazy.specs == whole.specs
    found = lazy.compute()
    if domain == "text":
        np.testing.assert_allclose(found["soft_labels"], whole["soft_labels"], atol=1e-5)
    else:
        check_alike(found, whole)
    np.testing.assert_array_equal(lazy.with_main()["main"].compute(), whole.with_main()["main"])
    np.testing.assert_array_equal(found.with_main()["main"], whole.with_main()["main"])
    shown = np.where(np.arange(N) < 40, Y, -1)
    expected = whole.teachers[0].shown(shown).soft_labels()
    np.testing.assert_allclose(found.teachers[0].shown(shown).soft_labels(), expected, atol=1e-5)
    later = lazy.transform(lazily(X))["soft_labels"].compute()
    np.testing.assert_allclose(later, whole.transform(X)["soft_labels"], atol=1e-5)


def test_a_teacher_travels_without_its_features(most: int) -> None:
    (teacher,) = make_aux_targets(array(SIGNALS), "signal", y=Y).teachers
    known = sum(view.nbytes for view in teacher.known.values())
    assert known > min(most, N) * 2000 * 4
    light = teacher.light()
    assert not light.known
    again = pickle.loads(pickle.dumps(light))  # noqa: S301
    assert len(pickle.dumps(light)) < len(pickle.dumps(teacher)) - 0.9 * known
    np.testing.assert_array_equal(again.said, teacher.said)


@pytest.mark.usefixtures("most")
def test_labels_that_are_lazy_and_other_tasks(tmp_path: Path) -> None:
    tasks: Any = ["std", SIMPLE]
    whole = make_aux_targets(SIGNALS, "signal", tasks, y={"a": Y, "b": np.array(["x", "y"])[CLASSES[:20]]})
    y = {"a": da.from_array(Y, chunks=11), "b": np.array(["x", "y"])[CLASSES[:20]]}
    lazy = make_aux_targets(array(SIGNALS), "signal", tasks, y=y)
    assert list(lazy) == list(whole) == ["std", "soft_labels_a", "soft_labels_b"]
    assert lazy.persist().specs["soft_labels_b"].classes == ("x", "y")
    lazy.to_zarr(tmp_path / "targets")
    for targets in (lazy, lazy.persist(), load_targets(tmp_path / "targets")):
        for name, expected in whole.with_main().items():
            np.testing.assert_allclose(targets.with_main()[name].compute(), expected, rtol=1e-6)
        np.testing.assert_array_equal(targets.with_main(y)["a"].compute(), Y)
        with pytest.raises(InvalidInputError, match="differs from the labels that these soft labels were computed"):
            targets.with_main({"a": da.from_array(CLASSES, chunks=11)})
    assert np.isnan(load_targets(tmp_path / "targets").transform(array(SIGNALS))["soft_labels_a"].compute()).all()


@pytest.mark.usefixtures("most")
def test_samples_of_unknown_number_and_copies() -> None:
    everything = array(IMAGES)
    unknown = everything[da.from_array(np.ones(N, bool), chunks=(CHUNKS,))]
    tasks: Any = ["rotation", {"soft_labels": {"teacher": LogisticRegression()}}]
    lazy, whole = make_aux_targets(unknown, "image", tasks, y=Y), make_aux_targets(IMAGES, "image", tasks, y=Y)
    np.testing.assert_allclose(lazy["soft_labels"].compute(), whole["soft_labels"], rtol=1e-5)
    assert (lazy.n_original, lazy.n_samples) == (N, 2 * N)
    np.testing.assert_array_equal(lazy.with_main()["main"].compute(), whole.with_main()["main"])


def test_other_samples_with_labels_of_their_own() -> None:
    lazy = make_aux_targets(SIGNALS, "signal", SIMPLE, y=Y).transform(array(SIGNALS))
    found = lazy.with_main(Y)["soft_labels"].compute()
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), Y >= 0)


def test_labels_that_nothing_is_taught_from() -> None:
    assert list(AuxTargetGenerator("signal", "std").fit(array(SIGNALS), Y).specs_) == ["std"]
    with pytest.warns(AuxTasksWarning, match="'soft_labels' is left out: every sample has a label, "):
        lazy = make_aux_targets(array(SIGNALS), "signal", ["std", SIMPLE], y=CLASSES)
    assert list(lazy) == ["std"]
    np.testing.assert_array_equal(lazy.with_main()["main"].compute(), CLASSES)


def never() -> Any:
    raise AssertionError


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.zeros(61, int), r"`y` \('main'\) must have from 1 to 60 entries"),
        (CLASSES, "`y` holds a label of every sample"),
        (np.zeros(20, int), "holds one class only among its 20 labels"),
    ],
)
def test_labels_are_refused_before_samples_are_computed(y: Any, match: str) -> None:
    unread = da.from_delayed(dask.delayed(never)(), (60, 8), float)
    with pytest.raises(InvalidInputError, match=match):
        make_aux_targets(unread, "signal", "soft_labels", y=y)
