"""A report as plain JSON types, and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.audit.arms import Arm
from auxtasks.audit.finding import Finding
from auxtasks.audit.paired import Comparison
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.run import Run

CONTENT = "audit report"
FORMAT = 1
_INFINITE = ("inf", "-inf")


def to_dict(report: AuditReport) -> dict[str, Any]:
    """Return plain JSON types; `from_dict` is the inverse.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    dict
        With None for NaN, and ``"inf"`` and ``"-inf"`` for what is infinite.
    """
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
    """Make the report that `to_dict` described.

    Parameters
    ----------
    state : mapping
        What `to_dict` returned.

    Returns
    -------
    AuditReport
        Equal to the one described.
    """
    findings = tuple(_finding(each) for each in state["findings"])
    runs = tuple(_run(each) for each in state["runs"])
    return AuditReport(state["settings"], findings, runs, decode(state["relevance"]))


def encode(value: Any) -> Any:
    """Turn numbers, arrays, mappings and data classes into plain JSON types.

    Parameters
    ----------
    value : object
        What a report holds.

    Returns
    -------
    object
        Of JSON types.

    Examples
    --------
    >>> encode({"fft": np.array([0.5, np.nan, np.inf])}), encode(Arm(("fft",)))
    ({'fft': [0.5, None, 'inf']}, {'tasks': ['fft'], 'weight': 1.0, 'shuffled': False})
    """
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
    """Turn what `encode` made of numbers, and of lists and mappings of them, back.

    Parameters
    ----------
    value : object
        Of JSON types.

    Returns
    -------
    object
        With NaN for None.

    Examples
    --------
    >>> decode({"fft": [0.5, None, "inf"]})
    {'fft': [0.5, nan, inf]}
    """
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
