"""The figure and the table: strokes along edges, files written and refused, lines that fit a terminal."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import image as images
from matplotlib import pyplot
from rich.console import Console

from auxtasks import make_aux_targets
from auxtasks.audit import compare
from auxtasks.demo import check_output
from auxtasks.demo_figure import cell_averages, draw_figure, outcome_table, strokes, verdict_lines
from auxtasks.errors import InvalidInputError

HELPS = compare([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])


@given(hnp.arrays(float, st.tuples(*[st.integers(3, 6)] * 2, st.just(4)), elements=st.floats(0, 1)))
def test_averaging_overlapping_blocks_gives_the_cells_back(cells: np.ndarray) -> None:
    blocks = np.lib.stride_tricks.sliding_window_view(cells, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    np.testing.assert_allclose(cell_averages(blocks), cells)


@pytest.mark.parametrize("turn", range(0, 180, 20))
def test_the_strongest_stroke_lies_along_the_edge(turn: int) -> None:
    y, x = np.mgrid[-8:8, -8:8] + 0.5
    along = np.array([np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))])
    picture = 1 / (1 + np.exp(along[1] * x - along[0] * y))[None, ..., None]
    hog = make_aux_targets(picture, "image", {"hog": {"pixels_per_cell": 16, "cells_per_block": 1}}, scale=False)["hog"]
    segments, strength = strokes(cell_averages(hog.reshape(1, 1, 1, 1, 9)), (16, 16))
    start, end = segments[strength.argmax()]
    drawn = (end - start) / np.linalg.norm(end - start)
    assert abs(drawn @ along) > np.cos(np.deg2rad(11))  # half a bin, and a degree


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (-1e-9, 0.0), (3.0, 1.0)])
def test_strength_is_from_0_to_1(value: float, expected: float) -> None:
    assert strokes(np.full((2, 3, 4), value), (2, 2))[1].tolist() == [expected] * 24


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figure_is_written_and_closed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure{suffix}"
    rng = np.random.default_rng(0)
    draw_figure(path, rng.random((4, 8, 8, 1)), rng.random((4, 2, 2, 3, 3, 9)), HELPS)
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


@pytest.mark.parametrize(
    ("with_hog", "says"),
    [([0.9, 0.9, 0.9], "HOG helps"), ([0.7, 0.7, 0.7], "HOG hurts"), ([0.8, 0.8, 0.8], "no effect")],
)
def test_table_and_verdict_fit_80_columns(with_hog: list[float], says: str) -> None:
    found = compare([0.80, 0.81, 0.79], with_hog)
    printed = StringIO()
    console = Console(file=printed, width=80)
    console.print(outcome_table(found))
    assert "…" not in printed.getvalue()
    assert "80.0" in printed.getvalue()  # the mean of the baseline
    assert says in verdict_lines(found)[1]
    assert len(verdict_lines(found)[0]) <= 80


def test_the_difference_is_said_in_points() -> None:
    expected = "Mean difference +4.0 points, 95 % interval +1.5 to +6.5 (paired t, 3 seeds)"
    assert verdict_lines(HELPS)[0] == expected
