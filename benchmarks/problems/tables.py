"""Tables: several numbers to predict, such as the heating and cooling loads of buildings, or several labels."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, TUNING_DATA, Problem, Split

FEW = 50
TUNING_FEW = 60


def enb_split(rng: np.random.Generator) -> Split:
    """Draw a third of the buildings for the test."""
    table = read("enb.arff")[rng.permutation(768)]
    (X_test, X), (y_test, y) = (np.split(part, [256]) for part in (table[:, :8], table[:, 8:]))
    return Split(standardised(X, X), y, standardised(X_test, X), y_test, FEW)


def emotions_split(rng: np.random.Generator) -> Split:
    """Shuffle the official training part."""
    table, test = read("emotions-train.arff"), read("emotions-test.arff")
    table = table[rng.permutation(len(table))]
    X, y = table[:, :72], table[:, 72:].astype("int32")
    return Split(standardised(X, X), y, standardised(test[:, :72], X), test[:, 72:].astype("int32"), FEW)


def tuning_split(name: str, rng: np.random.Generator) -> Split:
    """Draw a third of the rows for the test; each target is divided by its deviation over the training part."""
    with np.load(TUNING_DATA / "tables" / f"{name}.npz") as data:
        X, y = data["x"], data["y"]
    order = varied_first(y, rng.permutation(len(y)))
    train, test = np.split(order, [len(y) - len(y) // 3])
    X, X_test = (standardised(X[rows], X[train]) for rows in (train, test))
    y = y / y[train].std(axis=0)
    return Split(X, y[train], X_test, y[test], TUNING_FEW)


def varied_first(y: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Move a row to the front for each target, so that even one that is rarely not 0 varies among the few."""
    front = np.unique([0, *(y[order] != y[order[0]]).argmax(axis=0)])
    return np.concatenate([order[front], np.delete(order, front)])


def flags_split(rng: np.random.Generator) -> Split:
    """Shuffle the official training part."""
    with np.load(TUNING_DATA / "tables" / "ml_flags.npz") as data:
        X, X_test = data["x_train"], data["x_test"]
        y, y_test = (data[f"y_{part}"].astype("int32") for part in ("train", "test"))
    order = rng.permutation(len(y))
    return Split(standardised(X[order], X), y[order], standardised(X_test, X), y_test, TUNING_FEW)


def read(name: str) -> np.ndarray:
    from scipy.io import arff

    rows, _ = arff.loadarff(DATA / "mulan" / name)
    return np.array([[float(value) for value in row] for row in rows], "float32")


def standardised(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardise each column; one that is constant in training becomes 0 throughout."""
    return (X - train.mean(axis=0)) / np.where(np.ptp(train, axis=0) > 0, train.std(axis=0), np.inf)


def mlp(targets: Any, outputs: int, activation: str) -> keras.Model:
    hidden = [layers.Dense(64, "relu"), layers.Dense(64, "relu")]
    return keras.Sequential([keras.Input(targets.inputs.shape[1:]), *hidden, layers.Dense(outputs, activation)])


def regressor(targets: Any, outputs: int) -> keras.Model:
    return mlp(targets, outputs, "linear")


def tagger(targets: Any, outputs: int) -> keras.Model:
    return mlp(targets, outputs, "sigmoid")


ENB = Problem("any", enb_split, regressor, 2, 1000, 64, metric="rmse")
EMOTIONS = Problem("any", emotions_split, tagger, 6, 500, 64, metric="macro F1")
TUNING_TABLES = {
    **{
        name: Problem("any", partial(tuning_split, name), regressor, targets, 1000, 64, metric="rmse")
        for name, targets in {"slump": 3, "sf2": 3, "atp1d": 6, "edm": 2}.items()
    },
    "ml_flags": Problem("any", flags_split, tagger, 7, 500, 64, metric="macro F1"),
}
