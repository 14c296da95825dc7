"""Models that read several inputs: pairs, bags and graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import Client, N, check
from keras import layers

import auxtasks
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras import Tap, attach_heads

N_NODES = 20


def _pairs() -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((N, 12, 12, 1), dtype="float32") for _ in range(2)], np.arange(N) % 2


def _hog_of_second(pairs: Any) -> Any:
    return auxtasks.make_aux_targets(pairs[1], domain="image", tasks=["hog"])


def _bags() -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(N, 6)).astype("float32") for _ in range(3)], np.arange(N) % 2


def _first_of(bags: Any) -> Any:
    return auxtasks.make_aux_targets(bags[0], domain="any")


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(N) * 2, np.arange(N) % 3


def _features_of(nodes: Any) -> Any:
    given = {"degree": np.random.default_rng(0).normal(size=(N, 2)).astype("float32")}
    return auxtasks.make_aux_targets(nodes[:, None].astype("float32"), domain="any", tasks=[], label_columns=given)


def siamese() -> keras.Model:
    """One encoder of two images, of which the rest sees the distance alone."""
    encoder = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="tanh", name="conv"),
            layers.AveragePooling2D(2, name="pool"),
            layers.Flatten(),
            layers.Dense(5, activation="tanh", name="code"),
        ],
        name="encoder",
    )
    left, right = keras.Input((12, 12, 1), name="left"), keras.Input((12, 12, 1), name="right")
    distance = layers.Lambda(_distance, output_shape=(1,), name="distance")([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(distance))


@keras.saving.register_keras_serializable("auxtasks_tests")
def _distance(pair: Any) -> Any:
    return keras.ops.sqrt(keras.ops.sum(keras.ops.square(pair[0] - pair[1]), axis=1, keepdims=True) + 1e-6)


@keras.saving.register_keras_serializable("auxtasks_tests")
class AttentionOfBag(layers.Layer):
    """Weighs the instances of a bag by a small network."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, shapes: Any) -> None:
        self.inner = self.add_weight(shape=(shapes[0][-1], self.width), name="inner")
        self.outer = self.add_weight(shape=(self.width, 1), name="outer")

    def call(self, instances: Any) -> Any:
        scores = [keras.ops.tanh(each @ self.inner) @ self.outer for each in instances]
        weights = keras.ops.softmax(keras.ops.stack(scores), axis=0)
        return [weights[place] * each for place, each in enumerate(instances)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


def bag() -> keras.Model:
    """Multiple-instance learning: three instances, one label."""
    inputs = [keras.Input((6,), name=f"instance_{number}") for number in range(3)]
    first, second = layers.Dense(8, activation="relu"), layers.Dense(5, activation="relu", name="embedding")
    weighed = AttentionOfBag(4, name="attention")([second(first(each)) for each in inputs])
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Concatenate(name="joined")(weighed)))


@keras.saving.register_keras_serializable("auxtasks_tests")
class NodeClassifier(keras.Model):
    """A graph network that knows all nodes, and is asked about some of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        rng = np.random.default_rng(0)
        self._nodes = rng.normal(size=(N_NODES, 4)).astype("float32")
        links = (rng.random((N_NODES, N_NODES)) < 0.3) + np.eye(N_NODES)
        self._links = (links / links.sum(axis=1, keepdims=True)).astype("float32")
        self.before, self.after = (
            layers.Dense(6, activation="tanh", name="before"),
            layers.Dense(5, "tanh", name="after"),
        )
        self.choose, self.top = layers.Identity(name="chosen"), layers.Dense(3, activation="softmax", name="top")

    def build(self, shape: Any) -> None:
        self.before.build((None, 4))
        self.after.build((None, 6))
        self.top.build((None, 5))

    def call(self, asked: Any) -> Any:
        hidden = self.after(self._links @ self.before(self._links @ self._nodes))
        return self.top(self.choose(keras.ops.take(hidden, keras.ops.cast(asked, "int32"), axis=0)))


CLIENTS = [
    Client(
        "siamese",
        siamese,
        _pairs,
        _hog_of_second,
        loss="binary_crossentropy",
        attach={"samples": _pairs()[0], "at": Tap("encoder/pool", call=1)},
    ),
    Client("bag", bag, _bags, _first_of, attach={"samples": _bags()[0]}, taps={"reconstruction": "joined"}),
    Client("nodes", NodeClassifier, _nodes, _features_of, attach={"samples": _nodes()[0]}, taps={"degree": "chosen"}),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def test_auto_names_the_call_of_the_encoder_that_would_serve_better_than_the_distance() -> None:
    pairs, _ = _pairs()
    with pytest.warns(AuxTasksWarning, match=r"at=Tap\('encoder/pool', call=1\), where a sample has shape \(5, 5, 4\)"):
        model = attach_heads(siamese(), _hog_of_second(pairs), samples=pairs, weights=1.0)
    assert model.taps == {"hog": "distance"}


def test_a_tensor_whose_rows_are_no_samples_is_refused() -> None:
    nodes, _ = _nodes()
    with pytest.raises(InvalidInputError, match=r"'after' returned 20 rows for 2 samples.*one of \['chosen'\]"):
        attach_heads(NodeClassifier(), _features_of(nodes), at="after", samples=nodes, weights=1.0)
