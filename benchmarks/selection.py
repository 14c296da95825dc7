"""What the choice of `select_tasks` gains on real data: paired seeds, an untouched test set, losing cases.

Each data set is tried with few labels, and these arms are compared:

- "network": an ordinary model, trained on the labelled samples alone;
- "taught": with soft labels, by the defaults of `make_aux_targets` and `attach_heads`;
- "selected": what `select_tasks` chooses by cross-validation on the labelled samples, among the tasks that are the
  default of the domain and soft labels, with its own defaults. Where it chooses the plain model, this is "network".

All arms begin with the same weights and take the same number of steps. Seeds from 100 on are for choosing settings, and
0 to 9 for reporting.

    python benchmarks/selection.py --seeds 10 --output benchmarks/results/selection.csv
    python benchmarks/selection.py ItalyPowerDemand --first-seed 100 --seeds 2
    python benchmarks/selection.py --summary benchmarks/results/selection.csv

Runs that the CSV holds already are not made again. The data is looked for in $AUXTASKS_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import gain
import keras
import numpy as np
import table

import auxtasks
from auxtasks.audit import select_tasks
from auxtasks.keras import AuxModel

ARMS = ("network", "taught", "selected")
COLUMNS = ("data", "arm", "seed", "metric", "score", "seconds", "note")


class Trial(gain.Trial):
    """A data set and a seed, with targets of all tasks that the search may choose from."""

    def choose(self) -> tuple[float, str]:
        """Search, train what was chosen on all labelled samples, and score it."""
        few, steps = self.split.few, self.problem.steps
        own = [task.name for task in auxtasks.list_tasks() if task.default and task.domain == self.problem.domain]
        y = self.y(few) if self.numbers else self.split.y[:few]
        tasks = [*own, "soft_labels"]
        targets = auxtasks.make_aux_targets(self.split.X, self.problem.domain, tasks, y=y, **self.problem.options)
        _, size, share = self.batches
        found = select_tasks(
            partial(self.new_model, targets),
            self.split.X,
            targets.with_main()["main"],
            targets,
            epochs=1,
            batch_size=size,
            fit_options={"steps_per_epoch": steps, "labelled_share": share},
            progress=False,
        )
        keras.utils.set_random_seed(self.seed)
        self.begin()
        model = found.attach(self.base, targets)
        note = f"{', '.join(found.tasks) or 'plain'} {found.chosen}; {found.n_models} trainings"
        if not isinstance(model, AuxModel):
            return self.of_network[few], note
        model.compile(gain.adam(steps), gain.LOSSES[self.problem.metric], jit_compile=False)
        model.fit(
            targets.inputs,
            found.with_main(targets),
            batch_size=size,
            labelled_share=share,
            steps_per_epoch=steps,
            seed=self.seed,
            verbose=0,
        )
        return self.score(self.predict(self.tested.inputs), few), note

    def new_model(self, targets: Any) -> keras.Model:
        """Return a new compiled model."""
        model = self.problem.model(targets, self.problem.outputs)
        model.compile(gain.adam(self.problem.steps), gain.LOSSES[self.problem.metric], jit_compile=False)
        return model

    def arms(self) -> Iterator[tuple[str, Callable[[], tuple[float, str]]]]:
        """Go through the arms; the network comes first, because the choice may be it."""
        yield "network", lambda: self.network(self.split.few)
        yield "taught", lambda: self.taught(self.split.few)
        yield "selected", self.choose


def run(names: Sequence[str], seeds: Sequence[int], output: Path | None) -> list[dict[str, Any]]:
    rows = table.read(output, COLUMNS) if output else []
    done = {(row["data"], row["seed"]) for row in rows if row["arm"] == ARMS[-1]}
    for seed, name in product(seeds, names):
        if (name, seed) in done:
            continue
        keras.backend.clear_session()
        trial, made = Trial(name, seed), []
        for arm, work in trial.arms():
            start = time.perf_counter()
            score, note = work()
            fields = (name, arm, seed, trial.problem.metric, score, round(time.perf_counter() - start, 1), note)
            made.append(dict(zip(COLUMNS, fields, strict=True)))
            print(", ".join(f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in fields), flush=True)
        rows += made
        for row in made if output else ():
            table.append(output, row)
    return rows


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Print the mean of each arm, and how the choice differs from the network and from the defaults."""
    gains: dict[str, list[float]] = {"network": [], "taught": []}
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        scores: dict[str, dict[int, float]] = {}
        for row in own:
            scores.setdefault(row["arm"], {})[row["seed"]] = row["score"]
        means = ", ".join(f"{arm} {np.mean(list(scores[arm].values())):.4g}" for arm in ARMS)
        plain = sum(row["arm"] == "selected" and row["note"].startswith("plain") for row in own)
        print(f"{name}, {len(scores['selected'])} seeds: {means}; plain chosen in {plain}")
        for other, found in gains.items():
            compared = table.paired(scores[other], scores["selected"], own[0]["metric"])
            if compared is not None:
                found.append(compared.mean)
                print(f"  selected - {other}: {table.told(compared)}")
    for other, found in gains.items():
        if found:
            print(f"selected - {other}: {np.mean(found):+.2f} on average of {len(found)} sets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", default=list(gain.SETS["tuning"]), help="data sets; by default all of tuning"
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="CSV that single runs are appended to")
    parser.add_argument("--summary", type=Path, help="only print what this CSV says")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in gain.SETS["all"]]:
        parser.error(f"no data set {', '.join(unknown)}; there are {', '.join(gain.SETS['all'])}")
    if arguments.summary:
        return summarise(table.read(arguments.summary, COLUMNS))
    gain.use_threads(arguments.threads)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    return summarise(run(arguments.names, seeds, arguments.output))


if __name__ == "__main__":
    main()
