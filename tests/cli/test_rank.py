"""``auxtasks rank``: the order of `rank_tasks`, printed and as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import auxtasks
from auxtasks.audit.screen import rank_tasks
from auxtasks.cli import main
from auxtasks.typing import Array

Status = Callable[..., int]
TASKS = ["--domain", "signal", "--task", "mean", "--task", "std"]


def test_table_is_that_of_the_function(
    status: Status, capsys: pytest.CaptureFixture[str], npz: Path, arrays: dict[str, Array], tmp_path: Path
) -> None:
    file = tmp_path / "ranking.csv"
    assert status("rank", npz, *TASKS, "--seed", 3, "--output", file) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Table: {file}"
    targets = auxtasks.make_aux_targets(arrays["X"], "signal", ["mean", "std"])
    expected = rank_tasks(targets, arrays["y"], seed=3).to_frame()
    expected.to_csv(tmp_path / "expected.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(file), pd.read_csv(tmp_path / "expected.csv"))


def test_saved_targets_need_no_inputs(
    status: Status, capsys: pytest.CaptureFixture[str], arrays: dict[str, Array], tmp_path: Path
) -> None:
    auxtasks.make_aux_targets(arrays["X"], "signal", ["mean", "std"]).save(tmp_path / "targets")
    names = ["quiet", "loud"]
    (tmp_path / "labels.txt").write_text("".join(f"{names[label]}\n" for label in arrays["y"][:50]))
    assert status("rank", "--targets", tmp_path / "targets", "--labels", tmp_path / "labels.txt") == 0
    shown = capsys.readouterr().out
    assert shown.index("std") < shown.index("mean")
    assert "50 labelled" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--domain", "signal"], 2, "pass the samples, or --targets DIR"),
        (["data.npz"], 2, "pass the domain of the samples"),
        (["data.npz", "--targets", "targets", "--task", "std"], 2, "saved targets cannot be changed"),
        (["data.npz", "--domain", "signal", "--labels", "z"], 1, "`--labels`: 'z' is neither"),
        (["data.npz", "--domain", "signal", "--output", "data.npz"], 1, "`--output`: data.npz exists"),
        (["--targets", "targets"], 1, "there is no targets/auxtasks.json"),
    ],
)
def test_wrong_calls(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    npz: Path,
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    monkeypatch.chdir(npz.parent)
    if "targets" in arguments and code == 1:
        np.savetxt("y", np.ones(3))
    assert status("rank", *arguments) == code
    assert expected in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_the_table_is_written_before_anything_is_printed(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("rich.console.Console.print", closed)
    with pytest.raises(SystemExit, match=r"^1$"):
        main(["rank", str(npz), *TASKS, "--output", str(tmp_path / "ranking.csv")])
    assert (tmp_path / "ranking.csv").read_text().startswith("task,")
