"""Reports on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auxtasks._version import __version__
from auxtasks.audit.comparison import Comparison
from auxtasks.audit.plain import check_arm, decode, decode_run, encode
from auxtasks.audit.report.content import Content
from auxtasks.audit.report.figures import figures_of
from auxtasks.audit.report.page import as_page
from auxtasks.audit.report.style import save_figure
from auxtasks.audit.report.teacher import teacher_sentence, teacher_values
from auxtasks.audit.verdicts import Finding
from auxtasks.checksums import json_document, parsed_document
from auxtasks.errors import InvalidTypeError, StorageError
from auxtasks.files import read_regular, staged, sync, write_whole, written_as_a_whole

DATA, PAGE = "report.json", "report.html"
# The data come last: a folder that holds them holds the rest.
FILES = (PAGE, "differences.png", "curves.png", "weights.png", DATA)
CONTENT = "audit report"
FORMAT = 2
_UNCHECKED = (1,)
"""Formats without a checksum."""


def read_report(path: Path) -> Content:
    """Read what `write_json` or `save_report` wrote; see `load_report`."""
    # Not the method of `Path`, which raises where a folder may not be read.
    file = path / DATA if os.path.isdir(path) else path  # noqa: PTH112
    try:
        # A link is followed: nothing is written.
        state = parsed_document(read_regular(Path(os.path.realpath(file))), _UNCHECKED)
        if state.get("content") != CONTENT:
            raise StorageError(f"`path`: {file} is not the report of an audit.")
        if state.get("format") not in (*_UNCHECKED, FORMAT):
            raise StorageError(
                f"`path`: {file} has format {state.get('format')!r}, and this version reads format {FORMAT}. Read it "
                f"with the version of auxtasks that wrote it, {state.get('auxtasks')}."
            )
        return from_dict(state)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(f"`path`: there is no report at {file}.") from error
    except (ValueError, InvalidTypeError) as error:
        raise StorageError(f"`path`: {file} is not a report, is incomplete or was changed: {error}.") from error


def write_json(content: Content, path: Path) -> None:
    """Write the data; see `AuditReport.to_json`."""
    with written_as_a_whole(path) as new:
        new.write_bytes(json_document(to_dict(content)))


def save_report(content: Content, folder: Path, *, overwrite: bool) -> None:
    """Write data, page and figures; see `AuditReport.save`."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise StorageError(f"`folder`: {folder} is a file; choose another name.")
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there and not overwrite:
        raise StorageError(
            f"`folder`: {folder} holds {', '.join(there)}; choose another, or pass overwrite=True to replace them."
        )
    with staged(folder, "folder") as new:
        new.mkdir()
        for name, figure in figures_of(content).items():
            save_figure(figure, new / f"{name}.png")
        write_whole(new / PAGE, as_page(content))
        write_json(content, new / DATA)
        if folder.exists():
            # A user's own files may be in the folder, such as the runs, so that it is not replaced as a whole.
            for name in FILES:
                if (new / name).exists():
                    (new / name).replace(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
            sync(folder)
        else:
            new.replace(folder)
            sync(folder.absolute().parent)


def to_dict(content: Content) -> dict[str, Any]:
    """Return plain JSON types; `from_dict` is the inverse."""
    taught = teacher_values(content)
    rows = [dict(zip(taught.columns, encode(row), strict=True)) for row in taught.rows]
    # For readers of the file alone: it follows from the runs.
    said = {"teacher": {"rows": rows, "said": teacher_sentence(content)}} if rows else {}
    return {
        "content": CONTENT,
        "format": FORMAT,
        "auxtasks": __version__,
        "settings": content.settings,
        "relevance": encode(content.relevance),
        "findings": [encode(finding) for finding in content.findings],
        **said,
        "runs": [encode(run) for run in content.runs],
    }


def from_dict(state: Mapping[str, Any]) -> Content:
    """Make the report that `to_dict` described, or raise a ValueError."""
    parts = {name: _part(state, name, list) for name in ("findings", "runs")}
    findings = tuple(_finding(each, f"findings[{at}]") for at, each in enumerate(parts["findings"]))
    runs = tuple(decode_run(each, f"runs[{at}]") for at, each in enumerate(parts["runs"]))
    settings = _part(state, "settings", dict)
    content = Content(settings, findings, runs, decode(dict[str, float], state.get("relevance"), "relevance"))
    for run in runs:
        scored = [run.scores, *([run.teacher] if run.teacher else [])]
        if not all(settings["metric"] in scores for scores in scored):
            raise ValueError(f"a run of the arm {run.arm.label!r} has no {settings['metric']!r}")
        if run.teacher and not run.arm.tasks:
            raise ValueError("the baseline has no teacher")
    return content


def _part(state: Mapping[str, Any], name: str, kind: type) -> Any:
    if not isinstance(state.get(name), kind):
        raise ValueError(f"its {name!r} must be a {kind.__name__}; found {state.get(name)!r:.60}")
    return state[name]


def _finding(state: Any, where: str) -> Finding:
    finding: Finding = decode(Finding, state, where)
    check_arm(finding.arm, f"{where}.arm")
    if not finding.arm.tasks:
        raise ValueError(f"{where}.arm has no tasks")
    for name in ("comparison", "over_control", "control"):
        found: Comparison | None = getattr(finding, name)
        if found is not None and not len(found.baseline) == len(found.auxiliary) >= 2:
            raise ValueError(f"{where}.{name} must have scores of the same two or more seeds")
    return finding
