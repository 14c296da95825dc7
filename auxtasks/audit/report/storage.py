"""Reports on disk."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.audit.experiment import Arm, Run
from auxtasks.audit.report.content import Content
from auxtasks.audit.report.figures import figures_of
from auxtasks.audit.report.page import as_page
from auxtasks.audit.report.style import save_figure
from auxtasks.audit.report.teacher import teacher_sentence, teacher_values
from auxtasks.audit.verdicts import Comparison, Finding
from auxtasks.errors import StorageError
from auxtasks.files import scratch_beside, write_whole

DATA, PAGE = "report.json", "report.html"
# The data come last: a folder that holds them holds the rest.
FILES = (PAGE, "differences.png", "curves.png", "weights.png", DATA)


def read_report(path: Path) -> Content:
    """Read what `write_json` or `save_report` wrote; see `load_report`."""
    file = path / DATA if path.is_dir() else path
    if not file.is_file():
        raise StorageError(f"`path`: there is no report at {file}.")
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StorageError(f"`path`: {file} is not JSON ({error}); it may have been cut off.") from error
    if not isinstance(state, dict) or state.get("content") != CONTENT:
        raise StorageError(f"`path`: {file} is not the report of an audit.")
    if state.get("format") != FORMAT:
        raise StorageError(
            f"`path`: {file} has format {state.get('format')!r}, and this version reads format {FORMAT}. Read it with "
            f"the version of auxtasks that wrote it, {state.get('auxtasks')}."
        )
    try:
        return from_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"`path`: {file} is incomplete or was changed ({error!r}).") from error


def write_json(content: Content, path: Path) -> None:
    """Write the data; see `AuditReport.to_json`."""
    write_whole(path, json.dumps(to_dict(content), indent=1, allow_nan=False, ensure_ascii=False))


def save_report(content: Content, folder: Path, *, overwrite: bool) -> None:
    """Write data, page and figures; see `AuditReport.save`."""
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"`folder`: {folder} is a file; choose another name.")
    there = [name for name in FILES if (folder / name).exists()]
    if there and not overwrite:
        raise StorageError(
            f"`folder`: {folder} holds {', '.join(there)}; choose another, or pass overwrite=True to replace them."
        )
    with scratch_beside(folder) as scratch:
        new = scratch / "new"
        new.mkdir()
        for name, figure in figures_of(content).items():
            save_figure(figure, new / f"{name}.png")
        write_whole(new / PAGE, as_page(content))
        write_json(content, new / DATA)
        if not folder.exists():
            new.replace(folder)
            return
        # A user's own files may be in the folder, such as the runs, so that it is not replaced as a whole.
        for name in FILES:
            if (new / name).exists():
                (new / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)


CONTENT = "audit report"
FORMAT = 1
_INFINITE = ("inf", "-inf")


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
    """Make the report that `to_dict` described."""
    findings = tuple(_finding(each) for each in state["findings"])
    runs = tuple(_run(each) for each in state["runs"])
    return Content(state["settings"], findings, runs, decode(state["relevance"]))


def encode(value: Any) -> Any:
    """Turn numbers, arrays, mappings and data classes into plain JSON types."""
    if isinstance(value, (Arm, Comparison, Finding, Run)):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(part) for key, part in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return encode(value.tolist())
    if isinstance(value, (list, tuple)):
        return [encode(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def decode(value: Any) -> Any:
    """Turn what `encode` made of numbers, and of lists and mappings of them, back."""
    if isinstance(value, dict):
        return {key: decode(part) for key, part in value.items()}
    if isinstance(value, list):
        return [decode(part) for part in value]
    if value is None:
        return math.nan
    return float(value) if value in _INFINITE else value


def _comparison(state: Mapping[str, Any] | None) -> Comparison | None:
    if state is None:
        return None
    fields: dict[str, Any] = {
        name: np.asarray(decode(value), dtype=float) if isinstance(value, list) else decode(value)
        for name, value in state.items()
    }
    return Comparison(**fields)


def _finding(state: Mapping[str, Any]) -> Finding:
    comparisons = {name: _comparison(state[name]) for name in ("comparison", "over_control", "control")}
    numbers = {name: decode(state[name]) for name in ("p", "relevance", "learned", "cost")}
    return Finding(**{**state, **comparisons, **numbers, "arm": Arm.from_dict(state["arm"])})


def _run(state: Mapping[str, Any]) -> Run:
    return Run.from_dict({name: value if name == "arm" else decode(value) for name, value in state.items()})
