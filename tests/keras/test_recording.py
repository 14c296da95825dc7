"""Recording leaves no trace, at any depth, in any thread, whatever is raised."""

from __future__ import annotations

from threading import Barrier, Thread

import keras
import numpy as np
import pytest
from helpers import SPECS, aux_targets, dense_model, labels
from helpers import X as SAMPLES
from keras import layers
from kinds import KINDS, ModelKind

from auxtasks.keras import attach_heads
from auxtasks.keras.layers import _shadowed, recording, walk


def _traces(model: keras.Model) -> list[str]:
    return [path for path, layer in walk(model) if "call" in layer.__dict__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_attaching_leaves_no_trace(kind: ModelKind) -> None:
    base = kind.build()
    attach_heads(base, SPECS, at=kind.tap, samples=kind.data(), weights=1.0)
    assert not _traces(base)
    assert not _shadowed


@pytest.mark.eager  # the failure is made after tracing
def test_training_leaves_no_trace_even_when_it_fails() -> None:
    class Failing(layers.Layer):
        broken = False

        def call(self, inputs: object) -> object:
            if self.broken:
                raise RuntimeError("no forward pass today")
            return inputs

    failing = Failing()
    base = keras.Sequential([keras.Input((10,)), layers.Dense(8, name="hidden"), failing, layers.Dense(3)])
    model = dense_model(base=base, loss="mse")
    targets = {"main": np.zeros((48, 3)), **aux_targets()}
    model.fit(SAMPLES, targets, verbose=0)
    failing.broken = True
    with pytest.raises(RuntimeError, match="no forward pass today"):
        model.fit(SAMPLES, targets, verbose=0)
    assert not _traces(base)
    assert not _shadowed
    failing.broken = False
    model.fit(SAMPLES, targets, verbose=0)


def test_a_call_that_shadows_already_is_put_back() -> None:
    dense = layers.Dense(2)
    own = dense.__dict__["call"] = dense.call
    with recording([dense]) as events:
        dense(np.ones((1, 3), "float32"))
    assert len(events) == 1
    assert dense.__dict__["call"] is own


def test_nested_recordings_each_see_their_own_layers() -> None:
    first, second = layers.Dense(2), layers.Dense(2)
    with recording([first, second]) as outer:
        hidden = first(np.ones((1, 3), "float32"))
        with recording([second]) as inner:
            output = second(hidden)
        second(hidden)
    assert [event.layer for event in outer] == [first, second, second]
    assert [event.output is output for event in inner] == [True]


def test_threads_do_not_see_each_other() -> None:
    dense, meet, seen = layers.Dense(2), Barrier(2), {}
    dense(np.ones((1, 3), "float32"))

    def work(number: int) -> None:
        with recording([dense]) as events:
            meet.wait()
            output = dense(np.full((1, 3), number, "float32"))
            meet.wait()
        seen[number] = [event.output is output for event in events]

    threads = [Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {0: [True], 1: [True]}
    assert "call" not in dense.__dict__


def test_recording_sees_the_value_and_mask_that_the_layer_returned() -> None:
    masking = layers.Masking()
    x = np.ones((2, 4, 3), "float32")
    x[:, 2:] = 0
    with recording([masking]) as events:
        masking(x)
    np.testing.assert_array_equal(events[0].mask, [[True, True, False, False]] * 2)


def test_predictions_are_those_of_the_base() -> None:
    model = dense_model()
    model.fit(SAMPLES, {"main": labels(), **aux_targets()}, verbose=0)
    np.testing.assert_array_equal(model.predict(SAMPLES, verbose=0), model.base.predict(SAMPLES, verbose=0))
