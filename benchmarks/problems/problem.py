"""What a data set is to the benchmark: how it is split, and how a model of it is built, trained and scored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

DATA = Path(os.environ.get("AUXTASKS_DATA", Path(__file__).parents[3] / "shared" / "data"))
TUNING_DATA = DATA / "tuning"
MOST_SAMPLES = 5000
"""What a training part of `TUNING_DATA` is cut to, after it is shuffled."""


@dataclass(frozen=True)
class Split:
    """The data of one seed. The samples that keep their label where few do come first, `few` of them."""

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    few: int


@dataclass(frozen=True)
class Problem:
    """A data set and its model.

    `model` takes the targets, whose inputs have the shape that it is to read, and the number of its outputs. Where all
    samples are labelled a step reads `batch` of them, otherwise half as many.
    """

    domain: str
    split: Callable[[np.random.Generator], Split]
    model: Callable[[Any, int], keras.Model]
    outputs: int
    steps: int
    batch: int
    metric: str = "accuracy"
    options: Mapping[str, Any] = field(default_factory=dict)


def few_first(y: np.ndarray, per_class: int) -> np.ndarray:
    """Order samples so that the first few of each class come first."""
    chosen = np.concatenate([np.flatnonzero(y == label)[:per_class] for label in np.unique(y)])
    return np.concatenate([chosen, np.setdiff1d(np.arange(len(y)), chosen)])


def draw_few(y: np.ndarray, per_class: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Shuffle and cut a training part, the few of each class first; return the order, and how many these are.

    A class that has fewer samples than asked gives all of them.
    """
    order = rng.permutation(len(y))[:MOST_SAMPLES]
    _, counts = np.unique(y[order], return_counts=True)
    return order[few_first(y[order], per_class)], int(np.minimum(counts, per_class).sum())
