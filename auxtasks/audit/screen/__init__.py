"""Which auxiliary tasks promise something, told in seconds by linear models: a screen before the audit."""

from auxtasks.audit.screen.probe import linear_probe
from auxtasks.audit.screen.rank import rank_tasks
from auxtasks.audit.screen.ranking import Ranking, TaskRank

__all__ = ["Ranking", "TaskRank", "linear_probe", "rank_tasks"]
