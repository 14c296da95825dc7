"""From texts to a trained model: both ways in which a model may read texts."""

import keras
import numpy as np
import pytest
from keras import layers

from auxtasks import make_aux_targets
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.keras import attach_heads, strip_heads
from tests.extractors.text.toy import ToyTagger

TEXTS = [
    "The old dog saw Ada.",
    "Is London a city?",
    "Paris saw the dog",
    "the city is old, Ada",
    "a dog",
    "Ada saw a city",
] * 4
LABELS = np.arange(8) % 2
WORDS = ["", "[UNK]", "the", "old", "dog", "saw", "a", "city", "is", "Ada"]
IDS = np.random.default_rng(0).integers(1, len(WORDS), (32, 6))
IDS[::3, 4:] = 0
TASKS = ["pos", "ner", "next_word", "tree_depth", "pos_histogram", "entity_presence", "text_statistics"]


@pytest.fixture(scope="module")
def vectorization():
    layer = layers.TextVectorization()
    layer.adapt(TEXTS)
    return layer


def make(vectorization, inputs, tasks=TASKS):
    return make_aux_targets(TEXTS, "text", tasks, tokenizer=vectorization, model_inputs=inputs, tagger=ToyTagger())


def make_model(vectorization, inputs, length):
    first = (
        [keras.Input((), dtype="string"), vectorization]
        if inputs == "texts"
        else [keras.Input((length,), dtype="int32")]
    )
    keras.utils.set_random_seed(1)
    size = len(vectorization.get_vocabulary())
    rest = [
        layers.Embedding(size, 8, mask_zero=True, name="embedding"),
        layers.GRU(8, return_sequences=True, name="gru"),
    ]
    return keras.Sequential([*first, *rest, layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")])


def test_both_ways_have_the_same_targets_and_the_numbers_of_the_layer(vectorization):
    as_ids, as_texts = make(vectorization, "ids"), make(vectorization, "texts")
    assert np.array_equal(as_ids.inputs, keras.ops.convert_to_numpy(vectorization(np.array(TEXTS))))
    assert as_texts.inputs.tolist() == TEXTS
    for name in TASKS:
        np.testing.assert_array_equal(as_ids[name], as_texts[name])


@pytest.mark.parametrize(
    ("inputs", "tasks"), [pytest.param("texts", TASKS, marks=pytest.mark.graph), ("ids", ["pos", "next_word"])]
)
def test_trains_with_few_labels_and_gives_the_model_back(vectorization, inputs, tasks):
    targets = make(vectorization, inputs, tasks)
    base = make_model(vectorization, inputs, targets.specs["pos"].shape[0])
    model = attach_heads(base, targets, tie={"next_word": "embedding"}, weights=1.0)
    assert (model.taps["pos"], model.taps["next_word"]) == ("embedding", "gru")
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    history = model.fit(targets.inputs, targets.with_main(LABELS), batch_size=8, epochs=4, verbose=0, seed=0).history
    for name in tasks:
        assert history[f"{name}_loss"][-1] < history[f"{name}_loss"][0]
    others = targets.transform(["Ada saw London", "the dog"])
    validation = model.evaluate(others.inputs, others.with_main([0, 1]), verbose=0, return_dict=True)
    assert all(np.isfinite(value) for value in validation.values())
    predicted = model.predict(others.inputs, verbose=0)
    assert strip_heads(model) is base
    np.testing.assert_array_equal(base.predict(others.inputs, verbose=0), predicted)


def embedding_model(rows):
    keras.utils.set_random_seed(1)
    embedding = layers.Embedding(rows, 8, mask_zero=True, name="embedding")
    pooled = [layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")]
    return keras.Sequential(
        [keras.Input((6,), dtype="int32"), embedding, layers.GRU(8, return_sequences=True), *pooled]
    )


def test_a_model_of_ids_trains_on_the_ids_that_it_has_always_read():
    targets = make_aux_targets(IDS, "text", ["pos", "next_word"], vocabulary=WORDS, tagger=ToyTagger())
    model = attach_heads(embedding_model(len(WORDS)), targets, tie={"next_word": "embedding"}, weights=1.0)
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    before = model.get_layer("embedding").get_weights()[0]
    history = model.fit(IDS, targets.with_main(LABELS), batch_size=16, epochs=1, verbose=0).history
    assert np.isfinite([history["pos_loss"], history["next_word_loss"]]).all()
    assert not np.array_equal(model.get_layer("embedding").get_weights()[0], before)


def test_an_id_that_the_embedding_has_no_row_for_is_named():
    targets = make_aux_targets(IDS, "text", "next_word", vocabulary=WORDS)
    with pytest.raises(InvalidInputError, match=r"holds the id 9, but the embedding .* has 5 rows.*by the id"):
        attach_heads(embedding_model(5), targets)


def test_a_numbering_of_our_own_is_told_of_where_the_model_seems_to_have_another():
    targets = make_aux_targets(TEXTS, "text", "next_word", max_length=6)
    with pytest.warns(
        AuxTasksWarning, match=r"learned from these texts, with 12 tokens.*has 40 rows.*\(ids, vocabulary="
    ):
        attach_heads(embedding_model(40), targets, weights=1.0)
    for rows, how in ((12, {}), (40, {"max_tokens": 40}), (40, {"vocabulary": WORDS})):
        attach_heads(
            embedding_model(rows), make_aux_targets(TEXTS, "text", "next_word", max_length=6, **how), weights=1.0
        )
