"""What one step trains, and what it leaves alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import LOSS, SPECS, X, dense_base, some_missing
from keras import layers
from turn_models import OPTIMIZERS, TASKS, Y, model_in_turns, optimizers, parts_of, same, state_of, steps_of

from auxtasks.errors import InvalidInputError, UnknownNameError
from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec


@pytest.mark.parametrize(("optimizer", "eagerly"), [("momentum", True), ("adamw", False)])
def test_a_step_changes_its_task_and_the_trunk_and_nothing_else(optimizer: str, eagerly: bool) -> None:
    model = model_in_turns(optimizer=OPTIMIZERS[optimizer](), run_eagerly=eagerly)
    model._build_optimizers()
    before = parts_of(model)
    for task in TASKS * 2:
        model.train_on_batch(X, Y)
        after = parts_of(model)
        changed = {name for name in after if not same(before[name], after[name])}
        # The clones learn the rate of the main optimizer, and it is the same here.
        assert changed == {"trunk", task, f"state of {task}"}
        before = after


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_alternating_is_one_loop_a_task_written_out(optimizer: str) -> None:
    model, twin = model_in_turns(optimizer=OPTIMIZERS[optimizer](), weights={"kind": 0.5}), model_in_turns()
    heads = {head.specs[0].name: head for head in twin.heads}
    hidden, _, top = twin.base.layers
    losses = {
        "main": lambda: tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(Y["main"], top(hidden(X)))),
        "numbers": lambda: tf.reduce_mean(tf.square(heads["numbers"](hidden(X)) - Y["numbers"])),
        "kind": lambda: (
            0.5
            / 1.6
            * tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(Y["kind"], heads["kind"](hidden(X))))
        ),
    }
    own = {task: OPTIMIZERS[optimizer]() for task in TASKS}
    for task, each in own.items():
        each.build([*twin.base.trainable_variables, *(heads[task].trainable_variables if task in heads else ())])
    for step in range(7):
        task = TASKS[step % 3]
        layer = top if task == "main" else heads[task]
        variables = [*hidden.trainable_variables, *layer.trainable_variables]
        with tf.GradientTape() as tape:
            loss = losses[task]()
        own[task].apply(tape.gradient(loss, [each.value for each in variables]), variables)
        model.train_on_batch(X, Y)
    for found, expected in zip(model.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    for task, each in optimizers(model).items():
        for found, expected in zip(state_of(each), state_of(own[task]), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_two_quadratics_reach_the_fixed_point_of_their_turns() -> None:
    # One weight w, main loss (w - 1)^2 and auxiliary loss (w - 3)^2, each with rate 1/4: a step goes half the way, and
    # w = (w + 1) / 4 + 3 / 2 after both, so w = 7 / 3; the mean of both gradients would lead to 2.
    base = keras.Sequential(
        [keras.Input((1,)), layers.Dense(1, use_bias=False, name="w"), layers.Dense(1, use_bias=False, name="out")]
    )
    base.get_layer("out").set_weights([np.ones((1, 1))])
    base.get_layer("out").trainable = False
    ones = np.ones((4, 1), "float32")
    spec = {"three": TargetSpec("three", "test", "vector", (1,))}
    model = attach_heads(base, spec, at="w", samples=ones, schedule="alternating", weights=1.0)
    model.heads[0].set_weights([np.ones((1, 1)), np.zeros(1)])
    model.heads[0].trainable = False
    model.compile(keras.optimizers.SGD(0.25), "mse")
    for _ in range(24):
        model.train_on_batch(ones, {"main": ones, "three": 3 * ones})
    np.testing.assert_allclose(base.get_layer("w").get_weights()[0], [[7 / 3]], rtol=1e-5)


def test_loops_and_sparse_gradients_train_alike_in_a_graph_and_eagerly() -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (48, 2))

    def trained(eagerly: bool) -> list[np.ndarray]:
        keras.utils.set_random_seed(0)
        base = keras.Sequential(
            [layers.Embedding(9, 4), layers.SimpleRNN(4, name="read"), layers.Dense(3, activation="softmax")]
        )
        model = attach_heads(base, SPECS, at="read", samples=tokens, schedule="alternating", weights=1.0)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS, run_eagerly=eagerly)
        model.fit(tokens, Y, batch_size=16, shuffle=False, verbose=0)
        assert steps_of(model) == {"main": 1, "numbers": 1, "kind": 1}
        return model.get_weights()

    for one, other in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_statistics_of_batch_normalisation_move_in_every_step() -> None:
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [layers.Dense(4, name="hidden"), layers.BatchNormalization(), layers.Dense(3, activation="softmax")]
    )
    model = model_in_turns(base=base)
    for _ in TASKS:
        before = base.layers[1].moving_mean.numpy()
        model.train_on_batch(X, Y)
        assert not np.array_equal(before, base.layers[1].moving_mean.numpy())


def test_a_tap_below_other_layers_leaves_them_to_the_main_task() -> None:
    keras.utils.set_random_seed(0)
    base = keras.Sequential([layers.Dense(4, name="low"), layers.Dense(4, name="high"), layers.Dense(3)])
    model = attach_heads(
        base, SPECS, at={"numbers": "low", "kind": "high"}, samples=X, schedule="alternating", weights=1.0
    )
    decaying = keras.optimizers.AdamW(weight_decay=0.1)
    model.compile(decaying, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    expected = [{"low", "high", base.layers[-1].name}, {"low", "head_numbers"}, {"low", "high", "head_kind"}] * 2
    assert [changed_by_a_step(model) for _ in expected] == expected


def changed_by_a_step(model: Any) -> set[str]:
    """The layers whose weights change in one step."""
    parts = [*model.base.layers, *model.heads]
    before = [layer.get_weights() for layer in parts]
    model.train_on_batch(X, Y)
    return {layer.name for layer, weights in zip(parts, before, strict=True) if not same(weights, layer.get_weights())}


@keras.saving.register_keras_serializable("turn_tests")
class Centre(layers.Layer):
    """Has a weight that training alone uses, and one of which a loss of its own alone depends."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=shape[-1:], initializer="ones")
        self.centre = self.add_weight(name="centre", shape=shape[-1:], initializer="zeros")

    def call(self, x: Any, training: bool = False) -> Any:
        self.add_loss(keras.ops.mean(keras.ops.square(keras.ops.stop_gradient(x) - self.centre)))
        return x * self.scale if training else x


