"""The settings of an audit in words, for the page."""

from __future__ import annotations

from html import escape
from typing import Any

from auxtasks.audit.report.blocks import html_table
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.words import all_tasks

_NAMES = {
    "metric": "judged metric",
    "higher_is_better": "higher is better",
    "adjust": "adjustment for several arms",
    "n_pairs": "pairs",
    "n_train": "training samples",
    "n_labelled": "of these labelled",
    "n_test": "test samples",
    "overlap": "test over training samples where these overlap",
    "at": "heads at",
    "controls": "controls (shuffled targets)",
    "seconds": "time in all",
}
_MINUTE, _HOUR = 60, 3600


def settings_table(report: AuditReport) -> str:
    """Lay out the settings.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML.
    """
    said = dict(report.settings)
    if isinstance(said.get("seconds"), (int, float)):
        said["seconds"] = duration(said["seconds"])
    cells = [
        [escape(_NAMES.get(name, name.replace("_", " "))), escape(in_words(value))] for name, value in said.items()
    ]
    return html_table(["setting", "value"], [["tasks", escape(", ".join(sorted(all_tasks(report))))], *cells])


def in_words(value: Any) -> str:
    """Write a value of JSON as people would.

    Parameters
    ----------
    value : object
        Of JSON types.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> in_words({"of tasks": {"std": 1.0, "fft": 3.0}, "times": [1, 3]}), in_words(True), in_words(None)
    ('of tasks (std 1; fft 3); times 1, 3', 'yes', '–')
    """
    if isinstance(value, dict):
        parts = {
            key: f"({in_words(part)})" if isinstance(part, dict) else in_words(part) for key, part in value.items()
        }
        return "; ".join(f"{key} {part}" for key, part in parts.items()) or "–"
    if isinstance(value, list):
        return ", ".join(map(in_words, value)) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Write a time.

    Parameters
    ----------
    seconds : float
        The time.

    Returns
    -------
    str
        In hours and minutes, minutes and seconds, or seconds.

    Examples
    --------
    >>> duration(3725), duration(754.2), duration(5.2)
    ('1 h 2 min', '12 min 34 s', '5 s')
    """
    whole = round(seconds)
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole >= _MINUTE else f"{whole} s"
