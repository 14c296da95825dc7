"""What `save_to` writes over, removes or follows is its own, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import on_disk as small
import pytest

import auxtasks
from auxtasks.checksums import json_document, parsed_document
from auxtasks.errors import StorageError

X = small.signals()


def make(path: Path, **options: Any) -> auxtasks.AuxTargets:
    return auxtasks.make_aux_targets(X, "signal", "std", **options, save_to=path)


def test_targets_that_are_saved_where_it_works_are_kept(tmp_path: Path) -> None:
    saved = auxtasks.make_aux_targets(X, "signal", "fft")
    saved.save(tmp_path / "x.partial")
    for overwrite in (False, True):
        with pytest.raises(StorageError, match=r"x\.partial holds arrays-.*, auxtasks\.json, .* move it away"):
            make(tmp_path / "x", overwrite=overwrite)
    small.assert_same(auxtasks.load_targets(tmp_path / "x.partial"), saved)
    assert [found.name for found in tmp_path.iterdir()] == ["x.partial"]


@pytest.mark.parametrize("inside", ["notes.txt", "arrays/notes.txt"])
def test_notes_beside_targets_are_kept(inside: str, tmp_path: Path) -> None:
    made = make(tmp_path / "x")
    notes = tmp_path / "x" / inside.replace("arrays", small.arrays_of(tmp_path / "x").name)
    notes.write_text("precious")
    with pytest.raises(StorageError, match=r"`save_to`: .*x holds .*notes\.txt, which was not written by auxtasks"):
        auxtasks.make_aux_targets(X, "signal", "fft", save_to=tmp_path / "x", overwrite=True)
    assert notes.read_text() == "precious"
    small.assert_same(make(tmp_path / "x"), made)


@pytest.mark.parametrize("name", ["x", "x.partial", "x.partial/lock", "x.partial/new", "x.partial/new/auxtasks.json"])
def test_links_are_not_followed(name: str, tmp_path: Path) -> None:
    saved = auxtasks.make_aux_targets(X, "signal", "fft")
    saved.save(tmp_path / "mine")
    link = tmp_path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "mine" / ("auxtasks.json" if name.endswith(("lock", "json")) else ""))
    with pytest.raises(StorageError, match=r"is a link|holds new.*, which was not written by auxtasks"):
        make(tmp_path / "x", overwrite=True)
    assert link.is_symlink()
    small.assert_same(auxtasks.load_targets(tmp_path / "mine"), saved)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    small.assert_same(make(tmp_path / "x"), auxtasks.make_aux_targets(X, "signal", "std"))
    small.assert_finished(tmp_path / "x")


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, match in (
        (tmp_path / "file", "file is a file and is not replaced"),
        (tmp_path / "file" / "x", "`save_to`: .*x cannot be written .*Not a directory"),
        (tmp_path / ("x" * 300), "`save_to`: .*x cannot be written .*File name too long"),
    ):
        with pytest.raises(StorageError, match=match):
            make(path)


def test_the_same_call_needs_nothing_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, opened = make(tmp_path / "x"), os.open

    def only_read(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        assert flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) == 0, path
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", only_read)
    for name in ("mkdir", "unlink", "rename", "replace", "rmdir", "truncate"):
        monkeypatch.delattr(os, name)
    small.assert_same(make(tmp_path / "x"), made)


def test_a_description_that_says_other_than_the_journal_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "x")
    description = tmp_path / "x" / "auxtasks.json"
    fields = parsed_document(description.read_bytes())
    fields["generator"]["scalings"]["std"]["mean"] = [0.0] * len(fields["generator"]["scalings"]["std"]["mean"])
    description.write_bytes(json_document(fields))
    with pytest.raises(StorageError, match=r"json and the journal of the run differ in generator.* overwrite=True"):
        make(tmp_path / "x")
    small.assert_same(make(tmp_path / "x", overwrite=True), auxtasks.make_aux_targets(X, "signal", "std"))


def test_a_run_that_was_killed_between_two_moves_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "x")
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.name == "auxtasks.json":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            auxtasks.make_aux_targets(X, "signal", "fft", save_to=tmp_path / "x", overwrite=True)
    assert list(auxtasks.load_targets(tmp_path / "x")) == ["std"]
    begun = json.loads(next(tmp_path.glob("x.partial/new/auxtasks.json")).read_text())["folder"]
    made = auxtasks.make_aux_targets(X, "signal", "fft", save_to=tmp_path / "x", overwrite=True)
    assert small.arrays_of(tmp_path / "x").name == begun
    np.testing.assert_array_equal(made["fft"], auxtasks.make_aux_targets(X, "signal", "fft")["fft"])
    small.assert_finished(tmp_path / "x")
