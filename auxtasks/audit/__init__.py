"""Did an auxiliary task help? Paired comparisons of accuracies over seeds."""

from auxtasks.audit.paired import Comparison, compare

__all__ = ["Comparison", "compare"]
