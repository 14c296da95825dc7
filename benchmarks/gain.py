"""What auxiliary targets gain on real data: paired seeds, an untouched test set, intervals and losing cases.

Each data set is tried with few labels, on the labelled samples alone and with the unlabelled ones too, and with all
labels. A seed draws which labels are kept, the initial weights, the batches and, where there is no official test part,
the split. All arms of a seed start from the same weights and see the same batches; the baseline is the same wrapped
model with weight 0, which trains exactly as the plain model would. Nothing is chosen by data set but the number of
steps: the tasks are the defaults of the domain, with automatic weights and taps.

    python benchmarks/gain.py --seeds 10 --output benchmarks/results/gain.csv
    python benchmarks/gain.py mnist trec --arms all --output other_arms.csv
    python benchmarks/gain.py --summary benchmarks/results/gain.csv

Runs that the CSV holds already are not made again. Inputs are scaled, padded and numbered by all training inputs, of
which no label is needed. The data is looked for in $AUXTASKS_DATA; so is the spaCy pipeline that tags TREC.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import keras
import numpy as np
import table
import tensorflow as tf
from problems import PROBLEMS, Arm, Problem, Split

import auxtasks
from auxtasks.batches.composition import AUTO, automatic_weight
from auxtasks.keras import attach_heads

CONDITIONS = [("few", "no"), ("few", "yes"), ("all", "no")]
"""Which samples are labelled, and whether the unlabelled ones are used."""
LOSSES = {"accuracy": "sparse_categorical_crossentropy", "macro F1": "binary_crossentropy", "rmse": "mse"}
WEIGHTINGS: dict[str, Callable[[int], Any]] = {
    "fixed": lambda steps: "fixed",  # noqa: ARG005
    "warm_up": lambda steps: {"warm_up": {"steps": steps // 3}},
    "decay": lambda steps: {"decay": {"steps": steps}},
    "cosine_gate": lambda steps: "cosine_gate",  # noqa: ARG005
}
BASELINE = Arm("baseline", weight=0.0)


@lru_cache(maxsize=1)
def split_of(name: str, seed: int) -> Split:
    return PROBLEMS[name].split(np.random.default_rng(seed))


def make_targets(problem: Problem, split: Split, arm: Arm, n: int) -> Any:
    """Compute the targets of the first n samples."""
    everything = auxtasks.make_aux_targets(
        split.X, problem.domain, arm.tasks, given={name: split.given[name] for name in arm.given}, **problem.options
    )
    if n == len(split.X):
        return everything
    given = {name: split.given[name][:n] for name in arm.given}
    if isinstance(split.X, np.ndarray):
        return auxtasks.make_aux_targets(split.X[:n], problem.domain, arm.tasks, given=given, **problem.options)
    # Series padded to one length, and words numbered by one vocabulary, so that the test inputs can be read.
    return everything.transform(split.X[:n], given=given)


class Trainer:
    """A wrapped model and its data; every training of it starts from the same state."""

    def __init__(self, name: str, seed: int, labels: str, unlabelled: str, arm: Arm, weighting: str) -> None:
        self.problem, self.split, self.seed = PROBLEMS[name], split_of(name, seed), seed
        problem, split = self.problem, self.split
        n_labelled = split.few if labels == "few" else len(split.y)
        self.y = split.y[:n_labelled]
        self.numbers = problem.metric == "rmse"
        self.targets = make_targets(problem, split, arm, len(split.y) if unlabelled == "yes" else n_labelled)
        self.composed, self.batch = unlabelled == "yes", problem.batch if labels == "all" else problem.batch // 2
        keras.utils.set_random_seed(seed)
        plan = WEIGHTINGS[weighting](problem.steps)
        self.model = attach_heads(problem.model(self.targets, problem.outputs), self.targets, weighting=plan)
        rate = keras.optimizers.schedules.CosineDecay(2e-3, problem.steps)
        self.model.compile(keras.optimizers.Adam(rate), LOSSES[problem.metric], jit_compile=False)
        self.model.optimizer.build(self.model.trainable_variables)
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self.state = [(variable, variable.numpy()) for variable in variables]

    def score(self, weight: float | str) -> float:
        """Train the model anew with this weight of all tasks, and return its score on the test part."""
        for variable, value in self.state:
            variable.assign(value)
        if weight == AUTO:  # counted here, because data sets of TensorFlow cannot be counted by `fit`
            found = automatic_weight(len(self.y), len(self.targets.inputs))
            self.model.set_loss_weights({task: found * spec.share for task, spec in self.targets.specs.items()})
        else:
            self.model.set_loss_weights(weight)
        mean, std = (self.y.mean(axis=0), self.y.std(axis=0)) if self.numbers else (0, 1)
        labelled = self.targets.with_main((self.y - mean) / std if self.numbers else self.y)
        n_steps = {"steps_per_epoch": self.problem.steps, "verbose": 0}
        if self.composed:
            self.model.fit(self.targets.inputs, labelled, 2 * self.batch, seed=self.seed, **n_steps)
        else:
            samples = tf.data.Dataset.from_tensor_slices((self.targets.inputs, labelled))
            self.model.fit(samples.shuffle(len(self.y), seed=self.seed).repeat().batch(self.batch), **n_steps)
        predicted = self.model.predict(self.targets.prepare(self.split.X_test), batch_size=500, verbose=0)
        return score(self.problem.metric, self.split.y_test, predicted * std + mean)


trainer = lru_cache(maxsize=1)(Trainer)
"""Arms that differ in their weight alone follow each other, and share one model and what TensorFlow made of it."""


def train(name: str, seed: int, labels: str, unlabelled: str, arm: Arm, weighting: str) -> float:
    """Return the score of one model on the test part."""
    return trainer(name, seed, labels, unlabelled, replace(arm, name="", weight=AUTO), weighting).score(arm.weight)


def score(metric: str, y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the accuracy or the mean F1 of the labels in percent, or the root mean square error of all outputs."""
    if metric == "rmse":
        return float(np.sqrt(((predicted - y) ** 2).mean()))
    if metric == "accuracy":
        return 100.0 * float((predicted.argmax(axis=1) == y).mean())
    found = predicted > 0.5
    return 100.0 * float((2 * (found & (y == 1)).sum(axis=0) / (found.sum(axis=0) + y.sum(axis=0))).mean())


