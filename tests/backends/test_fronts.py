"""What stands on training: the audit, the search for tasks and scikit-learn's estimators, on every backend."""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np
import pytest
from backend_models import FEW, TARGETS, X, Y, base

import auxtasks
from auxtasks.audit import audit, select_tasks
from auxtasks.backend import ON_TENSORFLOW
from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads
from auxtasks.sklearn import AuxClassifier

ONE = auxtasks.make_aux_targets(X, "signal", "std")


@pytest.mark.feature("Audit and selection of tasks")
def test_an_audit_says_whether_it_helped() -> None:
    report = audit(build_compiled, X, Y, ONE, seeds=2, epochs=1, controls=False, progress=False)
    assert {run.arm.tasks for run in report.runs} == {(), ("std",)}
    assert all(np.isfinite(list(run.scores.values())).all() for run in report.runs)


def build_compiled() -> keras.Model:
    network = build_small((16, 2), 2, "softmax")
    network.compile("sgd", "sparse_categorical_crossentropy")
    return network


@pytest.mark.feature("Audit and selection of tasks")
def test_tasks_are_selected() -> None:
    how: dict[str, Any] = {"seeds": 2, "confirm": 2, "epochs": 1, "weights": [1.0], "depths": ["auto"]}
    found = select_tasks(build_compiled, X, Y, ONE, validation=(X, Y), progress=False, **how)
    assert "std" in str(found)


@pytest.mark.feature("scikit-learn estimators")
def test_an_estimator_learns() -> None:
    estimator = AuxClassifier(build_small, tasks=["std"], domain="signal", epochs=1, random_state=0)
    found = estimator.fit(X, FEW).predict(X)
    assert set(found) <= {0, 1}
    assert np.array_equal(found, AuxClassifier(**estimator.get_params()).fit(X, FEW).predict(X))


def build_small(input_shape: tuple[int, ...], n_outputs: int, output_activation: str) -> keras.Model:
    layers = [keras.layers.Conv1D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling1D()]
    return keras.Sequential([keras.Input(input_shape), *layers, keras.layers.Dense(n_outputs, output_activation)])


@pytest.mark.feature("Texts read by the model itself (`TextVectorization`)")
@pytest.mark.needs_backend("tensorflow", reason="other backends have no tensors of strings")
def test_a_model_reads_texts() -> None:
    texts = ["a cat", "the dog sat", "a dog", "the cat"]
    layer = keras.layers.TextVectorization(output_sequence_length=3)
    layer.adapt(texts)
    spec = auxtasks.TargetSpec("length", "label_column", "vector", (1,))
    stack = [layer, keras.layers.Embedding(9, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    base = keras.Sequential([keras.Input((), dtype="string"), *stack])
    assert list(attach_heads(base, {"length": spec}, samples=texts, weights=1.0).specs) == ["length"]


@pytest.mark.needs_backend("jax", "torch", reason="TensorFlow reads texts")
def test_texts_are_refused_with_the_way_out() -> None:
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    with pytest.raises(InvalidInputError, match="Pass the numbers of the tokens"):
        attach_heads(network, TARGETS, samples=["a text", "another"])


@pytest.mark.feature("`tf.data` pipelines (`to_tf_dataset`, `as_map`)")
@pytest.mark.needs_backend("tensorflow", reason="they are TensorFlow's; use arrays or `to_py_dataset`")
def test_a_pipeline_of_tensorflow_trains() -> None:
    model = attach_heads(base(), TARGETS)
    model.fit(TARGETS.to_tf_dataset(Y), verbose=0)
    assert model._steps_done() == 3


def test_tensorflow_is_loaded_where_it_is_the_backend_alone() -> None:
    assert ("tensorflow" in sys.modules) == ON_TENSORFLOW
