"""The parts of a report's page; whatever comes from a user or a report is escaped here."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.rows import columns, rows
from auxtasks.audit.report.words import arm_name


def verdict_word(verdict: str) -> str:
    """Write a verdict in its colour.

    Parameters
    ----------
    verdict : str
        The verdict.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> verdict_word("no effect")
    '<b class="no-effect">no effect</b>'
    """
    return f'<b class="{escape(verdict.replace(" ", "-"))}">{escape(verdict)}</b>'


def html_table(names: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    r"""Lay out a table in a box of its own, which scrolls where it is too wide.

    Parameters
    ----------
    names : sequence of str
        The headings, as text.
    cells : iterable of sequence of str
        The rows, as HTML; the first cell of each names it.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> html_table(["a", "<b>"], [["x", "1"]])[33:]
    '<table><thead><tr><th scope="col">a</th><th scope="col">&lt;b&gt;</th></tr></thead><tbody>\n<tr><th ...
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>\n'
        for first, *others in cells
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    # With a tabindex, so that it scrolls by the keyboard too.
    return f'<div class="scroll" tabindex="0">{table}</div>'


def findings_table(report: AuditReport) -> str:
    """Lay out the findings.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML.
    """
    cells = [[escape(task), verdict_word(verdict), *map(typeset, numbers)] for task, verdict, *numbers in rows(report)]
    return html_table(columns(report), cells)


def reasons_list(report: AuditReport) -> str:
    """List why each verdict is what it is.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML.
    """
    return "".join(
        f"<li><i>{escape(arm_name(report, finding.arm))}</i>: {verdict_word(finding.verdict)}. "
        f"{escape(finding.because)}</li>\n"
        for finding in report.findings
    )


def typeset(number: str) -> str:
    """Write a number with a minus sign in place of a hyphen.

    Parameters
    ----------
    number : str
        The number as plain text.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> typeset("-1.2 (-2.0 to -0.4)")
    '−1.2 (−2.0 to −0.4)'
    """
    return escape(number).replace("-", "−")


def figure_block(svg: str, alternative: str, caption: str) -> str:
    """Put a figure with its caption into the page itself.

    Parameters
    ----------
    svg : str
        The figure.
    alternative : str
        What it is, for those who cannot see it.
    caption : str
        What is written below.

    Returns
    -------
    str
        HTML.
    """
    data = b64encode(svg.encode()).decode()
    image = f'<img alt="{escape(alternative)}" src="data:image/svg+xml;base64,{data}">'
    return f'<figure><div class="scroll">{image}</div><figcaption>{escape(caption)}</figcaption></figure>\n'
