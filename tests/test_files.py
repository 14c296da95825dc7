"""Files that are written whole, and fingerprints."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from auxtasks.checksums import digest, digest_files, fingerprint, named, versions
from auxtasks.errors import StorageError
from auxtasks.files import read_regular, write_through, write_whole
from auxtasks.files import written_as_a_whole as whole


def test_texts_are_written_where_there_was_no_folder(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.txt", "±1")
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "±1"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_what_was_there_is_replaced_as_a_whole_or_kept(tmp_path: Path) -> None:
    def write(text: str) -> None:
        with whole(tmp_path / "a") as new:
            new.write_text(text)
            if text == "none":
                raise OSError("disk full")

    write("old")
    write("new")
    with pytest.raises(OSError, match="disk full"):
        write("none")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"


def test_a_file_takes_no_folders_place(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(StorageError, match=r"`path`: .*mine cannot be written .*Is a directory"):
        write_whole(tmp_path / "mine", "text")
    assert (tmp_path / "mine").is_dir()


def test_errors_of_what_is_read_meanwhile_are_not_called_errors_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), whole(tmp_path / "a") as new:
        new.write_bytes((tmp_path / "elsewhere").read_bytes())
    assert not list(tmp_path.iterdir())


def test_a_file_takes_no_links_place(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(StorageError, match=r"`save_to`: .*link is a link to .*mine\. auxtasks neither follows"):
        write_whole(tmp_path / "link", "text", "save_to")
    with pytest.raises(StorageError, match=r"link is a link. auxtasks does not follow"):
        write_through(tmp_path / "link", b"text")
    with pytest.raises(StorageError, match=r"link is a link. auxtasks does not follow"):
        read_regular(tmp_path / "link")
    assert (tmp_path / "link").read_text() == "precious"


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match=r"pipe is not a regular file"):
        read_regular(tmp_path / "pipe")
    with pytest.raises(StorageError, match=r"a regular file but a folder"):
        read_regular(tmp_path)


def test_what_a_killed_process_left_is_removed_and_what_others_left_is_not(tmp_path: Path) -> None:
    stage = tmp_path / ".a.saving"
    (stage / "new" / "deep").mkdir(parents=True)
    (stage / "lock").write_text("12345")
    write_whole(tmp_path / "a", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    stage.mkdir()
    (stage / "notes.txt").write_text("precious")
    with pytest.raises(StorageError, match=r"\.a\.saving is needed while .*, but holds notes.txt, which auxtasks did"):
        write_whole(tmp_path / "a", "other")
    assert (stage / "notes.txt").read_text() == "precious"
    assert (tmp_path / "a").read_text() == "text"


def test_lines_are_added(tmp_path: Path) -> None:
    for append in (False, True):
        write_through(tmp_path / "a", b"line\n", append=append)
    assert (tmp_path / "a").read_bytes() == b"line\nline\n"


def test_where_a_part_ends_counts() -> None:
    assert digest([b"a", b"bc"]) != digest([b"ab", b"c"])


def test_a_folder_is_known_by_its_files_but_not_by_compiled_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = digest_files(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert digest_files(tmp_path) == before
    (tmp_path / "a").write_text("2")
    assert digest_files(tmp_path) != before


def test_versions_are_those_of_packages_there_and_absent_ones() -> None:
    assert versions("numpy", "nosuchpackage") == f"numpy {np.__version__} nosuchpackage absent"


def test_fingerprints_are_of_contents() -> None:
    assert fingerprint(np.arange(3)) == fingerprint(np.array([0, 1, 2]))
    assert fingerprint([1, "a"]) != fingerprint([1, "b"])
    assert named({"at": "auto", "steps": (1, 2), "score": sorted}) == {
        "at": "auto",
        "steps": [1, 2],
        "score": "builtins.sorted",
    }
