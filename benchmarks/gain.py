"""What auxiliary targets gain on real data: paired seeds, an untouched test set, intervals and losing cases.

For each seed every arm starts from the same weights. The arms with unlabelled samples see the labelled ones in the
batches of the baseline, which is the same wrapped model with weight 0 and trains exactly as the plain model would on
them. The arm of the labelled samples alone takes as many steps, in batches of its own, on the inputs as padded for all.

    python benchmarks/gain.py mnist hmp trec --seeds 10 --output benchmarks/results/gain.csv

The data is looked for in $AUXTASKS_DATA; so is the spaCy pipeline that tags TREC.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import auxtasks
from auxtasks.audit import compare
from auxtasks.keras import attach_heads

DATA = Path(os.environ.get("AUXTASKS_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Split:
    """The data of one seed: labelled samples first among the inputs."""

    X: Any
    y_labelled: np.ndarray
    X_test: Any
    y_test: np.ndarray


@dataclass(frozen=True)
class Arm:
    """Auxiliary tasks, and the loss weights to try them with; one of them also on the labelled samples alone."""

    tasks: Any
    weights: tuple[float, ...]
    labelled_weight: float | None = None


@dataclass(frozen=True)
class Problem:
    """A data set with its model and the auxiliary targets to try."""

    domain: str
    split: Callable[[np.random.Generator], Split]
    model: Callable[[Any], keras.Model]
    arms: dict[str, Arm]
    epochs: int
    options: dict[str, Any] = field(default_factory=dict)


def mnist_split(rng: np.random.Generator) -> Split:
    with np.load(DATA / "mnist" / "mnist.npz") as data:
        chosen = rng.permutation(len(data["x_train"]))[:6000]
        X, y = data["x_train"][chosen], data["y_train"][chosen].astype("int32")
        X_test, y_test = data["x_test"], data["y_test"].astype("int32")
    order = labelled_first(y, 5)
    return Split(grey(X[order]), y[order][:50], grey(X_test), y_test)


def grey(images: np.ndarray) -> np.ndarray:
    return (images[..., None] / 255.0).astype("float32")


def hmp_split(rng: np.random.Generator, crop: int = 512) -> Split:
    with np.load(DATA / "hmp_adl" / "hmp_adl.npz") as data:
        values, offsets, activity = data["values"], data["offsets"], data["activity"]
    names, counts = np.unique(activity, return_counts=True)
    kept = [name for name, count in zip(names, counts, strict=True) if count >= 25 and not name.endswith("_MODEL")]
    rows = np.flatnonzero(np.isin(activity, kept))
    y = np.searchsorted(kept, activity[rows]).astype("int32")
    series = [(values[offsets[row] : offsets[row + 1]][:crop] * (3.0 / 63.0) - 1.5).astype("float32") for row in rows]
    shuffled = rng.permutation(len(y))
    test, train = shuffled[: len(y) // 3], shuffled[len(y) // 3 :]
    train = train[labelled_first(y[train], 4)]
    return Split([series[i] for i in train], y[train][: 4 * len(kept)], [series[i] for i in test], y[test])


def trec_split(rng: np.random.Generator) -> Split:
    parts = []
    for part in ("train", "test"):
        with gzip.open(DATA / "trec" / f"trec_{part}.tsv.gz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        kinds = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
        parts.append(([row[2] for row in rows], np.array([kinds.index(row[0]) for row in rows], "int32")))
    (texts, y), test = parts
    order = rng.permutation(len(texts))
    return Split([texts[i] for i in order], y[order][:100], *test)


def trec_words(text: str) -> list[str]:
    return text.lower().split()  # words and marks stand apart already


def labelled_first(y: np.ndarray, per_class: int) -> np.ndarray:
    """Order samples so that the first few of each class come first."""
    chosen = np.concatenate([np.flatnonzero(y == label)[:per_class] for label in np.unique(y)])
    return np.concatenate([chosen, np.setdiff1d(np.arange(len(y)), chosen)])


def image_model(targets: Any) -> keras.Model:
    del targets
    stages: list[Any] = [keras.Input((28, 28, 1))]
    for width in (16, 32, 64):
        stages += [layers.Conv2D(width, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    return keras.Sequential([*stages[:-1], layers.Flatten(), layers.Dense(10, activation="softmax")])


def text_model(targets: Any) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(targets.inputs.shape[1:], dtype="int32"),
            layers.Embedding(len(targets.vocabulary), 64),
            layers.Conv1D(64, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(6, activation="softmax"),
        ]
    )


def signal_model(targets: Any) -> keras.Model:
    del targets
    stages: list[Any] = [keras.Input((512, 3))]
    for width in (16, 32, 64):
        stages += [layers.Conv1D(width, 5, padding="same", activation="relu"), layers.MaxPooling1D(3)]
    return keras.Sequential([*stages[:-1], layers.GlobalAveragePooling1D(), layers.Dense(10, activation="softmax")])


PROBLEMS = {
    "mnist": Problem("image", mnist_split, image_model, {"hog": Arm(["hog"], (1.0, 3.0), 1.0)}, 5),
    "hmp": Problem("signal", hmp_split, signal_model, {"defaults": Arm(None, (1.0, 3.0), 1.0)}, 30),
    "trec": Problem(
        "text",
        trec_split,
        text_model,
        {
            "pos": Arm(["pos"], (1.0, 10.0), 10.0),
            "dependency": Arm(["dependency"], (3.0,)),
            "pos, dependency": Arm(["pos", "dependency"], (5.0,)),
            "ner": Arm(["ner"], (3.0,)),
            "pos_histogram": Arm(["pos_histogram"], (3.0,)),
            "text_statistics": Arm(["text_statistics"], (3.0,)),
            "next_word": Arm(["next_word"], (1.0,)),
        },
        3,
        {
            "pipeline": DATA / "spacy" / "en_ewt_sm",
            "cache": Path(tempfile.gettempdir()) / "auxtasks-gain",
            "tokenizer": trec_words,
        },
    ),
}


def train(problem: Problem, split: Split, targets: Any, weight: float, epochs: int, seed: int) -> float:
    """Return the test accuracy, in percent, of one model."""
    keras.utils.set_random_seed(seed)
    model = attach_heads(problem.model(targets), targets, weights=weight)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    n_labelled = len(split.y_labelled)
    unlabelled = len(targets.inputs) > n_labelled
    batch = 64 if unlabelled else 32
    model.fit(targets.inputs, targets.with_main(split.y_labelled), batch, epochs, seed=seed, verbose=0)
    test = targets.prepare(split.X_test)
    return 100.0 * model.evaluate(test, split.y_test, batch_size=500, verbose=0, return_dict=True)["accuracy"]


def run_seed(name: str, seed: int) -> list[dict[str, Any]]:
    """Train all arms of one seed; the first row is the baseline."""
    problem = PROBLEMS[name]
    split = problem.split(np.random.default_rng(seed))
    n_labelled = len(split.y_labelled)
    steps = problem.epochs * -(-(len(split.X) - n_labelled) // 32)
    rows = []

    def add(arm: str, targets: Any, weight: float, epochs: int) -> None:
        accuracy = train(problem, split, targets, weight, epochs, seed)
        rows.append(
            {"data": name, "labels": n_labelled, "arm": arm, "weight": weight, "seed": seed, "accuracy": accuracy}
        )

    for arm_name, arm in problem.arms.items():
        everything = auxtasks.make_aux_targets(split.X, problem.domain, arm.tasks, **problem.options)
        if not rows:
            add("baseline", everything, 0.0, problem.epochs)
        for weight in arm.weights:
            add(f"{arm_name}, with unlabelled", everything, weight, problem.epochs)
        if arm.labelled_weight is not None:
            epochs = round(steps / -(-n_labelled // 32))
            add(
                f"{arm_name}, labelled only",
                labelled_alone(problem, split, everything, arm),
                arm.labelled_weight,
                epochs,
            )
    return rows


def labelled_alone(problem: Problem, split: Split, everything: Any, arm: Arm) -> Any:
    """Make the targets of the labelled samples alone, on inputs as long as those of all."""
    n_labelled = len(split.y_labelled)
    if problem.domain == "text":
        return everything.transform(split.X[:n_labelled])  # in the vocabulary of all
    return auxtasks.make_aux_targets(everything.inputs[:n_labelled], problem.domain, arm.tasks)


def summarise(rows: list[dict[str, Any]]) -> None:
    """Print the paired difference of each arm from the baseline, with its 95 % t-interval."""
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        base = {row["seed"]: row["accuracy"] for row in own if row["arm"] == "baseline"}
        print(f"\n{name}, {own[0]['labels']} labels, {len(base)} seeds; baseline {np.mean(list(base.values())):.2f} %")
        for arm, weight in dict.fromkeys((row["arm"], row["weight"]) for row in own if row["arm"] != "baseline"):
            of_arm = [row for row in own if (row["arm"], row["weight"]) == (arm, weight)]
            found = compare([base[row["seed"]] for row in of_arm], [row["accuracy"] for row in of_arm])
            error = found.differences.std(ddof=1) / len(of_arm) ** 0.5
            print(
                f"  {arm:28s} weight {weight:4.1f}: {found.mean:+6.2f} ± {error:.2f} points   95 % "
                f"[{found.low:+.2f}, {found.high:+.2f}]   {found.verdict}; worse in {(found.differences < 0).sum()}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), help=f"of {', '.join(PROBLEMS)}; all by default")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="CSV to write the single runs to")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in arguments.problems:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            rows += run_seed(name, seed)
            print(f"{name}, seed {seed} done", flush=True)
            if arguments.output:
                write(arguments.output, rows)
    summarise(rows)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()  # noqa: S607
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "commit", "date"])
        writer.writeheader()
        writer.writerows({**row, "commit": commit, "date": date.today().isoformat()} for row in rows)


if __name__ == "__main__":
    main()
