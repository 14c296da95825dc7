"""The CSV of single runs, and the paired differences that are told of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timing import provenance

from auxtasks.audit import Comparison, paired_comparison

ERRORS = ("rmse",)
"""Metrics of which less is better."""


def read(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Read the runs of a file, or none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        expected = [*columns, *provenance()]
        if reader.fieldnames != expected:
            raise SystemExit(f"{path} has the columns {reader.fieldnames}; expected {expected}. Name another file.")
        return [{**row, "seed": int(row["seed"]), "score": float(row["score"])} for row in reader]


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to the file, so that nothing is lost where the run breaks off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new, row = not path.exists(), {**row, **provenance()}
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def paired(base: Mapping[int, float], tried: Mapping[int, float], metric: str) -> Comparison | None:
    """Compare two arms over the seeds that both have, up is better; None of fewer than two.

    Errors less than 0.1 % apart are the same: the same training, rounded in another order, ends so.
    """
    seeds = sorted(base.keys() & tried.keys())
    if metric in ERRORS:
        tried = {seed: base[seed] if abs(tried[seed] / base[seed] - 1) < 1e-3 else tried[seed] for seed in seeds}
    sign = -1.0 if metric in ERRORS else 1.0
    arms = [[sign * scores[seed] for seed in seeds] for scores in (base, tried)]
    return paired_comparison(*arms) if len(seeds) > 1 else None


def told(found: Comparison) -> str:
    """Say a difference, its standard error, its 95 % t-interval and in how many seeds it is a loss."""
    n = len(found.differences)
    return (
        f"{found.mean:+7.3g} ± {found.differences.std(ddof=1) / n**0.5:5.3g}  [{found.low:+7.3g}, {found.high:+7.3g}]  "
        f"worse in {(found.differences < 0).sum()} of {n}"
    )
