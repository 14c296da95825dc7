"""Models of tables: a column is an input, and the layers that prepare it belong to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from clients import Client, N, check
from keras import layers

import auxtasks
from auxtasks.keras import attach_heads

NUMERIC = ("age", "pressure", "cholesterol")
WHOLE = ("sex", "pain")
KINDS = ("fixed", "normal", "reversible")


def _columns() -> tuple[dict[str, Any], np.ndarray]:
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {name: rng.normal(50, 9, (N, 1)).astype("float32") for name in NUMERIC}
    columns |= {name: rng.integers(0, 3, (N, 1)) for name in WHOLE}
    columns["thal"] = tf.constant(rng.choice(KINDS, (N, 1)))  # Keras takes no arrays of strings
    return columns, rng.integers(0, 2, N).astype("float32")


def _numbers(columns: Any) -> Any:
    table = np.concatenate([columns[name] for name in (*NUMERIC, *WHOLE)], axis=1).astype("float32")
    return auxtasks.make_aux_targets(table, domain="any", tasks=["reconstruction"])


def structured() -> keras.Model:
    """Several inputs, in a mapping, each encoded in its own way."""
    columns, _ = _columns()
    inputs: dict[str, Any] = {}
    encoded = []
    for name, column in columns.items():
        if name in NUMERIC:
            inputs[name] = keras.Input((1,), name=name)
            encode: Any = layers.Normalization()
            encode.adapt(column)
        elif name in WHOLE:
            inputs[name] = keras.Input((1,), name=name, dtype="int64")
            encode = layers.IntegerLookup(vocabulary=[0, 1, 2], output_mode="one_hot")
        else:
            inputs[name] = keras.Input((1,), name=name, dtype="string")
            encode = layers.StringLookup(vocabulary=list(KINDS), output_mode="one_hot")
        encoded.append(encode(inputs[name]))
    hidden = layers.Dense(16, activation="relu", name="hidden")(layers.Concatenate()(encoded))
    hidden = layers.Dropout(0.5, seed=3)(hidden)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))


def _table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    table = rng.normal(20.0, 5.0, (N, 6)).astype("float32")
    return table, table[:, 0] - table[:, 1]


def _rows(table: Any) -> Any:
    return auxtasks.make_aux_targets(table, domain="any", tasks=["reconstruction"])


def normalised() -> keras.Model:
    """A regression on numbers whose mean and variance the model has seen."""
    scale = layers.Normalization()
    scale.adapt(_table()[0])
    stack = [layers.Dense(8, activation="relu", name="hidden"), layers.Dense(1)]
    return keras.Sequential([keras.Input((6,)), scale, *stack])


CLIENTS = [
    Client(
        "structured",
        structured,
        _columns,
        _numbers,
        loss="binary_crossentropy",
        attach={"samples": _columns()[0]},
        compile={"metrics": ["accuracy"]},
    ),
    Client("normalised", normalised, _table, _rows, loss="mse", taps={"reconstruction": "hidden"}),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def test_columns_by_name_are_what_targets_are_made_of_and_what_the_model_reads() -> None:
    columns, labels = _columns()
    targets = auxtasks.make_aux_targets(columns, "any", y=None)
    model = attach_heads(structured(), targets, weights=1.0)
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    before = model.get_layer("hidden").get_weights()[0]
    history = model.fit(targets.inputs, targets.with_main(labels), batch_size=N, epochs=1, verbose=0).history
    assert np.isfinite(history["reconstruction_loss"]).all()
    assert not np.array_equal(model.get_layer("hidden").get_weights()[0], before)
    other = targets.transform({name: column[:4] for name, column in columns.items()})
    assert model.predict(other.inputs, verbose=0).shape == (4, 1)
