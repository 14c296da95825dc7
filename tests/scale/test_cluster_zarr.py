"""Zarr: written in parallel and as a whole, or not at all; whatever is amiss is said on opening."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pytest
from flips import with_flipped_bit
from hypothesis import given, settings
from hypothesis import strategies as st

from auxtasks import AuxTargets, load_targets, make_aux_targets
from auxtasks.checksums import json_document, parsed_document
from auxtasks.errors import InvalidInputError, MissingDependencyError, StorageError
from auxtasks.storage import ZARR_DESCRIPTION as DESCRIPTION

X = np.random.default_rng(0).normal(size=(23, 16, 2)).cumsum(axis=1)
SPEAKERS = np.arange(23) % 3 - 1


def made(X: Any = X, chunks: Any = (5, -1, -1)) -> Any:
    return make_aux_targets(
        da.from_array(X, chunks=chunks), "signal", ["std", "fft"], label_columns={"speaker": SPEAKERS}
    )


@given(ends=st.lists(st.integers(0, 23), max_size=5).map(sorted), workers=st.integers(1, 4))
@settings(max_examples=5)
def test_there_and_back(
    check_alike: Any, tmp_path_factory: pytest.TempPathFactory, ends: list[int], workers: int
) -> None:
    lengths = tuple(np.diff([0, *ends, 23]).tolist())
    path = tmp_path_factory.mktemp("zarr") / "targets"
    with dask.config.set(scheduler="threads", num_workers=workers):
        made(chunks=(lengths, -1, -1)).to_zarr(path)
        again = load_targets(path)
        check_alike(again.compute(), made().compute())
        check_alike(again.transform(da.from_array(X[:9], chunks=4)).compute(), made().transform(X[:9]))
    assert again.n_original == 23
    assert [entry.name for entry in path.parent.iterdir()] == ["targets"]


def test_without_inputs_and_with_copies(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "a", include_inputs=False)
    with pytest.raises(InvalidInputError, match="`inputs` were not saved"):
        _ = load_targets(tmp_path / "a").inputs
    images = np.random.default_rng(0).integers(0, 256, size=(9, 8, 8, 1), dtype=np.uint8)
    twice = make_aux_targets(da.from_array(images, chunks=4), "image", ["reconstruction", "rotation"])
    twice.to_zarr(tmp_path / "b")
    again = load_targets(tmp_path / "b")
    assert (again.n_original, again.n_samples) == (9, 18)
    np.testing.assert_array_equal(again.inputs.compute(), twice.inputs.compute())
    np.testing.assert_array_equal(again["rotation"].compute(), twice["rotation"].compute())


def test_texts(tmp_path: Path) -> None:
    bag = db.from_sequence(["so it goes", "so it is", "so"], npartitions=2)
    targets = make_aux_targets(bag, "text", "next_word")
    targets.to_zarr(tmp_path / "ids")
    again = load_targets(tmp_path / "ids")
    np.testing.assert_array_equal(again.lengths.compute(), [3, 3, 1])
    assert again.vocabulary == targets.vocabulary
    with pytest.raises(InvalidInputError, match="texts, which are not written; pass include_inputs=False"):
        make_aux_targets(bag, "text", "next_word", model_inputs="texts").to_zarr(tmp_path / "texts")
    assert not (tmp_path / "texts").exists()


def test_nothing_half_written_is_opened(tmp_path: Path) -> None:
    spoilt = X.copy()
    spoilt[17] = np.nan
    targets = made().transform(da.from_array(spoilt, chunks=(5, -1, -1)))
    with pytest.raises(InvalidInputError, match=r"holds no samples.*nothing to write"):
        made().transform(da.from_array(X, chunks=9)[da.from_array(X[:, 0, 0], chunks=9) > 1e9]).to_zarr(tmp_path / "no")
    for path, overwrite in ((tmp_path / "new", False), (tmp_path / "old", True)):
        if overwrite:
            made().to_zarr(path)
        # One task at a time: threads that are still writing when one fails leave an unfinished folder of another name.
        with (
            dask.config.set(scheduler="sync"),
            pytest.raises(InvalidInputError, match="partition 3 of `X`, samples 15 to 19"),
        ):
            targets.to_zarr(path, overwrite=overwrite)
    with pytest.raises(StorageError, match="wrote completely"):
        load_targets(tmp_path / "new")
    np.testing.assert_array_equal(load_targets(tmp_path / "old")["std"].compute(), made()["std"].compute())
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]


def test_a_writer_that_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made().to_zarr(tmp_path / "targets")
    before = load_targets(tmp_path / "targets")["std"].compute()

    def cut_off(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for step in ("auxtasks.folders.write_through", "pathlib.Path.replace", "dask.array.store"):
        with monkeypatch.context() as patch:
            patch.setattr(step, cut_off)
            with pytest.raises(OSError, match="No space left"):
                made(X[::-1]).to_zarr(tmp_path / "targets", overwrite=True)
        np.testing.assert_array_equal(load_targets(tmp_path / "targets")["std"].compute(), before)


def test_targets_replace_those_they_are_read_from(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    load_targets(tmp_path / "targets").to_zarr(tmp_path / "targets", overwrite=True)
    np.testing.assert_array_equal(load_targets(tmp_path / "targets")["fft"].compute(), made()["fft"].compute())


def test_what_is_not_replaced(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    with pytest.raises(StorageError, match="exists; choose another, or pass overwrite=True"):
        made().to_zarr(tmp_path / "targets")
    for own in (tmp_path / "mine", tmp_path / "targets", next(tmp_path.glob("targets/arrays-*/target_000"))):
        own.mkdir(exist_ok=True)
        (own / "notes.txt").write_text("precious")
        with pytest.raises(StorageError, match=r"holds .*notes\.txt, which was not written by auxtasks"):
            made().to_zarr(tmp_path / own.relative_to(tmp_path).parts[0], overwrite=True)
        (own / "notes.txt").unlink()


def arrays_of(path: Path) -> Path:
    """Return the folder of the arrays."""
    (arrays,) = path.glob("arrays-*")
    return arrays


def of_format_1(path: Path) -> None:
    """Turn what is written into what version 0.1.0 wrote."""
    arrays, fields = arrays_of(path), json.loads((path / DESCRIPTION).read_text())
    for name in ("checksum", "folder", "files"):
        del fields[name]
    for array in arrays.iterdir():
        array.rename(path / array.name)
    arrays.rmdir()
    (path / DESCRIPTION).write_text(json.dumps({**fields, "format": 1}))


def test_what_was_written_before_is_read_and_replaced(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    of_format_1(tmp_path / "targets")
    again = load_targets(tmp_path / "targets")
    np.testing.assert_array_equal(again["fft"].compute(), made()["fft"].compute())
    again.to_zarr(tmp_path / "targets", overwrite=True)
    np.testing.assert_array_equal(load_targets(tmp_path / "targets")["fft"].compute(), made()["fft"].compute())
    assert len(list((tmp_path / "targets").iterdir())) == 2


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made().to_zarr(tmp_path / "targets")
    with dask.config.set(scheduler="sync"):
        for path in (found for found in sorted((tmp_path / "targets").rglob("*")) if found.is_file()):
            whole = path.read_bytes()
            for bit in rng.integers(0, 8 * len(whole), size=2).tolist():
                path.write_bytes(with_flipped_bit(whole, bit))
                with pytest.raises(StorageError, match=rf"{path.name} is damaged"):
                    load_targets(tmp_path / "targets").compute()
            path.write_bytes(whole)
        assert load_targets(tmp_path / "targets")["std"][-2:, 1].compute().shape == (2,)


def test_links_are_not_followed(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    for found in (next(tmp_path.glob("targets/arrays-*/target_000")), next(tmp_path.glob("targets/*/*/c"))):
        found.rename(tmp_path / "elsewhere")
        found.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match=f"{found.name} is a link. auxtasks does not follow"):
            load_targets(tmp_path / "targets")
        found.unlink()
        (tmp_path / "elsewhere").rename(found)


def _remove_array(path: Path) -> None:
    shutil.rmtree(arrays_of(path) / "target_001")


def _remove_chunk(path: Path) -> None:
    (arrays_of(path) / "target_001" / "c" / "2" / "0").unlink()


def _swap_arrays(path: Path) -> None:
    shutil.rmtree(arrays_of(path) / "target_001")
    shutil.copytree(arrays_of(path) / "target_000", arrays_of(path) / "target_001")


def _damage_array(path: Path) -> None:
    (arrays_of(path) / "target_001" / "zarr.json").write_text("{")


def _damage_description(path: Path) -> None:
    (path / DESCRIPTION).write_text((path / DESCRIPTION).read_text()[:-50])


def _change(**fields: Any) -> Any:
    def change(path: Path) -> None:
        described = parsed_document((path / DESCRIPTION).read_bytes())
        (path / DESCRIPTION).write_bytes(json_document(described | fields))

    return change


def _point_elsewhere(path: Path) -> None:
    described = parsed_document((path / DESCRIPTION).read_bytes())
    for name in ("targets", "arrays"):
        described[name] = json.loads(json.dumps(described[name]).replace("target_000", "../targets/target_000"))
    (path / DESCRIPTION).write_bytes(json_document(described))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_remove_array, "target_001 is missing"),
        (_remove_chunk, "target_001 lacks 1 of its 5 chunks"),
        (_swap_arrays, "zarr.json is damaged: bytes 0 to .* do not have the checksum"),
        (_damage_array, "zarr.json is damaged"),
        (_damage_description, f"{DESCRIPTION} is damaged"),
        (_change(format=7), "is of format 7, and this version .* reads format 2"),
        (_change(n_original=24), "does not fit the arrays beside it"),
        (_change(arrays={}), "is damaged: KeyError"),
        (_point_elsewhere, "names .*, which is not a file beside it"),
    ],
)
def test_damage_is_found(tmp_path: Path, harm: Any, message: str) -> None:
    path = tmp_path / "targets"
    made().to_zarr(path)
    harm(path)
    with pytest.raises(StorageError, match=message):
        load_targets(path)


def test_arrays_in_memory_are_those_computed(check_alike: Any, tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    found = load_targets(tmp_path / "targets", mmap=False)
    assert type(found) is AuxTargets
    check_alike(found, made().compute())


def test_without_verifying_a_flipped_bit_is_not_seen_and_a_lost_chunk_is(tmp_path: Path) -> None:
    made().to_zarr(tmp_path / "targets")
    chunk = arrays_of(tmp_path / "targets") / "target_000" / "c" / "0" / "0"
    whole, lazy = chunk.read_bytes(), load_targets(tmp_path / "targets", verify=False)
    chunk.write_bytes(whole[::-1])
    for verify in (True, False):
        targets = load_targets(tmp_path / "targets", verify=verify)
        with pytest.raises((StorageError, RuntimeError), match="is damaged" if verify else "decompress|Zstd"):
            targets["std"].compute(scheduler="sync")
    chunk.unlink()
    with pytest.raises(StorageError, match="0 is missing"):
        lazy["std"].compute(scheduler="sync")


def test_targets_saved_as_files_are_no_zarr_arrays(tmp_path: Path) -> None:
    made().compute().save(tmp_path / "targets")
    assert type(load_targets(tmp_path / "targets")) is AuxTargets


@pytest.mark.parametrize("package", ["dask", "zarr"])
def test_without_the_extra_it_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made().to_zarr(tmp_path / "targets")
    monkeypatch.setattr("auxtasks.optional.find_spec", lambda name: None if name == package else name)
    with pytest.raises(MissingDependencyError, match=rf"`{package}` is required .* pip install 'auxtasks\[dask\]'"):
        load_targets(tmp_path / "targets")
