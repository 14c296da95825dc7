"""A wrapper answers as the base does: how it is compiled and described, before, in and after training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dense_base, labels
from keras import layers

from auxtasks.errors import AuxTasksWarning, InvalidInputError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads, strip_heads
from auxtasks.specs import TargetSpec

Y = {"main": labels(), **aux_targets()}


def _attached(base: keras.Model, **options: Any) -> AuxModel:
    return attach_heads(base, SPECS, samples=X, **{"weights": 1.0, **options})


def _compiled(**changed: Any) -> keras.Model:
    base = dense_base()
    base.compile(**{"optimizer": keras.optimizers.Adam(0.02), "loss": LOSS, "metrics": ["accuracy"], **changed})
    return base


def test_a_compiled_base_needs_no_compile() -> None:
    base = _compiled(optimizer=keras.optimizers.SGD(0.02), steps_per_execution=2)
    optimizer = base.optimizer
    model = _attached(base)
    assert (model.compiled, model.loss, model.steps_per_execution) == (True, LOSS, 2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert model.optimizer is not optimizer is base.optimizer
    logs = model.fit(X, Y, verbose=0).history
    assert {"accuracy", "main_loss", "numbers_loss"} <= set(logs)
    assert not optimizer.built


def test_a_trained_base_is_wrapped_with_an_optimizer_like_its_own() -> None:
    base = _compiled()
    base.fit(X, labels(), verbose=0)
    model = _attached(base)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert not model.optimizer.built
    model.fit(X, Y, verbose=0)


def test_to_compile_anew_is_what_counts() -> None:
    model = _attached(_compiled())
    model.compile("sgd", metrics=["sparse_categorical_accuracy"])  # Keras keeps the loss
    assert (type(model.optimizer), model.loss) == (keras.optimizers.SGD, LOSS)
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert set(logs) == {"loss", "sparse_categorical_accuracy", "main_loss", "numbers_loss", "kind_loss"}
    with pytest.raises(InvalidInputError, match="the main label 'main' is missing"):
        model.fit(X, aux_targets())


def test_an_optimizer_that_cannot_be_described_is_used_itself() -> None:
    class Falling(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.1 / (1.0 + keras.ops.cast(step, "float32"))

    base = _compiled(optimizer=keras.optimizers.SGD(Falling()))
    model = _attached(base)
    assert model.optimizer is base.optimizer
    model.fit(X, Y, verbose=0)
    assert strip_heads(model) is base


def test_a_schedule_in_python_takes_a_base_that_is_compiled() -> None:
    base = _compiled(jit_compile=True, run_eagerly=False)
    model = _attached(base, schedule=lambda step: "main")
    assert not model.jit_compile


@pytest.mark.parametrize("compiled_before", [True, False])
def test_the_base_comes_back_compiled_as_it_was_trained(compiled_before: bool, tmp_path: Path) -> None:
    model = _attached(_compiled() if compiled_before else dense_base())
    model.compile(keras.optimizers.SGD(0.5), LOSS, metrics=["accuracy"], weighted_metrics=[])
    model.fit(X, Y, verbose=0)
    model.optimizer.learning_rate = 0.25  # as a callback does
    expected = model.evaluate(X, labels(), verbose=0)
    base = strip_heads(model)
    assert base.evaluate(X, labels(), verbose=0) == pytest.approx(expected, rel=1e-5)
    assert type(base.optimizer) is keras.optimizers.SGD
    assert float(base.optimizer.learning_rate) == 0.25
    assert int(base.optimizer.iterations) == 0
    base.fit(X, labels(), verbose=0)
    base.save(tmp_path / "base.keras")
    assert keras.saving.load_model(tmp_path / "base.keras").loss == LOSS


@pytest.mark.filterwarnings("error:Skipping variable loading")
def test_saved_and_loaded_it_is_compiled_and_its_base_once_the_heads_are_off(tmp_path: Path) -> None:
    model = _attached(_compiled())
    model.train_on_batch(X, Y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss == LOSS
    assert not loaded.base.compiled
    strip_heads(loaded).save(tmp_path / "base.keras")
    assert keras.saving.load_model(tmp_path / "base.keras").optimizer.built


def test_what_was_never_compiled_comes_back_so() -> None:
    assert not strip_heads(_attached(dense_base())).compiled


class _OwnStep(keras.Sequential):
    def compile(self, optimizer: Any, temperature: float = 1.0, **kwargs: Any) -> None:
        super().compile(optimizer, **kwargs)
        self.temperature = temperature

    def train_step(self, data: Any) -> Any:
        raise NotImplementedError


def _own_step() -> keras.Model:
    return _OwnStep([keras.Input((10,)), layers.Dense(4, name="hidden"), layers.Dense(3, activation="softmax")])


def test_a_base_with_a_step_of_its_own_is_told_of_the_loss_to_add() -> None:
    own = "_OwnStep has its own train_step, .* let it train a network with heads, and add network.auxiliary_loss"
    with pytest.warns(AuxTasksWarning, match=own):
        model = _attached(_own_step())
    with pytest.raises(InvalidInputError, match=r"'temperature' is not an argument of keras.Model.*auxiliary_loss"):
        model.compile("sgd", temperature=0.1)
    model.compile("sgd", LOSS)
    assert not strip_heads(model).compiled  # its own compile knows what else it needs


def test_an_unknown_argument_of_compile_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"no argument named 'metric'\. Did you mean 'metrics'"):
        _attached(dense_base()).compile("sgd", LOSS, metric=["accuracy"])


@pytest.mark.parametrize("use", ["fit", "train_on_batch", "evaluate"])
def test_labels_without_a_loss_are_refused_as_by_keras(use: str) -> None:
    model = _attached(dense_base())
    model.compile("adam")
    with pytest.raises(InvalidInputError, match=r"`loss`: there are main labels.*loss=.*auxiliary_loss\(x, targets\)"):
        getattr(model, use)(X, Y)
    logs = model.evaluate(X, aux_targets(), return_dict=True, verbose=0)
    assert {"numbers_loss", "kind_loss"} <= set(logs)


def test_auxiliary_loss_says_what_it_cannot_do() -> None:
    alternates = _attached(dense_base(), schedule="alternating")
    with pytest.raises(InvalidInputError, match="`schedule`: tasks are trained in turn only in fit"):
        alternates.auxiliary_loss(X, Y)
    weighed = _attached(dense_base(), weighting="uncertainty")
    with pytest.raises(InvalidInputError, match=r"`weighting`: Uncertainty weighs the tasks .* only in fit"):
        weighed.auxiliary_loss(X, Y)
    with pytest.raises(InvalidInputError, match="the auxiliary target 'kind' is missing"):
        _attached(dense_base()).auxiliary_loss(X, {"numbers": Y["numbers"]})
    taught = {"soft": TargetSpec("soft", "soft_labels", "distribution", (3,), options={"output": "main"})}
    with pytest.raises(InvalidInputError, match="'soft' is learned by the main output, with the loss given to compile"):
        attach_heads(dense_base(), taught, samples=X).auxiliary_loss(X, {"soft": np.full((48, 3), 1 / 3)})


@pytest.mark.needs_backend("tensorflow", reason="the gradient is taken by its tape")
def test_auxiliary_loss_leaves_nothing_behind() -> None:
    model = _attached(dense_base(dropout=0.5))
    import tensorflow as tf

    before = [variable.numpy() for variable in model.base.variables]
    with tf.GradientTape() as tape:
        loss = model.auxiliary_loss(X, Y)
    kernel = model.get_layer("hidden").kernel
    assert np.any(tape.gradient(loss, kernel.value))
    for one, other in zip(before, model.base.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(model.get_metrics_result()) == {"numbers_loss", "kind_loss"}


def test_layers_and_shapes_are_those_of_the_base() -> None:
    inputs = keras.Input((10,), name="features")
    hidden = layers.Dense(8, name="hidden")(inputs)
    base = keras.Model(inputs, [layers.Dense(3, name="a")(hidden), layers.Dense(1, name="b")(hidden)])
    model = _attached(base, at="hidden")
    assert model.input is base.input
    assert model.output == base.output
    assert (model.inputs, model.outputs) == (base.inputs, base.outputs)
    assert (model.input_shape, model.output_shape) == (base.input_shape, base.output_shape)
    assert model.get_layer("hidden") is base.get_layer("hidden")
    assert model.get_layer(index=0) is base.layers[0]
    assert model.get_layer(model.heads[0].name) is model.heads[0]
    with pytest.raises(ValueError, match="No such layer: nowhere"):
        model.get_layer("nowhere")
    features = keras.Model(model.input, model.get_layer("hidden").output)
    assert features.predict(X, verbose=0).shape == (48, 8)


def test_the_summary_lists_the_layers_of_the_base_and_the_heads_by_task() -> None:
    model = _attached(dense_base(), at={"numbers": "hidden", "kind": -2})
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert all(name in text for name in ("hidden (Dense)", "top (Dense)", "171"))
    assert "numbers at 'hidden' with 52" in text
    assert f"kind at {model.taps['kind']!r} with 65" in text
    assert "117 params (base: 171)" in text
