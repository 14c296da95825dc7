"""Several targets of one table: one trunk with a head for each, equal weights, against one network for each.

Without --data the table is generated in the style of a tournament: features without a meaning, in eras whose signal
shifts, and noisy targets that have much in common; the score is the mean correlation of the test eras. With ``--data
enb.arff`` it holds two loads of buildings (Tsanas and Xifara 2012, Energy and Buildings); the score is R².

python examples/several_targets.py --data enb.arff --seeds 10 --epochs 200 --output loads.png
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.io import arff
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit

from auxtasks.audit import Comparison, paired_comparison
from auxtasks.keras import build_multitask_model

ERAS, ROWS, FEATURES, TARGETS, TEST = 30, 200, 60, 4, 0.25


class Table(NamedTuple):
    """Features and targets, one row a sample, and the era of each row where there are any."""

    X: pd.DataFrame
    targets: pd.DataFrame
    era: np.ndarray | None = None


def tournament(rng: np.random.Generator) -> Table:
    """Make up eras; what moves the targets is weak, mostly common to them, and somewhat other in each era."""
    X = rng.integers(0, 5, size=(ERAS, ROWS, FEATURES)) / 4 - 0.5
    of_target = rng.normal(size=FEATURES) + 0.5 * rng.normal(size=(TARGETS, FEATURES))
    signal = np.einsum("erf,etf->ert", X, of_target + 0.5 * rng.normal(size=(ERAS, TARGETS, FEATURES)))
    signal += 10 * X[..., :TARGETS] * X[..., 1 : TARGETS + 1]  # no sum of features tells this part
    ranks = (signal / signal.std() + 3 * rng.normal(size=signal.shape)).argsort(axis=1).argsort(axis=1)
    targets = pd.DataFrame(np.round(4 * ranks / (ROWS - 1)).reshape(-1, TARGETS) / 4).add_prefix("target_")
    return Table(pd.DataFrame(X.reshape(-1, FEATURES)), targets, np.repeat(np.arange(ERAS), ROWS))


def read(path: Path, n_targets: int = 2) -> Table:
    """Read a table whose last columns are the targets."""
    table = pd.DataFrame(arff.loadarff(path)[0])
    return Table(table.iloc[:, :-n_targets], table.iloc[:, -n_targets:])


def score(y: np.ndarray, predicted: np.ndarray, era: np.ndarray | None) -> float:
    """Return R², or the mean correlation over eras."""
    if era is None:
        return float(r2_score(y, predicted))
    return float(np.mean([np.corrcoef(y[era == one], predicted[era == one])[0, 1] for one in np.unique(era)]))


def train(table: Table, names: list[str], seed: int, epochs: int) -> tuple[dict[str, float], int, float]:
    """Train one network for some targets; return the test score of each, the parameters and the seconds."""
    groups = np.arange(len(table.X)) if table.era is None else table.era
    rows, test = next(GroupShuffleSplit(1, test_size=TEST, random_state=seed).split(table.X, groups=groups))
    X, Y = (((part - part.loc[rows].mean()) / part.loc[rows].std()).to_numpy("float32") for part in table[:2])
    y = dict(zip(table.targets, Y.T, strict=True))
    keras.utils.set_random_seed(seed)
    encoder = keras.Sequential([keras.Input(X.shape[1:]), *(keras.layers.Dense(64, "relu") for _ in range(2))])
    model = build_multitask_model(encoder, dict.fromkeys(names, "regression"), optimizer=None)
    model.compile("adam", loss=dict.fromkeys(names, "mse"), jit_compile=False)  # equal weights
    start = time.perf_counter()
    model.fit(X[rows], {name: y[name][rows] for name in names}, 64, epochs, verbose=0)
    seconds, outputs = time.perf_counter() - start, model(X[test], training=False)
    era = None if table.era is None else table.era[test]
    scores = {name: score(y[name][test], np.ravel(outputs[name]), era) for name in names}
    return scores, model.count_params(), seconds


def draw(path: Path, found: dict[str, Comparison]) -> None:
    """Draw the gain of each pair and target."""
    axes = (figure := Figure(figsize=(8, 4), layout="constrained")).subplots()
    for place, gain in enumerate(found.values()):
        axes.plot(np.linspace(-0.15, 0.15, len(gain.differences)) + place, gain.differences, ".", color="#5b6470")
        axes.errorbar(place, gain.mean, gain.high - gain.mean, fmt="D", capsize=6, color="#0b6e4f")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_title("Gain in score of one trunk over one network each: pairs, mean and 95 % interval")
    axes.set_xticks(range(len(found)), list(found))
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train both ways on every seed, print a table and draw a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="enb.arff; a tournament is generated without")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of runs, at least 2 (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="where to draw the picture")
    options = parser.parse_args(arguments)
    table = read(options.data) if options.data else tournament(np.random.default_rng(0))
    names, seeds, found = list(table.targets), range(options.seeds), {}
    sides = {"together": names, **{name: [name] for name in names}}
    runs = [{side: train(table, of, seed, options.epochs) for side, of in sides.items()} for seed in seeds]
    print(f"{'target':12} alone  one trunk     gain, 95 %")
    for name in names:
        pair = [[run[side][0][name] for run in runs] for side in (name, "together")]
        found[name] = gain = paired_comparison(*pair, overlap=TEST / (1 - TEST))
        said = f"{gain.mean:+.4f}  {gain.low:+.4f} to {gain.high:+.4f}: {gain.verdict}"
        print(f"{name:12} {np.mean(pair[0]):.3f}  {np.mean(pair[1]):9.3f}  {said}")
    for at, unit in ((1, "parameters"), (2, "seconds of training")):
        one, *several = (np.mean([run[side][at] for run in runs]) for side in sides)
        print(f"{unit}: {sum(several):,.0f} alone, {one:,.0f} in one trunk")
    if options.output:
        draw(options.output, found)


if __name__ == "__main__":
    main()
