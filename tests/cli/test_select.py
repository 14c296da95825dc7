"""``auxtasks select``: what `select_tasks` is called with, and what is said of its errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auxtasks.typing import Array

Status = Callable[..., int]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, npz: Path) -> list[object]:
    """Return a call whose model need not be there."""
    monkeypatch.setattr("auxtasks.cli.audit.ModelFunction", lambda text: text)
    return ["select", "model.py:build", npz, "--domain", "signal", "--task", "std", "--task", "fft:n_coefficients=4"]


def test_the_choice_is_that_of_the_function(
    call: list[object],
    monkeypatch: pytest.MonkeyPatch,
    status: Status,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Array],
) -> None:
    asked: dict[str, Any] = {}

    def chosen(build: Any, X: Any, y: Any, targets: Any, **options: Any) -> str:
        asked.update(build=build, X=X, y=y.tolist(), columns={name: array.shape[1] for name, array in targets.items()})
        asked.update(options)
        return "chosen: std"

    monkeypatch.setattr("auxtasks.audit.select_tasks", chosen)
    options = ["--seeds", 3, "--confirm", 4, "--epochs", 2, "--max-tasks", 1, "--margin", 0.01, "--results", "runs"]
    assert status(*call, *options) == 0
    assert capsys.readouterr().out == "chosen: std\n"
    assert (asked["build"], asked["y"]) == ("model.py:build", arrays["y"].tolist())
    assert asked["columns"] == {"std": 2, "fft": 8}
    expected = {"seeds": 3, "confirm": 4, "epochs": 2, "max_tasks": 1, "margin": 0.01, "results": Path("runs")}
    assert {name: asked[name] for name in expected} == expected
    assert asked["progress"] is False  # no terminal: a bar would fill a file


def test_the_test_set_is_not_read(
    call: list[object], monkeypatch: pytest.MonkeyPatch, status: Status, npz: Path, arrays: dict[str, Array]
) -> None:
    # What cannot be read: objects would have to be unpickled.
    np.savez(npz, **arrays, X_test=np.array([None]))
    monkeypatch.setattr("auxtasks.audit.select_tasks", lambda *_, **__: "chosen: std")
    assert status(*call) == 0


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), AttributeError("x"), AssertionError("x")])
def test_whatever_a_model_raises_is_an_error_without_a_traceback(
    error: Exception,
    call: list[object],
    monkeypatch: pytest.MonkeyPatch,
    status: Status,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("auxtasks.audit.select_tasks", fail)
    assert status(*call) == 1
    assert capsys.readouterr().err.startswith(
        f"auxtasks: `MODEL`: it cannot be trained on these samples and labels. {type(error).__name__}: "
    )
