"""Texts as inputs, in every form, and time axes as long as the longest text of a batch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from helpers import Batches, assert_same, some_missing
from keras import layers
from text_models import (
    LABELS,
    LENGTHS,
    LOSS,
    POS,
    TEXTS,
    id_model,
    kinds_of_words,
    make_texts,
    targets_of,
    text_model,
    word_ids,
)

from auxtasks.batches.forms import as_inputs
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.vocabularies import Vocabulary
from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

Y = {"main": LABELS, "pos": kinds_of_words()}
FORMS = {
    "strings": TEXTS.astype(str),
    "bytes": TEXTS.astype("S"),
    "list": TEXTS.tolist(),
    "column": pd.Series(TEXTS, index=np.arange(100, 132)),
}


def _model(base: keras.Model | None = None, **how: Any) -> Any:
    model = attach_heads(base or text_model(), targets_of(POS, lengths=LENGTHS), seed=0, **{"weights": 1.0, **how})
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    return model


def _all_results(x: Any) -> dict[str, Any]:
    """What every entry point makes of the same texts."""
    model = attach_heads(text_model(), targets_of(POS), samples=x, seed=0, weights=1.0)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    return {
        "fit": model.fit(x, Y, verbose=0, shuffle=False).history["loss"],
        "train_on_batch": model.train_on_batch(x, Y),
        "evaluate": model.evaluate(x, Y, verbose=0),
        "test_on_batch": model.test_on_batch(x, Y),
        "predict": model.predict(x, verbose=0),
        "predict_on_batch": model.predict_on_batch(x),
        "predict_auxiliary": model.predict_auxiliary(x, verbose=0)["pos"],
    }


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return _all_results(TEXTS)


@pytest.mark.parametrize("form", FORMS)
def test_texts_in_any_form_are_the_same_texts(form: str, results: dict[str, Any]) -> None:
    for name, found in _all_results(FORMS[form]).items():
        np.testing.assert_array_equal(found, results[name], err_msg=name)


def test_what_holds_no_text_is_left_as_it_is() -> None:
    arrays = [np.ones((3, 2)), [np.ones(3), np.zeros(3)], {"a": np.ones(3)}, TEXTS, tf.constant(["a"])]
    for x in (*arrays, [1, 2], (), None):
        assert as_inputs(x) is x
    mixed = as_inputs({"text": ["a", "b"], "number": [1.0, 2.0]})
    assert mixed["text"].dtype == object
    assert mixed["number"] == [1.0, 2.0]


@pytest.fixture(scope="module")
def eager_logs() -> dict[str, list[float]]:
    model = _model()
    model.run_eagerly = True
    logs: dict[str, list[float]] = model.fit(TEXTS, Y, batch_size=8, shuffle=False, verbose=0).history
    return logs


@pytest.mark.parametrize("form", [pytest.param("dataset", marks=pytest.mark.graph), "pydataset", "generator"])
def test_texts_train_in_every_form_of_data(form: str, eager_logs: dict[str, list[float]]) -> None:
    model = _model()
    data: Any = {
        "dataset": lambda: (tf.data.Dataset.from_tensor_slices((TEXTS.tolist(), Y)).batch(8),),
        "pydataset": lambda: (Batches(TEXTS.astype(str), Y, 8),),
        "generator": lambda: ((([*x], y) for x, y in [Batches(TEXTS, Y, 8)[index] for index in range(4)]),),
    }[form]()
    steps = {"steps_per_epoch": 4} if form == "generator" else {}
    logs = model.fit(*data, shuffle=False, verbose=0, **steps).history
    assert {name: value[0] for name, value in logs.items()} == pytest.approx(
        {name: value[0] for name, value in eager_logs.items()}, rel=1e-5
    )


def test_batches_are_composed_of_texts_where_labels_are_missing() -> None:
    y = {**Y, "main": some_missing(LABELS, 4)}
    model = _model()
    logs = model.fit(TEXTS.tolist(), y, batch_size=8, labelled_share=0.25, epochs=2, verbose=0).history
    assert np.isfinite([logs["main_loss"], logs["pos_loss"]]).all()


def test_weight_zero_on_texts_is_plain_training_bit_for_bit() -> None:
    plain, base = text_model(), text_model()
    plain.compile("adam", LOSS)
    plain.fit(TEXTS, LABELS, batch_size=8, verbose=0)
    model = attach_heads(base, targets_of(POS), weights=0.0)
    model.compile("adam", LOSS)
    model.fit(TEXTS, Y, batch_size=8, verbose=0)
    assert_same(plain, base)


def _loss_by_hand(model: Any, texts: np.ndarray, target: np.ndarray) -> float:
    """Cross-entropy over the steps that a text and its target both have."""
    features = keras.Model(model.base.inputs, model.base.get_layer("steps").output)(tf.constant(texts.tolist()))
    probabilities = keras.ops.softmax(model.heads[0](features)).numpy()
    losses = []
    for row, text in enumerate(texts):
        steps = range(min(len(text.split()), target.shape[1]))
        losses += [-np.log(probabilities[row, step, target[row, step]]) for step in steps]
    return float(np.mean(losses))


@pytest.mark.parametrize("longest", [4, 11])
def test_losses_compare_the_steps_that_a_batch_and_its_targets_both_have(longest: int) -> None:
    model, texts = _model(), make_texts(9, longest, seed=longest)
    y = {"main": np.zeros(9, int), "pos": kinds_of_words(texts)}
    expected = _loss_by_hand(model, texts, y["pos"])
    for size in (2, 9):
        logs = model.evaluate(texts, y, batch_size=size, return_dict=True, verbose=0)
        assert logs["pos_loss"] == pytest.approx(expected, rel=1e-5)


def test_predictions_per_step_have_the_length_of_the_target_in_every_batch() -> None:
    model, texts = _model(), make_texts(4, 11)
    found = model.predict_auxiliary(texts, batch_size=1, verbose=0)["pos"]
    assert found.shape == (4, 7, 5)
    for row, text in zip(found, texts, strict=True):
        known = min(len(text.split()), 7)
        np.testing.assert_allclose(row[:known].sum(axis=-1), 1, atol=1e-5)
        assert np.isnan(row[known:]).all()


def test_a_varying_axis_is_known_as_such_also_to_the_saved_model(tmp_path: Path) -> None:
    vector = TargetSpec("numbers", "test", "step_vector", (7, 2))
    grid = TargetSpec("grid", "test", "vector", (3,), spatial="grid")
    model = attach_heads(text_model(), targets_of(POS, vector, grid), at="steps", weights=1.0)
    assert {point.shape for point in model._plan.taps.values()} == {(None, 6)}
    rng = np.random.default_rng(0)
    y = {**Y, "numbers": rng.normal(size=(32, 7, 2)), "grid": rng.normal(size=(32, 3))}
    model.compile("adam", LOSS)
    model.fit(TEXTS, y, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"LOSS": LOSS})
    assert loaded._plan.taps == model._plan.taps
    found, expected = (each.predict_auxiliary(TEXTS, batch_size=4, verbose=0) for each in (loaded, model))
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, err_msg=name)


def test_padded_batches_of_numbers_may_be_shorter_than_the_targets() -> None:
    model = attach_heads(id_model(), targets_of(POS), samples=word_ids(), weights=1.0)
    model.compile("sgd", LOSS)
    rows = np.argsort(LENGTHS)
    ids, y = word_ids()[rows], {name: values[rows] for name, values in Y.items()}
    ends = [(rows, int(max(LENGTHS[np.argsort(LENGTHS)][rows]))) for rows in np.split(np.arange(32), 4)]
    short = [(ids[rows, :longest], {name: value[rows] for name, value in y.items()}) for rows, longest in ends]
    whole = model.evaluate(ids, y, return_dict=True, verbose=0)
    found = model.evaluate((batch for batch in short), steps=4, return_dict=True, verbose=0)
    assert found["pos_loss"] == pytest.approx(whole["pos_loss"], rel=1e-5)


def test_masked_steps_do_not_count_even_where_a_target_is_present() -> None:
    ids = word_ids()
    filled = np.where(ids > 0, kinds_of_words(), 3)  # a class at padding, which the mask leaves out
    for base, kept in ((id_model(), False), (id_model(mask_zero=False), True)):
        model = attach_heads(base, targets_of(POS), samples=ids, seed=0, weights=1.0)
        model.compile("sgd", LOSS)
        same, other = (
            model.evaluate(ids, {"main": LABELS, "pos": values}, return_dict=True, verbose=0)["pos_loss"]
            for values in (kinds_of_words(), filled)
        )
        assert (same != pytest.approx(other, rel=1e-5)) == kept


def test_a_mask_is_cut_with_its_steps() -> None:
    model = _model()
    texts = np.array(["cat ran", "the dog"], dtype=object)  # two steps, and a mask of two
    assert model.predict_auxiliary(texts, verbose=0)["pos"].shape == (2, 7, 5)
    y = {"main": np.zeros(2, int), "pos": kinds_of_words(texts)}
    logs = model.evaluate(texts, y, return_dict=True, verbose=0)
    assert logs["pos_loss"] == pytest.approx(_loss_by_hand(model, texts, y["pos"]), rel=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_the_trial_run_sees_the_longest_texts(known: bool) -> None:
    texts = TEXTS[::-1][np.argsort(LENGTHS[::-1], kind="stable")]
    lengths = {"lengths": np.sort(LENGTHS)} if known else {}
    model = attach_heads(text_model(), targets_of(POS, inputs=texts, **lengths), weights=1.0)
    assert model.taps == {"pos": "steps"}


def test_targets_longer_than_every_text_are_padding_at_the_end() -> None:
    spec = TargetSpec("pos", "test", "step_class", (12,), n_classes=5)
    model = attach_heads(text_model(), targets_of(spec, lengths=LENGTHS), seed=0, weights=1.0)
    model.compile("sgd", LOSS)
    assert model.taps == {"pos": "steps"}
    logs = model.evaluate(TEXTS, {"main": LABELS, "pos": kinds_of_words(length=12)}, return_dict=True, verbose=0)
    expected = _model().evaluate(TEXTS, Y, return_dict=True, verbose=0)
    assert logs["pos_loss"] == pytest.approx(expected["pos_loss"], rel=1e-5)


@pytest.mark.parametrize("at", ["auto", "short"])
def test_a_varying_axis_that_lost_steps_is_refused(at: str) -> None:
    base = text_model(layers.Conv1D(6, 3, name="short"), mask_zero=False)
    if at == "auto":
        assert attach_heads(base, targets_of(POS), weights=1.0).taps == {"pos": "embedding"}
        return
    with pytest.raises(InvalidInputError, match=r"each of 7 steps.*'short' has 5 steps.*Use 'pos_histogram' instead"):
        attach_heads(base, targets_of(POS), at=at, weights=1.0)


@pytest.mark.parametrize("length", [None, 7])
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (LENGTHS - 2, "counts 4 tokens in a text of the trial run, but the model makes 6 tokens"),
        (LENGTHS + (LENGTHS == 6), "counts 7 tokens in a text .* makes 6 tokens"),  # right for the longest
    ],
)
def test_targets_of_another_tokenizer_are_refused(lengths: np.ndarray, message: str, length: int | None) -> None:
    with pytest.raises(InvalidInputError, match=rf"'pos' {message}\. .*make_aux_targets\(\.\.\., tokenizer=layer\)"):
        attach_heads(text_model(length=length), targets_of(POS, lengths=lengths), weights=1.0)


def test_tokens_are_compared_as_far_as_target_and_model_reach() -> None:
    short = TargetSpec("pos", "test", "step_class", (3,), n_classes=5)
    for length in (None, 3):
        targets = targets_of(short, lengths=np.minimum(LENGTHS, 3))
        assert attach_heads(text_model(length=length), targets, weights=1.0).taps == {"pos": "steps"}
    vector = TargetSpec("numbers", "test", "step_vector", (7, 2))
    assert attach_heads(text_model(length=5), targets_of(vector, lengths=LENGTHS), weights=1.0).taps == {
        "numbers": "steps"
    }
    with pytest.raises(InvalidInputError, match=r"'numbers' counts 3 tokens .* model makes 6 tokens|makes 5 tokens"):
        attach_heads(text_model(length=5), targets_of(vector, lengths=LENGTHS - 3), weights=1.0)


def test_padding_is_told_from_tokens_by_the_number_that_the_targets_know() -> None:
    decode = layers.Lambda(lambda text: tf.strings.unicode_decode(text, "UTF-8").to_tensor(1), name="characters")
    rest = [layers.Embedding(128, 4), layers.Dense(6, name="steps"), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    base = keras.Sequential([keras.Input((), dtype="string"), decode, *rest])
    lengths = np.array([len(text) for text in TEXTS])
    spec = TargetSpec("pos", "test", "step_class", (lengths.max(),), n_classes=5)
    known, other = (SimpleNamespace(texts_=SimpleNamespace(vocabulary=Vocabulary((), padding))) for padding in (1, 0))
    assert attach_heads(base, targets_of(spec, lengths=lengths, generator=known), weights=1.0).taps == {"pos": "steps"}
    with pytest.raises(InvalidInputError, match=f"the model makes {lengths.max()} tokens"):
        attach_heads(base, targets_of(spec, lengths=lengths, generator=other), weights=1.0)


def test_a_fixed_length_must_be_that_of_the_target() -> None:
    assert attach_heads(text_model(length=7), targets_of(POS), weights=1.0).taps == {"pos": "steps"}
    with pytest.raises(InvalidInputError, match=r"each of 7 steps.* no layer .* \(they have 5\)\. Use 'pos_histogram'"):
        attach_heads(text_model(length=5), targets_of(POS), weights=1.0)
    with pytest.raises(InvalidInputError, match=r"each of 7 steps, but the output of layer 'steps' has 5 steps\."):
        attach_heads(text_model(length=5), targets_of(POS), at="steps", weights=1.0)
    base = text_model(layers.GRU(4, name="flat"), layers.Reshape((1, 4)))
    with pytest.raises(InvalidInputError, match=r"layer 'flat' has no time axis \(a sample has shape \(4,\)\)"):
        attach_heads(base, targets_of(POS), at="flat", weights=1.0)
