"""Main labels: from arrays and files, and classes given by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auxtasks.cli.data import labels_of, numbered, read_data, read_labels
from auxtasks.errors import InvalidInputError


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["3", " 0 ", "-1", "nan", ""], np.array([3, 0, -1, -1, -1])),
        (["0.5", "2", "NaN", ""], np.array([0.5, 2.0, np.nan, np.nan])),
        (["cat", "nan", "2"], np.array(["cat", "", "2"])),
    ],
)
def test_lines_are_integers_numbers_or_names(lines: list[str], expected: np.ndarray) -> None:
    found = labels_of(lines)
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(found, expected)


def test_an_array_comes_before_a_file_of_its_name(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("y").write_text("7\n")
    np.save("labels.npy", np.array([1.5]))
    data = read_data(npz, "signal")
    assert len(read_labels("y", data)) == 60
    assert read_labels("y", None).tolist() == [7]
    assert read_labels("labels.npy", data).tolist() == [1.5]
    with pytest.raises(InvalidInputError, match=r"'z' is neither an array .*; .*data\.npz holds 'y', 'person'"):
        read_labels("z", data)


def test_classes_are_numbered_in_the_order_of_their_names() -> None:
    found, classes = numbered(np.array(["b", "", "a", "B"]), np.array(["a", "b"]))
    assert classes == ("B", "a", "b")
    assert [part.tolist() for part in found] == [[2, -1, 1, 0], [1, 2]]


def test_numbers_stay_as_they_are() -> None:
    y = np.array([3, 1])
    found, classes = numbered(y)
    assert found[0] is y
    assert classes == ()


def test_class_of_the_test_part_alone_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"`y_test` holds the class 'c', and the classes are 'a', 'b'"):
        numbered(np.array(["a", "b"]), np.array(["c", "a"]))
