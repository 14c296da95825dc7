"""A picture of each named set of changes: two samples beside copies of them."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import rc_context
from pictures import SCHEMES
from samples import SAMPLES

from auxtasks.keras import show_changes
from auxtasks.keras.changes import SETS


def changes_picture(name: str, scheme: str) -> bytes:
    """Draw a set of changes as `show_changes` does.

    Parameters
    ----------
    name : str
        The set.
    scheme : {"light", "dark"}
        Of the page.

    Returns
    -------
    bytes
        A PNG with a transparent background.
    """
    ink, accents, _ = SCHEMES[scheme]
    samples = {
        "images": lambda: SAMPLES["image"]().astype("float32"),
        "signals": lambda: SAMPLES["signal"]().astype("float32"),
        "tokens": lambda: np.array([[12, 7, 30, 4, 9, 21, 3, 18, 2], [5, 16, 8, 27, 6, 11, 2, 0, 0]]),
    }[SETS[name].what]()
    colours = dict.fromkeys(("text.color", "axes.edgecolor", "axes.titlecolor"), ink)
    cycle = f"cycler('color', {list(accents)!r})"
    with rc_context({**colours, "font.size": 9, "axes.facecolor": "none", "axes.prop_cycle": cycle}):
        figure = show_changes(samples, name, n=2, seed=1)
        file = io.BytesIO()
        figure.savefig(file, dpi=120, transparent=True, format="png")
    return file.getvalue()


def changes_section() -> str:
    """Write a heading and the pictures of each set.

    Returns
    -------
    str
        Markdown.
    """
    parts = []
    for name, known in SETS.items():
        pictures = "\n".join(
            f"![Two samples and their copies changed by {name}](pictures/changes-{name}-{scheme}.png#only-{scheme})"
            for scheme in SCHEMES
        )
        parts.append(f"### {name}, of {known.what} {{ #{name} }}\n\n{pictures}")
    return "\n\n".join(parts)