def test_what_training_alone_uses_and_losses_of_layers_are_trained() -> None:
    base = keras.Sequential([layers.Dense(4), Centre(name="centre"), layers.Dense(3, activation="softmax")])
    model = model_in_turns(base=base)
    centre, seen = base.get_layer("centre"), []
    for _ in TASKS:
        before = centre.get_weights()
        model.train_on_batch(X, Y)
        seen.append([not np.array_equal(one, two) for one, two in zip(before, centre.get_weights(), strict=True)])
    assert seen == [[True, True], [True, False], [True, False]]


def test_weights_added_later_are_trained() -> None:
    base = keras.Sequential([layers.Dense(6, name="hidden"), layers.Dense(3, activation="softmax")])
    model = model_in_turns(base=base)
    base.get_layer("hidden").enable_lora(2)
    model.compile("adam", LOSS)
    for _ in TASKS:
        before = {variable.path: variable.numpy() for variable in model.trainable_variables}
        model.train_on_batch(X, Y)
        changed = {each.path for each in model.trainable_variables if not np.array_equal(before[each.path], each)}
        assert any("lora_kernel_b" in path for path in changed)


@pytest.mark.parametrize("eagerly", [True, False], ids=["eager", "graph"])
def test_statistics_above_the_tap_move_with_the_main_task_alone(eagerly: bool) -> None:
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            layers.Dense(4),
            layers.BatchNormalization(name="low"),
            layers.Identity(name="tap"),
            layers.BatchNormalization(name="high"),
            layers.Dense(3),
        ]
    )
    model = attach_heads(base, SPECS, at="tap", samples=X, schedule="alternating", weights=1.0)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eagerly)
    norms = [base.get_layer(name) for name in ("low", "high")]
    for task in TASKS:
        before = [norm.non_trainable_variables[0].numpy() for norm in norms]
        model.train_on_batch(X, Y)
        moved = [not np.array_equal(old, norm.moving_mean) for old, norm in zip(before, norms, strict=True)]
        assert moved == [True, task == "main"]


