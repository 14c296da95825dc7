"""Gradients under every weighting, against a step put together by hand from the losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from models import SPECS, TARGETS, X, Y, convolutional, dense, recurrent, weighed

from auxtasks.keras import attach_heads
from auxtasks.keras import gradients as stepping
from auxtasks.keras.gradients import Taps
from auxtasks.keras.weighting.by_gradient import Conflicts

SIGN = {"cosine_gate": {"strength": "sign"}}
GRADIENT = ["monitor", "projection", SIGN, "cosine_gate", {"cosine_gate": {"per": "layer"}}]
WEIGHTS = np.array([1.0, 2.0, 1.0, 0.5])
RATE = 0.1
NUMBERED = np.random.default_rng(0).integers(0, 8, (2, 12, 12))


def _by_hand(base: Callable[[], keras.Model]) -> tuple[list[Any], list[list[Any]]]:
    """The gradients of the main loss and of each task by the trunk: what one SGD step on each loss alone changes."""
    found = []
    model = weighed("fixed", base(), rate=1.0, weights=0.0)
    start, before = ([each.numpy() for each in of] for of in (model.variables, model.base.trainable_variables))
    for task in (None, *SPECS):
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        model.set_loss_weights(dict.fromkeys(SPECS, 0.0) | ({} if task is None else {task: 1.0}))
        model.train_on_batch(X, Y)
        found.append([old - new.numpy() for old, new in zip(before, model.base.trainable_variables, strict=True)])
    main, *both = found
    return main, [[one - other for one, other in zip(each, main, strict=True)] for each in both]


@pytest.fixture(scope="module", params=[convolutional], ids=lambda base: base.__name__)
def known(request: pytest.FixtureRequest) -> tuple[Callable[[], keras.Model], list[Any], list[list[Any]]]:
    return request.param, *_by_hand(request.param)


def _cosine(one: list[Any], other: list[Any]) -> float:
    """Over what the task reaches, which is where its gradient is not zero."""
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True) if np.abs(b).max() > 1e-7]
    a, b = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _expected(weighting: Any, main: list[Any], tasks: list[list[Any]]) -> list[Any]:
    total = [value.copy() for value in main]
    for weight, task in zip(WEIGHTS, tasks, strict=True):
        cosine = _cosine(main, task)
        reached = [np.abs(part).max() > 1e-7 for part in task]
        length = sum(float((part**2).sum()) for part, is_reached in zip(main, reached, strict=True) if is_reached)
        product = sum(float((a * b).sum()) for a, b in zip(main, task, strict=True))
        for place, (of_main, of_task) in enumerate(zip(main, task, strict=True)):
            if weighting == SIGN:
                total[place] += weight * (cosine > 0) * of_task
            elif weighting == "cosine_gate":
                total[place] += weight * max(cosine, 0) * of_task
            elif weighting == "projection" and reached[place]:
                total[place] += weight * (of_task - min(product, 0) / length * of_main)
            elif weighting == "monitor":
                total[place] += weight * of_task
    return total


@pytest.fixture
def forward_products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hold an entry for each product in forward mode."""
    used: list[int] = []
    tangents = Taps.tangents
    monkeypatch.setattr(Taps, "tangents", lambda *args: used.append(1) or tangents(*args))
    return used


def _check_step(known: Any, weighting: Any, eager: bool) -> None:
    build, main, tasks = known
    model = weighed(weighting, build(), rate=RATE, run_eagerly=eager)
    before = [variable.numpy() for variable in model.base.trainable_variables]
    logs = model.train_on_batch(X, Y, return_dict=True)
    for old, new, gradient in zip(
        before, model.base.trainable_variables, _expected(weighting, main, tasks), strict=True
    ):
        np.testing.assert_allclose(new.numpy(), old - RATE * gradient, atol=2e-6)
    for name, task in zip(SPECS, tasks, strict=True):
        assert logs[f"{name}_cosine"] == pytest.approx(_cosine(main, task), abs=1e-4)


@pytest.mark.parametrize("weighting", GRADIENT[:-1], ids=str)
def test_a_step_is_the_one_put_together_by_hand(known: Any, weighting: Any, forward_products: list[int]) -> None:
    _check_step(known, weighting, eager=True)
    assert not forward_products  # they would not pay


def test_a_step_in_a_graph_is_the_one_put_together_by_hand(known: Any, forward_products: list[int]) -> None:
    _check_step(known, "projection", eager=False)
    assert forward_products


@pytest.mark.parametrize("known", [recurrent], indirect=True, ids=lambda base: base.__name__)
def test_a_step_in_a_graph_with_loops_does_without_forward_products(known: Any, forward_products: list[int]) -> None:
    _check_step(known, "projection", eager=False)
    assert not forward_products


