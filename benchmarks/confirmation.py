"""At which level of its confirmation a search gains most, and how often it loses, by a simulation in seconds.

Soft labels gain as much as on one of the sets of data that they were tried on with few labels
(`benchmarks/results/gain.csv`, sets judged in points), where `fit` decided whether to learn them; four other tasks gain
0 with a standard deviation of 2. Cross-validation measures gains with an error that has a part of its own for each
candidate and one in common, since the samples are the same. The error follows from the number of labels: after two or
three seeds the scores of two models of a sample still differ with a variance of 0.12, and the correction for the
overlap of five folds makes 1.6 times of it. Soft labels come first; another task must gain over what they gain.

    python benchmarks/confirmation.py
"""

from __future__ import annotations

from pathlib import Path

import gain
import numpy as np
import table

RESULTS = Path(__file__).parent / "results" / "gain.csv"
N, N_TASKS = 200_000, 4
VARIANCE, OVERLAP, COMMON = 0.12, 1.6, 0.36
LEVELS = (1.96, 1.0, 0.0, -1.0, -np.inf)
"""How many standard errors soft labels must gain; other tasks must gain 1.96."""


def measured() -> np.ndarray:
    """Return the mean gain of soft labels on each set of data."""
    scores: dict[str, dict[str, dict[int, float]]] = {}
    for row in table.read(RESULTS, gain.COLUMNS):
        if row["labels"] != "all" and row["metric"] not in table.ERRORS:
            scores.setdefault(row["data"], {}).setdefault(row["arm"], {})[row["seed"]] = row["score"]
    found = [table.paired(arms["network"], arms["taught"], "accuracy") for arms in scores.values()]
    return np.array([each.mean for each in found if each is not None])


def main() -> None:
    rng, known = np.random.default_rng(0), measured()
    print(f"soft labels on {len(known)} sets: {known.mean():.1f} ± {known.std():.1f} points, least {known.min():.1f}")
    print("labels  error  soft labels    mean gain  chosen  loses > 1 point")
    for n_labels in (50, 200, 1000):
        error = 100 * np.sqrt(OVERLAP * VARIANCE / n_labels)
        gains = np.concatenate([rng.choice(known, (N, 1)), rng.normal(0, 2, (N, N_TASKS))], axis=1)
        common, own = rng.normal(size=(N, 1)), rng.normal(size=gains.shape)
        found = gains + error * (np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own)
        # Other tasks are trained beside soft labels, whose error they share.
        others = np.where(found[:, 1:] > 1.96 * error, found[:, 1:], -np.inf)
        best = others.argmax(axis=1)
        of_others = np.where(np.isfinite(others.max(axis=1)), gains[np.arange(N), 1 + best], 0.0)
        for level in LEVELS:
            taken = found[:, 0] > error * level
            got = np.where(taken, gains[:, 0], 0.0) + of_others
            shares = f"{taken.mean():8.0%} {(got < -1).mean():10.1%}"
            print(f"{n_labels:6d} {error:6.1f} {level:9.2f} {got.mean():14.2f} {shares}")


if __name__ == "__main__":
    main()
