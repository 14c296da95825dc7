"""Heads attached to a generator: targets computed in the step are those computed beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import LOSS, Batches, dataset
from keras import layers

from auxtasks import AuxTargetGenerator
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.tensors import namespace
from auxtasks.keras import AuxModel, attach_heads
from auxtasks.typing import Array

TASKS = ["std", {"fft": {"n_coefficients": 6}}, {"spread": {"task": "quantiles", "q": (0.1, 0.9)}}]
X = np.random.default_rng(0).normal(size=(40, 24, 2)).cumsum(axis=1).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 40)
GENERATOR = AuxTargetGenerator("signal", TASKS).fit(X)
TARGETS = GENERATOR.transform(X)
IMAGES = np.random.default_rng(2).integers(0, 256, (24, 12, 12, 1)).astype("uint8")


def signal_base() -> keras.Model:
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [layers.Conv1D(6, 3, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax")]
    )


def image_base() -> keras.Model:
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )


def model_on(targets: Any, base: keras.Model | None = None, **how: Any) -> AuxModel:
    """Attach and compile."""
    model = attach_heads(base or signal_base(), targets, seed=0, weights=1.0)
    model.compile(keras.optimizers.SGD(0.02), LOSS, **how)
    return model


def assert_alike(model: AuxModel, other: AuxModel) -> None:
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def assert_logs_alike(logs: Any, expected: Any) -> None:
    assert set(logs) == set(expected)
    for name, values in expected.items():
        assert logs[name] == pytest.approx(values, rel=1e-4), name


def generator_of(x: Array, y: Any) -> Iterator[Any]:
    source = Batches(x, y, 8)
    while True:
        yield from (source[index] for index in range(len(source)))


FORMS: dict[str, Any] = {
    "arrays": lambda m, x, y: m.fit(x, y, 8, 1, 0, shuffle=False),
    "tf.data": lambda m, x, y: m.fit(dataset(x, y, 8), verbose=0),
    "PyDataset": lambda m, x, y: m.fit(Batches(x, y, 8), verbose=0, shuffle=False),
    "generator": lambda m, x, y: m.fit(generator_of(x, y), steps_per_epoch=5, verbose=0),
}


@pytest.fixture(scope="module")
def beforehand() -> tuple[AuxModel, Any]:
    model = model_on(TARGETS, run_eagerly=True)
    return model, model.fit(X, TARGETS.with_main(Y), 8, 1, 0, shuffle=False).history


@pytest.mark.parametrize("form", FORMS)
def test_training_is_as_with_targets_computed_beforehand(form: str, beforehand: tuple[AuxModel, Any]) -> None:
    model = model_on(GENERATOR, run_eagerly=form != "arrays", jit_compile=form == "arrays")
    logs = FORMS[form](model, X, {"main": Y} if form == "tf.data" else Y)
    other, expected = beforehand
    assert_logs_alike(logs.history, expected)
    assert_alike(model, other)


def test_single_batches_are_trained_alike() -> None:
    model, other = model_on(GENERATOR), model_on(TARGETS)
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert_logs_alike(logs, other.train_on_batch(X, TARGETS.with_main(Y), return_dict=True))
    assert_alike(model, other)


@pytest.fixture(scope="module")
def partly_labelled() -> tuple[AuxModel, Any]:
    model = model_on(TARGETS, run_eagerly=True)
    return model, model.fit(X, TARGETS.with_main(Y[:9]), 20, 1, 0).history


@pytest.mark.parametrize("labels", [np.where(np.arange(40) < 9, Y, -1), {"main": Y[:9].astype("uint8")}])
def test_unlabelled_samples_train_the_tasks(labels: Any, partly_labelled: tuple[AuxModel, Any]) -> None:
    model, (other, expected) = model_on(GENERATOR), partly_labelled
    assert_logs_alike(model.fit(X, labels, 20, 1, 0).history, expected)
    assert_alike(model, other)


def flipped(image: Any, label: Any) -> Any:
    return tf.image.flip_left_right(image), label


def test_augmented_inputs_have_the_targets_of_what_they_became() -> None:
    generator = AuxTargetGenerator("image", ["hog", {"thumbnail": {"size": 4}}]).fit(IMAGES)
    model, other = model_on(generator, image_base()), model_on(generator.transform(IMAGES), image_base())
    logs = model.fit(dataset(IMAGES, Y[:24], 8).map(flipped), verbose=0)
    mirrored = generator.transform(IMAGES[:, :, ::-1])
    expected = other.fit(mirrored.inputs, mirrored.with_main(Y[:24]), 8, shuffle=False, verbose=0)
    assert_logs_alike(logs.history, expected.history)
    assert_alike(model, other)


def test_targets_in_a_pipeline_are_those_of_what_it_yields() -> None:
    generator = AuxTargetGenerator("image", ["hog", "edges"]).fit(IMAGES)
    batches = dataset(IMAGES, Y[:24], 24).map(flipped).map(generator.as_map())
    ((x, y),) = batches.as_numpy_iterator()
    expected = generator.transform(IMAGES[:, :, ::-1]).with_main(Y[:24])
    np.testing.assert_array_equal(x, IMAGES[:, :, ::-1])
    assert set(y) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(y[name], array, rtol=1e-4, atol=1e-4)


def test_a_pipeline_keeps_weights_and_the_targets_that_labels_hold() -> None:
    given = {"main": Y, "std": np.zeros((40, 2), "float32")}
    batches = tf.data.Dataset.from_tensor_slices((X, given, np.ones(40))).batch(40).map(GENERATOR.as_map())
    ((_, y, weights),) = batches.as_numpy_iterator()
    assert list(y) == ["main", "std", "fft", "spread"]
    np.testing.assert_array_equal(y["std"], 0)
    np.testing.assert_array_equal(weights, 1)


def test_a_target_that_labels_hold_is_used() -> None:
    model, other = model_on(GENERATOR), model_on(TARGETS)
    zeros = np.zeros_like(TARGETS["std"])
    logs = model.fit(X, {"main": Y, "std": zeros}, 20, shuffle=False, verbose=0)
    expected = other.fit(X, {**TARGETS.with_main(Y), "std": zeros}, 20, shuffle=False, verbose=0)
    assert_logs_alike(logs.history, expected.history)


def test_evaluation_reports_the_targets_it_is_given_alone() -> None:
    model = model_on(GENERATOR)
    history = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert {name for name in history if name.startswith("val_")} == {"val_loss", "val_main_loss"}
    assert {"std_loss", "fft_loss", "spread_loss"} < set(history)
    assert set(model.evaluate(X, Y, return_dict=True, verbose=0)) == {"loss"}
    assert "std_loss" in model.evaluate(X, TARGETS.with_main(Y), return_dict=True, verbose=0)


def test_a_loaded_model_goes_on_computing(tmp_path: Path) -> None:
    model = model_on(GENERATOR)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    logs = [each.fit(X, Y, 20, shuffle=False, verbose=0).history for each in (loaded, model)]
    assert_logs_alike(*logs)
    assert_alike(loaded, model)


def test_refitting_the_generator_does_not_reach_the_model(beforehand: tuple[AuxModel, Any]) -> None:
    generator = AuxTargetGenerator("signal", TASKS).fit(X)
    model, (other, _) = model_on(generator), beforehand
    generator.fit(100 * X)
    model.fit(X, Y, 8, shuffle=False, verbose=0)
    assert_alike(model, other)


@pytest.mark.parametrize("built", [True, False])
def test_inputs_without_a_channel_axis(built: bool) -> None:
    flat = X[:, :, 0]
    generator = AuxTargetGenerator("signal", "std").fit(flat)
    parts = [*([keras.Input((24,))] if built else []), layers.Reshape((24, 1)), *signal_base().layers]
    model = model_on(generator, keras.Sequential(parts))
    assert "std_loss" in model.fit(flat, Y, verbose=0).history
    np.testing.assert_allclose(generator.in_graph(flat)["std"], generator.transform(flat)["std"], atol=1e-4)


def peak(X: Any, *, power: int = 1) -> Any:
    """Largest absolute value of each channel, raised to a power."""
    xp = namespace(X)
    return xp.max(xp.abs(X), axis=1) ** power


@pytest.mark.parametrize("tensor_function", [True, lambda X, *, power: tf.reduce_max(tf.abs(X), axis=1) ** power])
def test_a_task_of_ones_own_with_a_form_for_tensors(tensor_function: Any, temporary_task: Any) -> None:
    temporary_task("test_peak", peak, tensor_function=tensor_function)
    generator = AuxTargetGenerator("signal", {"test_peak": {"power": 2}}).fit(X)
    found = generator.in_graph(X)["test_peak"]
    np.testing.assert_allclose(found, generator.transform(X)["test_peak"], atol=1e-4)


def test_a_missing_main_label_is_said() -> None:
    with pytest.raises(InvalidInputError, match=r"`y`: the main label 'main' is missing.*Pass the plain labels as y"):
        model_on(GENERATOR).fit(X, verbose=0)


def hinge_model(targets: Any) -> AuxModel:
    keras.utils.set_random_seed(5)
    model = attach_heads(keras.Sequential([*signal_base().layers[:-1], layers.Dense(1)]), targets, seed=0, weights=1.0)
    model.compile(keras.optimizers.SGD(0.02), "hinge")
    return model


@pytest.mark.parametrize("targets", [GENERATOR, TARGETS], ids=["on the fly", "beforehand"])
def test_a_hinge_loss_counts_the_labels_that_are_not_nan(targets: Any) -> None:
    signs = np.where(Y[:9] > 0, 1.0, -1.0).astype("float32")
    model = hinge_model(targets)
    labels = signs if targets is GENERATOR else TARGETS.with_main(signs)
    expected = keras.losses.Hinge()(signs[:, None], model.predict(X[:9], verbose=0))
    logs = model.fit(X, labels, 40, labelled_share=None, shuffle=False, verbose=0).history
    assert logs["main_loss"] == pytest.approx([float(expected)], rel=1e-5)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_beside_floats_of_a_hinge_loss_integers_keep_their_minus_one() -> None:
    inputs = keras.Input((24, 2))
    pooled = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3)(inputs))
    base = keras.Model(inputs, {name: layers.Dense(1, name=name)(pooled) for name in ("floats", "integers")})
    model = attach_heads(base, TARGETS, seed=0, weights=1.0)
    model.compile(keras.optimizers.SGD(0.02), "hinge")
    signs = np.where(Y > 0, 1, -1)[:, None]
    floats = np.where(np.arange(40)[:, None] < 9, signs, np.nan).astype("float32")
    outputs = base.predict(X, verbose=0)
    expected = keras.losses.Hinge()(signs[:9], outputs["floats"][:9]) + keras.losses.Hinge()(signs, outputs["integers"])
    logs = model.fit(X, {"floats": floats, "integers": signs, **TARGETS}, 40, shuffle=False, verbose=0).history
    assert logs["main_loss"] == pytest.approx([float(expected)], rel=1e-5)


def test_integers_of_a_hinge_loss_cannot_be_missing() -> None:
    signs = np.where(Y > 0, 1, -1)
    with pytest.raises(InvalidInputError, match=r"`y`: 'main' has fewer labels.*found int64. Pass floats"):
        hinge_model(GENERATOR).fit(X, signs[:9], verbose=0)
    model = hinge_model(GENERATOR)
    expected = keras.losses.Hinge()(signs[:, None], model.predict(X, verbose=0))
    logs = model.fit(X, signs, 40, verbose=0).history
    assert logs["main_loss"] == pytest.approx([float(expected)], rel=1e-5)


def test_a_sample_instead_of_a_batch_is_told_so() -> None:
    with pytest.raises(InvalidInputError, match=r"`x` has shape \(24, 2\), the shape of one sample.*call .batch\(n\)"):
        GENERATOR.in_graph(X[0])
    with pytest.raises(InvalidInputError, match=r"call .batch\(n\)"):
        tf.data.Dataset.from_tensor_slices((X, Y)).map(GENERATOR.as_map())


REFUSED = {
    "label columns cannot be computed.*'who'": lambda: AuxTargetGenerator("signal", "std").fit(
        X, label_columns={"who": Y}
    ),
    "series of different lengths": lambda: AuxTargetGenerator("signal", "std").fit([X[0], X[1, :20]]),
    "change the inputs.*'next_steps'": lambda: AuxTargetGenerator("signal", ["std", "next_steps"]).fit(X),
    "without a form for tensors: 'p'": lambda: AuxTargetGenerator("signal", {"p": {"task": "permutation_entropy"}}).fit(
        X
    ),
    "targets of texts": lambda: AuxTargetGenerator("text", "next_word").fit(["a dog saw", "the dog ran off"]),
    "not fitted": lambda: AuxTargetGenerator("signal"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_computed_is_refused_when_heads_are_attached(message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        attach_heads(signal_base(), REFUSED[message](), weights=1.0)


def test_a_model_with_several_inputs_is_refused() -> None:
    inputs = [keras.Input((24, 2)), keras.Input((24, 2))]
    outputs = layers.Dense(3)(layers.Flatten()(layers.Add()(inputs)))
    with pytest.raises(InvalidInputError, match="computes targets from one input, but the model reads 2"):
        attach_heads(keras.Model(inputs, outputs), GENERATOR, weights=1.0)


def test_batches_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"samples of shape \(24, 5\).*had \(24, 2\)"):
        GENERATOR.in_graph(np.zeros((3, 24, 5)))
    with pytest.raises(InvalidInputError, match=r"'reconstruction' has shape \(20, 2\) .* had \(24, 2\)"):
        AuxTargetGenerator("signal", "reconstruction").fit(X).in_graph(X[:, :20])
    with pytest.raises(InvalidTypeError, match=r"`x` must be one tensor.*a list of 2"):
        GENERATOR.in_graph([X, X])


def test_errors_keep_their_type_in_a_pipeline() -> None:
    unknown = tf.data.Dataset.from_generator(
        lambda: iter([(X[:4], Y[:4])]), output_signature=(tf.TensorSpec(None), tf.TensorSpec((None,)))
    )
    with pytest.raises(InvalidInputError, match=r"the shape of a sample must be known.*set_shape\(\(None, 24, 2\)\)"):
        unknown.map(GENERATOR.as_map())
