"""What soft labels gain on real data: paired seeds, an untouched test set, intervals and losing cases.

Each data set is tried with few labels, where these arms are compared:

- "network": an ordinary model, trained on the labelled samples alone;
- "taught": the same with the defaults of `make_aux_targets`, which is given the labels, and of `attach_heads`;
- "teacher": what the soft labels themselves say of the test samples;
- "self-training": as scikit-learn's `SelfTrainingClassifier`, on the same model. After a third and two thirds of the
  steps, samples without a label that it predicts with a probability above 0.95 (of several labels, the entries above
  0.95 or below 0.05) are labelled so for good. It is not begun anew then. Not for numbers.

With all labels, "network" and "taught" are compared; where that leaves no task, "taught" is "network", and its score
is copied. A seed draws which labels are kept, the initial weights, the batches and, where there is no official test
part, the split. The models of a seed begin with the same weights, take the same number of steps, and with few labels
read the same labelled samples in each: half the batch of the problem, or fewer where there are not four samples
without a label to each. Where more than a fifth have a label, batches are composed of that share. A step of
"self-training" reads as many pseudo-labelled samples as one of "taught" reads soft-labelled ones, and these together
count as much as the labelled ones together. Nothing is chosen by data set but the number of steps and the batch.

    python benchmarks/gain.py --seeds 10 --output benchmarks/results/gain.csv
    python benchmarks/gain.py mnist trec --output benchmarks/results/gain.csv
    python benchmarks/gain.py --summary benchmarks/results/gain.csv

Runs that the CSV holds already are not made again. Inputs are scaled, padded and numbered by all training inputs, of
which no label is needed. The data is looked for in $AUXTASKS_DATA; so is the spaCy pipeline that tags texts.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import table
import tensorflow as tf
from problems import PROBLEMS, TUNING
from threadpoolctl import threadpool_limits

import auxtasks
from auxtasks.batches.composition import SHARE_WITH_SOFT_LABELS, Composition, rounds
from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads

TASKS: list[str] | None = ["soft_labels"]
"""Of "taught"; None for the defaults of the domain."""
SETS = {"own": PROBLEMS, "tuning": TUNING, "all": {**PROBLEMS, **TUNING}}
LOSSES = {"accuracy": "sparse_categorical_crossentropy", "macro F1": "binary_crossentropy", "rmse": "mse"}
KEY = ("data", "labels", "arm", "seed")
COLUMNS = (*KEY, "metric", "score", "seconds", "note")
ROUNDS, SURE = 3, 0.95
"""Of self-training."""

Run = Callable[[], tuple[float, str]]
"""Returns a score, and what is to be noted."""


class Trial:
    """A data set and a seed: its inputs, prepared once, and one model, with which each arm begins anew."""

    def __init__(self, name: str, seed: int) -> None:
        self.problem, self.seed = SETS["all"][name], seed
        self.split = self.problem.split(np.random.default_rng(seed))
        self.numbers = self.problem.metric == "rmse"
        self.of_network: dict[int, float] = {}

    def runs(self) -> Iterator[tuple[str, int | str, Run]]:
        """Go through the arms: the name of each, how many labels it has, and what makes it."""
        few, n = self.split.few, len(self.split.y)
        yield "teacher", few, self.teacher
        yield "network", few, partial(self.network, few)
        yield "taught", few, partial(self.taught, few)
        if not self.numbers:
            yield "self-training", few, self.self_training
        yield "network", "all", partial(self.network, n)
        yield "taught", "all", partial(self.taught, n)

    def teacher(self) -> tuple[float, str]:
        """Score the soft labels of the test samples."""
        options = self.targets.specs["soft_labels"].options
        return self.score(self.tested["soft_labels"], self.split.few), options["teacher"]

    def network(self, n: int) -> tuple[float, str]:
        """Train on n labelled samples alone."""
        rows, _ = self.rows(n)
        self.begin()
        self.train(rows, np.full(rows.shape[1], 1 / rows.shape[1]), self.y(n))
        self.of_network[n] = self.score(self.predict(self.tested.inputs), n)
        return self.of_network[n], ""

    def taught(self, n: int) -> tuple[float, str]:
        """Train as a user would, n samples being labelled."""
        few = n == self.split.few
        targets = self.targets if few else self.make_targets(n)
        if not targets:
            return self.of_network.get(n) or self.network(n)[0], "no task: the network"
        keras.utils.set_random_seed(self.seed)
        model = attach_heads(self.base, targets)
        model.compile(adam(self.problem.steps), LOSSES[self.problem.metric], jit_compile=False)
        self.begin()
        steps = self.problem.steps
        if few:
            _, size, share = self.batches
            how = {"batch_size": size, "labelled_share": share, "steps_per_epoch": steps}
        else:  # the rate of steps beyond is 0
            size = self.problem.batch
            how = {"batch_size": size, "epochs": ceil(steps / ceil(n / size))}
        model.fit(targets.inputs, targets.with_main(), seed=self.seed, verbose=0, **how)
        told = " ".join(getattr(model, "told_of_soft_labels", []))
        return self.score(self.predict(self.tested.inputs), n), told

    def self_training(self) -> tuple[float, str]:
        """Train on the few and on what the model itself is sure of."""
        few, rng = self.split.few, np.random.default_rng(self.seed)
        rows, n_others = self.rows(few)
        several = self.problem.metric == "macro F1"
        missing = np.nan if several else -1
        y = self.y(few)
        y = np.concatenate([y, np.full((len(self.split.y) - few, *y.shape[1:]), missing, y.dtype)])
        weights = np.full(rows.shape[1], 1 / rows.shape[1])
        self.begin()
        for number, part in enumerate(np.array_split(rows, ROUNDS)):
            if number:
                said = self.predict(self.targets.inputs)
                sure, guess = (
                    (abs(said - 0.5), said > 0.5) if several else (said.max(axis=1) - 0.5, said.argmax(axis=1))
                )
                y = np.where((np.isnan(y) if several else y == -1) & (sure > SURE - 0.5), guess, y).astype(y.dtype)
            known = ~np.isnan(y).all(axis=1) if several else y >= 0
            known[:few] = False
            if known.any():
                others = rounds(np.flatnonzero(known), len(part) * n_others, rng).reshape(len(part), n_others)
                both = np.concatenate([weights, np.full(n_others, 1 / n_others)])
                self.train(np.concatenate([part, others], axis=1), both, y)
            else:
                self.train(part, weights, y)
        return self.score(self.predict(self.tested.inputs), few), f"{known.sum()} pseudo-labelled"

    @property
    def batches(self) -> tuple[np.ndarray, int, float]:
        """Which samples are labelled where few are, and the size and the labelled share of a batch of "taught"."""
        labelled = np.arange(len(self.split.y)) < self.split.few
        share = max(SHARE_WITH_SOFT_LABELS, float(labelled.mean()) + 1e-6)
        return labelled, round(self.problem.batch // 2 / share), share

    def rows(self, n: int) -> tuple[np.ndarray, int]:
        """Return the labelled samples of each step if n are labelled, and how many others "taught" reads in one."""
        steps, batch = self.problem.steps, self.problem.batch
        if n > self.split.few:
            return rounds(np.arange(n), steps * batch, np.random.default_rng(self.seed)).reshape(steps, batch), 0
        plan = Composition(*self.batches, self.seed)
        epochs = np.concatenate([plan.epoch(number) for number in range(ceil(steps / plan.n_batches))])
        return epochs[:steps, : plan.n_labelled], plan.batch_size - plan.n_labelled

    def scale(self, n: int) -> tuple[Any, Any]:
        """Return the mean and the deviation of the first n labels that are numbers."""
        y = self.split.y[:n]
        return (y.mean(axis=0), y.std(axis=0)) if self.numbers else (0, 1)

    def y(self, n: int) -> np.ndarray:
        """Return the first n labels, as the loss reads them; numbers are standardised."""
        if self.problem.metric == "accuracy":
            return self.split.y[:n]
        mean, std = self.scale(n)
        return ((self.split.y[:n] - mean) / std).astype("float32")

    def make_targets(self, n: int) -> Any:
        """Make the targets of all samples, n of which are labelled; None where that leaves no task."""
        y = self.y(n) if self.numbers else self.split.y[:n]
        try:
            return auxtasks.make_aux_targets(self.split.X, self.problem.domain, TASKS, y=y, **self.problem.options)
        except InvalidInputError as error:
            if "a label of every sample" not in str(error):
                raise
            return None

    @cached_property
    def targets(self) -> Any:
        """What few labels are given to."""
        return self.make_targets(self.split.few)

    @cached_property
    def tested(self) -> Any:
        """The same of the test samples."""
        return self.targets.transform(self.split.X_test)

    @cached_property
    def base(self) -> keras.Model:
        """The model of all arms."""
        keras.utils.set_random_seed(self.seed)
        return self.problem.model(self.targets, self.problem.outputs)

    @cached_property
    def optimizer(self) -> keras.Optimizer:
        """That of all arms but "taught"."""
        made = adam(self.problem.steps)
        made.build(self.base.trainable_variables)
        return made

    @cached_property
    def state(self) -> list[tuple[Any, np.ndarray]]:
        """What all arms begin with."""
        return [(variable, variable.numpy()) for variable in (*self.base.variables, *self.optimizer.variables)]

    def begin(self) -> None:
        """Give the model the weights that all arms begin with."""
        for variable, value in self.state:
            variable.assign(value)

    @cached_property
    def _train(self) -> Any:
        base, optimizer, loss = self.base, self.optimizer, keras.losses.get(LOSSES[self.problem.metric])
        with_gaps = self.problem.metric == "macro F1"
        inputs = tf.constant(self.targets.inputs)

        @tf.function
        def train(rows: Any, weights: Any, y: Any) -> None:
            for number in tf.range(tf.shape(rows)[0]):
                chosen = rows[number]
                with tf.GradientTape() as tape:
                    output = base(tf.gather(inputs, chosen), training=True)
                    answers = tf.gather(y, chosen)
                    if with_gaps:  # a missing entry is the output itself, where the loss has no gradient
                        answers = tf.where(tf.math.is_nan(answers), tf.stop_gradient(output), answers)
                    total = tf.reduce_sum(weights * loss(answers, output))
                optimizer.apply(tape.gradient(total, base.trainable_variables), base.trainable_variables)

        kinds = (tf.int32, (None, None)), (tf.float32, (None,))
        y = self.y(self.split.few)
        return train.get_concrete_function(
            *(tf.TensorSpec(shape, kind) for kind, shape in kinds), tf.TensorSpec((None, *y.shape[1:]), y.dtype)
        )

    def train(self, rows: np.ndarray, weights: np.ndarray, y: np.ndarray) -> None:
        """Take a step with each row of numbers of samples, whose losses are weighed."""
        self._train(tf.constant(rows, tf.int32), tf.constant(weights, tf.float32), tf.constant(y))

    @cached_property
    def _predict(self) -> Any:
        inputs = self.targets.inputs
        call = tf.function(partial(self.base, training=False))
        return call.get_concrete_function(tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the model predicts as it is."""
        parts = [inputs[start : start + 500] for start in range(0, len(inputs), 500)]
        return np.concatenate([self._predict(tf.constant(part)).numpy() for part in parts])

    def score(self, predicted: np.ndarray, n: int) -> float:
        """Return the accuracy or the mean F1 of the labels in percent, or the root mean square error of all outputs."""
        y = self.split.y_test
        if self.numbers:
            mean, std = self.scale(n)
            return float(np.sqrt(((predicted * std + mean - y) ** 2).mean()))
        if self.problem.metric == "accuracy":
            return 100.0 * float((predicted.argmax(axis=1) == y).mean())
        found = predicted > 0.5
        return 100.0 * float((2 * (found & (y == 1)).sum(axis=0) / (found.sum(axis=0) + y.sum(axis=0))).mean())


