"""The figures of a report, drawn without touching the state or settings of pyplot."""

from auxtasks.audit.report.figures.drawn import captions, figures_of
from auxtasks.audit.report.figures.export import figure_svg, save_figure

__all__ = ["captions", "figure_svg", "figures_of", "save_figure"]
