"""Whether a network between the one trained alone and the one taught by soft labels is better than both.

ForkMerge (Jiang et al. 2023) trains a branch without and a branch with auxiliary tasks from the same weights and takes
the interpolation of their weights that does best on validation samples. Here both branches are those of `gain.py`, from
the same initial weights, and each interpolation is scored on the test samples, so that the best of them is more than a
validation part could find.

    python benchmarks/interpolation.py mnist usps trec --seeds 2

On two cores, with the seeds 100 and 101, scores in % from the network alone (0) to the network taught (1):

              0     0.1   0.25  0.5   0.75  0.9   1
    mnist     71.5  72.9  75.0  79.2  83.2  85.1  86.1
    mnist     75.6  77.5  80.1  83.6  85.3  85.8  85.7
    usps      79.5  80.6  82.3  84.5  85.6  86.0  86.7
    usps      77.6  79.1  80.7  83.4  85.6  86.0  86.3
    trec      64.6  65.6  66.8  69.0  70.6  71.0  71.2
"""

from __future__ import annotations

import argparse

import numpy as np
from gain import Trial

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Of the network taught."""


def scores(name: str, seed: int) -> list[float]:
    """Train both branches, and score what lies between."""
    trial = Trial(name, seed)
    few = trial.split.few
    trial.network(few)
    alone = trial.base.get_weights()
    trial.taught(few)
    taught = trial.base.get_weights()
    found = []
    for share in SHARES:
        trial.base.set_weights(
            [(1 - share) * first + share * second for first, second in zip(alone, taught, strict=True)]
        )
        found.append(trial.score(trial.predict(trial.tested.inputs), few))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=100)
    arguments = parser.parse_args()
    print(f"{'':10s}" + "".join(f"{share:<6g}" for share in SHARES))
    for name in arguments.data:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            found = np.array(scores(name, seed))
            print(f"{name:10s}" + "".join(f"{score:<6.1f}" for score in found), flush=True)


if __name__ == "__main__":
    main()
