"""At which level of its confirmation a search gains most, and how often it loses, by a simulation in seconds.

Soft labels gain 6 points with a standard deviation of 7 from one set of data to the next, much as on those that they
were tried on; four other tasks gain 0 with a standard deviation of 2. Cross-validation measures gains with an error
that has a part of its own for each candidate and one in common, since the samples are the same. The error follows from
the number of labels: after two or three seeds the scores of two models of a sample still differ with a variance of
0.12, and the correction for the overlap of five folds makes 1.6 times of it.

    python benchmarks/confirmation.py
"""

from __future__ import annotations

import numpy as np

N, N_TASKS = 200_000, 4
VARIANCE, OVERLAP, COMMON = 0.12, 1.6, 0.36
LEVELS = ((1.96, 1.96), (1.28, 1.96), (1.0, 1.96), (1.0, 1.0), (0.5, 1.96), (0.0, 1.96), (-np.inf, np.inf))
"""How many standard errors soft labels and other tasks must gain."""


def main() -> None:
    rng = np.random.default_rng(0)
    print("labels  error  soft labels  tasks    mean gain  chosen  loses > 1 point")
    for n_labels in (50, 200, 1000):
        error = 100 * np.sqrt(OVERLAP * VARIANCE / n_labels)
        gains = np.concatenate([rng.normal(6, 7, (N, 1)), rng.normal(0, 2, (N, N_TASKS))], axis=1)
        common, own = rng.normal(size=(N, 1)), rng.normal(size=gains.shape)
        found = gains + error * (np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own)
        for soft, others in LEVELS:
            passed = found > error * np.array([soft] + [others] * N_TASKS)
            best = np.where(passed, found, -np.inf).argmax(axis=1)
            got = np.where(passed.any(axis=1), gains[np.arange(N), best], 0.0)
            print(
                f"{n_labels:6d} {error:6.1f} {soft:9.2f} {others:10.2f} {got.mean():12.2f} "
                f"{passed.any(axis=1).mean():8.0%} {(got < -1).mean():10.1%}"
            )


if __name__ == "__main__":
    main()
