"""What an audit found: printed, as data frames, as JSON, as a page and as figures."""

from auxtasks.audit.report.report import AuditReport, load_report

__all__ = ["AuditReport", "load_report"]
