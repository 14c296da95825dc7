"""Saved as a whole or not at all; loaded as it was, or refused with the name of the file."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flips import with_flipped_bit

from auxtasks import AuxTargets, load_targets, make_aux_targets
from auxtasks.checksums import json_document
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError
from auxtasks.folders import Saved
from auxtasks.targets.state import in_present_names
from auxtasks.typing import Array

TASKS = ["std", {"fft": {"n_coefficients": 20}}, {"some": {"task": "quantiles", "q": [0.1, 0.5]}}, "transform"]
GIVEN = {"speaker": ["ann", "bob", None] * 4, "age": np.arange(12.0)}


@pytest.fixture
def targets(signals: Array) -> AuxTargets:
    return make_aux_targets(signals, "signal", TASKS, label_columns=GIVEN, seed=5)


@pytest.fixture
def saved(targets: AuxTargets, tmp_path: Path) -> Path:
    targets.save(tmp_path / "deep" / "saved")
    return tmp_path / "deep" / "saved"


@pytest.mark.parametrize("mmap", [True, False])
def test_loaded_as_it_was(targets: AuxTargets, saved: Path, signals: Array, mmap: bool) -> None:
    loaded = load_targets(saved, mmap=mmap)
    assert loaded.specs == targets.specs
    assert loaded.n_original == 12
    assert isinstance(loaded["fft"], np.memmap) == mmap
    assert not loaded["fft"].flags.writeable
    np.testing.assert_array_equal(loaded.inputs, targets.inputs)
    before, after = (found.transform(2 * signals, label_columns=GIVEN) for found in (targets, loaded))
    np.testing.assert_array_equal(before.inputs, after.inputs)
    for name in targets:
        np.testing.assert_array_equal(loaded[name], targets[name])
        np.testing.assert_array_equal(after[name], before[name])
        np.testing.assert_array_equal(loaded.unscale(name, loaded[name]), targets.unscale(name, targets[name]))


FORMAT_1 = """{"format": 1, "auxtasks": "0.1.0", "n_original": 2, "generator": {"params": {"domain": "signal",
"tasks": ["std"], "scale": true, "seed": 0, "dtype": "float32", "padding": "post", "padding_value": 0.0, "n_jobs": 1,
"progress": false, "tokenizer": null, "max_tokens": 20000, "length": null, "inputs": "ids", "backend": "spacy",
"pipeline": null, "batch_size": 1000, "n_process": 1, "cache": null}, "texts": null, "tasks": [{"name": "std", "task":
"std", "options": {}, "names": null}], "given": {"speaker": {"name": "speaker", "kind": "class", "shape": [], "classes":
["a", "b"], "columns": []}}, "specs": [{"name": "std", "task": "std", "kind": "vector", "shape": [1], "n_classes": null,
"chance": 1.0, "place": "global", "columns": ["channel 0"], "classes": [], "dropped": [], "options": {}, "per_sample":
"", "asks_for": "", "level": "high", "share": 0.1}, {"name": "speaker", "task": "given", "kind": "class", "shape": [],
"n_classes": 2, "chance": 0.6931471805599453, "place": "global", "columns": [], "classes": ["a", "b"], "dropped": [],
"options": {}, "per_sample": "", "asks_for": "", "level": "high", "share": 1.0}], "scalings": {"std": {"log1p": true,
"mean": [0.34657359027997264], "std": [0.34657359027997264], "kept": [0], "origin": [0]}}, "shapes": {"std": [1],
"speaker": []}, "row_shape": [2, 1], "channel_added": true, "length": null}, "targets": {"std": {"file":
"target_000.npy", "shape": [2, 1], "dtype": "<f4"}, "speaker": {"file": "target_001.npy", "shape": [2], "dtype":
"<i4"}}, "inputs": {"file": "inputs.npy", "shape": [2, 2], "dtype": "<f8"}, "lengths": null}"""
"""What version 0.1.0 wrote."""


def of_format_1(saved: Path, described: str = "") -> None:
    """Turn what is saved into what version 0.1.0 wrote."""
    (arrays,) = saved.glob("arrays-*")
    fields = json.loads((saved / "auxtasks.json").read_text())
    for name in ("checksum", "folder", "files"):
        del fields[name]
    for file in arrays.iterdir():
        file.rename(saved / file.name)
    arrays.rmdir()
    (saved / "auxtasks.json").write_text(described or json.dumps({**fields, "format": 1}))


def test_what_was_written_before_is_read_and_replaced(tmp_path: Path) -> None:
    X, given = np.array([[1.0, 3.0], [2.0, 2.0]]), {"speaker": ["a", "b"]}
    made = make_aux_targets(X, "signal", ["std"], label_columns=given)
    made.save(tmp_path / "a")
    of_format_1(tmp_path / "a")
    written = json.loads((tmp_path / "a" / "auxtasks.json").read_text())["generator"]
    assert in_present_names(json.loads(FORMAT_1)["generator"]) == written
    (tmp_path / "a" / "auxtasks.json").write_text(FORMAT_1)
    for found in (load_targets(tmp_path / "a"), load_targets(tmp_path / "a").transform(X, label_columns=given)):
        assert found.specs == made.specs
        for name in made:
            np.testing.assert_array_equal(found[name], made[name])
    (tmp_path / "a" / "notes.txt").write_text("precious")
    with pytest.raises(StorageError, match=r"a holds notes.txt, which was not written by auxtasks"):
        made.save(tmp_path / "a", overwrite=True)
    (tmp_path / "a" / "notes.txt").unlink()
    load_targets(tmp_path / "a").save(tmp_path / "a", overwrite=True)
    np.testing.assert_array_equal(load_targets(tmp_path / "a")["std"], made["std"])
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_ragged_series_are_padded_alike_after_loading(tmp_path: Path) -> None:
    series = [np.arange(5.0), np.arange(8.0) ** 2]
    targets = make_aux_targets(series, "signal", ["std", "reconstruction"])
    targets.save(tmp_path / "a")
    assert load_targets(str(tmp_path / "a")).transform(series[:1])["reconstruction"].shape == (1, 8, 1)


def test_inputs_can_be_left_out(targets: AuxTargets, tmp_path: Path) -> None:
    targets.save(tmp_path / "a", include_inputs=False)
    loaded = load_targets(tmp_path / "a")
    np.testing.assert_array_equal(loaded["std"], targets["std"])
    with pytest.raises(InvalidInputError, match="`inputs` were not saved"):
        _ = loaded.inputs


def test_the_folder_one_is_in(saved: Path, targets: AuxTargets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    assert list(load_targets(".")) == list(targets)
    monkeypatch.chdir(saved.parent)
    with pytest.raises(StorageError, match=r"pass a directory that `AuxTargets.save` or"):
        load_targets(".")


@pytest.mark.parametrize("failing", [1, 3])
def test_an_interrupted_save_leaves_nothing(
    targets: AuxTargets, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    calls = []

    def full_disk(*args: Any, **options: Any) -> None:
        calls.append(args)
        if len(calls) == failing:
            raise OSError("disk full")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="disk full"):
        targets.save(tmp_path / "new")
    calls.clear()
    with pytest.raises(OSError, match="disk full"):
        targets.save(saved, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]
    np.testing.assert_array_equal(load_targets(saved)["std"], targets["std"])


@pytest.mark.parametrize("at", ["arrays-", "auxtasks.json"])
def test_what_was_there_stays_if_a_move_fails(
    targets: AuxTargets, saved: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.startswith(at):
            raise OSError(16, "busy", str(self))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(StorageError, match=r"`path`: .*saved cannot be written .*busy: .*; choose another path"):
            targets.save(saved, overwrite=True)
    np.testing.assert_array_equal(load_targets(saved)["std"], targets["std"])
    targets.save(saved, overwrite=True)
    assert len(list(saved.iterdir())) == 2


def test_overwriting_must_be_asked_for(targets: AuxTargets, saved: Path, signals: Array, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="saved exists; choose another, or pass overwrite=True"):
        targets.save(saved)
    other = make_aux_targets(signals, "signal", "std")
    other.save(saved, overwrite=True)
    assert list(load_targets(saved)) == ["std"]
    # Also onto the very files that the arrays are mapped from.
    load_targets(saved).save(saved, overwrite=True)
    np.testing.assert_array_equal(load_targets(saved)["std"], other["std"])
    (tmp_path / "empty").mkdir()
    targets.save(tmp_path / "empty")
    np.testing.assert_array_equal(load_targets(tmp_path / "empty")["std"], targets["std"])


@pytest.mark.parametrize("inside", ["notes.txt", "arrays/notes.txt", "more/notes.txt", "link", "arrays/target_999.npy"])
def test_what_others_wrote_is_kept(targets: AuxTargets, saved: Path, tmp_path: Path, inside: str) -> None:
    name = inside.replace("arrays", next(saved.glob("arrays-*")).name)
    own = saved / name
    own.parent.mkdir(exist_ok=True)
    if inside in ("link", "arrays/target_999.npy"):
        (tmp_path / "notes.txt").write_text("precious")
        own.symlink_to(tmp_path / "notes.txt")
    else:
        own.write_text("precious")
    with pytest.raises(StorageError, match=f"saved holds {name.removesuffix('/notes.txt')}.*move it away"):
        targets.save(saved, overwrite=True)
    assert own.read_text() == "precious"
    np.testing.assert_array_equal(load_targets(saved)["std"], targets["std"])


def test_a_link_is_not_replaced_but_read_through(targets: AuxTargets, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(saved)
    with pytest.raises(StorageError, match=r"`path`: .*link is a link to .*saved\. auxtasks neither follows"):
        targets.save(tmp_path / "link", overwrite=True)
    np.testing.assert_array_equal(load_targets(tmp_path / "link")["std"], targets["std"])


def test_links_and_pipes_in_it_are_not_read(saved: Path, tmp_path: Path) -> None:
    for found in (saved / "auxtasks.json", *saved.glob("arrays-*"), *saved.glob("arrays-*/*_000.npy")):
        found.rename(tmp_path / "elsewhere")
        found.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match=f"{found.name} is a link. auxtasks does not follow"):
            load_targets(saved)
        found.unlink()
        os.mkfifo(found)
        with pytest.raises(StorageError, match=r"is not a regular file|is missing"):
            load_targets(saved)
        found.unlink()
        (tmp_path / "elsewhere").rename(found)
    load_targets(saved)


def test_a_reader_goes_on_with_what_took_its_place(
    targets: AuxTargets, saved: Path, signals: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, verify = make_aux_targets(10 * signals, "signal", "std"), Saved.verify

    def overtaken(self: Saved) -> None:
        monkeypatch.setattr(Saved, "verify", verify)
        other.save(saved, overwrite=True)
        verify(self)

    monkeypatch.setattr(Saved, "verify", overtaken)
    loaded = load_targets(saved)
    assert list(loaded) == ["std"]
    assert loaded.unscale("std", loaded["std"]).tolist() == other.unscale("std", other["std"]).tolist()


@pytest.mark.parametrize("mmap", [True, False])
def test_a_flipped_bit_is_refused(saved: Path, mmap: bool) -> None:
    rng = np.random.default_rng(0)
    for path in (found for found in sorted(saved.rglob("*")) if found.is_file()):
        whole = path.read_bytes()
        for bit in rng.integers(0, 8 * len(whole), size=6).tolist():
            path.write_bytes(with_flipped_bit(whole, bit))
            with pytest.raises(StorageError, match=rf"{path.name} (is damaged|was not written|is of format)"):
                load_targets(saved, mmap=mmap)
        path.write_bytes(whole)
    load_targets(saved, mmap=mmap)


def test_verifying_can_be_left_out(saved: Path) -> None:
    (path,) = saved.glob("arrays-*/target_000.npy")
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    assert load_targets(saved, verify=False).n_samples == 24
    with pytest.raises(StorageError, match=r"target_000.npy is damaged: bytes 0 to \d+ do not have the checksum"):
        load_targets(saved)


def edit(change: Any) -> Any:
    def apply(folder: Path) -> None:
        described = json.loads((folder / "auxtasks.json").read_text())
        del described["checksum"]
        change(described)
        (folder / "auxtasks.json").write_bytes(json_document(described))

    return apply


def in_arrays(change: Any) -> Any:
    """Change the arrays of a folder of the first format, which has no checksums."""

    def apply(folder: Path) -> None:
        of_format_1(folder)
        change(folder)

    return apply


def replace_in(path: Path, old: bytes, new: bytes) -> None:
    """Replace some bytes by as many others."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new.ljust(len(old))))


