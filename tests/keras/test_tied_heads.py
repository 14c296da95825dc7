"""Heads whose output matrix is the model's own embedding."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import assert_same
from keras import layers
from text_models import (
    LABELS,
    LENGTHS,
    LOSS,
    NEXT,
    POS,
    TEXTS,
    VOCABULARY,
    WORDS,
    id_model,
    next_words,
    targets_of,
    text_model,
    word_ids,
)

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads, strip_heads
from auxtasks.specs import TargetSpec

IDS = word_ids()
Y = {"main": LABELS, "next_word": next_words(IDS)}
TIE = {"next_word": "embedding"}
FIRST = TargetSpec("first", "test", "class", (), n_classes=3, classes=("dog", "cat", "mat"))


def _steps(width: int = 6) -> layers.Layer:
    return layers.Dense(width, name="steps")


def _tied(base: keras.Model | None = None, *specs: TargetSpec, tie: Any = TIE, **how: Any) -> AuxModel:
    targets = targets_of(*(specs or [NEXT]), vocabulary=VOCABULARY, inputs=IDS)
    return attach_heads(base or id_model(), targets, tie=tie, seed=0, **how)


def _fit(model: keras.Model, y: Any, optimizer: Any = "adam", **how: Any) -> dict[str, list[float]]:
    model.compile(optimizer, LOSS)
    logs: dict[str, list[float]] = model.fit(IDS, y, batch_size=8, shuffle=False, verbose=0, **how).history
    return logs


@pytest.mark.parametrize(("width", "kernels"), [(6, 1), (8, 0)])
def test_the_logits_are_products_with_the_rows_of_the_words(width: int, kernels: int) -> None:
    model = _tied(id_model(_steps(width)))
    (head,) = model.heads
    assert [tuple(weight.shape) for weight in head.weights] == [(6, 8)] * kernels + [(10,)]
    head.bias.assign(np.linspace(-1, 1, 10))
    features = keras.Model(model.base.inputs[0], model.base.get_layer("steps").output).predict(IDS, verbose=0)
    hidden = features @ head.kernel.numpy() if kernels else features
    rows = model.base.get_layer("embedding").embeddings.numpy()[[VOCABULARY.index(word) for word in WORDS]]
    expected = keras.ops.softmax(hidden @ rows.T + np.linspace(-1, 1, 10))
    np.testing.assert_allclose(model.predict_auxiliary(IDS, verbose=0)["next_word"], expected, atol=1e-5)


def test_a_class_per_sample_reads_the_average_of_the_steps() -> None:
    model = _tied(None, FIRST, tie={"first": "embedding"}, at="embedding")
    vectors = model.base.get_layer("embedding").embeddings.numpy()
    means = np.stack([vectors[row[row > 0]].mean(axis=0) for row in IDS])
    expected = keras.ops.softmax(means @ vectors[[VOCABULARY.index(word) for word in FIRST.classes]].T)
    np.testing.assert_allclose(model.predict_auxiliary(IDS, verbose=0)["first"], expected, atol=1e-5)


def test_weight_zero_is_plain_training_bit_for_bit() -> None:
    plain, base = id_model(), id_model()
    _fit(plain, LABELS)
    _fit(_tied(base, weights=0.0), Y)
    assert_same(plain, base)


@pytest.mark.graph
def test_the_embedding_learns_from_the_head_and_is_held_once() -> None:
    model, trained = _tied(), _tied()
    names = [id(variable) for variable in model.variables]
    assert len(names) == len(set(names))
    assert model.count_params() == model.base.count_params() + 6 * 8 + 10 + 1
    logs = _fit(trained, {**Y, "main": np.full(32, -1)}, keras.optimizers.Adam(0.05), epochs=10)
    assert logs["next_word_loss"][-1] < 0.9 * logs["next_word_loss"][0]
    before, after = (each.base.get_layer("embedding").embeddings.numpy() for each in (model, trained))
    # The tree is a class; as an input it is the last word of some text alone, or is not read.
    assert (np.abs(after - before).max(axis=1) > 1e-3)[2:].all()
    assert strip_heads(trained) is trained.base
    assert not [layer for layer in trained.base._flatten_layers() if layer.name.startswith("aux_")]


def test_a_saved_model_keeps_the_tie_and_trains_on(tmp_path: Path) -> None:
    model = attach_heads(text_model(), targets_of(NEXT, POS, vocabulary=VOCABULARY), tie=TIE, seed=0, weights=1.0)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    y = {**Y, "main": LABELS[:, None] * np.ones(2), "pos": np.maximum(next_words(IDS), -1) // 2}
    model.fit(TEXTS, y, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded._plan.ties["next_word"][0] == model._plan.ties["next_word"][0]
    assert loaded._plan.ties["next_word"][1] is loaded.base.get_layer("embedding")
    going_on = [each.fit(TEXTS, y, batch_size=8, shuffle=False, verbose=0).history for each in (model, loaded)]
    assert going_on[1]["next_word_loss"] == pytest.approx(going_on[0]["next_word_loss"], rel=1e-5)
    loaded.base.get_layer("embedding").embeddings.assign(np.zeros((12, 8)))
    (longest,) = loaded.predict_auxiliary(TEXTS[-1:], verbose=0)["next_word"]
    np.testing.assert_allclose(longest, np.tile(longest[:1], (7, 1)), atol=1e-6)  # what is left is the bias


def test_a_model_saved_before_there_were_ties_can_be_loaded() -> None:
    config = attach_heads(id_model(), targets_of(NEXT), samples=IDS, weights=1.0).get_config()
    assert config.pop("ties") == {}
    assert AuxModel.from_config(config).taps == {"next_word": "steps"}


def test_a_copy_is_tied_to_its_own_embedding() -> None:
    model = _tied()
    model.compile("sgd", LOSS)
    twin = copy.deepcopy(model)
    twin.base.get_layer("embedding").embeddings.assign(np.zeros((12, 8)))
    assert np.ptp(twin.predict_auxiliary(IDS, verbose=0)["next_word"]) == pytest.approx(0, abs=1e-6)
    assert np.ptp(model.predict_auxiliary(IDS, verbose=0)["next_word"]) > 1e-4


def test_adapters_of_the_embedding_are_part_of_it() -> None:
    base = id_model(_steps(8))
    model, embedding = _tied(base), base.get_layer("embedding")
    frozen = embedding.embeddings.numpy()
    embedding.enable_lora(2)
    embedding.lora_embeddings_b.assign(np.ones((2, 8)))
    adapted = keras.ops.convert_to_numpy(embedding.embeddings)
    assert np.abs(adapted - frozen).max() > 1e-3
    features = keras.Model(base.inputs[0], base.get_layer("steps").output).predict(IDS, verbose=0)
    found = model.predict_auxiliary(IDS, verbose=0)["next_word"]
    np.testing.assert_allclose(found, keras.ops.softmax(features @ adapted[2:].T), atol=1e-5)


def test_the_head_is_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        base = id_model()
    finally:
        keras.config.set_dtype_policy("float32")
    model = _tied(base)
    logs = _fit(model, Y)
    assert np.isfinite(logs["next_word_loss"]).all()
    assert model.predict_auxiliary(IDS, verbose=0)["next_word"].dtype == np.float32


@pytest.mark.parametrize(
    ("tie", "changed", "error", "message"),
    [
        ({"next_wird": "embedding"}, {}, UnknownNameError, r"`tie`: .*'next_wird'. Did you mean 'next_word'"),
        ({"next_word": "embeding"}, {}, UnknownNameError, r"`tie`: there is no layer .* Did you mean 'embedding'"),
        ({"next_word": "steps"}, {}, InvalidInputError, "layer 'steps' is a Dense and has no matrix of embeddings"),
        ({"next_word": 1}, {}, InvalidTypeError, "`tie` must be a mapping of targets to names"),
        ("embedding", {}, InvalidTypeError, "`tie` must be a mapping of targets to names"),
        ({"numbers": "embedding"}, {}, InvalidInputError, "'numbers' is of kind 'vector'; only classes can be tied"),
        (TIE, {"vocabulary": None}, InvalidInputError, "`targets` have no vocabulary"),
        (TIE, {"vocabulary": ("", "[UNK]", *WORDS[1:])}, InvalidInputError, r"no words of it: \['the'\]"),
        (TIE, {"vocabulary": ("",) * 5 + WORDS}, InvalidInputError, "'tree' has number 14, .* has 12 rows"),
        (TIE, {"quantised": True}, InvalidInputError, "'embedding' is quantised to int8"),
    ],
)  # fmt: skip
def test_a_tie_that_cannot_be_is_refused(tie: Any, changed: Any, error: type[Exception], message: str) -> None:
    base = id_model(_steps(), mask_zero=False)
    if "quantised" in changed:
        base.get_layer("embedding").quantize("int8")
    numbers = TargetSpec("numbers", "test", "vector", (2,))
    words = replace(NEXT, lookahead="")  # a quantised layer is called in a way of its own, which no gradient is seen of
    targets = targets_of(words, numbers, inputs=IDS, vocabulary=changed.get("vocabulary", VOCABULARY))
    with pytest.raises(error, match=message):
        attach_heads(base, targets, tie=tie, weights=1.0)


def test_a_model_that_numbers_words_otherwise_is_refused() -> None:
    turned = (*VOCABULARY[:2], *WORDS[::-1])
    with pytest.raises(InvalidInputError, match=r"layer 'tokens' .*: 2 is 'the' in the layer and 'tree' in `targets`"):
        attach_heads(text_model(), targets_of(NEXT, vocabulary=turned), tie=TIE, weights=1.0)
    # Where the model is given the numbers of the targets themselves, a tokenizer of other texts is none of theirs.
    title, ids = keras.Input((), dtype="string", name="title"), keras.Input((7,), dtype="int32", name="ids")
    tokens = layers.TextVectorization(vocabulary=WORDS[:3], output_sequence_length=7)(title)
    hidden = _steps()(layers.Embedding(12, 8, name="embedding")(ids))
    joined = layers.Concatenate()([hidden, layers.Embedding(5, 4, name="of_title")(tokens)])
    base = keras.Model({"title": title, "ids": ids}, layers.Dense(2)(layers.GlobalAveragePooling1D()(joined)))
    targets, x = targets_of(NEXT, vocabulary=turned, inputs=IDS, lengths=LENGTHS), {"title": TEXTS[::-1], "ids": IDS}
    assert (
        attach_heads(base, targets, at="steps", samples=x, tie=TIE, weights=1.0)._plan.ties["next_word"][0].rows[0]
        == 11
    )
