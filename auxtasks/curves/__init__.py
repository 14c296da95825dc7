"""ROC and precision-recall curves and confusion matrices of every task, as figures."""

from auxtasks.curves.draw import draw_curves
from auxtasks.curves.plot import plot_curves

__all__ = ["draw_curves", "plot_curves"]