DAMAGE: dict[str, tuple[Any, str]] = {
    "no description": (lambda folder: (folder / "auxtasks.json").unlink(), "there is no .*auxtasks.json"),
    "no JSON": (lambda folder: (folder / "auxtasks.json").write_text('{"format": '), "auxtasks.json is damaged"),
    "no text": (lambda folder: (folder / "auxtasks.json").write_bytes(b"\xff\xfe\x00"), "auxtasks.json is damaged"),
    "foreign": (lambda folder: (folder / "auxtasks.json").write_text("[1]"), "auxtasks.json is damaged"),
    "parameter": (edit(lambda d: d["generator"]["params"].update(sede=1)), "auxtasks.json is damaged: TypeError.*sede"),
    "version": (edit(lambda d: d.update(format=99)), "is of format 99, and this version of auxtasks .* reads format 2"),
    "no files": (edit(lambda d: d.pop("targets")), "auxtasks.json is damaged: KeyError: 'targets'"),
    "specs": (edit(lambda d: d["generator"]["specs"][0].pop("kind")), "auxtasks.json is damaged: .* it lacks 'kind'"),
    "chance": (
        edit(lambda d: d["generator"]["specs"][0].update(baseline_loss=-1)),
        "auxtasks.json is damaged: .*`baseline_loss`",
    ),
    "task": (edit(lambda d: d["generator"]["tasks"][0].update(task="gone")), "not registered here: .*named 'gone'"),
    "length": (edit(lambda d: d.update(n_original=99)), "does not fit the arrays beside it"),
    "shape": (
        edit(lambda d: d["generator"]["specs"][0].update(shape=[9])),
        r"`scalings` of 'std' must be of the shape \[9\]",
    ),
    "elsewhere": (
        edit(lambda d: d["targets"]["std"].update(file="../target_000.npy")),
        "names '../target_000.npy', which is not a file beside it",
    ),
    "checksums": (edit(lambda d: d["files"].update(x=[])), "`files` must hold the checksums"),
    "number": (edit(lambda d: d.update(n_original=3.5)), "`n_original` must be a whole number; found 3.5"),
    "infinite": (
        lambda folder: (folder / "auxtasks.json").write_text('{"format": 1, "n_original": Infinity}'),
        "Infinity is not a number",
    ),
    "deep": (lambda folder: (folder / "auxtasks.json").write_text("[" * 99_999), "it is nested too deep"),
    "seed": (edit(lambda d: d["generator"]["params"].update(seed=-1)), "`seed` must be at least 0"),
    "std": (edit(lambda d: d["generator"]["scalings"]["std"].update(std=[0, 1])), "`std` positive"),
    "mean": (edit(lambda d: d["generator"]["scalings"]["std"].update(mean=[])), "must be of 2 columns"),
    "kept": (edit(lambda d: d["generator"]["scalings"]["std"].update(kept=[0, 2])), "of columns that there are"),
    "origin": (edit(lambda d: d["generator"]["scalings"]["std"].update(origin=[0, 2])), "columns that are kept"),
    "shapes": (edit(lambda d: d["generator"]["shapes"].pop("std")), "`shapes` must be of every task"),
    "classes": (edit(lambda d: d["generator"]["specs"][-2].update(n_classes=7)), "the number of its classes"),
    "label columns": (
        edit(lambda d: d["generator"]["label_columns"]["age"].update(kind="class")),
        "`kind` of the label column 'age'",
    ),
    "header": (
        in_arrays(lambda folder: replace_in(folder / "target_000.npy", b"'descr': '<f4'", b"'descr': ('f4'")),
        "target_000.npy is damaged",
    ),
    "huge": (
        in_arrays(lambda folder: replace_in(folder / "target_000.npy", b"(24, 2), }    ", b"(9999999999,)}")),
        r"target_000.npy holds shape \(9999999999,\)",
    ),
    "a folder": (
        in_arrays(lambda folder: ((folder / "target_000.npy").unlink(), (folder / "target_000.npy").mkdir())),
        "target_000.npy is not a regular file but a folder",
    ),
    "no file": (in_arrays(lambda folder: (folder / "target_001.npy").unlink()), "target_001.npy is missing"),
    "cut off": (
        in_arrays(
            lambda folder: (folder / "target_001.npy").write_bytes((folder / "target_001.npy").read_bytes()[:200])
        ),
        "target_001.npy is damaged",
    ),
    "empty": (in_arrays(lambda folder: (folder / "target_001.npy").write_bytes(b"")), "target_001.npy is damaged"),
    "pickle": (
        in_arrays(lambda folder: np.save(folder / "target_001.npy", np.array([{}]), allow_pickle=True)),
        "target_001.npy is damaged",
    ),
    "other shape": (
        in_arrays(lambda folder: np.save(folder / "target_000.npy", np.zeros((3, 3)))),
        r"target_000.npy holds shape \(3, 3\) and dtype <f8; its description says \(24, 2\) and <f4",
    ),
    "inputs": (in_arrays(lambda folder: (folder / "inputs.npy").unlink()), "inputs.npy is missing"),
}


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(saved: Path, damage: str, mmap: bool) -> None:
    spoil, message = DAMAGE[damage]
    spoil(saved)
    with pytest.raises(StorageError, match=message):
        load_targets(saved, mmap=mmap)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"pass a directory that `AuxTargets.save` or"):
        load_targets(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"pass a directory that `AuxTargets.save` or"):
        load_targets(tmp_path / "file")


