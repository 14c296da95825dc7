"""Models as people write them: states, masks, regularisers, frozen layers, lengths that vary, composite layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, assert_same, aux_targets, dense_base, labels
from keras import layers

from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras import Tap, attach_heads
from auxtasks.specs import TargetSpec

Y = {"main": labels(), **aux_targets()}
SERIES = np.random.default_rng(0).normal(size=(48, 6, 3)).astype("float32")


def _series(*stack: layers.Layer, **inputs: Any) -> keras.Model:
    return keras.Sequential([keras.Input(**{"shape": (6, 3), **inputs}), *stack, layers.Dense(3, activation="softmax")])


def _fit(base: keras.Model, x: Any, **attach: Any) -> tuple[Any, dict[str, Any]]:
    model = attach_heads(base, SPECS, samples=x, **attach)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    logs = model.fit(x, Y, batch_size=16, shuffle=False, verbose=0).history
    assert np.isfinite(list(logs.values())).all()
    return model, logs


def test_frozen_layers_stay_and_the_rest_learns() -> None:
    base = dense_base()
    base.get_layer("hidden").trainable = False
    before = base.get_layer("hidden").get_weights(), base.get_layer("top").get_weights()
    with pytest.warns(AuxTasksWarning, match=r"below 'dropout\w*' are frozen, .* there \(numbers, kind\) have"):
        model, _ = _fit(base, X)
    np.testing.assert_array_equal(base.get_layer("hidden").kernel, before[0][0])
    assert not np.array_equal(base.get_layer("top").kernel, before[1][0])
    base.trainable = False
    assert len(model.trainable_weights) == 2  # kernel and bias of the head
    model.compile("sgd", LOSS)
    frozen = base.get_weights()
    model.fit(X, Y, verbose=0)
    for one, other in zip(frozen, base.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_regularisers_and_added_losses_are_part_of_the_main_loss() -> None:
    def base() -> keras.Model:
        keras.utils.set_random_seed(0)
        hidden = layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l1", name="hidden")
        return keras.Sequential([keras.Input((10,)), hidden, layers.Dense(3, activation="softmax")])

    plain, wrapped = base(), base()
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    expected = plain.fit(X, labels(), batch_size=16, shuffle=False, verbose=0).history["loss"]
    model, logs = _fit(wrapped, X, weights=0.0)
    assert logs["main_loss"] == pytest.approx(expected, rel=1e-5)
    assert_same(plain, wrapped)
    assert len(model.losses) == len(plain.losses)


def test_a_base_with_a_loss_of_its_own_needs_no_label() -> None:
    class Autoencoder(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.code, self.out = layers.Dense(4, name="code"), layers.Dense(10, name="out")

        def call(self, inputs: Any) -> Any:
            decoded = self.out(self.code(inputs))
            self.add_loss(keras.ops.mean(keras.ops.square(decoded - inputs)))
            return decoded

    model = attach_heads(Autoencoder(), SPECS, at="code", samples=X, weights=1.0)
    model.compile(keras.optimizers.Adam(0.01))
    logs = model.fit(X, aux_targets(), epochs=3, verbose=0).history
    assert logs["main_loss"][-1] < logs["main_loss"][0]
    assert {"numbers_loss", "kind_loss"} <= set(logs)


def test_a_stateful_base_with_its_own_batch_size_trains_as_alone() -> None:
    def base() -> keras.Model:
        keras.utils.set_random_seed(0)
        return _series(layers.LSTM(5, stateful=True), batch_shape=(16, 6, 3), shape=None)

    plain, wrapped = base(), base()
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    plain.fit(SERIES, labels(), batch_size=16, shuffle=False, verbose=0)
    _fit(wrapped, SERIES, weights=0.0)
    assert_same(plain, wrapped)


def test_a_layer_that_returns_its_state_is_read_by_its_first_output() -> None:
    inputs = keras.Input((6, 3))
    _, state = layers.GRU(5, return_state=True, return_sequences=True, name="gru")(inputs)
    base = keras.Model(inputs, layers.Dense(3, activation="softmax")(state))
    model, _ = _fit(base, SERIES, at="gru")
    assert model._plan.taps["kind"].shape == (6, 5)


@pytest.mark.parametrize("place", ["global", "grid"])
def test_lengths_may_vary_from_batch_to_batch(place: Any) -> None:
    base = _series(layers.Conv1D(4, 3, padding="same", name="conv"), layers.GlobalMaxPooling1D(), shape=(None, 3))
    spec = {"numbers": TargetSpec("numbers", "t", "vector", (4,), spatial=place)}
    model = attach_heads(base, spec, at="conv", samples=SERIES, weights=1.0)
    model.compile("sgd", LOSS)
    batches = [
        (np.tile(SERIES[:16], (1, times, 1)), {"main": labels(16), "numbers": Y["numbers"][:16]}) for times in (1, 3, 4)
    ]
    logs = model.fit((batch for batch in batches), steps_per_epoch=3, verbose=0).history
    assert np.isfinite(logs["numbers_loss"]).all()
    short, long = (model.predict_auxiliary(x, verbose=0)["numbers"] for x, _ in (batches[0], batches[2]))
    assert short.shape == long.shape


@pytest.mark.graph
@pytest.mark.parametrize("tap", ["auto", "time", "time/inner"])
def test_a_layer_over_time_can_be_tapped_but_not_what_is_inside(tap: str) -> None:
    inner = layers.Dense(4, name="inner")
    base = _series(layers.TimeDistributed(inner, name="time"), layers.GlobalAveragePooling1D())
    if tap == "time/inner":
        with pytest.raises(InvalidInputError, match="'inner' is called 6 times in one forward pass"):
            attach_heads(base, SPECS, at=tap, samples=SERIES, weights=1.0)
        return
    _fit(base, SERIES, at=tap)


def test_one_step_of_a_layer_over_time_can_be_read() -> None:
    encoder = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="inner")], name="encoder")
    base = _series(layers.TimeDistributed(encoder, name="time"), layers.GlobalAveragePooling1D())
    assert attach_heads(base, SPECS, samples=SERIES, weights=1.0).taps["kind"].startswith("global_average")
    _fit(base, SERIES, at=Tap("time/encoder", call=2))


def test_a_base_of_whole_numbers_and_lambdas_trains() -> None:
    doubled = layers.Lambda(lambda x: 2 * x)
    base = _series(layers.Embedding(9, 4), doubled, layers.GlobalAveragePooling1D(), shape=(6,), dtype="int32")
    tokens = np.random.default_rng(0).integers(0, 9, (48, 6))
    _fit(base, tokens, at={"numbers": doubled.name})


def test_a_call_without_training_argument_is_told_nothing_as_by_keras() -> None:
    class Plain(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.norm, self.top = layers.Dense(8), layers.BatchNormalization(), layers.Dense(3, "softmax")

        def call(self, inputs: Any) -> Any:
            return self.top(self.norm(self.hidden(inputs)))

    model, _ = _fit(Plain(), X.astype("float64"))
    assert not np.any(model.base.norm.moving_mean)
    model(X, training=True)
    assert np.any(model.base.norm.moving_mean)  # who tells it is heard


def test_a_head_reads_the_mask_of_its_tap() -> None:
    base = _series(
        layers.Masking(), layers.GRU(5, return_sequences=True, name="steps"), layers.GlobalAveragePooling1D()
    )
    padded, cut = SERIES.copy(), SERIES[:, :4]
    padded[:, 4:] = 0.0
    model, _ = _fit(base, padded, at="steps")
    found, expected = (model.predict_auxiliary(x, verbose=0) for x in (padded, cut))
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


def test_a_compiled_base_keeps_working_beside_its_wrapper() -> None:
    base = dense_base()
    base.compile("sgd", LOSS)
    base.fit(X, labels(), verbose=0)
    model, _ = _fit(base, X)
    base.fit(X, labels(), verbose=0)
    assert base.evaluate(X, labels(), verbose=0) == pytest.approx(model.evaluate(X, labels(), verbose=0), rel=1e-5)


def test_two_sets_of_heads_on_one_base_do_not_disturb_each_other() -> None:
    base = dense_base()
    first, second = (attach_heads(base, {name: SPECS[name]}, samples=X, weights=1.0) for name in SPECS)
    for model, name in ((first, "numbers"), (second, "kind")):
        model.compile("sgd", LOSS)
        assert set(model.fit(X, {"main": labels(), name: Y[name]}, verbose=0).history) == {
            "loss", "main_loss", f"{name}_loss"
        }  # fmt: skip
