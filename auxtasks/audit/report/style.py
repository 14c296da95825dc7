"""The look that the figures share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from auxtasks.files import written_as_a_whole
from auxtasks.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# From the palette of Okabe and Ito, which the colour-blind can tell apart; darkened for white paper. The markers differ
# too, so that colour says nothing alone.
COLOURS = {"helps": "#00795a", "no effect": "#0a5fa0", "unclear": "#8a5a9e", "hurts": "#c04a00"}
MARKERS = {"helps": "^", "no effect": "o", "unclear": "D", "hurts": "v"}
BASELINE, CONTROL, MARGIN, INK = "#5b6470", "#8d949c", "#f0e442", "#2b3036"
WIDTH = 8.2


@contextmanager
def house_style() -> Iterator[None]:
    """Set matplotlib's settings for one figure, whatever the user's are, and put these back."""
    matplotlib = require("matplotlib", extra="audit")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlesize": 10,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": "0.9",
            "legend.frameon": False,
            # The same report gives the same file.
            "svg.hashsalt": "auxtasks",
        })  # fmt: skip
        yield


_TRADED = str.maketrans("-_", "_-")


def short(name: str, width: int = 24, lines: int = 2) -> str:
    r"""Break a long name into lines, between words and after underscores, and cut off what does not fit."""
    # Lines are broken after hyphens, which therefore trade places with underscores for that while.
    parts = [part.translate(_TRADED) for part in wrap(" ".join(name.split()).translate(_TRADED), width)] or [""]
    kept = parts[:lines]
    if len(parts) > lines:
        kept[-1] = kept[-1][: width - 1] + "…"
    return "\n".join(kept)


DPI = 150


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with house_style(), written_as_a_whole(path) as new:
        figure.savefig(new, format="png", dpi=DPI, metadata={"Software": None})


def figure_svg(figure: Figure) -> str:
    """Write a figure as SVG, letters as outlines, so that it looks the same everywhere."""
    text = StringIO()
    with house_style():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
