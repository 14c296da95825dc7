"""Soft labels on disk are those in memory, to the last bit, and survive whatever interrupts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import on_disk as small
import pytest
from sklearn.linear_model import LogisticRegression

import auxtasks
from auxtasks.errors import AuxTasksError, AuxTasksWarning, InvalidInputError, StorageError
from auxtasks.typing import Array

pytestmark = pytest.mark.usefixtures("small_chunks")
X = small.signals()
CLASSES = (X[:, -1, 0] > 0).astype(int)
Y = np.where(np.arange(90) % 4 == 1, CLASSES, -1)
SIMPLE: Any = {"soft_labels": {"teacher": LogisticRegression(), "features": ["std", "mean"]}}
MOST = {"fewer samples than are drawn": 1000, "more": 40}


@pytest.fixture(params=MOST)
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxtasks.teacher.teaching.MOST_SAMPLES", MOST[request.param])
    monkeypatch.setattr("auxtasks.targets.samples.BLOCK_ROWS", 8)


class Again:
    """Batches that can be gone through again and again."""

    def __init__(self, X: Array, *orders: Any) -> None:
        self.X = X
        self.orders = list(orders)

    def __iter__(self) -> Iterator[Array]:
        X = self.X[self.orders.pop(0)] if self.orders else self.X
        return iter(np.array_split(X, 11))


def memory_map(folder: Path) -> Any:
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def hdf5(folder: Path) -> Any:
    return pytest.importorskip("h5py").File(folder / "X.h5", "w").create_dataset("X", data=X, chunks=(5, 18, 2))


def tf_data(folder: Path) -> Any:
    return pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices((X, np.arange(90))).batch(8)


SOURCES: dict[str, Callable[[Path], Any]] = {
    "array": lambda _: X,
    "memory map": memory_map,
    "HDF5": hdf5,
    "batches": lambda _: Again(X),
    "tf.data": tf_data,
}


def assert_same(found: Any, expected: Any) -> None:
    small.assert_same(found, expected)
    assert list(found.with_main()) == list(expected.with_main())
    for name, array in expected.with_main().items():
        assert found.with_main()[name].tobytes() == array.tobytes()


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(
    ("source", "tasks"), [("array", None), *((source, [*small.TASKS, SIMPLE]) for source in SOURCES)]
)
def test_chunked_is_whole(source: str, tasks: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"tasks": tasks, "y": Y, "label_columns": small.given() if tasks else None}
    expected = auxtasks.make_aux_targets(X, "signal", **options)
    path = tmp_path / "made" / "targets"
    found = auxtasks.make_aux_targets(SOURCES[source](tmp_path), "signal", **options, save_to=path)
    assert_same(found, expected)
    if tasks:  # or else the inputs are left where they are
        assert_same(auxtasks.load_targets(path, mmap=False), expected)
    np.testing.assert_array_equal(found.transform(X[:9])["soft_labels"], expected.transform(X[:9])["soft_labels"])
    shown = np.where(np.arange(90) < 60, Y, -1)
    np.testing.assert_array_equal(
        found.teachers[0].shown(shown).soft_labels(), expected.teachers[0].shown(shown).soft_labels()
    )
    with pytest.raises(InvalidInputError, match="differs from the labels that these soft labels were computed from"):
        found.with_main(CLASSES)
    again = auxtasks.make_aux_targets(SOURCES["array"](tmp_path), "signal", **options, save_to=path)
    assert_same(again, expected)
    np.testing.assert_array_equal(again.transform(X[:9])["soft_labels"], expected.transform(X[:9])["soft_labels"])


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(("cache", "chunk"), [(100, 1), (1000, 3000), (5000, 20_000)])
def test_wherever_chunks_end(cache: int, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.cut_small(monkeypatch, cache, chunk)
    tasks: Any = [{"next_steps": {"horizon": 2}}, "soft_labels"]
    expected = auxtasks.make_aux_targets(X, "signal", tasks, y=Y)
    assert_same(auxtasks.make_aux_targets(Again(X), "signal", tasks, y=Y, save_to=tmp_path / "targets"), expected)


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("domain", ["image", "any", "video"])
def test_other_domains(domain: str, tmp_path: Path) -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (90, 6, 6, 8, 1), dtype=np.uint8)
    inputs = inputs[:, 0, ..., 0] if domain == "image" else inputs
    expected = auxtasks.make_aux_targets(inputs, domain, "soft_labels", y=Y)
    assert_same(auxtasks.make_aux_targets(Again(inputs), domain, y=Y, save_to=tmp_path / "targets"), expected)


def test_several_outputs_and_names_of_classes(tmp_path: Path) -> None:
    y = {"a": np.array(["cat", "dog"])[CLASSES[:30]], "b": X[:20, 0], "c": CLASSES}
    expected = auxtasks.make_aux_targets(X, "signal", y=y)
    found = auxtasks.make_aux_targets(Again(X), "signal", y=y, save_to=tmp_path / "targets")
    assert list(found.with_main()) == ["a", "b", "c", "soft_labels_a", "soft_labels_b"]
    assert found.specs["soft_labels_a"].classes == ("cat", "dog")
    assert_same(found, expected)
    renamed = {**y, "a": np.array(["cat", "fox"])[CLASSES[:30]]}
    with pytest.raises(StorageError, match=r"soft_labels was .*'dog'.* and is .*'fox'"):
        auxtasks.make_aux_targets(Again(X), "signal", y=renamed, save_to=tmp_path / "targets")


def test_labels_that_nothing_is_taught_from(tmp_path: Path) -> None:
    found = auxtasks.make_aux_targets(X, "signal", "std", y=Y, save_to=tmp_path / "targets")
    np.testing.assert_array_equal(found.with_main()["main"], Y)
    assert list(found) == ["std"]
    with pytest.warns(AuxTasksWarning, match="'soft_labels' is left out: every sample has a label, "):
        found = auxtasks.make_aux_targets(X, "signal", ["std", "soft_labels"], y=CLASSES, save_to=tmp_path / "b")
    assert list(found) == ["std"]


class Crash(BaseException):
    """Ends a call as nothing that it could catch does."""


@pytest.mark.usefixtures("most")
def test_goes_on_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.cut_small(monkeypatch, cache=2304)  # sixteen signals
    tasks: Any = ["std", SIMPLE]
    expected = auxtasks.make_aux_targets(X, "signal", tasks, y=Y)
    steps, total = iter(range(10_000)), 0
    original = {name: getattr(auxtasks.scale.disk_files.RowFile, name) for name in ("write", "finish")}

    def crash_at(k: int) -> None:
        nonlocal steps
        steps = iter(range(10_000))

        def counted(name: str) -> Any:
            def step(*arguments: Any) -> Any:
                nonlocal total
                total = next(steps)
                if total == k:
                    raise Crash("stopped")
                return original[name](*arguments)

            return step

        for name in original:
            monkeypatch.setattr(auxtasks.scale.disk_files.RowFile, name, counted(name))

    crash_at(-1)
    auxtasks.make_aux_targets(Again(X), "signal", tasks, y=Y, save_to=tmp_path / "whole")
    assert total > 15
    for k in range(total + 1):
        path = tmp_path / str(k) / "targets"
        crash_at(k)
        with pytest.raises(Crash, match="stopped"):
            auxtasks.make_aux_targets(Again(X), "signal", tasks, y=Y, save_to=path)
        crash_at(-1)
        assert_same(auxtasks.make_aux_targets(Again(X), "signal", tasks, y=Y, save_to=path), expected)


@pytest.mark.usefixtures("most")
def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "targets"
    for name in ("target_000.npy", "main_000.npy"):
        auxtasks.make_aux_targets(X, "signal", SIMPLE, y=Y, save_to=path, overwrite=True)
        damaged = small.arrays_of(path) / name
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.write_bytes(content)
        with pytest.raises(StorageError, match=rf"{name} is damaged: .* overwrite=True"):
            auxtasks.make_aux_targets(X, "signal", SIMPLE, y=Y, save_to=path)


OTHER = np.where(np.arange(90) == 1, 1 - Y, Y)


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"y": OTHER}, r"y was \{'main': .*\} and is"),
        ({"y": Y[:80]}, None),
        ({"tasks": ["soft_labels"]}, r"soft_labels was .*LogisticRegression.* and is"),
        (
            {"tasks": {"soft_labels": {**SIMPLE["soft_labels"], "teacher": LogisticRegression(C=2.0)}}},
            r"soft_labels was .*LogisticRegression.* and is",
        ),
        ({"tasks": ["std"]}, r"tasks was \[\] and is .*; soft_labels was"),
        ({"tasks": ["std"], "y": None}, r"tasks was \[\] and is .*; y was .*; soft_labels was"),
    ],
)
def test_what_changed_since(changes: dict[str, Any], match: str | None, tmp_path: Path) -> None:
    options = {"tasks": SIMPLE, "y": Y}
    auxtasks.make_aux_targets(X, "signal", **options, save_to=tmp_path / "targets")
    if match is None:
        y = {**options, **changes}["y"]
        changes = {"y": np.where(np.arange(90) < 80, Y, -1)}
        match = "y was"
        assert len(y) == 80
    with pytest.raises(StorageError, match=match):
        auxtasks.make_aux_targets(X, "signal", **{**options, **changes}, save_to=tmp_path / "targets")


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(
    ("source", "options", "match"),
    [
        (X, {"y": np.zeros(91, int)}, r"`y` \('main'\) must have from 1 to 90 entries"),
        (Again(X), {"y": np.zeros(91, int)}, r"`y` \('main'\) must have from 1 to 90 entries"),
        (X, {"y": CLASSES, "tasks": "soft_labels"}, "`y` holds a label of every sample, so there is no sample"),
        (X, {"y": np.zeros(20, int)}, r"holds one class only among its 20 labels .*, too little to train a teacher"),
        (X, {"y": [0, 1]}, "fewer than two classes of two labels each"),
        (X, {"y": None, "tasks": "soft_labels"}, "none were given; pass them as `y`"),
        (iter(np.split(X, 9)), {"y": Y}, r"`X` can be read only once; pass batches that can be read again"),
        (["a b"] * 9, {"y": [0, 1, 0, 1], "domain": "text"}, "texts are tagged and numbered as a whole"),
    ],
)
def test_refused_before_anything_is_written(source: Any, options: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(AuxTasksError, match=match):
        auxtasks.make_aux_targets(source, **{"domain": "signal", **options}, save_to=tmp_path / "targets")
    assert not list(tmp_path.iterdir())


def test_batches_in_another_order_are_found(tmp_path: Path) -> None:
    whole, reverse = slice(None), slice(None, None, -1)
    with pytest.raises(StorageError, match=r"differs from the data that the targets there were made of.*not shuffled"):
        auxtasks.make_aux_targets(Again(X, whole, whole, reverse), "signal", SIMPLE, y=Y, save_to=tmp_path / "targets")
    with pytest.raises(InvalidInputError, match="gave 90 samples when it was counted and fewer when it was read again"):
        auxtasks.make_aux_targets(Again(X, whole, whole, slice(0, 50)), "signal", SIMPLE, y=Y, save_to=tmp_path / "b")


@pytest.mark.usefixtures("most")
def test_bad_numbers_are_named_by_their_sample(tmp_path: Path) -> None:
    bad = X.copy()
    bad[61] = np.nan
    with pytest.raises(InvalidInputError, match=r"NaN, first at `X\[61\]\[0, 0\]`"):
        auxtasks.make_aux_targets(bad, "signal", SIMPLE, y=np.where(np.arange(90) == 61, 1, Y), save_to=tmp_path / "t")
