"""The figure and the table: files written and refused, lines that fit a terminal."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as images
from matplotlib import pyplot
from rich.console import Console

from auxtasks.audit import paired_comparison
from auxtasks.demo import check_output, draw_figure, outcome_table, verdict_lines
from auxtasks.errors import InvalidInputError

HELPS = paired_comparison([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figure_is_written_and_closed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure{suffix}"
    rng = np.random.default_rng(0)
    draw_figure(path, rng.random((4, 8, 8, 1)), rng.dirichlet(np.ones(10), 4), HELPS)
    assert path.stat().st_size > 5000
    assert pyplot.get_fignums() == []
    if suffix == ".png":
        pixels = images.imread(path)
        assert pixels.shape[1] > pixels.shape[0] > 500
        assert pixels[..., :3].std() > 0.05


def test_output_check_makes_the_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figure.png"
    check_output(path)
    assert list(tmp_path.rglob("*")) == [path.parent]
    path.write_bytes(b"kept")
    check_output(path)
    assert path.read_bytes() == b"kept"


@pytest.mark.parametrize("name", ["file/figure.png", "folder.png"])
def test_output_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InvalidInputError, match=r"`--output`: cannot write .* Choose a file in a folder"):
        check_output(tmp_path / name)


@pytest.mark.parametrize("name", ["figure", "figure.jpg.txt"])
def test_output_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"`--output` must end in \.png, \.svg, \.pdf"):
        check_output(Path(name))


TEACHER = np.array([0.84, 0.85, 0.83])


@pytest.mark.parametrize(
    ("taught", "says", "ahead"),
    [
        ([0.9, 0.9, 0.9], "Soft labels help", "The network taught is ahead of its teacher by 6.0 points"),
        ([0.7, 0.7, 0.7], "Soft labels hurt", "The teacher alone stays ahead of the network by 14.0 points"),
        ([0.8, 0.8, 0.8], "is unclear", "The teacher alone stays ahead of the network by 4.0 points"),
    ],
)
def test_table_and_verdict_fit_80_columns(taught: list[float], says: str, ahead: str) -> None:
    found = paired_comparison([0.80, 0.81, 0.79], taught)
    printed = StringIO()
    console = Console(file=printed, width=80)
    console.print(outcome_table(found, TEACHER))
    assert "…" not in printed.getvalue()
    assert "80.0" in printed.getvalue()  # the mean of the network alone
    assert "84.0" in printed.getvalue()  # that of the teacher
    lines = verdict_lines(found, TEACHER)
    assert says in lines[1]
    assert ahead in lines[2]
    assert max(len(lines[0]), len(lines[2])) <= 80


def test_the_difference_is_said_in_points() -> None:
    expected = "Mean difference +4.0 points, 95 % interval +1.5 to +6.5 (paired t, 3 seeds)"
    assert verdict_lines(HELPS, TEACHER)[0] == expected
