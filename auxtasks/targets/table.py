"""A short table of a set of targets, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auxtasks.cluster.recognise import is_dask
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.mapping import AuxTargets

_HEAD = ("name", "kind", "shape", "chance", "missing", "left out")


def table(targets: AuxTargets, title: str = "") -> str:
    """Lay out what a set of targets holds.

    Parameters
    ----------
    targets : AuxTargets
        The targets; what is missing of lazy ones is not known, and not computed.
    title : str
        The first line; by default it counts the samples.

    Returns
    -------
    str
        A line for each target: its name, kind, shape, chance, share of missing values, and columns left out.

    Examples
    --------
    >>> import auxtasks
    >>> print(table(auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0]], "signal", "std")))
    AuxTargets of 2 samples
    name  kind    shape  chance  missing  left out
    std   vector  (1,)   1       0%
    """
    rows = [_HEAD] + [_row(targets.specs[name], array) for name, array in targets.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([title or _title(targets), *lines])


def _title(targets: AuxTargets) -> str:
    copies = targets.n_samples - targets.n_original
    extra = f", {copies} of them transformed copies" if copies else ""
    return f"AuxTargets of {targets.n_samples} samples{extra}"


def _row(spec: TargetSpec, array: Array) -> tuple[str, ...]:
    left_out = "; ".join(spec.dropped[:3]) + (f"; … ({len(spec.dropped)} in all)" if len(spec.dropped) > 3 else "")
    return spec.name, spec.kind, str(spec.shape), f"{spec.chance:.4g}", _missing(array), left_out


def _missing(array: Array) -> str:
    """Round to whole percents, but never to 0 or to 100 what is neither."""
    if is_dask(array):
        return "?"
    share = float((np.isnan(array) if array.dtype.kind == "f" else array < 0).mean())
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"