def test_compiled_by_xla_it_trains_the_same_to_rounding() -> None:
    plain, compiled = (
        model_in_turns("proportional", keras.optimizers.SGD(0.1), **how)
        for how in ({"run_eagerly": True}, {"jit_compile": True})
    )
    for model in (plain, compiled):
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert steps_of(plain) == steps_of(compiled)
    for one, other in zip(plain.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_loss_scaling_of_mixed_precision_goes_with_turns() -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        base = dense_base(dropout=0.0)
        model = model_in_turns(base=base, optimizer=keras.optimizers.SGD(0.1), run_eagerly=False)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert {type(each) for each in optimizers(model).values()} == {keras.optimizers.LossScaleOptimizer}
    assert len({id(each.inner_optimizer) for each in optimizers(model).values()}) == 3
    logs = model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0).history
    # A scale that proves too large costs a step.
    assert {6 <= steps <= 8 for steps in steps_of(model).values()} == {True}
    # Gradients that were not scaled would be divided by the scale all the same.
    assert all(logs[f"{task}_loss"][-1] < 0.98 * logs[f"{task}_loss"][0] for task in TASKS)


def test_callbacks_change_the_learning_rate_of_every_task() -> None:
    model = model_in_turns()
    model.fit(X, Y, batch_size=16, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda _: 0.125)])
    assert {float(each.learning_rate) for each in optimizers(model).values()} == {0.125}


def test_a_learning_rate_schedule_counts_the_steps_of_each_task() -> None:
    decay = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    model = model_in_turns({"alternating": {"ratio": {"main": 2}}}, keras.optimizers.SGD(decay))
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    assert [float(each.learning_rate) for each in optimizers(model).values()] == [0.25, 0.5, 0.5]


def test_what_is_kept_from_weight_decay_is_so_for_every_task() -> None:
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = model_in_turns(optimizer=optimizer)
    bias = model.heads[0].bias
    assert {each._use_weight_decay(bias) for each in optimizers(model).values()} == {False}


def test_losses_of_all_tasks_are_logged_whichever_is_trained() -> None:
    joint, turns = (model_in_turns(schedule, metrics=["accuracy"]) for schedule in ("joint", "alternating"))
    logs, expected = (model.train_on_batch(X, Y, return_dict=True) for model in (turns, joint))
    assert logs.keys() == expected.keys()
    assert (logs["main_loss"], logs["accuracy"]) == (expected["main_loss"], expected["accuracy"])
    assert logs["loss"] == pytest.approx(sum(logs[f"{task}_loss"] for task in TASKS), rel=1e-6)


