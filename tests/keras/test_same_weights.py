"""With weight 0 a model with heads trains exactly as the model alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import (
    LOSS,
    SPECS,
    Batches,
    X,
    assert_same,
    aux_targets,
    dataset,
    dense_base,
    dense_model,
    labels,
    some_missing,
    values,
)
from kinds import KINDS, ModelKind

from auxtasks.keras import attach_heads

N = 24
# One of each: convolutions with statistics, loops with a mask, attention.
IN_A_GRAPH = ("sequential", "masked_rnn", "transformer")


def _trained(kind: ModelKind, *, heads: bool) -> tuple[keras.Model, dict[str, list[float]]]:
    keras.utils.set_random_seed(7)
    base = model = kind.build()
    x, y = kind.data(N), labels(N)
    if heads:
        model = attach_heads(base, SPECS, at={"numbers": kind.tap}, weights=0.0, samples=x)
    optimizer, eagerly = keras.optimizers.SGD(0.1, momentum=0.9), kind.name not in IN_A_GRAPH
    model.compile(optimizer, LOSS, metrics=["accuracy"], run_eagerly=eagerly)
    train = {"main": y, **aux_targets(N)} if heads else y
    return base, model.fit(x, train, batch_size=N if eagerly else N // 2, verbose=0).history


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_weight_zero_is_plain_training_bit_for_bit(kind: ModelKind) -> None:
    (plain, plain_logs), (base, logs) = _trained(kind, heads=False), _trained(kind, heads=True)
    assert_same(plain, base)
    assert {name: logs[name] for name in plain_logs} == plain_logs
    assert logs["main_loss"] == pytest.approx(plain_logs["loss"], rel=1e-6)
    assert all(np.isfinite(logs[f"{task}_loss"]).all() and min(logs[f"{task}_loss"]) > 0 for task in SPECS)


def _fit_dense(form: str, *, heads: bool, dropout: float = 0.25, **compile_args: Any) -> tuple[keras.Model, Any]:
    base = dense_base(dropout=dropout)
    model = attach_heads(base, SPECS, weights=0.0, samples=X) if heads else base
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS, **compile_args)
    y = {"main": labels(), **aux_targets()} if heads else labels()
    data = {"dataset": lambda: (dataset(X, y),), "pydataset": lambda: (Batches(X, y),), "arrays": lambda: (X, y)}[form]
    class_weight = {0: 1.0, 1: 0.3, 2: 2.7} if form != "pydataset" else None
    validation = (X, labels()) if form == "arrays" else None
    history = model.fit(*data(), validation_data=validation, verbose=0, class_weight=class_weight)
    return base, history.history


@pytest.mark.parametrize("form", ["arrays", "dataset", "pydataset"])
def test_weight_zero_is_plain_training_in_every_form_of_data(form: str) -> None:
    (plain, plain_logs), (base, logs) = (_fit_dense(form, heads=heads) for heads in (False, True))
    assert_same(plain, base)
    validated = {name: values for name, values in logs.items() if name.startswith("val_")}
    assert validated.pop("val_main_loss", None) == plain_logs.get("val_loss")
    assert validated == {name: values for name, values in plain_logs.items() if name.startswith("val_")}


def test_xla_trains_the_same_to_rounding() -> None:
    # Without dropout, which draws other numbers under XLA.
    plain, base = (
        _fit_dense("pydataset", heads=heads, dropout=0.0, **how)[0]
        for heads, how in ((False, {"run_eagerly": True}), (True, {"jit_compile": True}))
    )
    for one, other in zip(values(plain), values(base), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.needs_backend("tensorflow", reason="its global random numbers are drawn")
def test_attaching_leaves_random_numbers_and_weights_alone() -> None:
    import tensorflow as tf

    base = dense_base()
    before = values(base)
    keras.utils.set_random_seed(5)
    expected = tf.random.normal((3,)), np.random.normal(size=3)  # noqa: NPY002 - the global state is meant
    keras.utils.set_random_seed(5)
    attach_heads(base, SPECS, samples=X, weights=1.0)
    found = tf.random.normal((3,)), np.random.normal(size=3)  # noqa: NPY002
    for one, other in zip((*expected, *before), (*found, *values(base)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.graph  # eagerly, a task without a value is left out of the logs
def test_a_task_without_any_target_changes_nothing_and_logs_nan() -> None:
    targets = {"main": some_missing(labels()), **aux_targets()}
    without = {**targets, "numbers": np.full((48, 4), np.nan)}
    found, expected = (dense_model({"numbers": 0.0}) for _ in range(2))
    expected.fit(X, targets, verbose=0)
    for weight in (0.0, 1.0):
        found.set_loss_weights({"numbers": weight})
        logs = found.fit(X, without, verbose=0).history
        assert np.isnan(logs["numbers_loss"]).all()
        assert np.isfinite(logs["loss"]).all()
        if weight == 0:
            assert_same(found.base, expected.base)
