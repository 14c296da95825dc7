"""The report of an audit."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from auxtasks.audit.report.content import Content
from auxtasks.audit.report.figures import figures_of
from auxtasks.audit.report.page import as_page, as_snippet
from auxtasks.audit.report.storage import read_report, save_report, to_dict, write_json
from auxtasks.audit.report.tables import Table, findings_values, runs_values
from auxtasks.audit.report.teacher import teacher_values
from auxtasks.audit.report.text import as_renderable, as_text
from auxtasks.errors import unknown_name
from auxtasks.files import write_whole
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
        """Tell whether another report would be written as the same JSON."""
        return to_dict(self) == to_dict(other) if isinstance(other, AuditReport) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __rich__(self) -> Group:
        """Return what a console of rich prints, with colours."""
        return as_renderable(self)

    def __repr__(self) -> str:
        """Return the table, the reasons and what follows, 100 columns wide at most."""
        return as_text(self)

    def _repr_html_(self) -> str:
        """Return the same for notebooks."""
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
        write_json(self, Path(path))

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
        save_report(self, Path(folder), overwrite=overwrite)


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
    read = read_report(Path(path))
    return AuditReport(read.settings, read.findings, read.runs, read.relevance)
