"""One process at a time writes to a folder; a lock ends with the process that holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from auxtasks.errors import StorageError
from auxtasks.files import LOCK, locked


def test_a_lock_leaves_nothing(tmp_path: Path) -> None:
    with locked(tmp_path / "deep" / "a"):
        assert (tmp_path / "deep" / "a" / LOCK).read_text() == str(os.getpid())
    assert not (tmp_path / "deep" / "a").exists()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "kept").touch()
    with locked(tmp_path / "b"):
        pass
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["kept"]


def test_the_second_is_refused_or_waits(tmp_path: Path) -> None:
    seen = []

    def second() -> None:
        with locked(tmp_path / "a"):
            seen.append("second")

    waiting = threading.Thread(target=second)
    with locked(tmp_path / "a"):
        with (
            pytest.raises(StorageError, match=rf"`save_to`: process {os.getpid()} is writing .*a; wait for it"),
            locked(tmp_path / "a", wait=False, argument="save_to"),
        ):
            pass
        waiting.start()
        waiting.join(0.05)
        seen.append("first")
    waiting.join()
    assert seen == ["first", "second"]
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from auxtasks.files import locked
with locked(pathlib.Path({str(tmp_path / "a")!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StorageError, match=f"process {process.pid} is writing"), locked(tmp_path / "a", wait=False):
            pass
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "a" / LOCK).exists()
    with locked(tmp_path / "a", wait=False):
        pass
    assert not list(tmp_path.iterdir())


def test_what_is_no_lock_is_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("precious")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / LOCK).symlink_to(thesis)
    with pytest.raises(StorageError, match=r"a/lock is a link. auxtasks does not follow"), locked(tmp_path / "a"):
        pass
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / LOCK).write_text("precious")
    with pytest.raises(StorageError, match=r"b/lock was not written by auxtasks"), locked(tmp_path / "b"):
        pass
    (tmp_path / "c").symlink_to(tmp_path / "b", target_is_directory=True)
    with (
        pytest.raises(StorageError, match=r"c is a link to .*b\. auxtasks neither follows"),
        locked(tmp_path / "c"),
    ):
        pass
    assert thesis.read_text() == (tmp_path / "b" / LOCK).read_text() == "precious"
