"""Tables: heating and cooling loads of buildings, and the emotions that songs raise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, Problem, Split

FEW = 50


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


def read(name: str) -> np.ndarray:
    from scipy.io import arff

    rows, _ = arff.loadarff(DATA / "mulan" / name)
    return np.array([[float(value) for value in row] for row in rows], "float32")


def standardised(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    return (X - train.mean(axis=0)) / train.std(axis=0)


def mlp(targets: Any, outputs: int, activation: str) -> keras.Model:
    hidden = [layers.Dense(64, "relu"), layers.Dense(64, "relu")]
    return keras.Sequential([keras.Input(targets.inputs.shape[1:]), *hidden, layers.Dense(outputs, activation)])


def regressor(targets: Any, outputs: int) -> keras.Model:
    return mlp(targets, outputs, "linear")


def tagger(targets: Any, outputs: int) -> keras.Model:
    return mlp(targets, outputs, "sigmoid")


ENB = Problem("any", enb_split, regressor, 2, 1000, 64, metric="rmse")
EMOTIONS = Problem("any", emotions_split, tagger, 6, 500, 64, metric="macro F1")
