"""Score against the number of labels: a network alone and the same network taught, with 95 % intervals.

Data, network and both arms are those of ``auxtasks demo``. The figure has seeds 0 to 9; settings were chosen on
others. Finished runs are kept in ``benchmarks/results/label_curve.csv``, so that an interrupted call goes on.

    python benchmarks/label_curve.py --labels 20 50 100 200 500 --figure docs/label_curve.svg
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import table

from auxtasks.audit import paired_comparison
from auxtasks.demo import EPOCHS, load_digits, load_tensorflow, soft_targets, split_digits, train_alone, train_taught

RESULTS = Path(__file__).parent / "results" / "label_curve.csv"
FIELDS = ("labels", "seed", "alone", "taught")
COLOURS = {"alone": "#6b7280", "taught": "#0d9488"}
NAMES = {"alone": "network alone", "taught": "with auxtasks"}
Scores = dict[tuple[int, int], tuple[float, float]]


def main() -> None:
    """Measure what is missing, print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 50, 100, 200, 500])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    scores = finished()
    for seed in range(arguments.seeds):
        for n_labels in arguments.labels:
            if (n_labels, seed) not in scores:
                scores[n_labels, seed] = measured(n_labels, seed)
                keep(scores)
    scores = {key: value for key, value in scores.items() if key[0] in arguments.labels and key[1] < arguments.seeds}
    for n_labels in arguments.labels:
        found = paired_comparison(*(100 * column for column in columns(scores, n_labels)))
        print(f"{n_labels:5} labels: {table.told(found)}")
    if arguments.figure:
        draw(scores, arguments.labels, arguments.figure)


def finished() -> Scores:
    """Return the runs that were measured before."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(int(row["labels"]), int(row["seed"])): (float(row["alone"]), float(row["taught"])) for row in rows}


def keep(scores: Scores) -> None:
    """Write all runs."""
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows([*key, *(f"{score:.4f}" for score in value)] for key, value in sorted(scores.items()))


def measured(n_labels: int, seed: int) -> tuple[float, float]:
    """Train both arms of one pair."""
    load_tensorflow()
    split = split_digits(*load_digits(), n_labels, seed)
    alone = train_alone(split, EPOCHS, seed, [])
    return alone, train_taught(split, soft_targets(split), EPOCHS, seed, [])


def columns(scores: Scores, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of both arms, seed by seed."""
    pairs = np.array([value for key, value in sorted(scores.items()) if key[0] == n_labels])
    return pairs[:, 0], pairs[:, 1]


def draw(scores: Scores, labels: list[int], path: Path) -> None:
    """Draw mean accuracies with 95 % intervals over seeds."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    from scipy.stats import t

    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for arm, place in (("alone", 0), ("taught", 1)):
        points = np.array([columns(scores, n)[place] for n in labels]) * 100
        mean = points.mean(axis=1)
        half = t.ppf(0.975, points.shape[1] - 1) * points.std(axis=1, ddof=1) / points.shape[1] ** 0.5
        axes.fill_between(labels, mean - half, mean + half, color=COLOURS[arm], alpha=0.2, linewidth=0)
        axes.plot(labels, mean, "o-", color=COLOURS[arm])
        axes.annotate(
            NAMES[arm], (labels[1], mean[1]), (12, -32) if place == 0 else (-92, 16), textcoords="offset points",
            color=COLOURS[arm], weight="bold",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(labels, list(map(str, labels)))
    axes.minorticks_off()
    axes.set_xlabel("labelled images, of 1,050 (log scale)")
    axes.set_ylabel("test accuracy, %")
    n_seeds = len({seed for _, seed in scores})
    axes.set_title(f"Handwritten digits: mean and 95 % interval over {n_seeds} seeds", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
