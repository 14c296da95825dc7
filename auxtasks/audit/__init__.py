"""Did an auxiliary task help? Paired seeds and controls, a screen beforehand, and a verdict that may be "no"."""

from auxtasks.audit.audit import audit
from auxtasks.audit.comparison import Comparison, paired_comparison
from auxtasks.audit.report import AuditReport, load_report
from auxtasks.audit.screen import Ranking, rank_tasks
from auxtasks.audit.selected import Selection
from auxtasks.audit.selection import select_tasks

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
