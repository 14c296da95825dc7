"""Taps that already hold the step a target asks for are found by gradients, whatever the model is made of."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from text_models import (
    LENGTHS,
    LOSS,
    NEXT,
    POS,
    PREVIOUS,
    TEXTS,
    WORDS,
    id_model,
    make_texts,
    next_words,
    targets_of,
    text_model,
    word_ids,
)

import auxtasks
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

IDS = word_ids()


@keras.saving.register_keras_serializable("auxtasks_tests")
class Attention(layers.Layer):
    """Self-attention that may look at later steps, or not."""

    def __init__(self, causal: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.causal, self.attention = causal, layers.MultiHeadAttention(2, 4, name="attention")

    def call(self, inputs: Any) -> Any:
        return inputs + self.attention(inputs, inputs, use_causal_mask=self.causal)


class Subclassed(keras.Model):
    """No graph to look at."""

    def __init__(self, mixing: layers.Layer) -> None:
        super().__init__()
        self.embedding, self.mixing = layers.Embedding(12, 8, name="embedding"), mixing
        self.pool, self.top = layers.GlobalAveragePooling1D(), layers.Dense(2, name="top")

    def call(self, inputs: Any) -> Any:
        return self.top(self.pool(self.mixing(self.embedding(inputs))))


def _rnn(**how: Any) -> layers.Layer:
    return layers.SimpleRNN(6, return_sequences=True, name=how.pop("name", "mixing"), **how)


def _turned() -> list[layers.Layer]:
    return [_rnn(go_backwards=True, name="backwards"), layers.Lambda(lambda x: x[:, ::-1], name="mixing")]


# By what it is made of: the layers, whether it sees the next step, and whether the previous one.
MIXING = {
    "rnn": (lambda: [_rnn()], False, True),
    "rnn_both_ways": (lambda: [layers.Bidirectional(_rnn(name="inner"), name="mixing")], True, True),
    "rnn_backwards": (_turned, True, False),
    "convolution": (lambda: [layers.Conv1D(6, 3, padding="same", name="mixing")], True, True),
    "causal_convolution": (lambda: [layers.Conv1D(6, 3, padding="causal", name="mixing")], False, True),
    "attention": (lambda: [Attention(False, name="mixing")], True, True),
    "causal_attention": (lambda: [Attention(True, name="mixing")], False, True),
    "dense": (lambda: [layers.Dense(6, activation="relu", name="mixing")], False, False),
}


def _taps(base: keras.Model, *specs: TargetSpec, inputs: Any, at: Any = "auto", **more: Any) -> list[str]:
    """The taps chosen; a warning is an error."""
    taps = attach_heads(base, targets_of(*specs, inputs=inputs, **more), at=at, weights=1.0).taps
    return [taps[spec.name] for spec in specs]


def _tap(base: keras.Model, spec: TargetSpec, inputs: Any, at: Any = "auto", **more: Any) -> str:
    (tap,) = _taps(base, spec, inputs=inputs, at=at, **more)
    return tap


@pytest.mark.parametrize(
    ("mixing", "texts"),
    # What is changed in texts does not depend on the layers.
    [
        *((mixing, False) for mixing in MIXING),
        *((mixing, True) for mixing in ("convolution", "rnn_backwards", "dense")),
    ],
)
def test_auto_takes_the_deepest_tensor_that_does_not_hold_the_answer(mixing: str, texts: bool) -> None:
    build, *sees = MIXING[mixing]
    base = (text_model if texts else id_model)(*build(), mask_zero=False)
    inputs = TEXTS if texts else IDS
    assert _taps(base, NEXT, PREVIOUS, inputs=inputs) == ["embedding" if seen else "mixing" for seen in sees]


@pytest.mark.parametrize("mixing", ["rnn", "rnn_both_ways"])
def test_a_mask_hides_padding_but_not_the_answer(mixing: str) -> None:
    build, sees, _ = MIXING[mixing]
    assert _tap(id_model(*build(), mask_zero=True), NEXT, IDS) == ("embedding" if sees else "mixing")


@pytest.mark.parametrize(("mixing", "sees"), [("rnn_both_ways", True), ("causal_attention", False)])
def test_a_subclassed_model_is_tried_like_any_other(mixing: str, sees: bool) -> None:
    (layer,) = MIXING[mixing][0]()
    assert _tap(Subclassed(layer), NEXT, IDS) == ("embedding" if sees else "mixing")


@pytest.mark.parametrize("spec", [NEXT, PREVIOUS], ids=lambda spec: spec.name)
def test_a_tap_by_name_that_holds_the_answer_brings_a_warning(spec: TargetSpec) -> None:
    base = id_model(*MIXING["rnn_both_ways"][0]())
    with pytest.warns(AuxTasksWarning, match=f"{spec.lookahead} step, but .* layer 'mixing' already") as found:
        attach_heads(base, targets_of(spec, inputs=IDS), at="mixing", weights=1.0)
    assert found[0].filename == __file__
    assert _tap(base, spec, IDS, at="embedding") == "embedding"
    assert _tap(base, POS, IDS, at="mixing") == "mixing"  # asks for no other step


def test_the_way_out_is_named_where_every_tensor_holds_the_answer() -> None:
    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="block")
            self.inner, self.both = layers.Embedding(12, 8), layers.Bidirectional(_rnn())

        def call(self, inputs: Any) -> Any:
            return self.both(self.inner(inputs))

    stack = [Block(), layers.Dense(4, name="after"), layers.GlobalMaxPooling1D(), layers.Dense(2)]
    base = keras.Sequential([keras.Input((7,), dtype="int32"), *stack])
    with pytest.raises(InvalidInputError, match=r"the next step, but every layer .*padding='causal' in Conv1D"):
        _tap(base, NEXT, IDS)
    with pytest.raises(InvalidInputError, match=r"asks for the previous step.* go_backwards=True"):
        _tap(base, PREVIOUS, IDS)


def test_a_tensor_without_the_steps_is_no_way_round() -> None:
    spec = TargetSpec("next_values", "test", "step_vector", (12, 3), lookahead="next")
    x = np.random.default_rng(0).normal(size=(8, 12, 3)).astype("float32")

    def base(*steps: layers.Layer) -> keras.Model:
        flat = [layers.Flatten(), layers.Dense(6, name="flat"), layers.Dense(2)]
        return keras.Sequential([keras.Input((12, 3)), *steps, *flat])

    causal, mixed = (layers.Conv1D(4, 3, padding=padding, name=padding) for padding in ("causal", "same"))
    assert _tap(base(causal, mixed), spec, x) == "causal"
    with pytest.raises(InvalidInputError, match="'next_values' asks for the next step, but every layer of the trunk"):
        _tap(base(), spec, x)


@pytest.mark.parametrize(("side", "number"), [("post", 1), ("pre", 1), ("pre", 0)])
def test_padding_of_any_number_on_either_side_is_told_by_the_lengths(side: str, number: int) -> None:
    ids, lengths = np.where(IDS == 0, number, IDS)[:-1], LENGTHS[:-1]  # none of which fills the whole length
    if side == "pre":
        ids = np.stack([np.roll(row, 7 - length) for row, length in zip(ids, lengths, strict=True)])
    more = {"lengths": lengths, "generator": SimpleNamespace(padding=side)}
    mixed = id_model(*MIXING["rnn_both_ways"][0](), mask_zero=number == 0)
    assert _taps(mixed, NEXT, PREVIOUS, inputs=ids, **more) == ["embedding"] * 2
    assert _taps(id_model(layers.Dense(6, name="mixing")), NEXT, PREVIOUS, inputs=ids, **more) == ["mixing"] * 2


def test_the_side_of_the_padding_is_known_of_real_targets() -> None:
    targets = auxtasks.make_aux_targets(TEXTS, "text", "next_word", padding="pre", max_length=9)
    model = attach_heads(id_model(*MIXING["rnn_both_ways"][0]()), targets, weights=1.0)
    assert model.taps == {"next_word": "embedding"}


@pytest.mark.parametrize("written", ["abcdefghijklmnopqrstuvwxyz", "一丁七万丈三上下不与丑专且世丘丙业丛东丝"])
@pytest.mark.parametrize("sees", [False, True])
def test_tokens_shorter_than_words_are_tried_by_their_letters(sees: bool, written: str) -> None:
    letters = tuple(sorted(set("".join(TEXTS)) - {" "}))
    texts = [text.translate(dict(zip(map(ord, letters), written, strict=False))) for text in TEXTS]
    if not written.isascii():
        texts = [text.replace(" ", "") + "。" for text in texts]
    letters = tuple(sorted(set("".join(texts)) - {" "}))
    tokens = layers.TextVectorization(vocabulary=letters, split="character", standardize=None)
    spec = TargetSpec("next_word", "test", "step_class", (30,), n_classes=3, lookahead="next")
    stack = [layers.Embedding(40, 8, name="embedding"), layers.Dense(6, name="forward")]
    mixing = layers.Conv1D(6, 3, padding="same" if sees else "causal", name="mixing")
    ends = [layers.GlobalAveragePooling1D(), layers.Dense(2)]
    base = keras.Sequential([keras.Input((), dtype="string"), tokens, *stack, mixing, *ends])
    assert _tap(base, spec, texts) == ("forward" if sees else "mixing")


@pytest.mark.parametrize(
    ("mixing", "seen_of", "style"),
    [
        ("convolution", (NEXT, PREVIOUS), '"{}"'),
        ("convolution", (NEXT, PREVIOUS), "-- {} ?"),
        ("convolution", (NEXT, PREVIOUS), "{}."),
        ("causal_convolution", (PREVIOUS,), "-- {} ?"),
    ],
)
def test_texts_with_punctuation_at_their_ends_are_tried_too(mixing: str, seen_of: tuple[Any, ...], style: str) -> None:
    base = text_model(*MIXING[mixing][0](), mask_zero=False)
    expected = ["embedding" if spec in seen_of else "mixing" for spec in (NEXT, PREVIOUS)]
    assert _taps(base, NEXT, PREVIOUS, inputs=[style.format(text) for text in TEXTS]) == expected


@pytest.mark.parametrize("sees", [False, True])
def test_a_tokenizer_that_keeps_punctuation_is_tried_by_the_words_before_it(sees: bool) -> None:
    tokens = layers.TextVectorization(vocabulary=(*WORDS, "?"), split="whitespace", standardize=None)
    mixing = MIXING["rnn_both_ways" if sees else "rnn_backwards"][0]()
    stack = [tokens, layers.Embedding(13, 8, name="embedding"), *mixing, layers.GlobalAveragePooling1D()]
    base = keras.Sequential([keras.Input((), dtype="string"), *stack, layers.Dense(2)])
    assert _tap(base, PREVIOUS, [text + " ?" for text in TEXTS]) == ("embedding" if sees else "mixing")


@pytest.mark.parametrize("inputs", [["cat"], ["?! --", "-- ?"]])
def test_texts_that_show_nothing_are_no_reason_to_refuse(inputs: list[str]) -> None:
    spec = TargetSpec("next_word", "test", "step_class", (2,), n_classes=10, lookahead="next")
    base = text_model(*MIXING["rnn_both_ways"][0](), length=2)
    with pytest.warns(AuxTasksWarning, match="could not be tested .* the tap 'mixing' does not see the next"):
        assert _tap(base, spec, inputs) == "mixing"


FEATURES, MASK = np.ones((32, 3), "float32"), (IDS > 0).astype("int32")


def _beside(other: np.ndarray, texts: bool = False) -> keras.Model:
    """A model that reads words, mixed both ways, and something else."""
    words = keras.Input(() if texts else (7,), dtype="string" if texts else "int32", name="words")
    more = keras.Input(other.shape[1:], dtype=other.dtype.name, name="more")
    ids = text_model().get_layer("tokens")(words) if texts else words
    hidden = layers.Conv1D(6, 3, padding="same", name="mixing")(layers.Embedding(12, 8, name="embedding")(ids))
    joined = layers.Concatenate()([layers.GlobalAveragePooling1D()(hidden), keras.ops.cast(more, "float32")])
    return keras.Model({"words": words, "more": more}, layers.Dense(2)(joined))


@pytest.mark.parametrize(
    ("words", "more", "own"),
    [(IDS, FEATURES, None), (IDS, MASK, IDS), (IDS, MASK, IDS.copy()), (TEXTS, FEATURES, None)],
    ids=["the_only_with_steps", "the_very_array", "the_same_values", "the_only_texts"],
)
def test_of_several_inputs_the_one_with_the_steps_is_changed(words: Any, more: np.ndarray, own: Any) -> None:
    base, inputs = _beside(more, texts=words is TEXTS), {"words": words, "more": more}
    assert attach_heads(base, targets_of(NEXT, inputs=own), samples=inputs, weights=1.0).taps == {
        "next_word": "embedding"
    }


def test_of_several_texts_the_targets_own_is_followed_through_its_tokens() -> None:
    """A decoder that reads all of another text may predict the next word of its own."""
    read, written = (keras.Input((), dtype="string", name=name) for name in ("read", "written"))
    tokens = text_model(length=7).get_layer("tokens")
    memory, steps = (layers.Embedding(12, 8, name=each.name + "_words")(tokens(each)) for each in (read, written))
    mixing = layers.Concatenate(name="mixing")([layers.Conv1D(6, 3, padding="same")(memory), _rnn(name="own")(steps)])
    base = keras.Model([read, written], layers.Dense(2)(layers.GlobalAveragePooling1D()(mixing)))
    inputs = [TEXTS[::-1], TEXTS]
    assert attach_heads(base, targets_of(NEXT), samples=inputs, weights=1.0).taps == {"next_word": "mixing"}
    with pytest.warns(AuxTasksWarning, match="the output of layer 'mixing' already holds that step"):
        attach_heads(base, targets_of(NEXT, inputs=inputs[0]), at="mixing", samples=inputs, weights=1.0)


@pytest.mark.parametrize("kind", ["float_ids", "frozen", "one_hot"])
def test_what_is_made_of_whole_numbers_is_where_gradients_begin(kind: str) -> None:
    first = layers.Embedding(12, 8, name="embedding", trainable=kind != "frozen")
    if kind == "one_hot":
        first = layers.Lambda(lambda ids: keras.ops.one_hot(ids, 12), name="embedding")
    stack = [first, layers.Dense(6, name="dense"), *MIXING["convolution"][0](), layers.GlobalAveragePooling1D()]
    dtype = "float32" if kind == "float_ids" else "int32"
    base = keras.Sequential([keras.Input((7,), dtype=dtype), *stack, layers.Dense(2)])
    assert _tap(base, NEXT, IDS) == "dense"


@pytest.mark.parametrize("between", [keras.ops.round, keras.ops.stop_gradient])
def test_where_no_gradient_flows_nothing_can_be_told(between: Any) -> None:
    mixing = layers.Lambda(lambda x: keras.ops.cumsum(between(x), axis=1), name="mixing")
    stack = [layers.Lambda(between, name="first"), mixing, layers.Dense(4, name="last"), layers.Flatten()]
    base = keras.Sequential([keras.Input((7, 1)), *stack, layers.Dense(2)])
    spec = TargetSpec("next_values", "test", "step_vector", (7, 1), lookahead="next")
    with pytest.warns(AuxTasksWarning, match="could not be tested .* the tap 'last' does not see the next"):
        assert _tap(base, spec, IDS[..., None].astype("float32")) == "last"


def test_a_model_that_cannot_be_tried_brings_a_warning() -> None:
    with pytest.warns(AuxTasksWarning, match=r"could not be tested .* the tap 'mixing' does not see") as found:
        attach_heads(_beside(MASK), targets_of(NEXT, POS, inputs={"words": IDS, "more": MASK}), weights=1.0)
    ours = [warning.filename for warning in found if warning.category is AuxTasksWarning]
    assert ours == [__file__]  # of the target that asks for a step alone


def test_trying_changes_nothing_and_needs_its_own_batch_size_only() -> None:
    keras.utils.set_random_seed(0)
    stack = [layers.Embedding(12, 8, name="embedding"), layers.Dropout(0.5), _rnn(stateful=True)]
    rest = [layers.GlobalAveragePooling1D(), layers.Dense(2)]
    base = keras.Sequential([keras.Input(batch_shape=(4, 7), dtype="int32"), *stack, *rest])
    before = [variable.numpy() for variable in base.variables]
    assert _tap(base, NEXT, IDS) == "mixing"
    for one, other in zip(before, base.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_half_precision_rounds_and_that_is_no_answer_seen() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        causal, both = (id_model(*MIXING[name][0](), mask_zero=False) for name in ("causal_attention", "attention"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert (_tap(causal, NEXT, IDS), _tap(both, NEXT, IDS)) == ("mixing", "embedding")


@pytest.mark.graph
def test_a_head_on_a_tensor_that_holds_the_answer_copies_it() -> None:
    """What the warning warns of: the next of random words, which nothing can tell, is predicted all the same."""
    seen, unseen = replace(NEXT, name="seen"), replace(NEXT, name="unseen")
    base = id_model(layers.Conv1D(6, 3, padding="causal", name="causal"), *MIXING["convolution"][0](), mask_zero=False)
    at = {"seen": "mixing", "unseen": "causal"}
    with pytest.warns(AuxTasksWarning, match="so its head can copy it") as found:
        model = attach_heads(base, targets_of(seen, unseen, inputs=IDS), at=at, seed=0, weights=1.0)
    assert not [each for each in found if "'unseen'" in str(each.message)]
    model.compile(keras.optimizers.Adam(0.05), LOSS, jit_compile=False)
    ids, others = (word_ids(make_texts(64, 7, seed)) for seed in (5, 6))
    many = np.tile(ids, (30, 1))
    model.fit(many, {"main": np.full(len(many), -1), **dict.fromkeys(at, next_words(many))}, verbose=0)
    y = {"main": np.zeros(64, int), **dict.fromkeys(at, next_words(others))}
    logs = model.evaluate(others, y, return_dict=True, verbose=0)
    assert logs["seen_loss"] < 0.5
    assert logs["unseen_loss"] > np.log(10)
