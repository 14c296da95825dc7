"""What a notebook shows: the same as a console, and nothing of it run."""

from __future__ import annotations

import numpy as np
from rich.table import Table
from rich.text import Text

import auxtasks
from auxtasks.notebook import as_html, html_table

HOSTILE = "<script>&"


def test_a_table_has_headings_and_escapes_what_it_holds() -> None:
    page = html_table([("name", "kind"), (HOSTILE, "b")], title=HOSTILE, notes=["see"])
    assert "<thead><tr><th>name</th><th>kind</th></tr></thead>" in page
    assert "<tr><td>&lt;script&gt;&amp;</td><td>b</td></tr>" in page
    assert page.count("&lt;script&gt;") == 2
    assert "<script" not in page
    assert page.endswith("<p>see</p></div>")


def test_what_rich_prints_keeps_its_colours_and_is_escaped() -> None:
    table = Table("verdict")
    table.add_row(Text("helps", style="bold green"))
    table.add_row(Text(HOSTILE))
    page = as_html(table)
    assert page.startswith("<pre")
    assert 'font-weight: bold">helps' in page
    assert "&lt;script&gt;&amp;" in page


def test_targets_and_tasks_are_tables() -> None:
    targets = auxtasks.make_aux_targets(np.random.default_rng(0).normal(size=(9, 16, 1)), "signal", ["std", "fft"])
    page = targets._repr_html_()
    for cell in repr(targets).splitlines()[2].split("  "):
        assert not cell.strip() or f"<td>{cell.strip()}</td>" in page
    tasks = auxtasks.list_tasks("signal")
    assert isinstance(tasks, list)
    assert "<td>abs_sum_changes</td><td>signal</td>" in tasks._repr_html_()  # type: ignore[attr-defined]
