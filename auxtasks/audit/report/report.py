"""The report of an audit, and its saved form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auxtasks._version import __version__
from auxtasks.audit.comparison import Comparison
from auxtasks.audit.records import check_arm, decode, decode_run, encode
from auxtasks.audit.report.content import Content
from auxtasks.audit.report.figures import figures_of, save_figure
from auxtasks.audit.report.page import as_page, as_renderable, as_snippet, as_text
from auxtasks.audit.report.tables import Table, findings_values, runs_values, teacher_sentence, teacher_values
from auxtasks.audit.verdicts import Finding
from auxtasks.checksums import json_document, parsed_document
from auxtasks.errors import InvalidTypeError, StorageError, unknown_name
from auxtasks.files import read_regular, staged, sync, write_whole, written_as_a_whole
from auxtasks.optional import require

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Group


class AuditReport(Content):
    """What was trained, what came out, and the verdicts.

    Parameters
    ----------
    settings : mapping of str to JSON types
        How the audit was done. ``"metric"``, ``"higher_is_better"``, ``"margin"``, ``"confidence"``, ``"adjust"`` and
        ``"n_pairs"`` must be there; the rest is shown as it is.
    findings : tuple of Finding
        One for each arm but the baseline and the controls.
    runs : tuple of Run
        All models that were trained.
    relevance : dict of str to float
        For each task how well a linear model tells the main label from its targets.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If a setting that must be there is not, or cannot be what it says.

    Notes
    -----
    Two reports are equal if they would be written as the same JSON.

    Examples
    --------
    >>> from auxtasks.audit.experiment import Arm
    >>> from auxtasks.audit import paired_comparison
    >>> from auxtasks.audit.verdicts import Finding
    >>> gain = paired_comparison([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    >>> said = "Better than the baseline, and than shuffled targets."
    >>> finding = Finding(Arm(("fft",)), "helps", said, gain, None, None, 0.02, 0.6, 0.3, 1.07)
    >>> settings = {"metric": "accuracy", "higher_is_better": True, "margin": 0.0, "confidence": 0.95,
    ...             "adjust": "holm", "n_pairs": 3}
    >>> report = AuditReport(settings, (finding,), (), {"fft": 0.6})
    >>> print(str(report).splitlines()[-1])
    Use fft: +4.0 points (+1.5 to +6.5).
    >>> report.to_frame()[["arm", "verdict", "worse", "pairs"]].to_dict("records")
    [{'arm': 'fft', 'verdict': 'helps', 'worse': 0, 'pairs': 3}]
    >>> import tempfile
    >>> from auxtasks.audit.report import load_report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report.to_json(f"{folder}/report.json")
    ...     load_report(f"{folder}/report.json") == report
    True
    """

    def __eq__(self, other: object) -> bool:
        return to_dict(self) == to_dict(other) if isinstance(other, AuditReport) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __rich__(self) -> Group:
        return as_renderable(self)

    def __repr__(self) -> str:
        """Return the table, the reasons and what follows, 100 columns wide at most."""
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_snippet(self)

    def plot(self, name: str = "differences") -> Figure:
        """Draw one of the figures.

        Parameters
        ----------
        name : {"differences", "curves", "weights"}, default "differences"
            The difference of each pair and their mean, the main loss in each epoch, or the differences by weight, which
            there are where several weights were tried.

        Returns
        -------
        matplotlib.figure.Figure
            Shown by a notebook; ``savefig`` writes it.

        Raises
        ------
        UnknownNameError
            If the report has no such figure.
        """
        figures = figures_of(self)
        if name not in figures:
            raise unknown_name("name", name, figures, "figure of this report")
        return figures[name]

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a data frame, one row an arm.

        Returns
        -------
        pandas.DataFrame
            Differences are in the unit of the metric (not in points) and signed so that up is better; ``low`` and
            ``high`` bound their intervals. ``p`` is adjusted. What is not known is NaN.
        """
        return _frame(findings_values(self))

    def runs_frame(self) -> pd.DataFrame:
        """Return the scores as a data frame, one row for each run and metric.

        Returns
        -------
        pandas.DataFrame
            With the columns arm, tasks, weight, shuffled, seed, fold, metric, value and seconds. The weight of the
            baseline is 0.
        """
        return _frame(runs_values(self))

    def teacher_frame(self) -> pd.DataFrame:
        """Return the network alone, the teacher of soft labels alone and the network taught as a data frame.

        Returns
        -------
        pandas.DataFrame
            With the columns who, value (of the judged metric), difference (from the network alone, signed so that up is
            better), low, high and verdict; no row where no arm has soft labels.
        """
        return _frame(teacher_values(self))

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write everything to a file, replacing one that is there; `load_report` is the inverse.

        Parameters
        ----------
        path : path-like
            The file. What was there survives a failure.
        """
        with written_as_a_whole(Path(path)) as new:
            new.write_bytes(json_document(to_dict(self)))

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write one self-contained page with the table and figures, replacing a file that is there.

        Parameters
        ----------
        path : path-like
            The file. It needs no network, no script and no other file; what was there survives a failure.
        """
        write_whole(Path(path), as_page(self))

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the data, the page and the figures to a folder.

        Parameters
        ----------
        folder : path-like
            Gets ``report.json``, ``report.html``, ``differences.png``, ``curves.png`` and, where several weights were
            tried, ``weights.png``. Other files in it are left alone.
        overwrite : bool, default False
            Whether to replace a report that is there.

        Raises
        ------
        StorageError
            If there is a report and it may not be replaced, a file stands in the way, or the folder cannot be written.
            Nothing is written then.
        """
        folder = Path(folder)
        if os.path.lexists(folder) and not folder.is_dir():
            raise StorageError(f"`folder`: {folder} is a file; choose another name.")
        there = [name for name in FILES if os.path.lexists(folder / name)]
        if there and not overwrite:
            raise StorageError(
                f"`folder`: {folder} holds {', '.join(there)}; choose another, or pass overwrite=True to replace them."
            )
        with staged(folder, "folder") as new:
            new.mkdir()
            for name, figure in figures_of(self).items():
                save_figure(figure, new / f"{name}.png")
            self.to_html(new / PAGE)
            self.to_json(new / DATA)
            if not folder.exists():
                new.replace(folder)
                sync(folder.absolute().parent)
                return
            # A user's own files may be in the folder, such as the runs, so that it is not replaced as a whole.
            for name in FILES:
                if (new / name).exists():
                    (new / name).replace(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
            sync(folder)


def _frame(table: Table) -> pd.DataFrame:
    return require("pandas", extra="audit").DataFrame(table.rows, columns=table.columns)


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
        If there is no such file, or it is not a report of this format as it was written.

    Notes
    -----
    The file starts with a checksum of the rest: one in which a single bit was changed is refused, and so is one that
    was edited. Reports of format 1 have none, and are read as they are. In all of them every value is checked.

    Examples
    --------
    >>> load_report("nowhere.json")
    Traceback (most recent call last):
        ...
    auxtasks.errors.StorageError: `path`: there is no report at nowhere.json.
    """
    path = Path(path)
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


DATA, PAGE = "report.json", "report.html"
# The data come last: a folder that holds them holds the rest.
FILES = (PAGE, "differences.png", "curves.png", "weights.png", DATA)
CONTENT = "audit report"
FORMAT = 2
_UNCHECKED = (1,)
"""Formats without a checksum."""


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


def from_dict(state: Mapping[str, Any]) -> AuditReport:
    findings = tuple(_finding(each, f"findings[{at}]") for at, each in enumerate(_part(state, "findings", list)))
    runs = tuple(decode_run(each, f"runs[{at}]") for at, each in enumerate(_part(state, "runs", list)))
    settings = _part(state, "settings", dict)
    report = AuditReport(settings, findings, runs, decode(dict[str, float], state.get("relevance"), "relevance"))
    for run in runs:
        scored = [run.scores, *([run.teacher] if run.teacher else [])]
        if not all(settings["metric"] in scores for scores in scored):
            raise ValueError(f"a run of the arm {run.arm.label!r} has no {settings['metric']!r}")
        if run.teacher and not run.arm.tasks:
            raise ValueError("the baseline has no teacher")
    return report


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
