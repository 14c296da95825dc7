"""Every notebook runs, on little data and in few steps, and shows what it should."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import pytest
from notebooks import cells_of, run_notebook

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    assert [cell.outputs for cell in cells_of(path) if cell.outputs] == []
    # As Jupyter writes it, so that a change of one cell is a change of its lines alone.
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_few_labels() -> None:
    names, shown = run_notebook(EXAMPLES / "few_labels.ipynb", {"UNLABELLED": 70, "TEST": 60, "EPOCHS": 1, "SEEDS": 2})
    plt.close("all")
    tables = [page for page in shown if "<table" in page]
    for page, said in zip(tables, ("corners", "promise", "of 120 samples", "(4, 4, 9)", "worse in"), strict=True):
        assert said in page
    assert sum(text.startswith("<Figure") for text in shown) == 2
    assert [finding.arm.label for finding in names["report"].findings] == ["hog", "soft_labels"]
    again = keras.models.load_model("digits.keras")
    assert shown[-1] == repr(again.evaluate(names["X_test"], names["y_test"], verbose=0, return_dict=True))
