"""The CSV of single runs, and the table of paired differences that is made of it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timing import provenance

from auxtasks.audit import compare
from auxtasks.batches.composition import AUTO

KEY = ("data", "labels", "unlabelled", "arm", "weight", "seed")
COLUMNS = [*KEY, "metric", "score", "commit", "date"]
ERRORS = ("rmse",)
"""Metrics of which less is better."""
SAMPLES = {"no": "the labelled samples alone", "yes": "the unlabelled samples too"}


def key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells a run from all others."""
    return tuple(str(row[name]) for name in KEY)


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise SystemExit(f"{path} has the columns {reader.fieldnames}; expected {COLUMNS}. Name another file.")
        return [
            {**row, "weight": weight_of(row["weight"]), "seed": int(row["seed"]), "score": float(row["score"])}
            for row in reader
        ]


def weight_of(text: str) -> float | str:
    """Read a weight: a number, or "auto"."""
    return text if text == AUTO else float(text)


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to the file, so that nothing is lost where the run breaks off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({**row, **provenance()})


def summarise(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the paired difference of each arm from its baseline, up is better, with its 95 % t-interval, and counts."""
    verdicts: dict[tuple[str, str, str], Counter[str]] = {}
    titles: set[tuple[str, str]] = set()
    arms = dict.fromkeys(key(row)[:5] for row in rows if row["arm"] != "baseline")
    for data, labels, unlabelled, arm, weight in arms:
        metric = next(row["metric"] for row in rows if row["data"] == data)
        if (data, metric) not in titles:
            titles.add((data, metric))
            print(f"\n{data}, {metric}")
        tried = _scores(rows, data, labels, unlabelled, arm, weight)
        # Runs of the past compared the labelled samples alone to the baseline on composed batches.
        base = _scores(rows, data, labels, unlabelled, "baseline", "0.0") or _scores(
            rows, data, labels, "yes", "baseline", "0.0"
        )
        seeds = sorted(tried.keys() & base.keys())
        if len(seeds) < 2:
            continue
        sign = -1.0 if metric in ERRORS else 1.0
        found = compare([sign * base[seed] for seed in seeds], [sign * tried[seed] for seed in seeds])
        error = found.differences.std(ddof=1) / len(seeds) ** 0.5
        print(
            f"  {labels:>3s} labels, {SAMPLES[unlabelled]:26s} {arm:22s} weight {weight:4s} "
            f"{abs(found.baseline.mean()):6.2f} {found.mean:+6.2f} ± {error:.2f}   95 % [{found.low:+.2f}, "
            f"{found.high:+.2f}]   {found.verdict}; worse in {(found.differences < 0).sum()} of {len(seeds)}"
        )
        budget = "all" if labels == "all" else "few"
        verdicts.setdefault((budget, unlabelled, f"{arm}, weight {weight}"), Counter())[found.verdict] += 1
    print("\nsignificant gains, losses, neither:")
    for (budget, unlabelled, arm), counts in sorted(verdicts.items(), key=lambda item: item[0][2]):
        print(
            f"  {budget} labels, {SAMPLES[unlabelled]:26s} {arm:34s} "
            f"{counts['helps']}, {counts['hurts']}, {counts['no effect']}"
        )


def _scores(rows: Sequence[Mapping[str, Any]], *wanted: str) -> dict[int, float]:
    return {row["seed"]: row["score"] for row in rows if key(row)[:5] == wanted}
