"""Did an auxiliary task help? Paired seeds and controls, a screen beforehand, and a verdict that may be "no"."""

from auxtasks.audit.audit import audit
from auxtasks.audit.report import AuditReport, load_report
from auxtasks.audit.screen import Ranking, rank_tasks
from auxtasks.audit.selection import Selection, select_tasks
from auxtasks.audit.verdicts import Comparison, paired_comparison

__all__ = [
    "AuditReport",
    "Comparison",
    "Ranking",
    "Selection",
    "audit",
    "load_report",
    "paired_comparison",
    "rank_tasks",
    "select_tasks",
]
