"""How far weightings protect the main task from one that cannot be learnt: targets shuffled across images, weight 10.

The targets are the HOG of another image, or the digit in another image, which the network can only learn by heart.
MNIST with 50 labels and 5,950 images without, paired seeds, an untouched test set. The baseline is the same wrapped
model with weight 0, from the same weights on the same batches.

    python benchmarks/harm.py --seeds 10 --output benchmarks/results/harm.csv
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import table
from problems import Split
from problems.images import image_model, mnist_split

import auxtasks
from auxtasks.keras import attach_heads

WEIGHT = 10.0
ARMS: dict[str, tuple[float, Any]] = {
    "baseline": (0.0, "fixed"),
    "fixed": (WEIGHT, "fixed"),
    "cosine_gate": (WEIGHT, "cosine_gate"),
    "cosine_gate, by layer": (WEIGHT, {"cosine_gate": {"per": "layer"}}),
    "cosine_gate, sign": (WEIGHT, {"cosine_gate": {"strength": "sign"}}),
    "projection": (WEIGHT, "projection"),
    "uncertainty": (WEIGHT, "uncertainty"),
}


def shuffled_targets(split: Split, task: str, seed: int) -> tuple[Any, dict[str, Any]]:
    """Return targets, and what `fit` takes as y: the same with those of the task in another order."""
    rng = np.random.default_rng(seed)
    if task == "hog":
        targets = auxtasks.make_aux_targets(split.X, "image", ["hog"])
    else:
        digits = rng.integers(0, 10, len(split.X))
        targets = auxtasks.make_aux_targets(split.X, "any", [], label_columns={"digit": digits})
    y = dict(targets.with_main(split.y[: split.few]))
    return targets, {**y, task: y[task][rng.permutation(len(y[task]))]}


def run_seed(seed: int, task: str, arms: list[str], labelled_only: bool) -> list[dict[str, Any]]:
    """Train every arm on the images of one seed, for about as many steps on the labelled ones alone as on all."""
    split = mnist_split(np.random.default_rng(seed))
    epochs, batch = 5, 64
    if labelled_only:
        split = replace(split, X=split.X[: split.few])
        epochs, batch = 460, 32
    targets, y = shuffled_targets(split, task, seed)
    rows = []
    for arm in arms:
        weight, weighting = ARMS[arm]
        keras.utils.set_random_seed(seed)
        model = attach_heads(image_model(targets, 10), targets, weights=weight, weighting=weighting)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(targets.inputs, y, batch_size=batch, epochs=epochs, seed=seed, verbose=0)
        logs = model.evaluate(split.X_test, split.y_test, batch_size=500, verbose=0, return_dict=True)
        rows.append(
            {
                "data": f"mnist, {task} shuffled",
                "labels": split.few,
                "unlabelled": "no" if labelled_only else "yes",
                "arm": arm,
                "weight": weight,
                "seed": seed,
                "metric": "accuracy",
                "score": 100.0 * logs["accuracy"],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS), help="the baseline is always run")
    parser.add_argument("--task", choices=["hog", "digit"], default="hog")
    parser.add_argument("--labelled-only", action="store_true", help="train on the 50 labelled images alone")
    parser.add_argument("--output", type=Path, help="CSV to write the single runs to")
    arguments = parser.parse_args()
    arms = list(dict.fromkeys(["baseline", *arguments.arms]))
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        found = run_seed(seed, arguments.task, arms, arguments.labelled_only)
        print(f"seed {seed} done", flush=True)
        for row in found if arguments.output else []:
            table.append(arguments.output, row)
        rows += found
    scores = {arm: {row["seed"]: row["score"] for row in rows if row["arm"] == arm} for arm in arms}
    for arm in arms[1:]:
        found = table.paired(scores["baseline"], scores[arm], "accuracy")
        print(f"{arm:24s} {'' if found is None else table.told(found)}")


if __name__ == "__main__":
    main()
