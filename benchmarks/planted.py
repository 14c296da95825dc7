"""Whether the audit finds what is known: tasks that carry the class's latent variable, say nothing, or contradict it.

Each repetition draws new data: six normal numbers, rotated. The class is the sign of the product of the first two, the
latent variable, which 40 labelled samples do not tell. Given labels as auxiliary targets, for these and 960 without:

- "carries": the latent variable;
- "noise": independent normal numbers;
- "shuffled": the latent variable of other samples;
- "contradicts": products of the other four numbers, for which the one unit below the heads leaves no room beside it.

Noise takes room too where there is one unit alone, and hurts at a weight of 1; at the weights below it does not.

    python benchmarks/planted.py --repetitions 10 --output benchmarks/results/planted.csv
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import auxtasks
from auxtasks.audit import audit

WEIGHTS = {"carries": 0.3, "noise": 0.1, "shuffled": 0.1, "contradicts": 1.0}
TRUTH = {"carries": "helps", "noise": "no effect", "shuffled": "no effect", "contradicts": "hurts"}
LABELLED, UNLABELLED, TEST = 40, 960, 1000
MARGIN = 0.02
PAIRS = ((0, 1), (2, 3), (4, 5), (2, 4), (3, 5))


def draw(seed: int) -> tuple[Any, Any]:
    """Return inputs, and the products of which the first is the class's latent variable."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(LABELLED + UNLABELLED + TEST, 6))
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    products = np.stack([numbers[:, i] * numbers[:, j] for i, j in PAIRS], axis=1)
    return (numbers @ rotation).astype("float32"), products.astype("float32")


def build_model() -> keras.Model:
    inputs = keras.Input((6,))
    hidden = layers.Dense(1)(layers.Dense(64, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    return model


def audit_once(seed: int, seeds: int, epochs: int, n_jobs: int) -> Any:
    X, latent = draw(seed)
    train = LABELLED + UNLABELLED
    rng = np.random.default_rng(seed + 1000)
    given = {
        "carries": latent[:train, :1],
        "noise": rng.normal(size=(train, 1)).astype("float32"),
        "shuffled": rng.permutation(latent[:train, :1]),
        "contradicts": latent[:train, 1:],
    }
    y = (latent[:, 0] > 0).astype("int32")
    targets = auxtasks.make_aux_targets(X[:train], "any", [], label_columns=given)
    return audit(
        build_model,
        X[:train],
        y[:LABELLED],
        targets,
        test=(X[train:], y[train:]),
        seeds=seeds,
        epochs=epochs,
        batch_size=64,
        weights=WEIGHTS,
        margin=MARGIN,
        together=False,
        n_jobs=n_jobs,
        progress=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    found: dict[str, list[str]] = {task: [] for task in TRUTH}
    lines = ["repetition,task,truth,verdict,difference,low,high,over_control,p"]
    for repetition in range(arguments.first, arguments.first + arguments.repetitions):
        report = audit_once(repetition, arguments.seeds, arguments.epochs, arguments.jobs)
        print(report, flush=True)
        for finding in report.findings:
            task = finding.arm.tasks[0]
            found[task].append(finding.verdict)
            numbers = (finding.comparison.mean, finding.comparison.low, finding.comparison.high)
            numbers += (finding.over_control.mean, finding.p)
            written = ",".join(f"{number:.4g}" for number in numbers)
            lines.append(f"{repetition},{task},{TRUTH[task]},{finding.verdict},{written}")
        if arguments.output:
            arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for task, verdicts in found.items():
        claims = ("helps", "hurts")
        # Where there is no effect, "unclear" is no false claim.
        right = sum(v == TRUTH[task] or not {v, TRUTH[task]} & {*claims} for v in verdicts)
        print(f"{task:12s} {TRUTH[task]:9s} in {right} of {len(verdicts)}: {verdicts}")


if __name__ == "__main__":
    main()