def test_an_operation_without_a_second_derivative_is_gone_round(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fail(*_: Any) -> None:
        tried.append(1)
        raise LookupError("gradient registry has no entry")

    monkeypatch.setattr(Taps, "tangents", fail)
    _check_step(known, "projection", eager=False)
    assert tried


def test_gates_by_layer_look_at_each_layer_alone(known: Any) -> None:
    build, main, tasks = known
    model = weighed({"cosine_gate": {"per": "layer"}}, build(), rate=RATE)
    layer_of = [variable.path.split("/")[1] for variable in model.base.trainable_variables]
    before = [variable.numpy() for variable in model.base.trainable_variables]
    model.train_on_batch(X, Y)
    for place, variable in enumerate(model.base.trainable_variables):
        own = [other for other, layer in enumerate(layer_of) if layer == layer_of[place]]
        expected = main[place].copy()
        for weight, task in zip(WEIGHTS, tasks, strict=True):
            if any(np.abs(task[other]).max() > 1e-7 for other in own):
                expected += weight * max(_cosine([main[o] for o in own], [task[o] for o in own]), 0) * task[place]
        np.testing.assert_allclose(variable.numpy(), before[place] - RATE * expected, atol=2e-6)


def test_heads_and_statistics_are_trained_as_ever() -> None:
    plain, gated = (weighed(weighting, convolutional()) for weighting in ("fixed", "cosine_gate"))
    for model in (plain, gated):
        model.train_on_batch(X, Y)
    for one, other in zip(plain.heads, gated.heads, strict=True):
        for a, b in zip(one.weights, other.weights, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    for a, b in zip(plain.base.non_trainable_variables, gated.base.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())  # one forward pass: batch statistics and dropout seeds


def test_under_xla_a_step_is_the_same(forward_products: list[int]) -> None:
    plain, compiled = (weighed(SIGN, **how) for how in ({"run_eagerly": True}, {"jit_compile": True}))
    for model in (plain, compiled):  # whose dropout draws other numbers under XLA
        model.base.layers[2].rate = 0.0
    for model in (plain, compiled):
        model.train_on_batch(X, Y)
    for one, other in zip(plain.base.trainable_variables, compiled.base.trainable_variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)
    assert forward_products


@pytest.mark.eager  # logs of a graph hold what has no value as NaN
def test_a_batch_without_labels_of_a_task_or_of_the_main_one_is_fine() -> None:
    for weighting in GRADIENT:
        model = weighed(weighting)
        logs = model.train_on_batch(X, {**Y, "task_0": np.full((24, 2), np.nan, "float32")}, return_dict=True)
        assert "task_0_cosine" not in logs
        assert np.isfinite(logs["task_1_cosine"])
        before = model.base.get_weights()
        model.train_on_batch(X, {**Y, "main": np.full(24, -1)})
        assert all(np.isfinite(value).all() for value in model.base.get_weights())
        if weighting in (SIGN, "cosine_gate"):  # nothing to agree with
            np.testing.assert_array_equal(before[0], model.base.get_weights()[0])


@pytest.mark.graph
def test_cosines_that_only_the_logs_need_are_taken_now_and_then(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "SAMPLED", 3)
    build, main, tasks = known
    model = weighed("monitor", build())
    logs = [model.train_on_batch(X, Y, return_dict=True) for _ in range(6)]
    assert [np.isnan(each["task_0_cosine"]) for each in logs] == [False, True, True, False, True, True]
    assert logs[0]["task_0_cosine"] == pytest.approx(_cosine(main, tasks[0]), abs=1e-4)


def test_half_precision_scales_losses_and_not_cosines() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = weighed("cosine_gate")
    finally:
        keras.config.set_dtype_policy("float32")
    full = weighed("cosine_gate")
    for model in (half, full):  # whose mask depends on the precision
        model.base.layers[2].rate = 0.0
    assert type(half.optimizer).__name__ == "LossScaleOptimizer"
    found = [model.train_on_batch(X, Y, return_dict=True) for model in (half, full)]
    for name in SPECS:
        assert found[0][f"{name}_cosine"] == pytest.approx(found[1][f"{name}_cosine"], abs=0.02)


def test_evaluation_neither_weighs_nor_compares() -> None:
    model = weighed("projection")
    model.fit(X, Y, verbose=0)
    for y in (Y["main"], Y):
        logs = model.evaluate(X, y, return_dict=True, verbose=0)
        assert not [name for name in logs if name.endswith(("_weight", "_cosine"))]
    expected = logs["main_loss"] + sum(w * logs[f"{name}_loss"] for w, name in zip(WEIGHTS, SPECS, strict=True))
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert model.predict(X, verbose=0).shape == (24, 3)


def _trunk_after(weighting: Any, base: keras.Model, y: Any = Y, **how: Any) -> list[Any]:
    model = weighed(weighting, base, **how)
    model.train_on_batch(X, y)
    return [variable.numpy() for variable in base.trainable_variables]


@pytest.mark.filterwarnings("ignore:.*are frozen:auxtasks.errors.AuxTasksWarning")
def test_frozen_layers_and_a_missing_main_loss_are_no_obstacle() -> None:
    for weighting in (SIGN, "projection"):
        frozen, lower = dense(), dense()
        frozen.trainable = False
        lower.get_layer("low").trainable = False
        before = frozen.get_weights()[0]
        assert _trunk_after(weighting, frozen) == []
        np.testing.assert_array_equal(before, frozen.get_weights()[0])
        assert all(np.isfinite(value).all() for value in _trunk_after(weighting, lower))
        model = attach_heads(dense(), SPECS, samples=X, weighting=weighting, weights=1.0)
        model.compile("sgd", None)
        with pytest.warns(UserWarning, match="Gradients do not exist for variables"):  # as Keras says it of any model
            model.train_on_batch(X, TARGETS)


def _worded() -> keras.Model:
    keras.utils.set_random_seed(3)
    first = [keras.Input((12,), dtype="int32"), layers.Embedding(20, 5, name="low"), layers.Dense(4, name="high")]
    return keras.Sequential([*first, layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax")])


def _train_on_words(model: keras.Model, y: Any, eagerly: bool) -> None:
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", run_eagerly=eagerly)
    for words, rows in zip(NUMBERED, (slice(12), slice(12, 24)), strict=True):
        model.train_on_batch(words, y[rows] if isinstance(y, np.ndarray) else {k: v[rows] for k, v in y.items()})


@pytest.mark.parametrize(("weighting", "eagerly"), [("projection", False), ("cosine_gate", True)])
def test_weight_zero_is_plain_training_of_the_words_that_a_batch_holds(weighting: str, eagerly: bool) -> None:
    """Optimizers with momentum treat the rows of an embedding that had no gradient in their own way."""
    plain, base = _worded(), _worded()
    at = {"task_0": "low", "task_1": "low", "task_2": "high"}  # as many as products in forward mode take
    specs, y = {name: SPECS[name] for name in at}, {name: Y[name] for name in ("main", *at)}
    _train_on_words(plain, Y["main"], eagerly)
    _train_on_words(attach_heads(base, specs, at, 0.0, samples=NUMBERED[0], weighting=weighting), y, eagerly)
    for one, other in zip(plain.variables, base.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)


def test_gates_compare_with_the_main_gradient_also_while_it_is_not_trained(known: Any) -> None:
    build, main, tasks = known
    base = build()
    before = [variable.numpy() for variable in base.trainable_variables]
    after = _trunk_after([{"pretrain": {"steps": 5}}, "cosine_gate"], base)
    expected = _expected("cosine_gate", main, tasks)
    for old, new, both, alone in zip(before, after, expected, main, strict=True):
        np.testing.assert_allclose(new, old - RATE * (both - alone), atol=2e-6)


def test_an_overflow_leaves_gradnorm_and_the_logs_finite() -> None:
    model = weighed("gradnorm")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**126)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert np.isfinite(keras.ops.convert_to_numpy(model.weightings[0].balance)).all()


@pytest.mark.eager  # logs of a graph hold what has no value as NaN
def test_a_batch_without_a_main_label_tells_nothing_of_conflicts() -> None:
    model = weighed("gradnorm")
    logs = model.train_on_batch(X, {**Y, "main": np.full(24, -1)}, return_dict=True)
    assert not [name for name in logs if name.endswith("_cosine")]
    (gradnorm,) = model.weightings
    assert np.isnan(float(gradnorm.first_main))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(gradnorm.balance), 1.0)


def test_the_weight_of_a_gate_by_layer_is_the_mean_over_the_layers_it_reaches() -> None:
    model = weighed({"cosine_gate": {"per": "layer", "strength": "sign"}})
    reference = weighed({"cosine_gate": {"per": "layer"}})
    logs = [each.train_on_batch(X, Y, return_dict=True) for each in (model, reference)]
    shares = [each["task_2_weight"] for each in logs]
    assert shares[0] in (pytest.approx(0), pytest.approx(0.5), pytest.approx(1))  # "low" and "high"
    assert 0 <= shares[1] <= shares[0]


def test_conflicts_of_several_layers_add_up() -> None:
    products, main, tasks = (np.array([[1.0], [2.0]], "float32") * factor for factor in (1, 2, 4))
    whole = stepping._whole_cosines(Conflicts(*map(tf.constant, (products, main, tasks))))
    assert float(whole[0]) == pytest.approx(3 / np.sqrt(6 * 12))
