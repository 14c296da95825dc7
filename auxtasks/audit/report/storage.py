"""Reports on disk."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

from auxtasks.audit.report.codec import CONTENT, FORMAT, from_dict, to_dict
from auxtasks.audit.report.files import scratch_beside, write_whole
from auxtasks.audit.report.report import AuditReport
from auxtasks.errors import StorageError

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
    """Write the data; see `AuditReport.to_json`.

    Parameters
    ----------
    report : AuditReport
        The report.
    path : Path
        The file.
    """
    write_whole(path, json.dumps(to_dict(report), indent=1, allow_nan=False, ensure_ascii=False))


def write_html(report: AuditReport, path: Path) -> None:
    """Write the page; see `AuditReport.to_html`.

    Parameters
    ----------
    report : AuditReport
        The report.
    path : Path
        The file.
    """
    from auxtasks.audit.report.page import as_page

    write_whole(path, as_page(report))


def save_report(report: AuditReport, folder: Path, *, overwrite: bool) -> None:
    """Write data, page and figures; see `AuditReport.save`.

    Parameters
    ----------
    report : AuditReport
        The report.
    folder : Path
        The folder.
    overwrite : bool
        Whether to replace a report that is there.

    Raises
    ------
    StorageError
        If something is there that may not be replaced.
    """
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
    from auxtasks.audit.report.figures import figures_of, save_figure

    for name, figure in figures_of(report).items():
        save_figure(figure, folder / f"{name}.png")
    write_html(report, folder / PAGE)
    write_json(report, folder / DATA)
