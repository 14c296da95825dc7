"""Whose turn it is: order, ratio, draws, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import X, dataset, some_missing
from hypothesis import given, settings
from hypothesis import strategies as st
from turn_models import TASKS, Y, model_in_turns, steps_of

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras.alternating import Schedule
from auxtasks.keras.alternating.step import choose, counted

Flags = st.lists(st.booleans(), min_size=4, max_size=4)
NAMES = tuple("abcd")


def chosen(
    schedule: Any, ratio: Any, steps: int, present: Any = (True,) * 4, trained: Any = (True,) * 4, seed: int = 0
) -> list[int]:
    checked = Schedule.of(schedule, NAMES)
    each = tf.broadcast_to(tf.constant(present), (steps, 4))
    ratio = tf.constant(ratio, tf.float32)

    def turn(before: Any, now: Any) -> Any:
        step, present = now
        number = choose(checked, step, seed, ratio, before[0], present=present, trained=tf.constant(trained))
        return counted(before[0], ratio, number), number

    start = tf.zeros(4, tf.int64), tf.constant(0)
    run = tf.function(lambda: tf.scan(turn, (tf.range(steps, dtype=tf.int64), each), start)[1])
    return run().numpy().tolist()


@settings(max_examples=8, deadline=None)
@given(ratio=st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any), present=Flags, trained=Flags)
def test_turns_go_round_in_order_among_the_tasks_that_can_be_trained(
    ratio: list[int], present: list[bool], trained: list[bool]
) -> None:
    cycle = [task for task in range(4) for _ in range(ratio[task]) if present[task] and trained[task]]
    if sum(present) == 1:
        (alone,) = np.flatnonzero(present).tolist()
        cycle = [alone if trained[alone] else 4]
    cycle = cycle or [4]
    assert chosen("alternating", ratio, 12, present, trained) == [cycle[step % len(cycle)] for step in range(12)]


@settings(max_examples=8, deadline=None)
@given(
    ratio=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    period=st.integers(2, 5),
    place=st.integers(0, 4),
    task=st.integers(0, 3),
)
def test_labels_that_come_seldom_starve_no_task(ratio: list[int], period: int, place: int, task: int) -> None:
    # One task has labels in every period-th batch alone, the others always.
    there = [[each != task or step % period == place % period for each in range(4)] for step in range(60)]
    turns = np.array(chosen("alternating", ratio, 60, there))
    share = min(1 / period, ratio[task] / sum(ratio))
    assert (turns == task).sum() >= 60 * share - period - sum(ratio)
    others = [each for each in range(4) if each != task]
    rounds = [(turns == each).sum() / ratio[each] for each in others]
    assert max(rounds) - min(rounds) <= 1


def test_a_task_makes_up_for_two_rounds_at_most() -> None:
    there = [[step >= 20, True, True, False] for step in range(28)]
    assert chosen("alternating", [1, 1, 1, 1], 28, there)[20:] == [0, 0, 0, 1, 2, 0, 1, 2]


def test_draws_follow_from_seed_and_step_and_have_the_ratio() -> None:
    drawn = chosen("proportional", [4.0, 1.0, 3.0, 0.0], 2000)
    assert drawn == chosen("proportional", [4.0, 1.0, 3.0, 0.0], 2000)
    assert drawn != chosen("proportional", [4.0, 1.0, 3.0, 0.0], 2000, seed=1)
    shares = np.bincount(drawn, minlength=4) / 2000
    # Four standard deviations of a share are at most 4 sqrt(1 / 4 / 2000) = 0.045.
    np.testing.assert_allclose(shares, [0.5, 0.125, 0.375, 0.0], atol=0.045)
    assert set(chosen("proportional", [4.0, 1.0, 3.0, 0.0], 200, trained=(False, True, True, True))) == {1, 2}


def test_a_ratio_is_how_many_steps_a_task_has_in_a_row() -> None:
    model = model_in_turns({"alternating": {"ratio": {"main": 3, "kind": 0}}})
    seen = []
    for _ in range(8):
        before = steps_of(model)
        model.train_on_batch(X, Y)
        seen += [task for task, steps in steps_of(model).items() if steps > before[task]]
    assert seen == ["main", "main", "main", "numbers"] * 2


def test_without_a_ratio_labelled_samples_are_counted() -> None:
    model = model_in_turns("proportional")
    numbers = Y["numbers"].copy()
    numbers[:36] = np.nan
    model.fit(X, {**Y, "main": some_missing(Y["main"], 6), "numbers": numbers}, batch_size=16, verbose=0)
    assert model._alternation.ratio.numpy().tolist() == [6, 12, 48]
    model.fit(dataset(X, Y), verbose=0)  # counted before
    with pytest.raises(InvalidInputError, match=r"`schedule`: labelled samples can only be counted in arrays"):
        model_in_turns("proportional").fit(dataset(X, Y), verbose=0)
    with pytest.raises(InvalidInputError, match=r"`schedule`: labelled samples .* passed to fit"):
        model_in_turns("proportional").train_on_batch(X, Y)
    before = sum(steps_of(model).values())
    model.train_on_batch(X, Y)
    assert sum(steps_of(model).values()) == before + 1


def test_a_given_ratio_is_drawn_from_any_data() -> None:
    model = model_in_turns(
        {"proportional": {"ratio": {"main": 2, "numbers": 0.5}}}, keras.optimizers.SGD(0.1), run_eagerly=False
    )
    model.fit(dataset(X, Y, size=2), epochs=2, verbose=0)
    expected = Counter(TASKS[task] for task in _drawn([2.0, 0.5, 1.0], model._alternation.seed, 48))
    assert steps_of(model) == expected


def _drawn(ratio: list[float], seed: int, steps: int) -> list[int]:
    """The documented draw, written out."""
    keys = [tf.constant([seed, step], tf.int64) for step in range(steps)]
    bits = [tf.random.stateless_uniform((), key, None, None, tf.uint32, alg="philox") for key in keys]
    return [int(np.searchsorted(np.cumsum(ratio), int(each) / 2**32 * sum(ratio), side="right")) for each in bits]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ("alternate", UnknownNameError, "no schedule named 'alternate'. Did you mean 'alternating'"),
        ({"alternating": {"ratios": {}}}, UnknownNameError, "no option of 'alternating' named 'ratios'"),
        ({"joint": {"ratio": {}}}, UnknownNameError, "no option of 'joint' named 'ratio'"),
        ({"alternating": {"ratio": {"e": 1}}}, UnknownNameError, "`ratio`: there is no task named 'e'"),
        ({"alternating": {"ratio": {"a": -1}}}, InvalidInputError, r"`ratio\['a'\]` must be at least 0; got -1"),
        ({"proportional": {"ratio": {"a": -0.5}}}, InvalidInputError, r"`ratio\['a'\]` must be at least 0; got -0.5"),
        ({"alternating": {"ratio": {"a": 1.5}}}, InvalidTypeError, r"`ratio\['a'\]` must be an integer; got 1.5"),
        ({"alternating": {"ratio": dict.fromkeys("abcd", 0)}}, InvalidInputError, "positive for at least one task"),
        (
            {"alternating": {"ratio": 2}},
            InvalidTypeError,
            r"`ratio` must be a mapping with names \(task\) as keys; got 2",
        ),
        ({"alternating": 2}, InvalidTypeError, "`schedule` must be a name, .* got {'alternating': 2} of type dict"),
        (3, InvalidTypeError, "`schedule` must be a name, .* got 3 of type int"),
    ],
)
def test_what_is_no_schedule_is_refused(asked: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Schedule.of(asked, NAMES)
