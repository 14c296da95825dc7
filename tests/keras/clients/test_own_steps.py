"""Trainers that compute their loss themselves: they hold a network with heads and add its auxiliary loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import LOSS, N
from helpers import assert_same
from keras import layers, ops

import auxtasks
from auxtasks.keras import AuxModel, attach_heads, strip_heads

pytestmark = pytest.mark.needs_backend("tensorflow", reason="a step of one's own is written for one backend")

SIGNALS = np.random.default_rng(0).normal(size=(N, 24, 2)).cumsum(axis=1).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, N)
TARGETS = auxtasks.make_aux_targets(SIGNALS, domain="signal", tasks=["std", "fft"])
Network = Callable[[], keras.Model]


def classifier() -> keras.Model:
    """Holds all that a second forward pass could disturb: statistics, random numbers and an added loss."""
    return keras.Sequential(
        [
            keras.Input((24, 2)),
            layers.Conv1D(8, 3, activation="relu", activity_regularizer="l2", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.3, seed=2),
            layers.Dense(3, activation="softmax"),
        ]
    )


def encoder() -> keras.Model:
    conv = layers.Conv1D(8, 3, activation="relu", name="conv")
    return keras.Sequential([keras.Input((24, 2)), conv, layers.GlobalAveragePooling1D(), layers.Dense(4)])


class Trainer(keras.Model):
    """Trains a network, with heads or without, in a step of its own."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.tracker, *(self.network.metrics if isinstance(self.network, AuxModel) else [])]

    def auxiliary(self, x: Any, targets: Mapping[str, Any]) -> Any:
        return self.network.auxiliary_loss(x, targets) if isinstance(self.network, AuxModel) else 0.0

    def loss_of(self, x: Any, labels: Any) -> Any:
        predicted = self.network(x, training=True)
        return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, predicted))

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y["main"])
            loss += self.auxiliary(x, y)
            loss += sum(self.network.losses)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        self.tracker.update_state(loss)
        of_heads = self.network.get_metrics_result() if isinstance(self.network, AuxModel) else {}
        return {"loss": self.tracker.result(), **of_heads}


class Contrastive(Trainer):
    """Two noisy copies of a sample lie closer than those of different ones."""

    def loss_of(self, x: Any, labels: Any) -> Any:
        first, second = (
            ops.normalize(self.network(x + keras.random.normal(ops.shape(x), seed=seed), training=True), axis=-1)
            for seed in (1, 2)
        )
        similar = ops.matmul(first, ops.transpose(second)) / 0.1
        return ops.mean(
            keras.losses.sparse_categorical_crossentropy(ops.arange(ops.shape(x)[0]), similar, from_logits=True)
        )


class OwnLoss(keras.Model):
    """Has a loss of its own, and the step of Keras."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.network(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        loss = ops.mean(keras.losses.sparse_categorical_crossentropy(y["main"], y_pred)) + sum(self.losses)
        return loss + self.network.auxiliary_loss(x, y, training) if isinstance(self.network, AuxModel) else loss


TRAINERS = [(Trainer, classifier), (OwnLoss, classifier), (Contrastive, encoder)]


def _trained(trainer: Any, network: Network, weights: float | None) -> tuple[keras.Model, keras.Model, dict[str, Any]]:
    """Return the network that was made, the trainer and its logs; without weights the network has no heads."""
    keras.utils.set_random_seed(7)
    base = held = network()
    y = {"main": LABELS}
    if weights is not None:
        held, y = attach_heads(base, TARGETS, weights=weights), TARGETS.with_main(LABELS)
    keras.utils.set_random_seed(8)
    model = trainer(held)
    model.compile(keras.optimizers.SGD(0.05), run_eagerly=True)
    logs = model.fit(SIGNALS, y, batch_size=N // 2, epochs=1, shuffle=False, verbose=0).history
    assert np.isfinite(list(logs.values())).all()
    return base, model, logs


@pytest.mark.parametrize(("trainer", "network"), TRAINERS, ids=lambda part: part.__name__)
def test_heads_serve_a_trainer(trainer: Any, network: Network, tmp_path: Path) -> None:
    plain, _, _ = _trained(trainer, network, None)
    without, _, _ = _trained(trainer, network, 0.0)
    assert_same(plain, without)
    base, model, logs = _trained(trainer, network, 1.0)
    assert not np.array_equal(base.get_layer("conv").kernel, plain.get_layer("conv").kernel)
    if trainer is not OwnLoss:
        assert {"loss", "std_loss", "fft_loss"} == set(logs)
    model.network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    for known in (strip_heads(model.network), strip_heads(loaded)):
        np.testing.assert_allclose(known.predict(SIGNALS, verbose=0), base.predict(SIGNALS, verbose=0), rtol=1e-5)


@pytest.mark.graph
def test_a_trainer_works_in_a_graph() -> None:
    keras.utils.set_random_seed(0)
    model = Trainer(attach_heads(classifier(), TARGETS, weights=1.0))
    model.compile(keras.optimizers.SGD(0.05), jit_compile=False)
    logs = model.fit(SIGNALS, TARGETS.with_main(LABELS), epochs=3, verbose=0).history
    assert logs["fft_loss"][-1] < logs["fft_loss"][0]


def test_the_loss_is_that_which_fit_adds() -> None:
    keras.utils.set_random_seed(0)
    model = attach_heads(classifier(), TARGETS, weights={"std": 0.5, "fft": 2.0})
    alone = float(model.auxiliary_loss(SIGNALS, TARGETS, training=False))
    model.compile("sgd", LOSS)
    logs = model.evaluate(SIGNALS, TARGETS.with_main(LABELS), batch_size=N, return_dict=True, verbose=0)
    assert alone == pytest.approx(0.5 * logs["std_loss"] + 2.0 * logs["fft_loss"], rel=1e-5)
    assert alone == pytest.approx(logs["loss"] - logs["main_loss"], rel=1e-4)
