"""The table of features and backends in the documentation is what the markers of the tests here say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from auxtasks.optional import BACKENDS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "backends.md"


def marks_of(test: Any) -> dict[str, Any]:
    """Return the markers of a test by their names."""
    return {mark.name: mark for mark in getattr(test, "pytestmark", [])}


def rows() -> list[str]:
    """Return a row for each feature: on which backends all of it runs, and why not on the others."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for file in sorted(HERE.glob("test_*.py")):
        for test in vars(importlib.import_module(file.stem)).values():
            marks = marks_of(test)
            if "feature" in marks:
                on, why = found.setdefault(marks["feature"].args[0], (set(), set()))
                needs = marks.get("needs_backend")
                on.update(needs.args if needs else BACKENDS)
                why.update([needs.kwargs["reason"]] if needs and len(needs.args) == 1 else [])
    return [
        f"| {' | '.join([feature, *('yes' if name in on else 'no' for name in BACKENDS), '; '.join(sorted(why))])} |"
        for feature, (on, why) in sorted(found.items())
    ]


def test_the_page_says_what_the_tests_say() -> None:
    missing = [row for row in rows() if row not in PAGE.read_text(encoding="utf-8").splitlines()]
    assert not missing, "\n".join(["docs/backends.md lacks:", *missing])
