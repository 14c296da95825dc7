"""Only what is needed runs, and what cannot be had is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import COLUMNS, Spans
from auxtasks.extractors.text.taggers.base import Corpus
from auxtasks.extractors.text.taggers.spacy_pipeline import components_for
from auxtasks.extractors.text.taggers.spacy_tagger import SpacyTagger

spacy = pytest.importorskip("spacy")


@spacy.Language.component("auxtasks_test_silent")
def silent(doc: Any) -> Any:
    """Do nothing and declare nothing."""
    return doc


@spacy.Language.component("auxtasks_test_failing", assigns=["token.tag"])
def failing(doc: Any) -> Any:
    """Fail."""
    raise KeyError("failing")


@spacy.Language.component("auxtasks_test_names", assigns=["doc.ents"], requires=["token.tag"])
def names(doc: Any) -> Any:
    """Find no entity."""
    doc.ents = []
    return doc


def english(*names: str) -> Any:
    nlp = spacy.blank("en")
    for name in names:
        nlp.add_pipe(name)
    return nlp


@pytest.mark.parametrize(
    ("needs", "components"),
    [
        ({"tag"}, ["tok2vec", "tagger"]),
        ({"pos"}, ["tok2vec", "morphologizer"]),
        ({"head"}, ["tok2vec", "parser"]),
        ({"depth", "dependency"}, ["tok2vec", "parser"]),
        ({"entity_run"}, ["tok2vec", "ner"]),
        ({"chunk_run"}, ["tok2vec", "morphologizer", "parser"]),
        (set(COLUMNS), ["tok2vec", "tagger", "morphologizer", "parser", "ner"]),
    ],
)
def test_the_components_that_run(nlp: Any, needs: set[str], components: list[str]) -> None:
    nlp.add_pipe("senter")
    nlp.add_pipe("lemmatizer")
    assert components_for(nlp, frozenset(needs)) == components


def test_no_embedding_runs_for_nobody() -> None:
    nlp = english("tok2vec", "ner")
    assert components_for(nlp, frozenset({"entity"})) == ["ner"]


@pytest.mark.parametrize(
    ("rule", "needs", "components"),
    [
        (([[{"TAG": "NN"}]], {"POS": "NOUN"}), {"pos"}, ["tagger", "attribute_ruler"]),
        (([[{"tag": "NN"}]], {"pos": "NOUN"}), {"pos"}, ["tagger", "attribute_ruler"]),
        (([[{"LOWER": "dog"}]], {74: "NOUN"}), {"pos"}, ["attribute_ruler"]),
        (([[{"TAG": "NN"}]], {"LEMMA": "x"}), {"tag"}, ["tagger"]),
    ],
)
def test_rules_run_for_what_they_write_with_what_they_read(rule: Any, needs: set[str], components: list[str]) -> None:
    nlp = english("tagger", "parser", "attribute_ruler", "lemmatizer", "ner")
    nlp.get_pipe("attribute_ruler").add(*rule)
    assert components_for(nlp, frozenset(needs)) == components


def test_what_a_component_requires_runs_and_what_declares_nothing_too() -> None:
    nlp = english("tagger", "ner", "auxtasks_test_names", "auxtasks_test_silent")
    assert components_for(nlp, frozenset({"entity"})) == [
        "tagger",
        "ner",
        "auxtasks_test_names",
        "auxtasks_test_silent",
    ]
    nlp = english("tagger", "auxtasks_test_silent", "span_ruler")
    assert components_for(nlp, frozenset({"tag"})) == ["tagger", "auxtasks_test_silent"]


def test_a_ruler_of_spans_that_makes_entities() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("span_ruler", config={"annotate_ents": True}).add_patterns([{"label": "PET", "pattern": "dog"}])
    said = SpacyTagger(nlp).annotate(Corpus(["a dog"]), frozenset({"entity"}))
    assert (said.names["entity"], said.columns["entity"].tolist()) == (("PET",), [-1, 0])


@pytest.mark.parametrize(
    ("components", "need", "words"),
    [
        ([], "entity", r"'en_pipeline' has no component that gives entities .* its components are none.*with an 'ner'"),
        (["tagger"], "pos", r"gives universal parts of speech .* components are 'tagger'.*and an 'attribute_ruler'"),
        (["tagger", "merge_entities"], "head", r"gives dependencies .*which `head` needs"),
        (["morphologizer"], "tag", r"gives tags .*with a 'tagger'"),
        (["parser"], "chunk_run", r"gives universal parts of speech .*`chunk_run`"),
    ],
)
def test_what_no_component_gives_is_refused_before_anything_runs(components: list[str], need: str, words: str) -> None:
    # Untrained components would fail if they ran.
    with pytest.raises(InvalidInputError, match=rf"`tagger_model`: .*{words}"):
        SpacyTagger(english(*components)).annotate(Corpus(["a"]), frozenset({need}))


def test_a_disabled_component_is_named(nlp: Any) -> None:
    nlp.disable_pipe("ner")
    with pytest.raises(InvalidInputError, match=r"'en_tiny' .*It has disabled 'ner'; `nlp.enable_pipe\(name\)`"):
        SpacyTagger(nlp).annotate(Corpus(["a"]), frozenset({"entity"}))


def test_a_language_without_noun_phrases_is_named() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("auxtasks_test_silent")
    with pytest.raises(InvalidInputError, match=r"no rule for base noun phrases in the language 'xx'"):
        SpacyTagger(nlp).annotate(Corpus(["a"]), frozenset({"chunk_run"}))


@pytest.mark.parametrize("need", sorted(COLUMNS))
def test_what_nobody_filled_is_an_error(need: str) -> None:
    nlp = english("auxtasks_test_silent")
    texts, needs = ["a dog", "", " "], frozenset({need})
    with pytest.raises(InvalidInputError, match=rf"ran and gave no token any .*`{need}`"):
        SpacyTagger(nlp).annotate(Corpus(texts), needs)
    # That nothing is said of some other texts is no fault of the pipeline.
    said = SpacyTagger(nlp).annotate(Corpus(texts, training=False), needs)
    assert set(said.columns[need].tolist()) == {0 if need == "head" else -1}


def test_a_component_that_changes_given_tokens_is_refused(nlp: Any) -> None:
    nlp.add_pipe("merge_noun_chunks")
    with pytest.raises(InvalidInputError, match=r"merges or splits tokens.*'merge_noun_chunks'"):
        SpacyTagger(nlp).annotate(Corpus(["The dog"], Spans.of([[(0, 3), (4, 7)]])), frozenset({"pos"}))


def test_the_users_pipeline_is_left_as_it_was(nlp: Any) -> None:
    nlp.add_pipe("auxtasks_test_failing")
    nlp.disable_pipe("parser")
    before = (nlp.pipe_names, nlp.disabled, nlp.max_length, nlp.batch_size)
    SpacyTagger(nlp).annotate(Corpus(["The dog"]), frozenset({"pos"}))
    with pytest.raises(KeyError, match="failing"):
        SpacyTagger(nlp).annotate(Corpus(["The dog"]), frozenset({"tag"}))
    assert (nlp.pipe_names, nlp.disabled, nlp.max_length, nlp.batch_size) == before
