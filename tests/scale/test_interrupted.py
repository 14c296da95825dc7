"""Whatever interrupts a call, the same call goes on and gives the same bits; until then nothing is loaded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import on_disk as small
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auxtasks
from auxtasks.errors import AuxTasksWarning, StorageError
from auxtasks.folders import JOURNAL
from auxtasks.scale.disk_files import RowFile
from auxtasks.storage import journals_in


class Crash(BaseException):
    """Ends a call as nothing that it could catch does."""


def source(kind: str, X: Any) -> Any:
    return X if kind == "array" else iter(np.array_split(X, 11))


def make(path: Path, kind: str = "array", X: Any = None, **options: Any) -> auxtasks.AuxTargets:
    """Make the targets of these tests."""
    options = {"tasks": small.TASKS, "label_columns": small.given(), **options}
    return auxtasks.make_aux_targets(
        source(kind, small.signals() if X is None else X), "signal", **options, save_to=path
    )


@pytest.fixture(scope="module")
def expected() -> auxtasks.AuxTargets:
    with pytest.MonkeyPatch.context() as patch:
        small.cut_small(patch)
        return auxtasks.make_aux_targets(small.signals(), "signal", small.TASKS, label_columns=small.given())


@pytest.fixture
def crash_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Callable[[], int]]:
    """Crash before the k-th of the steps by which the disk changes."""
    places: list[tuple[Any, str]] = [(os, name) for name in ("fsync", "replace", "unlink", "truncate", "mkdir")]
    places += [(RowFile, name) for name in ("write", "finish", "reserve")]
    originals = [(owner, name, getattr(owner, name)) for owner, name in places]

    def arm(k: int) -> Callable[[], int]:
        count = 0

        def counted(original: Callable[..., Any]) -> Callable[..., Any]:
            def step(*args: Any, **kwargs: Any) -> Any:
                nonlocal count
                count += 1
                if count == k:
                    raise Crash
                return original(*args, **kwargs)

            return step

        for owner, name, original in originals:
            monkeypatch.setattr(owner, name, counted(original))
        return lambda: count

    return arm


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("kind", "overwrite"), [("batches", False), ("array", True)])
def test_a_crash_before_any_step(
    kind: str, overwrite: bool, tmp_path: Path, crash_at: Callable[[int], Callable[[], int]]
) -> None:
    options: dict[str, Any] = {"tasks": ["std", {"next_steps": {"horizon": 2}}], "label_columns": {"who": [0, 1] * 15}}
    X = small.signals(30)
    expected = auxtasks.make_aux_targets(X, "signal", **options)
    earlier = make(tmp_path / "earlier", X=X, tasks="std", label_columns=None) if overwrite else None

    def interrupted(k: int, path: Path) -> int:
        if earlier is not None:
            shutil.copytree(tmp_path / "earlier", path)
        steps = crash_at(k)
        with pytest.raises(Crash) if k else nullcontext():
            make(path, kind, X, **options, overwrite=overwrite)
        return crash_at(0)() or steps()

    total = interrupted(0, tmp_path / "whole" / "targets")
    assert total > 40
    for k in range(1, total + 1):
        path = tmp_path / str(k) / "targets"
        interrupted(k, path)
        if path.exists():  # what was there, or all of what was made
            loaded = auxtasks.load_targets(path)
            whole = earlier if earlier is not None and list(loaded) == ["std"] else expected
            assert list(loaded) == list(whole)
            np.testing.assert_array_equal(loaded["std"], whole["std"])
        elif journals_in(path.with_name("targets.partial")):
            with pytest.raises(StorageError, match="are unfinished; make the same call"):
                auxtasks.load_targets(path)
        replaced = path.exists() and list(auxtasks.load_targets(path)) == list(expected)
        small.assert_same(make(path, kind, X, **options, overwrite=overwrite and not replaced), expected)
        small.assert_finished(path)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A run that stopped after the last scaled block, and its journal."""
    path = tmp_path_factory.mktemp("unfinished") / "targets"
    with pytest.MonkeyPatch.context() as patch:
        small.cut_small(patch)
        patch.setattr("os.fsync", lambda _: None)
        patch.setattr("auxtasks.scale.disk._described", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(path)
    journal = small.arrays_of(path.with_name("targets.partial")) / JOURNAL
    return path, journal.read_bytes()


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1), rest=st.binary(max_size=5))
@pytest.mark.filterwarnings("ignore:rows .* do not have the checksum:auxtasks.errors.AuxTasksWarning")
def test_a_journal_cut_at_any_byte(
    unfinished: tuple[Path, bytes],
    share: float,
    rest: bytes,
    expected: auxtasks.AuxTargets,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("cut") / "targets"
    folder = path.with_name("targets.partial")
    shutil.copytree(unfinished[0].with_name("targets.partial"), folder)
    journal = unfinished[1]
    (small.arrays_of(folder) / JOURNAL).write_bytes(journal[: int(share * len(journal))] + rest)
    small.assert_same(make(path), expected)
    small.assert_finished(path)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", ["raw_000.npy", "target_005.npy", "inputs.npy"])
@pytest.mark.parametrize("at", [300, -5])
def test_a_flipped_bit_is_found(
    name: str, at: int, tmp_path: Path, expected: auxtasks.AuxTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("auxtasks.targets.fitted.fit_targets", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(tmp_path / "targets")
    damaged = small.arrays_of(tmp_path / "targets.partial") / name
    content = bytearray(damaged.read_bytes())
    content[at] ^= 4
    damaged.write_bytes(content)
    with pytest.warns(AuxTasksWarning, match=f"of {name} do not have the checksum they were written with"):
        made = make(tmp_path / "targets")
    small.assert_same(made, expected)


@pytest.mark.usefixtures("small_chunks")
def test_a_damaged_result_is_told_of_and_replaced(tmp_path: Path, expected: auxtasks.AuxTargets) -> None:
    path = tmp_path / "targets"
    make(path)
    damaged = small.arrays_of(path) / "target_001.npy"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(
        StorageError, match=r"target_001.npy is damaged: bytes .* not have the checksum .* overwrite=True"
    ):
        make(path)
    small.assert_same(make(path, overwrite=True), expected)
    small.assert_finished(path)


@pytest.mark.usefixtures("small_chunks")
def test_the_same_call_after_the_end_computes_nothing(
    tmp_path: Path, expected: auxtasks.AuxTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "targets"
    make(path)
    before = {found: found.stat().st_mtime_ns for found in tmp_path.rglob("*")}
    monkeypatch.setattr("auxtasks.scale.disk.locked", lambda _: 1 / 0)
    small.assert_same(make(path), expected)
    small.assert_same(make(path, "array", np.array(small.signals())), expected)
    assert {found: found.stat().st_mtime_ns for found in tmp_path.rglob("*")} == before


KILLED = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np, pytest, on_disk, auxtasks
from pathlib import Path
on_disk.cut_small(pytest.MonkeyPatch(), cache=1 << 14, chunk=1 << 16, scaled=1 << 15)
print("made", flush=True)
X = on_disk.signals({n})
made = auxtasks.make_aux_targets(
    iter(np.array_split(X, 7)), "signal", on_disk.TASKS, label_columns=on_disk.given({n}), save_to={path!r}
)
"""


def written(partial: Path) -> int:
    """Return how much of a journal is written."""
    try:
        return sum(journal.stat().st_size for journal in journals_in(partial))
    except FileNotFoundError:
        return 0


def test_kill_9_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n, path, rng = 4000, tmp_path / "targets", np.random.default_rng(int(time.time()))
    partial = tmp_path / "targets.partial"
    program = KILLED.format(folder=str(Path(__file__).parent), n=n, path=str(path))
    killed, length = 0, 0
    while not path.exists():
        # Killed after it noted down some chunks more, at whatever it was doing then; the third time it may go on.
        until = length + int(rng.integers(1, 6_000)) if killed < 2 else 1 << 60
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:  # noqa: S603
            while process.poll() is None:
                if written(partial) > until:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.001)
            process.wait()
        length = written(partial)
        assert path.exists() or process.returncode == -signal.SIGKILL
    assert killed >= 2
    small.cut_small(monkeypatch, cache=1 << 14)
    expected = auxtasks.make_aux_targets(small.signals(n), "signal", small.TASKS, label_columns=small.given(n))
    small.assert_same(auxtasks.load_targets(path), expected)
    small.assert_finished(path)
