"""What agreement gains on real data, and what a step of it costs: paired seeds, an untouched test set.

Each data set is tried with few labels, where all arms begin with the same weights, take the same number of steps and
read the same samples in each, a quarter of them labelled:

- "network": an ordinary model, trained on the labelled samples alone;
- "copies": the same, and on strongly changed copies of the labelled samples;
- "taught": with soft labels, by the defaults of `make_aux_targets` and `attach_heads`;
- "agreement": as "copies", and on its own answers for the samples without a label;
- "both": agreement and soft labels.

    python benchmarks/agreement.py mnist --seeds 10 --output benchmarks/results/agreement.csv
    python benchmarks/agreement.py --summary benchmarks/results/agreement.csv
    python benchmarks/agreement.py mnist --step-time

Runs that the CSV holds already are not made again. The data is looked for in $AUXTASKS_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import gain
import keras
import numpy as np
import table
from timing import medians

from auxtasks.keras import AuxModel, attach_heads

IMAGES = "shifts_and_turns"
SIGNALS = ["crop_and_stretch", "scaling", "jitter"]
CHANGES: dict[str, Any] = {
    "mnist": IMAGES,
    "usps": IMAGES,
    "kannada_mnist": IMAGES,
    "sign_digits_32": IMAGES,
    "pendigits": SIGNALS,
    "hmp": SIGNALS,
}
"""What the label of each data set survives."""
ARMS = ("network", "copies", "taught", "agreement", "both")
STEPS, BATCH, SHARE = 600, 128, 0.25
COLUMNS = ("data", "arm", "seed", "metric", "score", "seconds")


class Trial(gain.Trial):
    """A data set and a seed, on whose one model the arms are tried."""

    def model(self, name: str, arm: str) -> AuxModel:
        """Return the model of an arm, compiled, with the weights that all begin with."""
        keras.utils.set_random_seed(self.seed)
        self.base.set_weights(self.first)
        if arm == "network":
            model = AuxModel(self.base, {}, {}, {}, self.seed)
        else:
            changes = CHANGES[name]
            agreement = {"weak": changes, "strong": changes, **({"weight": 0.0} if arm == "copies" else {})}
            model = attach_heads(
                self.base,
                self.targets if arm in ("taught", "both") else None,
                samples=self.targets.inputs,
                agreement=None if arm == "taught" else agreement,
                seed=self.seed,
            )
        model.compile(gain.adam(STEPS), gain.LOSSES[self.problem.metric], jit_compile=False)
        return model

    @property
    def first(self) -> list[np.ndarray]:
        """The weights that all arms begin with."""
        if not hasattr(self, "_first"):
            self._first = self.base.get_weights()
        return self._first

    def labels(self, arm: str) -> dict[str, np.ndarray]:
        """Return what an arm learns from."""
        few, y = self.split.few, self.targets.with_main()
        return y if arm in ("taught", "both") else {"main": np.where(np.arange(len(self.split.y)) < few, y["main"], -1)}

    def result(self, name: str, arm: str) -> tuple[float, float]:
        """Train an arm; return its score, and the seconds of training."""
        model = self.model(name, arm)
        start = time.perf_counter()
        how = {"batch_size": BATCH, "labelled_share": SHARE, "steps_per_epoch": STEPS, "seed": self.seed, "verbose": 0}
        model.fit(self.targets.inputs, self.labels(arm), **how)
        seconds = time.perf_counter() - start
        predicted = self.base.predict(self.tested.inputs, batch_size=500, verbose=0)
        return self.score(predicted, self.split.few), seconds


def run(names: Sequence[str], seeds: Sequence[int], arms: Sequence[str], output: Path | None) -> list[dict[str, Any]]:
    rows = table.read(output, COLUMNS) if output else []
    done = {(row["data"], row["arm"], row["seed"]) for row in rows}
    for seed, name in product(seeds, names):
        missing = [arm for arm in arms if (name, arm, seed) not in done]
        if not missing:
            continue
        keras.backend.clear_session()
        trial = Trial(name, seed)
        for arm in missing:
            score, seconds = trial.result(name, arm)
            fields = (name, arm, seed, trial.problem.metric, score, round(seconds, 1))
            row = dict(zip(COLUMNS, fields, strict=True))
            rows.append(row)
            print(", ".join(f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in fields), flush=True)
            if output:
                table.append(output, row)
    return rows


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Print the mean of each arm, and how agreement differs from the arms that it is to be better than."""
    for name in dict.fromkeys(row["data"] for row in rows):
        scores: dict[str, dict[int, float]] = {}
        for row in (row for row in rows if row["data"] == name):
            scores.setdefault(row["arm"], {})[row["seed"]] = row["score"]
        means = ", ".join(f"{arm} {np.mean(list(scores[arm].values())):.1f}" for arm in ARMS if arm in scores)
        print(f"{name}, {len(next(iter(scores.values())))} seeds: {means}")
        for one, other in (("copies", "agreement"), ("taught", "agreement"), ("agreement", "both")):
            found = table.paired(scores.get(one, {}), scores.get(other, {}), "accuracy")
            if found is not None:
                print(f"  {other} - {one}: {table.told(found)}")


def print_step_time(name: str, rounds: int = 15) -> None:
    """Print how long a step of each arm takes beside a plain one on the same batch."""
    trial = Trial(name, 0)
    few, half = trial.split.few, BATCH // 4
    rows = np.concatenate([np.arange(half) % few, few + np.arange(BATCH - half)])
    x, labels = trial.targets.inputs[rows], trial.labels("network")["main"][rows]
    works = {}
    for arm in ("network", "copies", "agreement"):
        # A base of its own, since all are timed in turns.
        trial.__dict__.pop("base", None)
        model = trial.model(name, arm)
        if model.agreement is not None:
            model.agreement.begin(STEPS)
        works[arm] = lambda model=model: model.train_on_batch(x, labels)
    found = medians(works, rounds)
    for arm, seconds in found.items():
        print(f"{arm}: {1000 * seconds:.0f} ms a step, {seconds / found['network']:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CHANGES), help=f"of {', '.join(CHANGES)}")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="CSV that single runs are appended to")
    parser.add_argument("--summary", type=Path, help="only print what this CSV says")
    parser.add_argument("--step-time", action="store_true", help="only time a step of each arm")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in CHANGES]:
        parser.error(f"no changes are known for {', '.join(unknown)}; there are {', '.join(CHANGES)}")
    if arguments.summary:
        return summarise(table.read(arguments.summary, COLUMNS))
    gain.use_threads(arguments.threads)
    if arguments.step_time:
        return print_step_time(arguments.names[0])
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    return summarise(run(arguments.names, seeds, arguments.arms, arguments.output))


if __name__ == "__main__":
    main()
