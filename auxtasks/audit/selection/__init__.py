"""The never-worse mode: tasks that gained on validation parts, or none."""

from auxtasks.audit.selection.selecting import select_tasks
from auxtasks.audit.selection.selection import Selection

__all__ = ["Selection", "select_tasks"]
