"""Figures as files and texts."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from auxtasks.audit.report.figures.style import house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : Path
        The file.
    """
    with house_style():
        figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def figure_svg(figure: Figure) -> str:
    """Write a figure as SVG, letters as outlines, so that it looks the same everywhere.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    str
        The SVG; the same figure gives the same text.
    """
    text = StringIO()
    with house_style():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