def adam(steps: int) -> keras.Optimizer:
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))


def key(row: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells a run from all others."""
    return tuple(str(row[name]) for name in KEY)


def made(name: str, seed: int, done: set[tuple[str, ...]], which: str) -> Iterator[dict[str, Any]]:
    """Make the runs of a data set and a seed that are not done yet."""
    keras.backend.clear_session()
    trial = Trial(name, seed)
    for arm, labels, run in trial.runs():
        fields = {"data": name, "labels": labels, "arm": arm, "seed": seed, "metric": trial.problem.metric}
        if key(fields) not in done and which in ("both", "all" if labels == "all" else "few"):
            start = time.perf_counter()
            score, note = run()
            seconds = round(time.perf_counter() - start, 1)
            yield {**fields, "score": score, "seconds": seconds, "note": note}


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Print the means of each data set, how "taught" differs from "network", and counts over data sets."""
    print(f"{'':25s}{'labels':>6s} {'network':>8s} {'teacher':>8s} {'self-tr.':>8s}   taught - network, 95 %")
    cells: dict[str, list[dict[str, Any]]] = {"few": [], "all": []}
    for data, metric, labels in dict.fromkeys((row["data"], row["metric"], str(row["labels"])) for row in rows):
        chosen = [row for row in rows if (row["data"], str(row["labels"])) == (data, labels)]
        arms: dict[str, dict[int, float]] = {}
        for row in chosen:
            arms.setdefault(row["arm"], {})[row["seed"]] = row["score"]
        means = {arm: float(np.mean(list(scores.values()))) for arm, scores in arms.items()}
        found = table.paired(arms.get("network", {}), arms.get("taught", {}), metric)
        cells["all" if labels == "all" else "few"].append({"metric": metric, "found": found, "arms": arms})
        said = [f"{means[arm]:8.4g}" if arm in means else f"{'':8s}" for arm in ("network", "teacher", "self-training")]
        told = "one seed" if found is None else table.told(found)
        if labels != "all":
            told += f"; learned in {sum('soft_labels: learned' in row['note'] for row in chosen)}"
        print(f"{f'{data}, {metric}':25s}{labels:>6s} {' '.join(said)}   {told}")
    for labels, some in cells.items():
        verdicts = [cell["found"].verdict for cell in some if cell["found"] is not None]
        print(
            f"\n{labels} labels: the interval is above 0 in {verdicts.count('helps')}, "
            f"below in {verdicts.count('hurts')} of {len(verdicts)}"
        )
        for arm in ("taught", "self-training", "teacher"):
            both = [cell for cell in some if {"network", arm} <= cell["arms"].keys()]
            if both:
                reduced = [_reduction(cell, arm) for cell in both]
                print(f"  {arm}: error less by {100 * np.mean(reduced):.1f} % on average of {len(both)}")
        both = [cell for cell in some if {"taught", "self-training"} <= cell["arms"].keys()]
        if both:
            ahead = sum(_error(cell, "taught") < _error(cell, "self-training") for cell in both)
            print(f"  taught is ahead of self-training in {ahead} of {len(both)}")


def _reduction(cell: dict[str, Any], arm: str) -> float:
    """Return by which share the error is less; 0 where neither has any."""
    error, of_network = _error(cell, arm), _error(cell, "network")
    return 0.0 if error == of_network else 1 - error / of_network


def _error(cell: dict[str, Any], arm: str) -> float:
    """Return the mean error of an arm, over the seeds that network has too."""
    arms = cell["arms"]
    mean = float(np.mean([arms[arm][seed] for seed in sorted(arms[arm].keys() & arms["network"].keys())]))
    return mean if cell["metric"] in table.ERRORS else 100.0 - mean


def use_threads(n: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(n)  # of libraries that are loaded later
    threadpool_limits(n)
    tf.config.threading.set_intra_op_parallelism_threads(n)
    tf.config.threading.set_inter_op_parallelism_threads(n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SETS['all'])}; instead of --sets")
    parser.add_argument("--sets", choices=list(SETS), default="all", help="tuning: those that defaults are chosen on")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--labels", choices=["few", "all", "both"], default="both")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="CSV that single runs are appended to")
    parser.add_argument("--summary", type=Path, help="only print what this CSV says")
    arguments = parser.parse_args()
    names = arguments.names or list(SETS[arguments.sets])
    if unknown := [name for name in names if name not in SETS["all"]]:
        parser.error(f"no data set {', '.join(unknown)}; there are {', '.join(SETS['all'])}")
    if arguments.summary:
        return summarise(table.read(arguments.summary, COLUMNS))
    use_threads(arguments.threads)
    rows = table.read(arguments.output, COLUMNS) if arguments.output else []
    done = {key(row) for row in rows}
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for seed, name in product(seeds, names):  # so that a run that was broken off has the same seeds of all sets
        for row in made(name, seed, done, arguments.labels):
            rows.append(row)
            print(
                ", ".join(f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in row.values()),
                flush=True,
            )
            if arguments.output:
                table.append(arguments.output, row)
    return summarise(rows)


if __name__ == "__main__":
    main()
