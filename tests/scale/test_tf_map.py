"""Targets computed in a `tf.data` pipeline are those of `transform`, whatever the elements look like."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from auxtasks import AuxTargetGenerator
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import attach_heads
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(11, 24, 2)).cumsum(axis=1).astype("float32")
IMAGES = RNG.integers(0, 256, (11, 12, 12, 3)).astype("uint8")
VIDEOS = RNG.integers(0, 256, (7, 5, 8, 8, 1)).astype("uint8")
Y = np.arange(11) % 3
SERIES = [RNG.normal(size=(length, 2)).astype("float32") for length in (5, 9, 9, 6, 7)]
TEXTS = ["The old dog.", "Who saw it, then?", "a dog", "größer als it"]
# Some with a form for tensors and some without; std is of neither the first nor the last sort.
DOMAINS: dict[str, tuple[str, list[Any], Array]] = {
    "signal": ("signal", ["permutation_entropy", "std", {"fft": {"n_coefficients": 6}}, "spectrum"], SIGNALS),
    "flat": ("signal", ["std", "permutation_entropy"], SIGNALS[..., 0]),
    "image": ("image", ["hog", "local_binary_patterns", "edges", "colour_histogram"], IMAGES),
    "shortened": ("signal", ["std", {"next_steps": {"horizon": 4}}, "permutation_entropy"], SIGNALS),
    "shortened flat": ("signal", ["fft", "next_steps"], SIGNALS[..., 0]),
    "frames": ("video", ["next_frame", "motion_energy"], VIDEOS),
    "any": ("any", ["reconstruction"], SIGNALS),
}
EVERY = pytest.mark.parametrize("name", DOMAINS)
STD = AuxTargetGenerator("signal", "std").fit(SIGNALS)


def mapped(x: Any, generator: AuxTargetGenerator, size: int = 4, **how: Any) -> tf.data.Dataset:
    elements = tf.data.Dataset.from_tensor_slices(x)
    if how.get("batched", True):
        return elements.batch(size).map(generator.as_map(**how), num_parallel_calls=tf.data.AUTOTUNE)
    return elements.map(generator.as_map(**how), num_parallel_calls=tf.data.AUTOTUNE).batch(size)


def gathered(batches: tf.data.Dataset) -> Any:
    """Join all batches, after a look at what the data set promised of each."""
    found = list(batches)
    specs = tf.nest.map_structure(lambda spec: (spec.dtype, spec.shape[1:]), batches.element_spec)
    for batch in found:
        assert tf.nest.map_structure(lambda part: (part.dtype, part.shape[1:]), batch) == specs
    for spec in tf.nest.flatten(batches.element_spec):
        assert None not in spec.shape[1:], spec
    return tf.nest.map_structure(
        lambda *parts: np.concatenate(parts), *(tf.nest.map_structure(np.asarray, b) for b in found)
    )


def assert_equal(found: Any, targets: Any, atol: float = 0) -> None:
    x, labels = found
    np.testing.assert_array_equal(x, targets.inputs)
    assert x.dtype == targets.inputs.dtype
    assert list(labels) == list(targets)
    for name, array in targets.items():
        assert labels[name].dtype == array.dtype
        np.testing.assert_allclose(labels[name], array, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    ("name", "batched"), [*((name, True) for name in DOMAINS), ("signal", False), ("shortened flat", False)]
)
def test_numbers_are_those_of_transform(name: str, batched: bool) -> None:
    domain, tasks, X = DOMAINS[name]
    X = X.astype("float64")  # else `transform` itself computes in float32
    generator = AuxTargetGenerator(domain, tasks, dtype="float64").fit(X[:6])
    assert_equal(gathered(mapped(X, generator, batched=batched)), generator.transform(X), atol=1e-6)


@EVERY
def test_outside_the_graph_they_are_so_bit_for_bit(name: str) -> None:
    domain, tasks, X = DOMAINS[name]
    generator = AuxTargetGenerator(domain, tasks).fit(X[:6])
    assert_equal(gathered(mapped(X, generator, in_graph=False)), generator.transform(X))


@EVERY
def test_float32_inputs_agree_within_their_rounding(name: str) -> None:
    domain, tasks, X = DOMAINS[name]
    generator = AuxTargetGenerator(domain, tasks).fit(X[:6])
    targets, (_, labels) = generator.transform(X), gathered(mapped(X, generator))
    for task, expected in targets.items():
        raw = targets.unscale(task, expected)
        np.testing.assert_allclose(
            targets.unscale(task, labels[task]), raw, rtol=1e-6, atol=1e-6 * np.nanmax(np.abs(raw))
        )


@pytest.mark.parametrize(("dtype", "offset", "atol"), [("float16", 0, 1e-5), ("int64", 10**9, 1e-6)])
def test_they_are_computed_in_the_dtype_in_which_transform_does(dtype: str, offset: int, atol: float) -> None:
    X = (50 * SIGNALS).astype(dtype) + np.asarray(offset, dtype)
    generator = AuxTargetGenerator("signal", "std").fit(X)
    assert_equal(gathered(mapped(X, generator)), generator.transform(X), atol=atol)


def test_targets_are_those_of_the_augmented_inputs_also_when_interleaved() -> None:
    generator = AuxTargetGenerator("image", ["hog", "local_binary_patterns"]).fit(IMAGES)

    def part(number: Any) -> tf.data.Dataset:
        images = tf.data.Dataset.from_tensor_slices((IMAGES, Y)).skip(5 * number).take(5).batch(2)
        flipped = images.map(lambda x, y: (tf.image.random_flip_left_right(x, seed=3), y))
        return flipped.map(generator.as_map(), num_parallel_calls=tf.data.AUTOTUNE)

    batches = tf.data.Dataset.range(2).interleave(part, num_parallel_calls=tf.data.AUTOTUNE)
    x, labels = gathered(batches.prefetch(2))
    assert 0 < (x == IMAGES[:10]).all(axis=(1, 2, 3)).sum() < 10
    for name, expected in generator.transform(x).items():
        np.testing.assert_allclose(labels[name], expected, atol=1e-5, err_msg=name)


def test_other_backends_of_keras_have_no_part_in_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    generator = AuxTargetGenerator("signal", ["permutation_entropy", "std"]).fit(SIGNALS)
    with pytest.raises(InvalidInputError, match=r"`in_graph`: Keras runs on 'jax'.*: 'std'\. Pass in_graph=False"):
        generator.as_map()
    assert_equal(gathered(mapped(SIGNALS, generator, in_graph=False)), generator.transform(SIGNALS))


def test_weights_and_labels_go_through() -> None:
    both = {"a": Y, "b": -Y}
    x, labels, weights = gathered(mapped((SIGNALS, both, np.ones(11)), STD))
    assert list(labels) == ["a", "b", "std"]
    np.testing.assert_array_equal(labels["b"], -Y)
    np.testing.assert_array_equal(weights, 1)
    x, labels = gathered(mapped((SIGNALS, Y), STD, batched=False))
    np.testing.assert_array_equal(x, SIGNALS)
    np.testing.assert_array_equal(labels["main"], Y)


@pytest.mark.parametrize("label", ["kind", None])
def test_columns_are_told_by_name(label: str | None) -> None:
    columns = {"signal": SIGNALS, "kind": Y, "id": Y.astype(str)}
    x, labels = gathered(mapped(columns, STD, column="signal", label=label))
    np.testing.assert_array_equal(x, SIGNALS)
    assert list(labels) == (["main", "std"] if label else ["std"])


def test_of_several_inputs_one_is_used_and_all_go_on() -> None:
    generator = AuxTargetGenerator("signal", {"next_steps": {"horizon": 4}}).fit(SIGNALS)
    x, labels = gathered(mapped(({"a": SIGNALS, "b": Y}, Y), generator, column="a"))
    np.testing.assert_array_equal(x["a"], SIGNALS[:, :-4])
    np.testing.assert_array_equal(x["b"], Y)
    assert list(labels) == ["main", "next_steps"]


def test_targets_that_labels_hold_are_kept_and_given_ones_missing_otherwise() -> None:
    generator = AuxTargetGenerator("signal", ["std", "permutation_entropy"]).fit(
        SIGNALS, label_columns={"who": Y, "age": Y / 2}
    )
    held = {"main": Y, "who": Y + 5, "std": np.zeros((11, 2), "float32"), "permutation_entropy": np.ones((11, 2))}
    _, labels = gathered(mapped((SIGNALS, held), generator))
    np.testing.assert_array_equal(labels["who"], Y + 5)
    np.testing.assert_array_equal(labels["std"], 0)
    np.testing.assert_array_equal(labels["permutation_entropy"], 1)
    assert np.isnan(labels["age"]).all()
    _, labels = gathered(mapped((SIGNALS, Y), generator))
    assert_equal((SIGNALS, {name: labels[name] for name in generator.specs_}), generator.transform(SIGNALS), atol=1e-5)


@pytest.mark.parametrize("how", ["one by one", "ragged batches"])
def test_series_of_different_lengths_are_padded(how: str) -> None:
    generator = AuxTargetGenerator("signal", ["std", {"next_steps": {"horizon": 2}}], padding="pre").fit(SERIES)
    one_by_one = tf.data.Dataset.from_generator(lambda: iter(SERIES), output_signature=tf.TensorSpec((None, 2)))
    if how == "one by one":
        batches = one_by_one.map(generator.as_map(batched=False)).batch(2)
    else:
        batches = one_by_one.ragged_batch(2).map(generator.as_map())
    assert_equal(gathered(batches), generator.transform(SERIES))


@pytest.mark.parametrize("batched", [True, False], ids=["batches", "samples"])
@pytest.mark.parametrize("inputs", ["ids", "texts"])
def test_texts_are_numbered_unless_the_model_reads_them(batched: bool, inputs: str) -> None:
    generator = AuxTargetGenerator("text", ["next_word", "text_statistics"], model_inputs=inputs).fit(TEXTS)
    x, labels = gathered(mapped(TEXTS, generator, 2, batched=batched))
    x = np.array([text.decode() for text in x], object) if inputs == "texts" else x
    assert_equal((x, labels), generator.transform(TEXTS))


@pytest.mark.parametrize("batched", [True, False], ids=["batches", "samples"])
def test_texts_are_numbered_by_a_layer(batched: bool) -> None:
    tokenizer = layers.TextVectorization(output_sequence_length=5)
    tokenizer.adapt(TEXTS)
    generator = AuxTargetGenerator("text", "next_word", tokenizer=tokenizer).fit(TEXTS)
    assert_equal(gathered(mapped(TEXTS, generator, 2, batched=batched)), generator.transform(TEXTS))


@pytest.mark.parametrize("name", ["signal", "flat", "image"])
@pytest.mark.parametrize("batched", [True, False], ids=["batches", "samples"])
def test_lengths_that_the_data_set_does_not_know_are_those_of_training(name: str, batched: bool) -> None:
    domain, tasks, x = DOMAINS[name]
    generator = AuxTargetGenerator(domain, tasks).fit(x)
    unknown = tf.TensorSpec([None] * (x.ndim - 1), x.dtype)
    elements = tf.data.Dataset.from_generator(lambda: iter(x), output_signature=unknown)
    function = generator.as_map(batched=batched)
    batches = elements.padded_batch(4).map(function) if batched else elements.map(function).batch(4)
    assert_equal(gathered(batches), generator.transform(x), atol=1e-4)


def test_windows_of_another_length_than_in_training_are_refused_when_they_come() -> None:
    windows = keras.utils.timeseries_dataset_from_array(SIGNALS[0], None, 20, batch_size=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[2,20,2\] is not compatible with .*\[\?,24,2\]"):
        list(windows.map(STD.as_map()))


@pytest.mark.parametrize("batched", [True, False], ids=["batches", "samples"])
def test_tokens_are_numbered(batched: bool) -> None:
    tokens = [text.split() for text in TEXTS]
    generator = AuxTargetGenerator("text", "next_word").fit(tokens)
    assert_equal(
        gathered(mapped(tf.ragged.constant(tokens), generator, 3, batched=batched)), generator.transform(tokens)
    )


def test_an_empty_batch_has_empty_targets() -> None:
    x, labels = AuxTargetGenerator(*DOMAINS["shortened"][:2]).fit(SIGNALS).as_map(in_graph=False)(SIGNALS[:0])
    assert (x.shape, labels["std"].shape, labels["next_steps"].shape[0]) == ((0, 20, 2), (0, 2), 0)
    assert AuxTargetGenerator("signal", "std").fit(SIGNALS).in_graph(SIGNALS[:0])["std"].shape == (0, 2)
    x, labels = AuxTargetGenerator("text", "next_word").fit(TEXTS).as_map()(np.array([], object))
    assert x.shape == labels["next_word"].shape == (0, 4)


def test_a_refit_does_not_reach_the_map() -> None:
    generator = AuxTargetGenerator("signal", ["std", "permutation_entropy"]).fit(SIGNALS)
    expected, function = generator.transform(SIGNALS), generator.as_map()
    generator.fit(100 * SIGNALS[:5])
    assert_equal(function(SIGNALS), expected, atol=1e-5)


NAMED_MAIN = AuxTargetGenerator("signal", {"main": {"task": "std"}}).fit(SIGNALS)
REFUSED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "of the shape of one sample.*call .batch": (SIGNALS[0], STD, {}),
    r"samples of shape \(24, 5\).*had \(24, 2\)": (np.zeros((3, 24, 5)), STD, {}),
    "`column` must name what the targets.*'signal', 'kind'": ({"signal": SIGNALS, "kind": Y}, STD, {}),
    "`column`: there is no column named 'signals'. Did you mean 'signal'": (
        {"signal": SIGNALS},
        STD,
        {"column": "signals"},
    ),
    "`label`: there is no column": ({"signal": SIGNALS}, STD, {"column": "signal", "label": "y"}),
    "`column` is 'signal', and the inputs are one tensor": (SIGNALS, STD, {"column": "signal"}),
    "Omit `label`": ((SIGNALS, Y), STD, {"label": "y"}),
    "got 4 entries": ((SIGNALS, Y, Y, Y), STD, {}),
    "got a tuple of 2": (((SIGNALS, SIGNALS), Y), STD, {}),
    r"`x` must hold numbers.*found a tensor of string": (np.array(["a"] * 3), STD, {}),
    r"`x` must hold strings.*found a tensor of float32": (
        SIGNALS,
        AuxTargetGenerator("text", "next_word").fit(TEXTS),
        {},
    ),
    r"shape \(None, 9, 2\) is padded.*as_map\(batched=False\)": (
        np.zeros((3, 9, 2)),
        AuxTargetGenerator("signal", "std").fit(SERIES),
        {},
    ),
    r"shape \(None, 2\) is padded.*tokens.*ragged_batch": (
        np.array([["a", ""]]),
        AuxTargetGenerator("text", "next_word").fit(TEXTS),
        {},
    ),
    "RaggedTensor.*of one shape": (tf.ragged.constant([[[1.0, 2.0]]], ragged_rank=1, inner_shape=(2,)), STD, {}),
    "of `x` is one sample, but must be a batch": (
        np.array("a dog"),
        AuxTargetGenerator("text", "next_word").fit(TEXTS),
        {},
    ),
    "a target is named 'main'": ((SIGNALS, Y), NAMED_MAIN, {}),
    "a target is named 'main', as": ({"x": SIGNALS, "y": Y}, NAMED_MAIN, {"column": "x", "label": "y"}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_elements_that_cannot_be_used_are_refused_when_mapped(message: str) -> None:
    x, generator, how = REFUSED[message]
    elements = (
        tf.data.Dataset.from_tensors(x) if message.startswith("of ") else tf.data.Dataset.from_tensor_slices(x).batch(2)
    )
    with pytest.raises((InvalidInputError, InvalidTypeError, UnknownNameError), match=message.removeprefix("of ")):
        elements.map(generator.as_map(**how))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AuxTargetGenerator("signal").as_map(), "not fitted yet"),
        (lambda: AuxTargetGenerator("image", "rotation").fit(IMAGES).as_map(), r"'rotation' adds.*to_tf_dataset\(y\)"),
        (lambda: STD.as_map(batched=1), "`batched` must be True or False"),
        (lambda: STD.as_map(in_graph="no"), "`in_graph` must be True or False"),
        (lambda: STD.as_map(column=3), "`column` must be the name of a column; got 3"),
    ],
)  # fmt: skip
def test_a_generator_or_parameter_that_cannot_be_used_is_refused(make: Any, message: str) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError), match=message):
        make()


def test_a_value_that_transform_refuses_is_told_by_the_pipeline() -> None:
    bad = SIGNALS.copy()
    bad[5, 3, 1] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`X` holds NaN, first at `X\[1\]\[3, 1\]`"):
        list(mapped(bad, STD, in_graph=False))


def base() -> keras.Model:
    keras.utils.set_random_seed(5)
    return keras.Sequential([layers.Conv1D(6, 3), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")])


def test_training_is_as_with_targets_computed_beforehand() -> None:
    generator = AuxTargetGenerator("signal", ["std", "permutation_entropy"]).fit(SIGNALS)
    targets = generator.transform(SIGNALS)
    logs = []
    for in_pipeline in (True, False):
        model = attach_heads(base(), targets, seed=0, weights=1.0)
        model.compile(keras.optimizers.SGD(0.02), "sparse_categorical_crossentropy")
        if in_pipeline:
            batches = mapped((SIGNALS, Y), generator, 6, in_graph=False)
            logs.append((model.fit(batches, validation_data=batches, verbose=0).history, model.get_weights()))
        else:
            y = targets.with_main(Y)
            how = {"validation_data": (SIGNALS, y), "validation_batch_size": 6, "shuffle": False}
            logs.append((model.fit(SIGNALS, y, 6, 1, 0, **how).history, model.get_weights()))
    (history, weights), (expected, others) = logs
    assert history == expected
    assert {"std_loss", "val_permutation_entropy_loss"} < set(history)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)
