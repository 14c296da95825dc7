"""What cannot go on disk, or would mix two things there, is refused with a way out."""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import on_disk as small
import pytest

import auxtasks
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError, StorageError
from auxtasks.files import locked
from auxtasks.folders import JOURNAL

pytestmark = pytest.mark.usefixtures("small_chunks")
X = small.signals()
RAGGED = [X[0], X[1][:9]]


def endless() -> Any:
    return pytest.importorskip("tensorflow").data.Dataset.from_tensors(X).repeat()


@pytest.mark.parametrize(
    ("source", "domain", "options", "match"),
    [
        (
            X,
            "signal",
            {"tasks": ["transform"]},
            r"`save_to`: 'transform' draws at random over all samples .* `AuxTargets\.save",
        ),
        (["a text"], "text", {}, r"`save_to`: texts are tagged and numbered as a whole; make .* in memory"),
        (
            RAGGED,
            "signal",
            {},
            r"`X` holds series of different lengths, which cannot be written by `save_to`; pad or cut",
        ),
        (iter([RAGGED]), "signal", {}, r"`batch 0 of X` cannot be read as an array of numbers"),
        (iter([{"x": X}]), "signal", {}, r"batch 0 holds a dict; one array of inputs is expected"),
        (iter([X[0, :, 0]]), "signal", {}, r"batch 0 has shape \(18,\); batches of samples are expected"),
        (iter([]), "signal", {}, r"`X` gives no samples"),
        (iter([X, X[:, :9]]), "signal", {}, r"batch 1 has samples of shape \(9, 2\) and dtype float32"),
        (iter([X, X.astype("f8")]), "signal", {}, r"batch 1 has .* dtype float64, and the first batch .* float32"),
        (X[:0], "signal", {}, r"`X` holds no samples"),
        (X, "image", {"tasks": ["hog"], "n_jobs": 0}, r"`n_jobs` must be positive"),
        (X, "signal", {"tasks": ["stt"]}, r"no task of domain 'signal' named 'stt'"),
        (X, "signal", {"label_columns": {"who": [1, 2]}}, r"`who` must have one entry for each of the 90 samples"),
        (iter([X]), "signal", {"label_columns": {"who": [1, 2] * 44}}, r"'who' has 88 rows, and `X` at least"),
        (iter([X]), "signal", {"label_columns": {"who": [1, 2] * 46}}, r"'who' has 92 rows, and `X` has 90"),
        (np.where(np.arange(90)[:, None, None] == 71, np.nan, X), "signal", {}, r"NaN, first at `X\[71\]\[0, 0\]`"),
        ((x for x in [5]), "signal", {}, r"batch 0 has shape \(\)"),
        (5, "signal", {}, r"`X`"),
        ("X.npy", "signal", {}, r"`X` must hold real numbers; found strings"),
    ],
)
def test_inputs_and_options(source: Any, domain: str, options: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(AuxTasksError, match=match):
        auxtasks.make_aux_targets(source, domain, **{"tasks": None, **options}, save_to=tmp_path / "targets")
    assert not (tmp_path / "targets").exists()


def test_batches_without_end(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="`X` never ends; limit it"):
        auxtasks.make_aux_targets(endless(), "signal", save_to=tmp_path / "targets")
    assert not list(tmp_path.iterdir())


def test_arguments(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="`overwrite` applies to `save_to`"):
        auxtasks.make_aux_targets(X, "signal", overwrite=True)
    with pytest.raises(InvalidTypeError, match="`save_to` must be a path; got 3 of type int"):
        auxtasks.make_aux_targets(X, "signal", save_to=3)  # type: ignore[arg-type]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(StorageError, match=r"mine holds notes\.txt, which was not written by auxtasks"):
            auxtasks.make_aux_targets(X, "signal", save_to=tmp_path / "mine", overwrite=overwrite)
    foreign = tmp_path / "targets.partial" / "thesis.tex"
    foreign.parent.mkdir()
    foreign.write_text("precious")
    with pytest.raises(StorageError, match=r"partial holds thesis\.tex, which was not written by auxtasks"):
        auxtasks.make_aux_targets(X, "signal", save_to=tmp_path / "targets", overwrite=True)
    assert foreign.read_text() == "precious"


def test_targets_saved_from_memory_are_not_taken_for_a_run(tmp_path: Path) -> None:
    auxtasks.make_aux_targets(X, "signal", "std").save(tmp_path / "targets")
    with pytest.raises(StorageError, match="exists; choose another, or pass overwrite=True"):
        auxtasks.make_aux_targets(X, "signal", "std", save_to=tmp_path / "targets")
    auxtasks.make_aux_targets(X, "signal", "fft", save_to=tmp_path / "targets", overwrite=True)
    assert list(auxtasks.load_targets(tmp_path / "targets")) == ["fft"]


@pytest.fixture(params=["finished", "unfinished"])
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Targets of X that are finished, or lack their end."""
    path = tmp_path / "targets"
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "finished":
            auxtasks.make_aux_targets(X, "signal", ["std"], label_columns=small.given(), save_to=path)
        else:
            patch.setattr("auxtasks.targets.fitted.fit_targets", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                auxtasks.make_aux_targets(X, "signal", ["std"], label_columns=small.given(), save_to=path)
    return path


def changed(at: int) -> Any:
    other = X.copy()
    other[at, 5, 0] += 1e-6
    return other


OTHER_WHO = {**small.given(), "who": np.arange(90) % 2}


@pytest.mark.parametrize(
    ("source", "options", "match"),
    [
        (changed(0), {}, r"rows 0 to \d+ of `X` differs"),
        (changed(44), {}, r"rows \d+ to \d+ of `X` differs"),
        (changed(89), {}, r"rows \d+ to 90 of `X` differs"),
        (X[:80], {"label_columns": small.given(80)}, r"shape of X was \[90, 18, 2\] and is \[80, 18, 2\]"),
        (X.astype("f8"), {}, r"dtype of X was '<f4' and is '<f8'"),
        (X, {"tasks": ["std", "fft"]}, r"tasks was \[\['std', 'std', \{\}\]\] and is \[.*'fft'"),
        (X, {"scale": False}, r"scale was True and is False"),
        (X, {"dtype": "float64"}, r"dtype was 'float32' and is 'float64'"),
        (X, {"label_columns": OTHER_WHO}, r"label_columns was .* and is"),
    ],
)
def test_what_changed_since(begun: Path, source: Any, options: dict[str, Any], match: str) -> None:
    options = {"tasks": ["std"], "label_columns": small.given(), **options}
    with pytest.raises(StorageError, match=match + r".* overwrite=True to start over"):
        auxtasks.make_aux_targets(source, "signal", **options, save_to=begun)
    anew = auxtasks.make_aux_targets(source, "signal", **options, save_to=begun, overwrite=True)
    small.assert_same(anew, auxtasks.make_aux_targets(source, "signal", **options))
    small.assert_finished(begun)


@pytest.mark.parametrize("length", [50, 84, 85, 91, 200])
def test_batches_of_another_number(length: int, tmp_path: Path) -> None:
    path, long = tmp_path / "targets", small.signals(200)
    auxtasks.make_aux_targets(iter([long[:90]]), "signal", "std", save_to=path)
    with pytest.raises(StorageError, match=r"`save_to`: .*`X`.* differs from the data that"):
        auxtasks.make_aux_targets(iter(np.array_split(long[:length], 5)), "signal", "std", save_to=path)
    assert auxtasks.load_targets(path).n_samples == 90


def test_a_task_that_gives_other_values_now(tmp_path: Path, temporary_task: Any) -> None:
    temporary_task("now", lambda X: X.max(axis=1))
    auxtasks.make_aux_targets(X, "signal", "now", save_to=tmp_path / "targets")
    auxtasks.registry._registry.pop(("signal", "now"))
    temporary_task("now", lambda X: X.min(axis=1))
    with pytest.raises(StorageError, match=r"the same inputs now give other values .* a custom task"):
        auxtasks.make_aux_targets(X, "signal", "now", save_to=tmp_path / "targets")


def test_a_task_whose_shape_depends_on_how_many_samples_it_sees(tmp_path: Path, temporary_task: Any) -> None:
    temporary_task("wide", lambda X: np.ones((len(X), len(X))))
    with pytest.raises(InvalidInputError, match=r"'wide' gives shape \(\d+,\) for some samples and \(1,\) for the"):
        auxtasks.make_aux_targets(X, "signal", "wide", save_to=tmp_path / "targets")


def test_overwrite_with_other_batches_throws_the_unfinished_away(tmp_path: Path) -> None:
    path = tmp_path / "targets"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auxtasks.targets.fitted.fit_targets", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            auxtasks.make_aux_targets(iter([X]), "signal", "std", save_to=path)
    with pytest.raises(StorageError, match=r"were removed .* read only once: repeat the call with a new"):
        auxtasks.make_aux_targets(iter([changed(44)]), "signal", "std", save_to=path, overwrite=True)
    made = auxtasks.make_aux_targets(iter([changed(44)]), "signal", "std", save_to=path, overwrite=True)
    small.assert_same(made, auxtasks.make_aux_targets(changed(44), "signal", "std"))


def test_two_at_once(tmp_path: Path) -> None:
    with locked(tmp_path / "targets.partial"), pytest.raises(StorageError, match=r"`save_to`: process \d+ is writing"):
        auxtasks.make_aux_targets(X, "signal", save_to=tmp_path / "targets")
    auxtasks.make_aux_targets(X, "signal", save_to=tmp_path / "targets")


def test_too_little_space_is_seen_at_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    with pytest.raises(StorageError, match=r"`save_to`: 72,256 more bytes are needed in .*, but 1,000 are free on"):
        auxtasks.make_aux_targets(X, "signal", "fft", save_to=tmp_path / "targets")
    with pytest.raises(StorageError, match="are unfinished"):
        auxtasks.load_targets(tmp_path / "targets")


@pytest.mark.parametrize("limit", [5_000, 20_000])
@pytest.mark.parametrize("source", [lambda: X, lambda: iter(np.split(X, 9))])
def test_a_file_that_may_not_grow(limit: int, source: Any, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(StorageError, match=r"is full, or a quota is reached .* repeat the same call"):
            auxtasks.make_aux_targets(source(), "signal", ["fft", "reconstruction"], save_to=tmp_path / "targets")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(StorageError, match="are unfinished"):
        auxtasks.load_targets(tmp_path / "targets")
    made = auxtasks.make_aux_targets(source(), "signal", ["fft", "reconstruction"], save_to=tmp_path / "targets")
    small.assert_same(made, auxtasks.make_aux_targets(X, "signal", ["fft", "reconstruction"]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if made.returncode:
        pytest.skip("may not mount a small disk here")
    yield folder
    # Lazily, because arrays of the test may still be mapped.
    subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607


def test_a_disk_that_is_full(small_disk: Path) -> None:
    path = small_disk / "targets"
    with pytest.raises(StorageError, match=r"No space left .* repeat the same call") as found:
        auxtasks.make_aux_targets(iter(np.split(X, 9)), "signal", ["fft", "reconstruction"], save_to=path)
    assert isinstance(found.value.__cause__, OSError)
    assert found.value.__cause__.errno == errno.ENOSPC
    assert (small.arrays_of(path.with_name("targets.partial")) / JOURNAL).stat().st_size > 0
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)  # noqa: S603, S607
    made = auxtasks.make_aux_targets(iter(np.split(X, 9)), "signal", ["fft", "reconstruction"], save_to=path)
    small.assert_same(made, auxtasks.make_aux_targets(X, "signal", ["fft", "reconstruction"]))
