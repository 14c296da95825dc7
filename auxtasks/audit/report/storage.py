"""Reports on disk."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from math import nan
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.audit.experiment import Arm, Run
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.verdicts import Comparison, Finding
from auxtasks.errors import StorageError
from auxtasks.files import scratch_beside, write_whole
from auxtasks.optional import require

if TYPE_CHECKING:
    import pandas as pd


DATA, PAGE = "report.json", "report.html"
# The data come last: a folder that holds them holds the rest.
FILES = (PAGE, "differences.png", "curves.png", "weights.png", DATA)


def load_report(path: str | PathLike[str]) -> AuditReport:
    """Read a report that `AuditReport.to_json` or `AuditReport.save` wrote.

    Parameters
    ----------
    path : path-like
        The file, or the folder it was saved in.

    Returns
    -------
    AuditReport
        Equal to the one that was written.

    Raises
    ------
    StorageError
        If there is no such file, or it is not a report of this format.

    Examples
    --------
    >>> load_report("nowhere.json")
    Traceback (most recent call last):
        ...
    auxtasks.errors.StorageError: `path`: there is no report at nowhere.json.
    """
    file = Path(path) / DATA if Path(path).is_dir() else Path(path)
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


def write_json(report: AuditReport, path: Path) -> None:
    """Write the data; see `AuditReport.to_json`."""
    write_whole(path, json.dumps(to_dict(report), indent=1, allow_nan=False, ensure_ascii=False))


def write_html(report: AuditReport, path: Path) -> None:
    """Write the page; see `AuditReport.to_html`."""
    from auxtasks.audit.report.page import as_page

    write_whole(path, as_page(report))


def save_report(report: AuditReport, folder: Path, *, overwrite: bool) -> None:
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
        _write(report, new)
        if not folder.exists():
            new.replace(folder)
            return
        # A user's own files may be in the folder, such as the runs, so that it is not replaced as a whole.
        for name in FILES:
            if (new / name).exists():
                (new / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)


def _write(report: AuditReport, folder: Path) -> None:
    from auxtasks.audit.report.figures import figures_of
    from auxtasks.audit.report.style import save_figure

    for name, figure in figures_of(report).items():
        save_figure(figure, folder / f"{name}.png")
    write_html(report, folder / PAGE)
    write_json(report, folder / DATA)


CONTENT = "audit report"
FORMAT = 1
_INFINITE = ("inf", "-inf")


def to_dict(report: AuditReport) -> dict[str, Any]:
    """Return plain JSON types; `from_dict` is the inverse."""
    return {
        "content": CONTENT,
        "format": FORMAT,
        "auxtasks": __version__,
        "settings": report.settings,
        "relevance": encode(report.relevance),
        "findings": [encode(finding) for finding in report.findings],
        "runs": [encode(run) for run in report.runs],
    }


def from_dict(state: Mapping[str, Any]) -> AuditReport:
    """Make the report that `to_dict` described."""
    findings = tuple(_finding(each) for each in state["findings"])
    runs = tuple(_run(each) for each in state["runs"])
    return AuditReport(state["settings"], findings, runs, decode(state["relevance"]))


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


_FINDINGS = (
    "arm", "tasks", "weight", "verdict", "difference", "low", "high", "p", "worse", "pairs",
    "over_control", "over_control_low", "over_control_high", "control", "control_low", "control_high",
    "relevance", "learned", "cost", "because",
)  # fmt: skip
_RUNS = ("arm", "tasks", "weight", "shuffled", "seed", "fold", "metric", "value", "seconds")


def findings_frame(report: AuditReport) -> pd.DataFrame:
    """Lay out the findings; see `AuditReport.to_frame`."""
    pandas = require("pandas", extra="audit")
    return pandas.DataFrame([_finding_row(finding) for finding in report.findings], columns=_FINDINGS)


def runs_frame(report: AuditReport) -> pd.DataFrame:
    """Lay out the scores; see `AuditReport.runs_frame`."""
    pandas = require("pandas", extra="audit")
    rows = [
        {
            **_arm(run.arm),
            "shuffled": run.arm.shuffled,
            "seed": run.seed,
            "fold": run.fold,
            "metric": metric,
            "value": value,
            "seconds": run.seconds,
        }
        for run in report.runs
        for metric, value in run.scores.items()
    ]
    return pandas.DataFrame(rows, columns=_RUNS)


def _arm(arm: Arm) -> dict[str, Any]:
    return {"arm": arm.label, "tasks": " + ".join(arm.tasks), "weight": arm.weight if arm.tasks else 0.0}


def _finding_row(finding: Finding) -> dict[str, Any]:
    found = finding.comparison
    return {
        **_arm(finding.arm),
        "verdict": finding.verdict,
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "p": finding.p,
        "worse": int((found.differences < 0).sum()),
        "pairs": len(found.differences),
        **_interval("over_control", finding.over_control),
        **_interval("control", finding.control),
        "relevance": finding.relevance,
        "learned": finding.learned,
        "cost": finding.cost,
        "because": finding.because,
    }


def _interval(name: str, found: Comparison | None) -> dict[str, float]:
    mean, low, high = (nan, nan, nan) if found is None else (found.mean, found.low, found.high)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