def test_a_place_that_cannot_be_written_is_named(targets: AuxTargets, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for path, match in (
        (tmp_path / "file", "file is a file and is not replaced; choose another path"),
        (tmp_path / "file" / "a", "`path`: .*a cannot be written .*Not a directory.*; choose another path"),
        (tmp_path / ("a" * 300), "`path`: .*aaa cannot be written .*File name too long"),
    ):
        with pytest.raises(StorageError, match=match):
            targets.save(path, overwrite=True)
    with pytest.raises(StorageError, match=r"auxtasks\.json cannot be opened: File name too long"):
        load_targets(tmp_path / ("a" * 300))
    assert (tmp_path / "file").read_text() == "precious"


def test_options_that_json_cannot_hold_are_refused(temporary_task: Any, signals: Array, tmp_path: Path) -> None:
    temporary_task("odd", lambda X, *, key=None: X[:, 0])
    make_aux_targets(signals, "signal", {"odd": {"key": np.int64(3)}}).save(tmp_path / "a")
    assert load_targets(tmp_path / "a").specs["odd"].options == {"key": 3}
    with pytest.raises(InvalidTypeError, match="options must be numbers, strings or lists"):
        make_aux_targets(signals, "signal", {"odd": {"key": {1, 2}}}).save(tmp_path / "b")
    assert not (tmp_path / "b").exists()