def test_penalties_go_with_the_main_task() -> None:
    base = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(4, kernel_regularizer=keras.regularizers.L2(1e3), name="hidden"),
            layers.Dense(3),
        ]
    )
    model = attach_heads(base, SPECS, samples=X, schedule=lambda step: "numbers" if step == 0 else "main", weights=1.0)
    model.compile(keras.optimizers.SGD(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    sizes = [float(np.square(base.layers[0].get_weights()[0]).sum())]
    for _ in range(2):
        model.train_on_batch(X, Y)
        sizes.append(float(np.square(base.layers[0].get_weights()[0]).sum()))
    assert sizes[1] == pytest.approx(sizes[0], rel=1e-2)
    # One step on 1000 w^2 with rate 1e-4 leaves 0.8 w.
    assert sizes[2] == pytest.approx(0.64 * sizes[1], rel=1e-2)


@pytest.mark.parametrize(("eagerly", "error"), [(True, UnknownNameError), (False, tf.errors.InvalidArgumentError)])
def test_a_function_chooses_the_task_and_is_told_if_there_is_none_of_that_name(eagerly: bool, error: Any) -> None:
    steps: list[int] = []

    def choose(step: int) -> str:
        steps.append(step)
        return "king" if step >= 6 else "kind" if step >= 4 else "main"

    model = model_in_turns(choose, run_eagerly=eagerly, jit_compile="auto")
    model.fit(X, Y, batch_size=8, verbose=0)
    assert (steps, steps_of(model)) == ([0, 1, 2, 3, 4, 5], {"main": 4, "numbers": 0, "kind": 2})
    with pytest.raises(error, match=r"no task .* named 'king'. Did you mean 'kind'"):
        model.train_on_batch(X, Y)


def test_tasks_without_weight_or_labels_have_no_turn() -> None:
    model = model_in_turns(weights={"kind": 0.0})
    model.fit(X, {**Y, "main": np.full(48, -1)}, batch_size=16, verbose=0)
    assert steps_of(model) == {"main": 0, "numbers": 3, "kind": 0}
    model.set_loss_weights({"kind": 1.0, "numbers": 0.0})
    model.fit(X, Y, batch_size=8, verbose=0)
    assert steps_of(model) == {"main": 3, "numbers": 3, "kind": 3}
    before = parts_of(model)
    nothing = {"main": np.full(48, -1), "numbers": np.full((48, 4), np.nan), "kind": np.full(48, -1)}
    model.train_on_batch(X, nothing)
    assert all(same(before[name], values) for name, values in parts_of(model).items())


def test_without_a_main_loss_only_the_other_tasks_have_turns() -> None:
    model = attach_heads(dense_base(), SPECS, samples=X, schedule="alternating", weights=1.0)
    model.compile("sgd")
    model.fit(X, {name: Y[name] for name in SPECS}, batch_size=12, verbose=0)
    assert steps_of(model) == {"main": 0, "numbers": 2, "kind": 2}


def test_a_weighting_by_plan_gives_and_takes_turns() -> None:
    model = model_in_turns(weighting={"pretrain": {"steps": 4}})
    logs = model.fit(X, Y, batch_size=12, verbose=0).history
    assert steps_of(model) == {"main": 0, "numbers": 2, "kind": 2}
    assert logs["kind_weight"] == [1.0]
    model.fit(X[:24], {name: values[:24] for name, values in Y.items()}, batch_size=12, epochs=3, verbose=0)
    # The main task makes up for two turns.
    assert steps_of(model) == {"main": 4, "numbers": 3, "kind": 3}


def test_the_loss_of_what_is_present_is_logged_under_a_weighting_too() -> None:
    y = {**Y, "main": some_missing(Y["main"])}
    plain, weighed = (model_in_turns(weighting=each) for each in ("fixed", {"delayed": {"steps": 0}}))
    logs, expected = (model.train_on_batch(X, y, return_dict=True) for model in (weighed, plain))
    assert {name: logs[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(("weighting", "name"), [("cosine_gate", "CosineGate"), ("uncertainty", "Uncertainty")])
def test_weightings_that_need_several_tasks_in_a_step_are_refused(weighting: str, name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"`weighting`: {name} needs several tasks in a step"):
        model_in_turns(weighting=weighting)


def test_averages_of_weights_cannot_go_with_turns() -> None:
    with pytest.raises(InvalidInputError, match=r"`optimizer` has use_ema=True.*its own average"):
        model_in_turns(optimizer=keras.optimizers.Adam(use_ema=True))


def test_a_function_cannot_be_compiled_by_xla() -> None:
    with pytest.raises(InvalidInputError, match="`jit_compile` cannot be True with a function"):
        model_in_turns(lambda step: "main", run_eagerly=False, jit_compile=True)


def test_several_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_in_turns()
    two = SimpleNamespace(num_replicas_in_sync=2)  # a second device would have to be there before TensorFlow is used
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    with pytest.raises(InvalidInputError, match="on one device only; got a strategy with 2 replicas"):
        model.compile("sgd", LOSS)