def runs_of(
    name: str, seed: int, arms: Sequence[tuple[Arm, str]]
) -> Iterator[tuple[dict[str, Any], Callable[[], float]]]:
    """Go through the runs of one data set and seed: what names each in the CSV, and the function that makes it."""
    problem = PROBLEMS[name]
    for labels, unlabelled in CONDITIONS:
        for arm, weighting in arms:
            fields = {
                "data": name,
                "labels": split_of(name, seed).few if labels == "few" else "all",
                "unlabelled": unlabelled,
                "arm": arm.name + (f", {weighting}" if weighting != "fixed" else ""),
                "weight": arm.weight,
                "seed": seed,
                "metric": problem.metric,
            }
            yield fields, partial(train, name, seed, labels, unlabelled, arm, weighting)


def arms_of(
    name: str, which: str, weights: Sequence[float | str] | None, weightings: Sequence[str]
) -> list[tuple[Arm, str]]:
    """List the arms of a data set and their weightings, the baseline first."""
    problem = PROBLEMS[name]
    tried = [replace(arm, weight=weight) for arm in problem.arms for weight in weights or [arm.weight]]
    others = problem.others if which == "all" else ()
    return [(BASELINE, "fixed"), *product(tried, weightings), *((arm, "fixed") for arm in others)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), help=f"of {', '.join(PROBLEMS)}; all by default")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--arms", choices=["defaults", "all"], default="defaults", help="all: the other arms too")
    parser.add_argument("--weights", type=table.weight_of, nargs="+", help="instead of auto, of the default arms")
    parser.add_argument("--weighting", nargs="+", choices=list(WEIGHTINGS), default=["fixed"], help="of these arms")
    parser.add_argument("--output", type=Path, help="CSV that single runs are appended to")
    parser.add_argument("--summary", type=Path, help="only print what this CSV says")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.problems if name not in PROBLEMS]:
        parser.error(f"no data set {', '.join(unknown)}; there are {', '.join(PROBLEMS)}")
    if arguments.summary:
        return table.summarise(table.read(arguments.summary))
    rows = table.read(arguments.output) if arguments.output and arguments.output.exists() else []
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    done: set[tuple[str, ...]] = {table.key(row) for row in rows}
    for name, seed in product(arguments.problems, seeds):
        arms = arms_of(name, arguments.arms, arguments.weights, arguments.weighting)
        for fields, run in runs_of(name, seed, arms):
            if table.key(fields) not in done:
                rows.append({**fields, "score": run()})
                print(_line(rows[-1]), flush=True)
                if arguments.output:
                    table.append(arguments.output, rows[-1])
    return table.summarise(rows)


def _line(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" if name == "score" else f"{value}" for name, value in row.items())


if __name__ == "__main__":
    main()
