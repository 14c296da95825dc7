"""Mixed precision, and bases of another precision than the global one."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dense_base, labels, some_missing

from auxtasks.keras import attach_heads

Y = {"main": labels(), **aux_targets()}


@pytest.fixture
def float16() -> Iterator[None]:
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.graph
@pytest.mark.usefixtures("float16")
def test_heads_stay_in_float32_under_mixed_precision() -> None:
    model = attach_heads(dense_base(), SPECS, samples=X, weights=1.0)
    assert model.base.compute_dtype == "float16"
    assert {head.compute_dtype for head in model.heads} == {"float32"}
    model.compile(keras.optimizers.SGD(0.1), LOSS, metrics=["accuracy"])
    y = {**Y, "main": some_missing(labels()), "numbers": Y["numbers"] + 1e6}
    model.run_eagerly = True
    before = model.evaluate(X, y, return_dict=True, verbose=0)
    model.run_eagerly = False
    assert before["numbers_loss"] == pytest.approx(1e12, rel=1e-3)  # 1e6 is infinite in float16
    logs = model.fit(X, {**Y, "main": some_missing(labels())}, epochs=3, verbose=0).history
    assert np.isfinite(list(logs.values())).all()
    assert logs["numbers_loss"][-1] < logs["numbers_loss"][0]


@pytest.mark.usefixtures("float16")
def test_a_float32_base_is_not_fed_float16_inputs() -> None:
    keras.mixed_precision.set_global_policy("float32")
    base = dense_base()
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = attach_heads(base, SPECS, samples=X, weights=1.0)
    np.testing.assert_array_equal(model(X), base(X))
    model.compile("sgd", LOSS)
    model.fit(X, Y, verbose=0)
    assert model.predict_auxiliary(X, verbose=0)["numbers"].dtype == np.float32


def test_a_mixed_base_keeps_its_policy() -> None:
    base = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(8, dtype="mixed_float16", name="hidden"),
            keras.layers.Dense(3, activation="softmax", dtype="float32"),
        ]
    )
    model = attach_heads(base, SPECS, at="hidden", samples=X, weights=1.0)
    model.compile("sgd", LOSS)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()
