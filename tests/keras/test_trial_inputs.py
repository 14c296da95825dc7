"""The samples that a model is tried on: which they are, and what is said of those it cannot read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import SPECS, X, aux_targets, labels
from keras import layers
from text_models import LABELS, LOSS, POS, TEXTS, id_model, kinds_of_words, targets_of, text_model, word_ids

from auxtasks.backend import is_dense
from auxtasks.errors import InvalidInputError
from auxtasks.keras import attach_heads
from auxtasks.keras.trial import Samples


def _functional(*shapes: tuple[int, ...], dtype: str = "float32") -> keras.Model:
    inputs = [keras.Input(shape, dtype=dtype, name=f"input_{number}") for number, shape in enumerate(shapes)]
    flat = [layers.Dense(4, activation="relu")(layers.Flatten()(each)) for each in inputs]
    joined = layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], layers.Dense(3, activation="softmax")(joined))


@pytest.mark.parametrize(
    ("shapes", "inputs", "message"),
    [
        ([(10,)], np.ones((8, 9)), r"a sample has shape \(9,\), but the model reads float32 of shape \(10,\)"),
        ([(10,)], np.ones((8, 5, 2)), r"a sample has shape \(5, 2\), but the model reads .* \(10,\)"),
        ([(4, 3)], np.ones((8, 3)), r"a sample has shape \(3,\), but the model reads .* \(4, 3\)"),
        ([(10,), (4,)], [np.ones((8, 4)), np.ones((8, 10))], r"shape \(4,\), \(10,\), .* \(10,\), .* \(4,\)"),
        ([(10,)], ["a text", "another"], "`samples` holds texts, but the model reads float32 .* numbers of the tokens"),
    ],
)
def test_inputs_of_another_shape_are_told_apart_from_errors_of_the_model(
    shapes: Any, inputs: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        attach_heads(_functional(*shapes), SPECS, samples=inputs, weights=1.0)


@pytest.mark.parametrize("built", [True, False])
def test_numbers_for_a_model_that_reads_texts_are_refused(built: bool) -> None:
    base = text_model() if built else keras.Sequential(text_model().layers)
    found = "the model reads texts" if built else "layer 'tokens' of the model makes tokens of texts"
    with pytest.raises(InvalidInputError, match=rf"no texts, but {found}.*aux_targets\(.*model_inputs=\"texts\"\)"):
        attach_heads(base, targets_of(POS, inputs=word_ids()), weights=1.0)


def test_numbers_beyond_the_rows_of_an_embedding_are_refused() -> None:
    for base in (id_model(), keras.Model((ids := keras.Input((7,))), layers.Flatten()(layers.Embedding(12, 8)(ids)))):
        attach_heads(base, targets_of(POS, inputs=np.full((8, 7), 11)), at=base.layers[1].name, weights=1.0)
        with pytest.raises(
            InvalidInputError, match=r"holds the id 12, .* has 12 rows \(0 to 11\).*max_tokens=12\. In your own ids"
        ):
            attach_heads(base, targets_of(POS, inputs=np.full((8, 7), 12)), at=base.layers[1].name, weights=1.0)


def test_an_error_of_the_model_itself_is_passed_on() -> None:
    class Broken(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            if is_dense(inputs):
                raise ValueError("something of its own")
            return inputs

    inputs = keras.Input((10,))
    base = keras.Model(inputs, layers.Dense(3)(layers.Dense(4)(Broken()(inputs))))
    with pytest.raises(ValueError, match="something of its own") as found:
        attach_heads(base, SPECS, samples=X, weights=1.0)
    assert not isinstance(found.value, InvalidInputError)


def test_a_last_axis_of_one_may_be_left_out_as_in_keras() -> None:
    base = _functional((1,))
    model = attach_heads(base, SPECS, samples=X[:, 0], weights=1.0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.fit(X[:, 0], {"main": labels(), **aux_targets()}, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("shape", [(), (1,)])
def test_texts_are_read_beside_numbers(shape: tuple[int, ...]) -> None:
    text, number = keras.Input(shape, dtype="string", name="text"), keras.Input((2,), name="number")
    tokens = layers.TextVectorization(vocabulary=[*"abcdefghij"])(text)
    hidden = layers.Embedding(12, 6, name="embedding")(tokens)
    joined = layers.Concatenate()([layers.GlobalAveragePooling1D()(hidden), number])
    base = keras.Model({"text": text, "number": number}, layers.Dense(2)(layers.Dense(4, name="joint")(joined)))
    x = {"text": TEXTS.tolist(), "number": np.ones((32, 2), "float32")}
    model = attach_heads(base, targets_of(POS), samples=x, weights=1.0)
    if shape:
        assert model.taps == {"pos": "embedding"}
        return
    model.compile("adam", LOSS)
    logs = model.fit(x, {"main": LABELS, "pos": kinds_of_words()}, batch_size=8, verbose=0).history
    assert np.isfinite(logs["pos_loss"]).all()
    assert model.predict(x, verbose=0).shape == (32, 2)


def test_the_longest_samples_are_tried_first() -> None:
    base = id_model()
    lengths = np.array([3, 7, 1, 6, 7])
    arrays = {
        "array": np.arange(10).reshape(5, 2),
        "table": pd.DataFrame(np.arange(10).reshape(5, 2), index=[*"abcde"]),
    }
    for name, array in arrays.items():
        samples = Samples.of(array, base, SimpleNamespace(lengths=lengths))
        np.testing.assert_array_equal(samples.inputs, [[2, 3], [8, 9]], err_msg=name)
        assert samples.lengths.tolist() == [7, 7]
    padded = np.array([[1, 2, 0], [3, 0, 0], [4, 5, 6], [7, 0, 0]])
    others = Samples.of(padded, base, SimpleNamespace(lengths=lengths))  # lengths of other samples are not used
    np.testing.assert_array_equal(others.inputs, padded[[0, 2]])
    assert others.lengths is None
    texts = Samples.of(["a", "b c d", "e f", "g h i j"], base=keras.Model())
    assert texts.inputs.numpy().tolist() == [b"b c d", b"g h i j"]
    assert len(Samples.of(TEXTS, keras.Model()).inputs[-1].numpy().split()) == 7
