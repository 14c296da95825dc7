"""What a notebook shows: the same as a console, and nothing of it run."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

import auxtasks
from auxtasks.notebook import html_legend, html_table
from auxtasks.specs import TargetSpec

HOSTILE = "<script>&"
TARGETS = auxtasks.make_aux_targets(np.random.default_rng(0).normal(size=(9, 16, 1)), "signal", ["std", "fft"])


def cells(page: str) -> list[list[str]]:
    """Return the texts of the cells of a table, row by row."""
    rows = re.findall("<tr>(.*?)</tr>", page)
    return [[unescape(cell) for cell in re.findall("<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def test_a_table_has_headings_and_escapes_what_it_holds() -> None:
    page = html_table([("name", "kind"), (HOSTILE, "b")], HOSTILE, [HOSTILE], {HOSTILE: HOSTILE})
    assert cells(page) == [["name", "kind"], [HOSTILE, "b"]]
    assert page.index("</thead>") < page.index("<td")
    assert page.count("&lt;script&gt;&amp;") == 5
    assert "<script" not in page


def test_a_table_keeps_its_place_and_the_colours_of_the_page() -> None:
    page = html_table([("name",), ("a",)], legend={"name": "of the task"})
    # Notebooks set cells to the right and tables to the middle, which a style of the table does not change for cells.
    assert page.count("text-align:left") == 2
    assert '<div style="overflow-x:auto"><table style="margin:0">' in page
    assert not re.search("color|background", page)


def test_headings_alone_are_left_out() -> None:
    assert html_table([("name",)], "title", ["nothing was found"], {"name": "a"}) == (
        "<div><p>nothing was found</p></div>"
    )
    assert html_legend({}) == ""


def test_targets_and_tasks_are_tables() -> None:
    tasks = auxtasks.list_tasks("signal")
    assert isinstance(tasks, list)
    for shown, lines in ((TARGETS, repr(TARGETS).splitlines()[1:]), (tasks, repr(tasks).splitlines())):
        found = cells(shown._repr_html_())  # type: ignore[union-attr]
        assert len(found) == len(lines) > 2
        for row, line in zip(found, lines, strict=True):
            assert " ".join(filter(None, row)) == " ".join(line.split())


def test_specs_are_a_table_and_one_spec_shows_its_fields() -> None:
    specs = TARGETS.specs
    assert specs == dict(specs)
    names, *rows = cells(specs._repr_html_())  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == ["std", "fft"]
    assert dict(zip(names, rows[1], strict=True))["options"] == "n_coefficients=50"
    fields = dict(map(tuple, cells(specs["fft"]._repr_html_())))
    assert fields["shape"] == "(9,)"
    assert fields["columns"].startswith("channel 0, coefficient 0; ")
    assert fields["columns"].endswith("; … (9 in all)")
    assert "n_classes" not in fields


@pytest.mark.parametrize("name", [HOSTILE, "a" * 300])
def test_a_spec_with_an_odd_name_is_shown(name: str) -> None:
    spec = TargetSpec(name, "label_column", "class", (), n_classes=2, classes=(name, "b"))
    assert "<script" not in spec._repr_html_()
    assert dict(map(tuple, cells(spec._repr_html_())))["classes"] == f"{name}; b"
