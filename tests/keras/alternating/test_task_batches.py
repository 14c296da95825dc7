"""Batches of data sets of unequal size, one task each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
from helpers import SPECS, X, dense_base
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from turn_models import TASKS, Y, model_in_turns, steps_of

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import TaskBatches, attach_heads
from auxtasks.keras.alternating import Schedule
from auxtasks.keras.alternating.batches import Order
from auxtasks.specs import TargetSpec

SIZES = {"main": 12, "numbers": 48, "kind": 7}
SETS: dict[str, Any] = {task: (X[:n], Y[task][:n]) for task, n in SIZES.items()}


def numbered(sizes: dict[str, int]) -> dict[str, Any]:
    """Data sets whose inputs tell the number of the sample."""
    return {task: (np.arange(n, dtype="float32"), Y[task][:n]) for task, n in sizes.items()}


def epoch_of(batches: TaskBatches, epoch: int = 0) -> list[tuple[str, list[int]]]:
    """The task and the samples of each batch."""
    batches.go_to(epoch)
    found = []
    for x, y in (batches[index] for index in range(len(batches))):
        (task,) = [name for name, values in y.items() if (values == values).all() and (values != -1).any()]
        found.append((task, x.astype(int).tolist()))
    return found


def test_a_batch_holds_the_labels_of_its_task_alone() -> None:
    batches = TaskBatches(SETS, SPECS, batch_size=4)
    for index, task in enumerate(TASKS):
        x, y = batches[index]
        rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in x]
        expected = {"main": np.full(4, -1), "numbers": np.full((4, 4), np.nan), "kind": np.full(4, -1)}
        expected[task] = Y[task][rows]
        for name in TASKS:
            np.testing.assert_array_equal(y[name], expected[name])


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    batch_size=st.integers(1, 5),
    kind=st.sampled_from(["alternating", "proportional"]),
)
def test_every_sample_comes_round_as_often_as_any_other_of_its_task(
    sizes: list[int], batch_size: int, kind: str
) -> None:
    batches = TaskBatches(numbered(dict(zip(TASKS, sizes, strict=True))), SPECS, batch_size, kind)
    seen: dict[str, Counter[int]] = {task: Counter() for task in TASKS}
    for epoch in range(3):
        for task, rows in epoch_of(batches, epoch):
            seen[task].update(rows)
    for task, size in zip(TASKS, sizes, strict=True):
        times = [seen[task][row] for row in range(size)]
        assert max(times) - min(times) <= 1


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("alternating", {"main": 3, "numbers": 3, "kind": 3}),
        ({"alternating": {"ratio": {"main": 2, "numbers": 5, "kind": 0}}}, {"main": 4, "numbers": 10}),
    ],
)
def test_an_epoch_is_one_pass_over_the_main_samples(schedule: Any, expected: dict[str, int]) -> None:
    found = epoch_of(TaskBatches(numbered(SIZES), SPECS, 4, schedule))
    assert Counter(task for task, _ in found) == expected
    seen = [row for task, rows in found if task == "main" for row in rows]
    assert sorted(seen[:12]) == list(range(12))


def test_tasks_are_drawn_by_the_sizes_of_their_sets() -> None:
    order = Order(Schedule.of("proportional", TASKS), [500, 1500, 2000], 1, None, seed=0)
    assert order.n_batches == 4000
    shares = np.bincount(order.epoch(0)[0]) / 4000
    # Four standard deviations of a share are at most 4 sqrt(1 / 4 / 4000) = 0.032.
    np.testing.assert_allclose(shares, [0.125, 0.375, 0.5], atol=0.032)


def test_a_function_and_a_number_of_steps_decide() -> None:
    batches = TaskBatches(numbered(SIZES), SPECS, 4, lambda step: TASKS[step // 3 % 3], steps_per_epoch=4)
    assert [task for epoch in range(2) for task, _ in epoch_of(batches, epoch)] == [
        *["main"] * 3, *["numbers"] * 3, *["kind"] * 2
    ]  # fmt: skip


def test_batches_follow_from_seed_and_epoch() -> None:
    def epochs(seed: int, order: list[int]) -> dict[int, Any]:
        batches = TaskBatches(numbered(SIZES), SPECS, 4, "proportional", seed=seed)
        return {epoch: epoch_of(batches, epoch) for epoch in order}

    assert epochs(0, [0, 1, 2]) == epochs(0, [2, 0, 1])
    assert epochs(0, [0]) != epochs(1, [0])
    assert epochs(0, [0])[0] != epochs(0, [1])[1]


@pytest.mark.parametrize(("schedule", "eagerly"), [("alternating", True), ("proportional", False)])
def test_a_model_trains_the_task_that_a_batch_is_of(schedule: str, eagerly: bool) -> None:
    batches = TaskBatches(SETS, SPECS, 4, {"alternating": {"ratio": {"main": 1, "numbers": 2, "kind": 3}}})
    model = model_in_turns(schedule, keras.optimizers.SGD(0.1), run_eagerly=eagerly)
    logs = model.fit(batches, verbose=0).history
    assert steps_of(model) == {"main": 3, "numbers": 6, "kind": 9}
    assert np.isfinite(list(logs.values())).all()


def test_a_model_trained_jointly_trains_on_them_too() -> None:
    model, alone = (model_in_turns("joint", keras.optimizers.SGD(0.1)) for _ in range(2))
    model.fit(TaskBatches(SETS, model, 12, {"alternating": {"ratio": {"numbers": 0, "kind": 0}}}), verbose=0)
    only = {"numbers": np.full((12, 4), np.nan), "kind": np.full(12, -1)}
    alone.fit(X[:12], {"main": Y["main"][:12], **only}, shuffle=False, verbose=0)
    for one, other in zip(model.trainable_variables, alone.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_labels_of_any_dtype_can_be_missing() -> None:
    specs = {
        "tags": TargetSpec("tags", "test", "multilabel", (2,)),
        "map": TargetSpec("map", "test", "image", (2, 2, 1)),
    }
    sets = {
        "main": (X[:2], {"out": np.array([True, False]), "size": np.ones((2, 1), "float64")}),
        "tags": (X[:2], np.array([[0, 1], [1, 1]], "uint8")),
        "map": (X[:2], np.ones((2, 2, 2, 1))),
    }
    batches = TaskBatches(sets, specs, 2)
    found = [
        {name: (values.dtype.name, values[0].ravel()[0]) for name, values in batches[i][1].items()} for i in range(3)
    ]
    assert [{name: dtype for name, (dtype, _) in each.items()} for each in found] == [
        {"tags": "float32", "map": "float32", "out": "int32", "size": "float64"}
    ] * 3
    assert (found[0]["tags"][1], found[1]["out"][1]) == (-1.0, -1)
    assert np.isnan([found[0]["map"][1], found[1]["size"][1]]).all()


def test_main_samples_may_be_absent() -> None:
    sets = {task: SETS[task] for task in SPECS}
    model = attach_heads(dense_base(), SPECS, samples=X, schedule="alternating", weights=1.0)
    model.compile("sgd")
    model.fit(TaskBatches(sets, model, 4, lambda step: "kind", steps_per_epoch=5), verbose=0)
    assert steps_of(model) == {"main": 0, "numbers": 0, "kind": 5}
    assert {task for task, _ in epoch_of(TaskBatches(numbered({"kind": 9}), SPECS, 4, steps_per_epoch=2))} == {"kind"}
    with pytest.raises(InvalidInputError, match="`schedule` chose 'main', but `data` holds no samples"):
        TaskBatches(sets, SPECS, 4, lambda step: "main", steps_per_epoch=1)[0]


def test_without_main_samples_there_is_no_main_loss() -> None:
    batches = TaskBatches({"kind": SETS["kind"]}, SPECS, 4, steps_per_epoch=1)
    with pytest.raises(InvalidInputError, match=r"holds no 'main', but the model was compiled with a loss.*loss=None"):
        model_in_turns().fit(batches, verbose=0)


@pytest.mark.parametrize("schedule", ["joint", "alternating"])
def test_labels_of_a_hinge_loss_are_missing_where_they_are_nan(schedule: str) -> None:
    signs = np.where(Y["main"] > 0, 1, -1)[:, None]

    def model() -> Any:
        base = keras.Sequential([keras.Input((10,)), layers.Dense(4, name="hidden"), layers.Dense(1)])
        made = attach_heads(base, SPECS, samples=X, schedule=schedule, weights=1.0)
        made.compile("sgd", "hinge")
        return made

    hinged = model()
    logs = hinged.fit(TaskBatches({**SETS, "main": (X, signs.astype("float32"))}, SPECS, 16), verbose=0).history
    assert np.isfinite(logs["main_loss"][0])
    assert all(np.isfinite(weight).all() for weight in hinged.get_weights())
    if schedule == "alternating":
        assert steps_of(hinged) == {"main": 3, "numbers": 3, "kind": 3}
    with pytest.raises(InvalidInputError, match=r"must be floats for a hinge loss.*found int64"):
        model().fit(TaskBatches({**SETS, "main": (X, signs)}, SPECS, 16), verbose=0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"data": {**SETS, "king": SETS["kind"]}},
            UnknownNameError,
            "`data`: there is no task named 'king'. Did you mean",
        ),
        ({"data": [X, Y]}, InvalidTypeError, r"`data` must map names of tasks to \(inputs, labels\)"),
        ({"data": {**SETS, "kind": X}}, InvalidTypeError, r"`data`: 'kind' must be \(inputs, labels\); got a ndarray"),
        ({"data": {**SETS, "kind": (X[:3], Y["kind"][:2])}}, InvalidInputError, r"as many labels as inputs.*\[3, 2\]"),
        (
            {"data": {**SETS, "kind": (X[:3, :2], Y["kind"][:3])}},
            InvalidInputError,
            r"inputs of 'kind' must have dtypes",
        ),
        ({"targets": 3}, InvalidTypeError, r"`targets` must be AuxTargets, .* got int"),
        ({"schedule": "joint"}, InvalidInputError, "`schedule` must not be 'joint' here"),
        ({"schedule": lambda step: "main"}, InvalidInputError, "`steps_per_epoch`: the number of batches"),
        (
            {"schedule": {"proportional": {"ratio": {"main": 0}}}},
            InvalidInputError,
            "`steps_per_epoch`: the number of batches",
        ),
        (
            {"data": {"kind": SETS["kind"]}, "steps_per_epoch": 1, "schedule": {"alternating": {"ratio": {"kind": 0}}}},
            InvalidInputError,
            "`schedule` gives no turn to any task that `data` holds samples of",
        ),
        ({"batch_size": 0}, InvalidInputError, "`batch_size` must be at least 1; got 0"),
        ({"steps_per_epoch": 0}, InvalidInputError, "`steps_per_epoch` must be at least 1; got 0"),
    ],
)
def test_what_makes_no_batches_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TaskBatches(**{"data": SETS, "targets": SPECS, **change})
