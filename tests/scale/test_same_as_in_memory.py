"""Targets made on disk are those made in memory, to the last bit, wherever inputs come from, however they are cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import on_disk as small
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auxtasks
from auxtasks.typing import Array

pytestmark = pytest.mark.usefixtures("small_chunks")


def batches(X: Array, cuts: list[int]) -> Any:
    return (batch for batch in np.split(X, sorted(cuts)))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 70),
    cache=st.integers(100, 5000),
    chunk=st.integers(1, 20_000),
    scaled=st.integers(1, 20_000),
    cuts=st.none() | st.lists(st.integers(0, 70), max_size=8),
    seed=st.integers(0, 3),
)
def test_chunked_is_whole(
    n: int,
    cache: int,
    chunk: int,
    scaled: int,
    cuts: list[int] | None,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small.cut_small(monkeypatch, cache, chunk, scaled)
    X = small.signals(n + 1, seed)
    options: dict[str, Any] = {
        "tasks": small.TASKS,
        "label_columns": {"who": [0, 1] + [2] * (n - 1)},
        "scale": seed != 3,
    }
    path = tmp_path_factory.mktemp("made") / "targets"
    source = X if cuts is None else batches(X, cuts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # what is constant in so few signals
        expected = auxtasks.make_aux_targets(X, "signal", **options)
        found = auxtasks.make_aux_targets(source, "signal", **options, save_to=path)
    small.assert_same(found, expected)
    small.assert_finished(path)
    small.assert_same(auxtasks.load_targets(path, mmap=False), expected)


def memory_map(X: Array, folder: Path) -> Any:
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def hdf5(X: Array, folder: Path) -> Any:
    return pytest.importorskip("h5py").File(folder / "X.h5", "w").create_dataset("X", data=X, chunks=(5, 18, 2))


def zarr(X: Array, folder: Path) -> Any:
    array = pytest.importorskip("zarr").create_array(folder / "X.zarr", shape=X.shape, chunks=(5, 18, 2), dtype=X.dtype)
    array[:] = X
    return array


def tf_data(X: Array, folder: Path) -> Any:
    data = pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices((X, np.arange(len(X))))
    return data.batch(8)


def py_dataset(X: Array, folder: Path) -> Any:
    keras = pytest.importorskip("keras")

    class Batched(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 9

        def __getitem__(self, i: int) -> Any:
            return X[10 * i : 10 * i + 10], None

    return Batched()


def one_buffer(X: Array, folder: Path) -> Any:
    """Batches that are all the same array, filled anew, as a loop of `readinto` gives them; some are empty."""
    buffer = np.empty_like(X[:2])
    for start in range(0, len(X), 2):
        buffer[:] = X[start : start + 2]
        yield buffer
        yield np.empty((0, 3))


SOURCES: list[Callable[[Array, Path], Any]] = [
    memory_map,
    hdf5,
    zarr,
    tf_data,
    py_dataset,
    one_buffer,
    lambda X, _: list(X),
    lambda X, _: np.asfortranarray(X),
    lambda X, _: np.repeat(X, 2, axis=0)[::2],
    lambda X, _: X.astype(">f4"),
    lambda X, _: iter([X]),
    lambda X, _: ((x[None], "label") for x in X),
]


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_inputs_come_from(source: Callable[[Array, Path], Any], tmp_path: Path) -> None:
    X = small.signals()
    given = small.given()
    (tmp_path / "made").mkdir()
    X_given = source(X, tmp_path)
    expected = auxtasks.make_aux_targets(X, "signal", small.TASKS[:2], label_columns=given)
    found = auxtasks.make_aux_targets(
        X_given, "signal", small.TASKS[:2], label_columns=given, save_to=tmp_path / "made" / "targets"
    )
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
    np.testing.assert_array_equal(np.asarray(found.inputs), X)
    np.testing.assert_array_equal(found.transform(X[:5])["fft"], expected.transform(X[:5])["fft"])


def test_inputs_that_can_be_read_again_are_not_copied(tmp_path: Path) -> None:
    X = memory_map(small.signals(), tmp_path)
    targets = auxtasks.make_aux_targets(X, "signal", "std", save_to=tmp_path / "targets")
    assert targets.inputs is X
    assert not (tmp_path / "targets" / "inputs.npy").exists()
    assert isinstance(targets["std"], np.memmap)
    with pytest.raises(auxtasks.errors.InvalidInputError, match="`inputs` were not saved"):
        _ = auxtasks.load_targets(tmp_path / "targets").inputs


@pytest.mark.parametrize(
    ("domain", "shape", "dtype", "tasks"),
    [
        ("image", (40, 16, 16), np.uint8, ["hog", "thumbnail", "edges"]),
        ("image", (40, 12, 12, 3), np.float64, ["colour_histogram", "reconstruction"]),
        ("video", (20, 5, 8, 8, 1), np.uint8, ["motion_energy", "next_frame"]),
        ("any", (60, 9), np.int16, ["reconstruction"]),
        ("signal", (60, 30), np.int64, ["slope", "autocorrelation", "quantiles", {"next_steps": {"horizon": 3}}]),
        ("signal", (60, 30), np.float16, ["std", "permutation_entropy", {"next_steps": {"horizon": 3}}]),
    ],
)
@pytest.mark.parametrize("dtype_of_targets", ["float32", "float64"])
def test_other_domains_and_dtypes(
    domain: str, shape: tuple[int, ...], dtype: Any, tasks: Any, dtype_of_targets: str, tmp_path: Path
) -> None:
    X = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    expected = auxtasks.make_aux_targets(X, domain, tasks, dtype=dtype_of_targets)
    made = auxtasks.make_aux_targets(X, domain, tasks, dtype=dtype_of_targets, save_to=tmp_path / "targets", n_jobs=2)
    small.assert_same(made, expected)


def test_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    X = small.signals()
    X[:, :, 1] = 5.0
    options: dict[str, Any] = {"tasks": ["std", "fft"], "label_columns": {"same": [1] * 90}}
    with pytest.warns(auxtasks.errors.AuxTasksWarning, match="'same' is constant"):
        expected = auxtasks.make_aux_targets(X, "signal", **options)
    with pytest.warns(auxtasks.errors.AuxTasksWarning, match="'same' is constant"):
        found = auxtasks.make_aux_targets(X, "signal", **options, save_to=tmp_path / "targets")
    small.assert_same(found, expected)
    small.assert_finished(tmp_path / "targets")


def test_values_too_large_are_told_of_once(tmp_path: Path) -> None:
    X = small.signals().astype(np.float64) * 1e250
    with pytest.warns(auxtasks.errors.AuxTasksWarning) as found:
        auxtasks.make_aux_targets(X, "signal", ["std"], label_columns=small.given(), save_to=tmp_path / "targets")
    told = [str(warning.message) for warning in found]
    assert len(told) == 2, "one chunk's values, and that the target is left out"
    assert told[0].startswith("rows 0 to ")
    assert "are too large for float32" in told[0]
