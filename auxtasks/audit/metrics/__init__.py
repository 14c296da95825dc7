"""The metrics of the main task, computed by scikit-learn on what a model predicts for the test part."""

from auxtasks.audit.metrics.catalogue import NAMES, higher_is_better, is_share
from auxtasks.audit.metrics.evidence import as_probabilities
from auxtasks.audit.metrics.metrics import Metrics, score
from auxtasks.audit.metrics.problem import Problem, problem_of

__all__ = ["NAMES", "Metrics", "Problem", "as_probabilities", "higher_is_better", "is_share", "problem_of", "score"]
