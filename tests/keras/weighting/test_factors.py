"""Factors that follow plans and losses, against closed forms and the numbers of other libraries."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from models import SPECS, X, Y, convolutional, two_quadratics, weighed

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import attach_heads
from auxtasks.keras.weighting import (
    WEIGHTINGS,
    Conflicts,
    DynamicWeightAverage,
    GradNorm,
    State,
    Uncertainty,
    Weighting,
    resolve_weightings,
)
from auxtasks.keras.weighting.base import combined

TASKS = ("first", "second", "third")


def _state(step: int = 0, main: float = 1.0, losses: Any = (1.0, 1.0, 1.0), present: Any = (1.0, 1.0, 1.0)) -> State:
    return State(np.int64(step), np.float32(main), np.array(losses, "float32"), np.array(present, "float32"))


def _set_up(weighting: Any, tasks: tuple[str, ...] = TASKS) -> list[Weighting]:
    found = resolve_weightings(weighting)
    for each in found:
        each.setup(tasks)
    return found


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ({"delayed": {"steps": 2}}, [0, 0, 1, 1, 1]),
        ({"warm_up": {"steps": 4}}, [0, 0.25, 0.5, 0.75, 1]),
        ({"warm_up": {"steps": 2, "start": 1}}, [0, 0, 0.5, 1, 1]),
        ({"warm_up": {"steps": 4, "shape": "cosine"}}, [0, (1 - np.sqrt(0.5)) / 2, 0.5, (1 + np.sqrt(0.5)) / 2, 1]),
        ({"decay": {"steps": 4}}, [1, 0.75, 0.5, 0.25, 0]),
        ({"decay": {"steps": 2, "start": 1, "to": 0.2}}, [1, 1, 0.6, 0.2, 0.2]),
        ([{"warm_up": {"steps": 4}}, {"decay": {"steps": 4}}], [0, 0.1875, 0.25, 0.1875, 0]),
        (lambda step, main, losses: keras.ops.cast(step, "float32") * main, [0, 1, 2, 3, 4]),
    ],
)
def test_plans_are_followed_step_by_step(weighting: Any, expected: list[float]) -> None:
    parts = _set_up(weighting)
    found = np.array([combined(parts, _state(step)).tasks for step in range(5)])
    np.testing.assert_allclose(found, np.repeat(np.array(expected)[:, None], 3, axis=1), atol=1e-6)


def test_the_main_loss_waits_while_the_auxiliary_tasks_go_first() -> None:
    parts = _set_up({"pretrain": {"steps": 2}})
    assert [float(combined(parts, _state(step)).main) for step in range(4)] == [0, 0, 1, 1]
    model = weighed({"pretrain": {"steps": 1}}, weights=0.0)
    before = [value.copy() for value in model.base.get_weights()]
    model.fit(X, Y, batch_size=24, verbose=0)
    trained = {variable.path: index for index, variable in enumerate(model.base.weights) if variable.trainable}
    for index in trained.values():
        np.testing.assert_array_equal(before[index], model.base.get_weights()[index])


def test_uncertainties_go_the_way_of_the_reference(references: Any) -> None:
    """The expression here is twice that of the reference, so half its learning rate takes the same steps."""
    known = references["uncertainty"]
    for run in known["runs"]:
        (weighting,) = _set_up("uncertainty")
        assert isinstance(weighting, Uncertainty)
        s = np.array(run["start"])
        for losses, expected in zip(known["losses"], run["s"][1:], strict=True):
            weighting.log_variance.assign(s)
            factors = weighting.factors(_state(losses=losses))
            # The derivative of exp(-s) L + s by s.
            slope = 1.0 - np.array(factors.tasks) * losses
            np.testing.assert_allclose(np.array(factors.added_to_tasks), s, atol=1e-6)
            s = s - known["learning_rate"] / 2 * slope
            np.testing.assert_allclose(s, expected, atol=1e-5)


def test_an_uncertainty_ends_at_the_logarithm_of_its_loss() -> None:
    model = two_quadratics("uncertainty", (0.5, 0.0))
    model.base.get_layer("trunk").trainable = False
    model.compile(keras.optimizers.SGD(0.5), "mse")
    for _ in range(16):
        logs = model.train_on_batch(
            np.ones((1, 1)), {"main": np.zeros((1, 2)), "aux": np.array([[3.5, 0.0]], "float32")}, return_dict=True
        )
    assert logs["aux_loss"] == pytest.approx(4.5)
    assert float(model.weightings[0].log_variance[0]) == pytest.approx(np.log(4.5), abs=1e-3)
    assert logs["aux_weight"] == pytest.approx(1 / 4.5, abs=0.1)  # the mean over the way there


def test_a_batch_without_a_label_leaves_an_uncertainty_as_it_is() -> None:
    model = weighed("uncertainty")
    model.train_on_batch(X, {**Y, "task_0": np.full((24, 2), np.nan, "float32")})
    s = keras.ops.convert_to_numpy(model.weightings[0].log_variance)
    assert s[0] == 0
    assert (s[1:] != 0).all()


def test_the_main_loss_is_weighed_on_request_only() -> None:
    (asked,) = _set_up({"uncertainty": {"main": True}})
    asked.main_log_variance.assign(0.7)
    factors = asked.factors(_state())
    assert float(factors.main) == pytest.approx(np.exp(-0.7))
    assert float(factors.added_to_main) == pytest.approx(0.7)
    (plain,) = _set_up("uncertainty")
    assert plain.factors(_state()).main is None


def test_dynamic_weight_averages_are_those_of_the_reference(references: Any) -> None:
    known = references["dynamic_weight_average"]
    for run in known["runs"]:
        (weighting,) = _set_up({"dwa": {"temperature": run["temperature"]}})
        for losses, expected in zip(known["epoch_losses"], run["weights"], strict=True):
            np.testing.assert_allclose(np.array(weighting.factors(_state()).tasks), expected, rtol=1e-5)
            weighting.end_epoch(dict(zip(TASKS, losses, strict=True)))


def test_the_average_of_a_single_task_is_its_weight() -> None:
    weighting = DynamicWeightAverage()
    weighting.setup(["only"])
    for loss in (2.0, 1.0, 0.9):
        weighting.end_epoch({"only": loss})
    np.testing.assert_array_equal(np.array(weighting.factors(_state()).tasks), [1.0])


def test_a_task_without_a_label_in_an_epoch_keeps_its_last_losses() -> None:
    (weighting,) = _set_up("dwa")
    assert isinstance(weighting, DynamicWeightAverage)
    for losses in ({"first": 2.0, "second": 4.0, "third": 1.0}, {"first": 1.0, "second": 1.0}, {"third": 3.0}):
        weighting.end_epoch(losses)
    ratios = np.array([0.5, 0.25, 3.0])
    expected = 3 * np.exp(ratios / 2) / np.exp(ratios / 2).sum()
    np.testing.assert_allclose(np.array(weighting.factors(_state()).tasks), expected, rtol=1e-5)


def test_dynamic_weight_averages_follow_the_epochs_of_fit() -> None:
    model = weighed("dwa")
    history = model.fit(X, Y, epochs=4, verbose=0).history
    names = list(SPECS)
    losses = np.array([history[f"{name}_loss"] for name in names])
    weights = np.array([history[f"{name}_weight"] for name in names]) / np.array([[1.0], [2.0], [1.0], [0.5]])
    np.testing.assert_allclose(weights[:, :2], 1.0)
    for epoch in (2, 3):
        ratios = np.exp(losses[:, epoch - 1] / losses[:, epoch - 2] / 2)
        np.testing.assert_allclose(weights[:, epoch], 4 * ratios / ratios.sum(), rtol=1e-4)


def test_gradnorm_goes_the_way_of_its_algorithm(references: Any) -> None:
    known = references["gradient_normalisation"]
    for run in known["runs"]:
        weighting = GradNorm(run["alpha"], known["learning_rate"])
        weighting.setup(TASKS[1:])
        for losses, norms, expected in zip(known["losses"], known["norms"], run["anchored_weights"][1:], strict=True):
            main, *tasks = np.square(np.array(norms, "float32"))
            conflicts = Conflicts(np.zeros((1, 2)), np.full((1, 2), main), np.array([tasks]))
            state = _state(main=losses[0], losses=losses[1:], present=(1.0, 1.0))
            weighting.note(conflicts, weighting.factors(state).tasks, state)
            np.testing.assert_allclose(np.array(weighting.balance), expected[1:], rtol=1e-4)


@pytest.mark.eager  # the function keeps the numbers it gets
def test_a_function_gets_losses_by_name_and_may_leave_tasks_out() -> None:
    seen: dict[str, Any] = {}

    def ask(step: Any, main: Any, losses: dict[str, Any]) -> dict[str, Any]:
        seen.update(losses, main=main)
        return {"task_1": 0.5 * losses["task_0"]}

    model = weighed(ask)
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert logs["task_1_weight"] == pytest.approx(2 * 0.5 * logs["task_0_loss"], rel=1e-5)
    assert logs["task_0_weight"] == 1.0
    assert float(seen["main"]) == pytest.approx(logs["main_loss"], rel=1e-5)
    with pytest.raises(UnknownNameError, match="'task_9'"):
        weighed(lambda *_: {"task_9": 1.0}).train_on_batch(X, Y)


@pytest.mark.parametrize(
    ("weighting", "error", "message"),
    [
        ("projektion", UnknownNameError, "'projektion'.*projection"),
        ({"warm_up": {}}, InvalidInputError, "options of 'warm_up': missing 1 required .*'steps'"),
        ({"warm_up": {"steps": 0}}, InvalidInputError, "`steps` must be at least 1"),
        (
            {"decay": {"steps": 3, "shape": "round"}},
            UnknownNameError,
            "`shape`: there is no choice named 'round'. Valid names: 'cosine', 'linear'",
        ),
        ({"dwa": {"heat": 2}}, InvalidInputError, "options of 'dwa': .*'heat'"),
        ({"cosine_gate": {"strength": "hard"}}, UnknownNameError, "`strength`: there is no choice named 'hard'"),
        ({"cosine_gate": {"per": "task"}}, UnknownNameError, "`per`: there is no choice named 'task'"),
        (["projection", "gradnorm"], InvalidInputError, "only one entry may use gradients; got Projection, GradNorm"),
        (DynamicWeightAverage, InvalidTypeError, "`weighting` is the class DynamicWeightAverage; pass an instance"),
        (3.0, InvalidTypeError, "`weighting` must be a name such as 'projection'.*got 3.0"),
        ({"dwa": {}, "monitor": {}}, InvalidTypeError, "of one entry"),
    ],
)
def test_what_is_no_weighting_is_refused(weighting: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attach_heads(convolutional(), SPECS, samples=X, weighting=weighting, weights=1.0)


@pytest.mark.parametrize(
    "weighting",
    [
        "uncertainty",
        {"uncertainty": {"main": True}},
        "dwa",
        {"delayed": {"steps": 99}},
        {"pretrain": {"steps": 99}},
    ],
    ids=str,
)
def test_the_loss_with_a_label_missing_is_the_loss_that_is_trained(weighting: Any) -> None:
    """The very same samples twice, once with another one beside them whose main label is missing."""
    model = weighed(weighting, rate=0.0)
    for each in model.weightings:
        for name, value in (("log_variance", 0.7), ("main_log_variance", 0.9)):
            if hasattr(each, name):
                getattr(each, name).assign(np.full(getattr(each, name).shape, value))
    found = model.evaluate(X, Y, return_dict=True, verbose=0)
    missing = {**Y, "main": np.where(np.arange(24) == 3, -1, Y["main"])}
    other = model.evaluate(X, missing, return_dict=True, verbose=0)
    weight = 0.0 if "pretrain" in str(weighting) else np.exp(-0.9) if "main" in str(weighting) else 1.0
    assert other["loss"] - found["loss"] == pytest.approx(weight * (other["main_loss"] - found["main_loss"]), abs=1e-4)


def test_a_list_of_callbacks_that_is_used_again_tells_of_each_epoch_once() -> None:
    model = weighed("dwa")
    callbacks = keras.callbacks.CallbackList(add_history=True, model=model)
    for _ in range(2):
        model.fit(X, Y, callbacks=callbacks, verbose=0)
    assert sum(type(each).__name__ == "EpochEvents" for each in callbacks.callbacks) == 1


@pytest.mark.parametrize("said", [None, np.ones((4, 1)), np.ones(5), {"task_0": "much"}], ids=repr)
def test_a_function_must_return_factors(said: Any) -> None:
    with pytest.raises(InvalidInputError, match="must return one factor for all tasks, or a mapping"):
        weighed(lambda *_: said).train_on_batch(X, Y)


def test_a_function_that_could_not_be_found_again_is_not_saved() -> None:
    with pytest.raises(InvalidInputError, match="not registered, so a saved model could not find"):
        weighed(lambda *_: 1.0).get_config()


def test_a_weighting_belongs_to_one_model() -> None:
    weighting = DynamicWeightAverage()
    weighed(weighting)
    with pytest.raises(InvalidInputError, match="DynamicWeightAverage belongs to another model"):
        weighed(weighting)
    twice = DynamicWeightAverage()
    with pytest.raises(InvalidInputError, match="the same object twice"):
        weighed([twice, twice])


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_the_options_of_every_weighting_can_be_saved(name: str) -> None:
    options = {"steps": 3} if name in ("delayed", "warm_up", "decay", "pretrain") else {}
    (weighting,) = resolve_weightings({name: options})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(weighting))
    assert type(again) is type(weighting)
    assert again.get_config() == weighting.get_config()
