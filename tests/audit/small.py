"""A model and data on which an audit takes seconds."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import auxtasks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 12, 1)).astype("float32") * RNG.uniform(0.5, 2, size=(60, 1, 1)).astype("float32")
Y = (X.std(axis=1)[:, 0] > 1.2).astype("int32")
TARGETS = auxtasks.make_aux_targets(X, "signal", ["std", "abs_sum_changes"])
FAST = {"seeds": 2, "epochs": 1, "progress": False}


def build_model() -> keras.Model:
    """Make a compiled model."""
    layers = [keras.layers.Conv1D(3, 3, activation="relu"), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((12, 1)), *layers, keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def told(report: Any) -> dict[Any, dict[str, Any]]:
    """Return what each run told, without its time, which it has in common with no other."""
    return {(run.arm, run.pair): {**vars(run), "seconds": 0.0} for run in report.runs}
