"""Reports in a notebook."""

from __future__ import annotations

from html import escape

from auxtasks.audit.report.blocks import findings_table, reasons_list
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.words import conclusion, heading

# Only colours that can be read on light and dark paper alike.
_STYLE = (
    ".auxtasks-audit .helps{color:#0a9a72}.auxtasks-audit .hurts{color:#d9650f}"
    ".auxtasks-audit th,.auxtasks-audit td{text-align:right;padding:.2em .8em .2em 0}"
    ".auxtasks-audit th:first-child,.auxtasks-audit th:nth-child(2),.auxtasks-audit td:nth-child(2){text-align:left}"
    ".auxtasks-audit .no-effect{font-weight:500}.auxtasks-audit .scroll{overflow-x:auto}"
)


def as_snippet(report: AuditReport) -> str:
    """Write heading, table, reasons and what follows.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        HTML to be put into another page.
    """
    return (
        f'<div class="auxtasks-audit"><style>{_STYLE}</style><p>{escape(heading(report))}</p>{findings_table(report)}'
        f"<ul>{reasons_list(report)}</ul><p><b>{escape(conclusion(report))}</b></p></div>"
    )
