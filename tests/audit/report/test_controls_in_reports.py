"""A report names what its controls learned: shuffled targets, or of agreement changed copies."""

from __future__ import annotations

import pytest
from made_reports import make_report

from auxtasks.audit.report.page import as_page

SHUFFLED, COPIES = "shuffled targets", "changed copies of labelled samples alone"


@pytest.mark.parametrize(
    ("tasks", "named", "other"),
    [
        (["std"], SHUFFLED, "changed copies"),
        (["agreement"], COPIES, "targets shuffled"),
        (["std", "agreement"], f"{SHUFFLED} or {COPIES}", "nothing else"),
    ],
)
def test_what_the_controls_learned_is_named(tasks: list[str], named: str, other: str) -> None:
    page = as_page(make_report(dict.fromkeys(tasks, 0.05)))
    assert f"Grey: the control, {named}." in page
    assert other not in page
    assert ("The control of agreement trains on changed copies" in page) == ("agreement" in tasks)


def test_without_controls_none_is_named() -> None:
    page = as_page(make_report({"std": 0.05}, controls=False))
    assert "Grey: the control" not in page
    assert "There were no controls" in page
