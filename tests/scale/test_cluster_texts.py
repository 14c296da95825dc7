"""Texts in partitions: vocabulary, lengths and names of classes in a first pass, targets in a second."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Documents

TEXTS = [
    *("The old dog saw a river.", "Who built the bridge?", "", "The king of Rome saw the old bridge", "a dog"),
    *("so it goes, goes and goes", "Anna saw Rome", "?", "It is so", "The bridge goes to Rome"),
]
TASKS = ["next_word", {"few": {"task": "reconstruction", "vocabulary_size": 4}}, "text_statistics", "word_shape"]


@pytest.mark.parametrize(
    "options", [{}, {"max_length": 3, "max_tokens": 9}, {"padding": "pre", "tokenizer": "whitespace"}]
)
@given(ends=st.lists(st.integers(0, len(TEXTS)), max_size=4).map(sorted))
@settings(max_examples=5)
def test_any_partitions_give_the_whole(check_alike: Any, options: dict[str, Any], ends: list[int]) -> None:
    edges = [0, *ends, len(TEXTS)]
    parts = [dask.delayed(TEXTS[a:b]) for a, b in pairwise(edges)]
    lazy = make_aux_targets(db.from_delayed(parts), "text", TASKS, **options)
    whole = make_aux_targets(TEXTS, "text", TASKS, **options)
    found = lazy.compute()
    check_alike(found, whole)
    np.testing.assert_array_equal(found.lengths, whole.lengths)


def test_columns_arrays_and_lists_of_tokens(check_alike: Any) -> None:
    whole = make_aux_targets(TEXTS, "text", "next_word")
    check_alike(make_aux_targets(dd.from_pandas(pd.Series(TEXTS), npartitions=3), "text", "next_word").compute(), whole)
    check_alike(
        make_aux_targets(da.from_array(np.array(TEXTS, object), chunks=3), "text", "next_word").compute(), whole
    )
    tokens = [text.split() for text in TEXTS]
    lazy = make_aux_targets(db.from_sequence(tokens, npartitions=4), "text", "next_word")
    check_alike(lazy.compute(), make_aux_targets(tokens, "text", "next_word"))
    check_alike(lazy.transform(db.from_sequence(tokens[:4], npartitions=2)).compute(), lazy.transform(tokens[:4]))


def test_names_that_a_tagger_uses(check_alike: Any) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": "Rome"}, {"label": "PERSON", "pattern": "Anna"}])
    tasks = ["ner", "entity_presence", {"flat": {"task": "ner", "scheme": "flat", "types": False}}]
    whole = make_aux_targets(TEXTS, "text", tasks, tagger_model=pipeline)
    lazy = make_aux_targets(db.from_sequence(TEXTS, npartitions=4), "text", tasks, tagger_model=pipeline)
    check_alike(lazy.compute(), whole)
    assert whole.specs["entity_presence"].columns == ("GPE", "PERSON")


def test_what_partitions_cannot_tell_is_refused(temporary_task: Any) -> None:
    bag = db.from_sequence(TEXTS, npartitions=2)
    with pytest.raises(InvalidInputError, match=r"`label_columns`: 'tag' has a list of labels for each text"):
        make_aux_targets(bag, "text", "text_statistics", label_columns={"tag": [["a"]] * len(TEXTS)})

    def first(X: Documents) -> tuple[str, ...]:
        return (X.texts[0],)

    temporary_task("own", lambda X, classes: np.zeros(len(X), int), domain="text", kind="class", fit=first)
    with pytest.raises(
        InvalidInputError, match=r"'own' learns its classes from all training texts at once.*`transform`"
    ):
        make_aux_targets(bag, "text", "own")
    with pytest.raises(InvalidInputError, match="no text has a token"):
        make_aux_targets(db.from_sequence(["", "?"], npartitions=2), "text", "text_statistics")


def test_a_generator_fitted_in_memory_serves_any_text(check_alike: Any) -> None:
    generator = AuxTargetGenerator("text", TASKS, model_inputs="texts").fit(TEXTS[:6])
    lazy = generator.transform(db.from_sequence(TEXTS, npartitions=4)).compute()
    for name, expected in generator.transform(TEXTS).items():
        np.testing.assert_array_equal(lazy[name], expected)
    assert lazy.inputs.tolist() == TEXTS


def test_a_text_far_longer_than_the_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxtasks.scale.dask_fit._MANY", 1000)
    bag = db.from_sequence(["a dog " * 200, *["so"] * 20], npartitions=3)
    with pytest.raises(InvalidInputError, match=r"longest text has 400 tokens, .* Pass a `max_length`"):
        make_aux_targets(bag, "text", "next_word")
    assert make_aux_targets(bag, "text", "next_word", max_length=5).inputs.shape == (21, 5)
