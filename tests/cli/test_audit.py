"""``auxtasks audit``: a model from a file, audited and reported."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from auxtasks.audit import load_report
from auxtasks.cli import main
from auxtasks.cli.model_function import ModelFunction
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError
from auxtasks.typing import Array

Status = Callable[..., int]

MODEL = """
import threading

import keras

import own_layers

LOCK = threading.Lock()  # cannot be pickled


def build():
    layers = [own_layers.first(), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((16, 2)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def build_with(width):
    pass


width = 3
"""
LAYERS = """
import keras


def first():
    return keras.layers.Conv1D(4, 3, activation="relu")
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write a file of a model that imports another file beside it."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "own_model.py").write_text(MODEL)
    (folder / "own_layers.py").write_text(LAYERS)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield folder / "own_model.py"
    _forget()


def _forget() -> None:
    for name in ("own_layers", "own_model", "auxtasks_model_own_model"):
        sys.modules.pop(name, None)


def test_model_of_a_file_is_sent_by_name(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(model.parent)
    sent = pickle.dumps(ModelFunction("own_model.py:build"))
    monkeypatch.chdir(tmp_path)
    _forget()
    assert pickle.loads(sent)().output_shape == (None, 2)  # noqa: S301


def test_model_of_a_module_is_found_in_the_working_directory(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    assert ModelFunction("own_model:build")().compiled


@pytest.mark.parametrize(
    ("text", "error", "expected"),
    [
        ("absent.py:build", InvalidInputError, r"`MODEL`: there is no file .*absent\.py"),
        ("no_such.module:build", InvalidInputError, r"`MODEL`: there is no module 'no_such'"),
        ("own_model.py:biuld", InvalidInputError, r"has no function 'biuld'; it has 'build', 'build_with'\."),
        ("own_model.py:width", InvalidInputError, "has no function 'width'"),
        ("own_model.py:build_with", InvalidTypeError, "without arguments: missing a required argument: 'width'"),
    ],
)
def test_what_is_no_model_function(
    model: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type[Exception], expected: str
) -> None:
    monkeypatch.chdir(model.parent)
    with pytest.raises(error, match=expected):
        ModelFunction(text)


def test_errors_of_the_users_code_are_named_with_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    Path("needs_more.py").write_text("\nimport no_such_package")
    for text in ("needs_more.py:build", "needs_more:build"):
        match = (
            r"`MODEL`: .*needs_more.* raises ModuleNotFoundError at line 2 of .*needs_more\.py: No module named 'no_s"
        )
        with pytest.raises(InvalidInputError, match=match):
            ModelFunction(text)
    Path("no_python.py").write_text("def build(:")
    with pytest.raises(InvalidInputError, match=r"no_python\.py raises SyntaxError: invalid syntax .*line 1"):
        ModelFunction("no_python.py:build")
    Path("fails.py").write_text("def build():\n    return 1 / 0")
    with pytest.raises(
        InvalidInputError, match=r"fails\.py:build raises ZeroDivisionError at line 2 of .*fails\.py: div"
    ):
        ModelFunction("fails.py:build")()


def test_a_model_of_another_input_shape_is_an_error_without_a_traceback(
    status: Status, capsys: pytest.CaptureFixture[str], model: Path, npz: Path, tmp_path: Path
) -> None:
    model.write_text(MODEL.replace("keras.Input((16, 2))", "keras.Input((16, 3))"))
    command = ["audit", f"{model}:build", npz, "--domain", "signal", "--task", "std", "--output", tmp_path / "report"]
    assert status(*command) == 1
    assert (
        "auxtasks: `X`: a sample has shape (16, 2), but the model reads float32 of shape (16, 3)"
        in capsys.readouterr().err
    )


def test_report_of_classes_by_name_on_a_test_set(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    model: Path,
    arrays: dict[str, Array],
    tmp_path: Path,
) -> None:
    names = np.array(["loud", "quiet"])[1 - arrays["y"]]
    X = arrays["X"]
    np.savez(tmp_path / "data.npz", X=X[:40], y=names[:20], X_test=X[40:], y_test=names[40:])
    command = ["audit", f"{model}:build", tmp_path / "data.npz", "--domain", "signal", "--task", "std", "--no-controls"]
    command += ["--seeds", 2, "--epochs", 1, "--metric", "balanced_accuracy", "--margin", 0.02]
    command += ["--results", tmp_path / "runs.jsonl", "--output", tmp_path / "report"]
    assert status(*command) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Classes: 0 loud, 1 quiet")
    assert shown.splitlines()[-1] == f"Report: {tmp_path / 'report' / 'report.html'}"
    report = load_report(tmp_path / "report")
    assert [finding.arm.tasks for finding in report.findings] == [("std",)]
    expected = {"metric": "balanced_accuracy", "margin": 0.02, "n_labelled": 20, "n_test": 20, "controls": False}
    assert {name: report.settings[name] for name in expected} == expected
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 5  # a line that says what of, and four runs

    assert status(*command) == 1
    assert "pass --overwrite to replace them" in capsys.readouterr().err


def test_soft_labels_are_audited(
    status: Status, capsys: pytest.CaptureFixture[str], model: Path, arrays: dict[str, Array], tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", X=arrays["X"], y=arrays["y"][:20])
    task = 'soft_labels:{"features": ["std", "mean"]}'
    command = ["audit", f"{model}:build", tmp_path / "data.npz", "--domain", "signal", "--task", task, "--no-controls"]
    assert status(*command, "--seeds", 2, "--epochs", 1, "--output", tmp_path / "report") == 0
    assert "teacher alone" in capsys.readouterr().out
    assert [finding.arm.tasks for finding in load_report(tmp_path / "report").findings] == [("soft_labels",)]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["model.py", "data.npz", "--domain", "signal"], 2, "must be path/to/file.py:function or"),
        (["model.py:build", "data.npz"], 2, "pass the domain of the samples"),
        (["model.py:build", "data.npz", "--domain", "signal", "--seeds", "1"], 2, "--seeds"),
        (["model.py:build", "half.npz", "--domain", "signal"], 1, "holds 'X_test' only"),
        (["model.py:build", "data.npz", "--domain", "signal", "--results", "."], 1, "`--results`: . is a folder"),
        (["model.py:build", "data.npz", "--domain", "signal", "--output", "data.npz"], 1, "data.npz is a file"),
        (["model.py:build", "data.npz", "--domain", "signal", "--output", "x" * 250], 1, "File name too long"),
    ],
)
def test_wrong_calls_are_refused_before_anything_is_trained(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    npz: Path,
    arrays: dict[str, Array],
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    monkeypatch.chdir(npz.parent)
    np.savez("half.npz", X=arrays["X"], y=arrays["y"], X_test=arrays["X"])
    monkeypatch.setattr("auxtasks.audit.audit", lambda *_, **__: pytest.fail("it has trained"))
    assert status("audit", *arguments) == code
    assert expected in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not Path("auxtasks_audit").exists()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npz: Path) -> list[object]:
    """Return a call of an audit whose model need not be there."""
    monkeypatch.setattr("auxtasks.cli.audit.ModelFunction", lambda text: text)
    return ["audit", "model.py:build", npz, "--domain", "signal", "--task", "std", "--output", tmp_path / "report"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "Finished runs were not kept. With --results, the same command resumes where it was interrupted."),
        (["--results", "runs.jsonl"], "Finished runs are kept in runs.jsonl; run the same command again to resume."),
    ],
)
def test_ctrl_c_says_what_is_kept(
    call: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[object],
    expected: str,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("auxtasks.audit.audit", interrupted)
    with pytest.raises(SystemExit, match=r"^130$"):
        main([str(part) for part in [*call, *options]])
    assert capsys.readouterr().err.strip() == f"auxtasks: interrupted. {expected}"


def test_a_model_that_cannot_be_trained_is_an_error_without_a_traceback(
    call: list[object], monkeypatch: pytest.MonkeyPatch, status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("In fit.\n\n\x1b[1mShapes are incompatible.\x1b[0m\n\nArguments received by fit()")

    monkeypatch.setattr("auxtasks.audit.audit", fail)
    assert status(*call) == 1
    assert capsys.readouterr().err == (
        "auxtasks: `MODEL`: it cannot be trained on these samples and labels. ValueError: In fit. Shapes are "
        "incompatible. (The same call in Python shows where.)\n"
    )


def test_a_report_is_saved_before_it_is_printed(
    call: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    saved = []

    class Report:
        def save(self, folder: Path, *, overwrite: bool) -> None:
            saved.append((folder, overwrite))

    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("auxtasks.audit.audit", lambda *_, **__: Report())
    monkeypatch.setattr("rich.console.Console.print", closed)
    with pytest.raises(SystemExit, match=r"^1$"):
        main([str(part) for part in call])
    assert saved == [(tmp_path / "report", False)]


def test_a_report_that_cannot_be_saved_is_printed(
    call: list[object], monkeypatch: pytest.MonkeyPatch, status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    class Report:
        def save(self, folder: Path, *, overwrite: bool) -> None:
            raise StorageError("`folder`: the disk is full")

        def __str__(self) -> str:
            return "Use std: +4.0 points."

    monkeypatch.setattr("auxtasks.audit.audit", lambda *_, **__: Report())
    assert status(*call) == 1
    shown = capsys.readouterr()
    assert shown.out == "Use std: +4.0 points.\n"
    assert shown.err == "auxtasks: `folder`: the disk is full\n"
