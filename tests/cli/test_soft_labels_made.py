"""``auxtasks make --labels``: soft labels of the samples without one, and what teaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import auxtasks
from auxtasks.typing import Array

Status = Callable[..., int]
TASK = 'soft_labels:{"features": ["std", "mean"]}'
NAMES = np.array(["calm", "wild"])


@pytest.fixture
def few(tmp_path: Path, arrays: dict[str, Array]) -> Path:
    """Write signals of which every third has a label: numbers, names, all of them, and one class alone."""
    shown = np.arange(60) % 3 == 0
    labels = {
        "few": np.where(shown, arrays["y"], -1),
        "names": np.where(shown, NAMES[arrays["y"]], ""),
        "first": arrays["y"][:20],
        "all": arrays["y"],
        "one": np.zeros(10, int),
        "long": np.zeros(61, int),
    }
    np.savez(tmp_path / "few.npz", X=arrays["X"], **labels)
    return tmp_path / "few.npz"


@pytest.mark.parametrize("source", ["few", "names", "first", "names.txt"])
def test_soft_labels_are_those_of_the_function(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    few: Path,
    arrays: dict[str, Array],
    tmp_path: Path,
    source: str,
) -> None:
    with np.load(few) as file:
        y: Any = file[source.removesuffix(".txt")]
    if source == "names.txt":
        (tmp_path / source).write_text("\n".join(y) + "\n")
    labels = tmp_path / source if source == "names.txt" else source
    command = ["make", few, "--domain", "signal", "--task", TASK, "--labels", labels, "--output", tmp_path / "targets"]
    assert status(*command) == 0
    shown = capsys.readouterr().out
    found = auxtasks.load_targets(tmp_path / "targets")
    if y.dtype.kind == "U":
        assert found.specs["soft_labels"].classes == ("calm", "wild")
        y = [name or None for name in y.tolist()]
    tasks: Any = {"soft_labels": {"features": ["std", "mean"]}}
    expected = auxtasks.make_aux_targets(arrays["X"], "signal", tasks, y=y)
    assert repr(expected).splitlines()[-1] in shown
    assert "% of 20 labels right (guessing: " in shown
    assert list(found) == ["soft_labels"]
    for name, array in expected.with_main().items():
        np.testing.assert_array_equal(found.with_main()[name], array)


def test_labels_make_them_the_default(status: Status, few: Path, tmp_path: Path) -> None:
    command = ["make", few, "--domain", "any", "--output", tmp_path / "targets"]
    assert status(*command, "--labels", "few") == 0
    assert list(auxtasks.load_targets(tmp_path / "targets")) == ["soft_labels"]
    assert status(*command, "--overwrite") == 0
    assert list(auxtasks.load_targets(tmp_path / "targets")) == ["reconstruction"]


@pytest.mark.filterwarnings("default")
def test_a_label_of_every_sample(status: Status, capsys: pytest.CaptureFixture[str], few: Path, tmp_path: Path) -> None:
    command = ["make", few, "--domain", "signal", "--labels", "all", "--task", "std", "--task", TASK]
    assert status(*command, "--output", tmp_path / "targets") == 0
    assert "'soft_labels' is left out: every sample has a label, " in capsys.readouterr().err
    assert list(auxtasks.load_targets(tmp_path / "targets")) == ["std"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--task", TASK], 2, "'soft_labels' are computed from main labels; pass --labels too"),
        (["--task", TASK, "--labels", "all"], 1, "`y` holds a label of every sample"),
        (["--task", TASK, "--labels", "one"], 1, "holds one class only among its 10 labels"),
        (["--task", TASK, "--labels", "long"], 1, "must have from 1 to 60 entries"),
        (["--task", TASK, "--labels", "absent"], 1, "'absent' is neither an array beside the inputs nor"),
        (["--task", 'soft_labels:{"fetures": 1}', "--labels", "few"], 1, "no option of task 'soft_labels' named"),
        (["--option", "y=1"], 1, "there is no argument named 'y'"),
    ],
)
def test_wrong_calls_write_nothing(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    few: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    assert status("make", few, "--domain", "signal", *arguments, "--output", tmp_path / "targets") == code
    assert expected in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == [few]


def test_ranks_leave_them_out(status: Status, capsys: pytest.CaptureFixture[str], few: Path, tmp_path: Path) -> None:
    assert status("rank", few, "--labels", "few", "--domain", "signal", "--task", TASK, "--task", "std") == 2
    assert "computed from the main label and not ranked" in " ".join(capsys.readouterr().err.replace("│", " ").split())
