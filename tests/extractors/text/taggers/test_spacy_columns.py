"""What spaCy says arrives unchanged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.extractors.text.spans import COLUMNS, Annotations, Spans
from auxtasks.extractors.text.taggers.base import UNIVERSAL, Corpus
from auxtasks.extractors.text.taggers.spacy_tagger import SpacyTagger, read_docs
from tests.extractors.text.tagged_sentences import SENTENCES, TEXTS

spacy = pytest.importorskip("spacy")
ALL = frozenset(COLUMNS)
VOCAB = spacy.blank("en").vocab
WORDS = ["dog", "the", "\n", "  ", "naïve", "🙂", "."]


def plainly(doc: Any) -> dict[str, list[Any]]:
    """Read a document token by token; None where there is nothing to say."""
    entity = {token.i: run for run, ent in enumerate(doc.ents) for token in ent}
    chunks = enumerate(doc.noun_chunks) if doc.has_annotation("DEP") else ()
    chunk = {token.i: run for run, phrase in chunks for token in phrase}
    rows = []
    for token in doc:
        said = not token.is_space
        tree = said and bool(token.dep_)
        rows.append(
            {
                "pos": token.pos_ if said and token.pos_ in UNIVERSAL else None,
                "tag": token.tag_ if said and token.tag_ else None,
                "dependency": token.dep_ if tree else None,
                "head": token.head.i - token.i if tree else 0,
                "depth": len(list(token.ancestors)) if tree else -1,
                "entity": token.ent_type_ if said and token.ent_type_ else None,
                "entity_run": entity.get(token.i, -1) if said else -1,
                "entity_any_run": entity.get(token.i, -1) if said else -1,
                "chunk_run": chunk.get(token.i, -1) if said else -1,
                "start": token.idx,
                "end": token.idx + len(token),
            }
        )
    return {name: [row[name] for row in rows] for name in [*COLUMNS, "start", "end"]}


def read(said: Annotations, row: int) -> dict[str, list[Any]]:
    """Read what is said of one text, with names for codes."""
    part = said.take(slice(row, row + 1))
    columns = {name: column.tolist() for name, column in part.columns.items()}
    for name, names in part.names.items():
        columns[name] = [names[code] if code >= 0 else None for code in columns[name]]
    return columns | {"start": part.spans.starts.tolist(), "end": part.spans.ends.tolist()}


@st.composite
def docs(draw: st.DrawFn) -> Any:
    n = draw(st.integers(0, 12))
    order = draw(st.permutations(range(n)))
    heads = list(range(n))
    for place in range(1, n):
        # The head is the token itself or one that comes earlier in the order, so that there is no cycle.
        heads[order[place]] = draw(st.sampled_from([*order[: place + 1], order[place - 1]]))
    values = [st.sampled_from(WORDS), st.booleans(), st.sampled_from(["NOUN", "PRON", "SPACE", "X", ""])]
    words, spaces, pos = (draw(st.lists(value, min_size=n, max_size=n)) for value in values)
    doc = spacy.tokens.Doc(
        VOCAB,
        words=words,
        spaces=spaces,
        pos=pos,
        tags=draw(st.lists(st.sampled_from(["NN", "DT", "_SP", ""]), min_size=n, max_size=n)),
        heads=heads,
        deps=["ROOT" if head == at else draw(st.sampled_from(["nsubj", "dobj"])) for at, head in enumerate(heads)],
    )
    cuts = sorted(draw(st.sets(st.integers(0, n), max_size=6)))
    pairs = pairwise(cuts)
    doc.ents = [spacy.tokens.Span(doc, a, b, draw(st.sampled_from(["PER", "LOC"]))) for a, b in pairs if (a + b) % 3]
    return doc


@given(st.lists(docs(), max_size=4))
def test_every_column_is_what_a_plain_loop_over_the_tokens_reads(some: list[Any]) -> None:
    said = read_docs(some, ALL).said
    assert said.spans.n == len(some)
    assert {column.dtype for column in said.columns.values()} == {np.dtype("int32")}
    for row, doc in enumerate(some):
        assert read(said, row) == plainly(doc)


def test_the_depth_of_a_long_chain() -> None:
    n = 1001
    doc = spacy.tokens.Doc(VOCAB, words=["a"] * n, heads=[max(0, at - 1) for at in range(n)], deps=["x"] * n)
    assert read_docs([doc], frozenset({"depth"})).said.columns["depth"].tolist() == list(range(n))


def test_a_pipeline_gives_back_what_it_was_trained_on(spacy_path: Path) -> None:
    said = SpacyTagger(spacy_path, batch_size=4).annotate(Corpus(TEXTS), ALL)
    for row, sentence in enumerate(SENTENCES):
        found = read(said, row)
        places = [at + head for at, head in enumerate(found["head"])]
        assert [found["tag"], found["pos"], found["dependency"]] == [sentence[c] for c in ("tags", "pos", "deps")]
        assert list(map(str, places)) == sentence["heads"]
        assert found["entity"] == [name.partition("-")[2] or None for name in sentence["entities"]]
    # Anna | Lee are one entity; "the old dog" is one phrase, after "Anna" and before "Paris".
    assert read(said, 3)["entity_run"] == [0, -1, -1, -1, -1, -1, -1, 1, 1, -1]
    assert read(said, 0)["chunk_run"] == [0, -1, 1, 1, 1, -1, 2, -1]
    assert read(said, 0)["depth"] == [1, 0, 2, 2, 1, 2, 3, 1]


def test_the_result_does_not_depend_on_how_texts_are_batched_or_on_what_else_is_asked(nlp: Any) -> None:
    texts = [*TEXTS, "", "  \n ", "Anna\n\nsleeps . "]
    everything = SpacyTagger(nlp, batch_size=2).annotate(Corpus(texts), ALL)
    for row, doc in enumerate(nlp.pipe(texts)):
        assert read(everything, row) == plainly(doc)
    for name in COLUMNS:
        alone = SpacyTagger(nlp).annotate(Corpus(texts), frozenset({name}))
        assert list(alone.columns) == [name]
        np.testing.assert_array_equal(alone.columns[name], everything.columns[name])
        assert alone.names.get(name) == everything.names.get(name)


def test_given_tokens_are_tagged_as_they_are(nlp: Any) -> None:
    tokens = [["New", "York-based", "don't", "U.S.", "."], [], ["a"]]
    texts = [" ".join(words) for words in tokens]
    given_spans = Spans.of([[(0, 3), (4, 14), (15, 20), (21, 25), (26, 27)], [], [(0, 1)]])
    said = SpacyTagger(nlp, batch_size=2).annotate(Corpus(texts, given_spans), ALL)
    for name in ("counts", "starts", "ends"):
        assert getattr(said.spans, name).tolist() == getattr(given_spans, name).tolist()
    doc = nlp(spacy.tokens.Doc(nlp.vocab, words=tokens[0], spaces=[True] * 4 + [False]))
    assert read(said, 0) == plainly(doc)


def test_no_texts_and_texts_without_words_are_no_error(nlp: Any) -> None:
    nothing = SpacyTagger(nlp).annotate(Corpus([]), ALL)
    assert nothing.spans.n == 0
    assert set(nothing.columns) == ALL
    blank = SpacyTagger(nlp).annotate(Corpus(["", " \t"]), ALL)
    assert blank.spans.counts.tolist() == [0, 1]
    assert blank.columns["pos"].tolist() == [-1]


def test_parts_of_speech_of_a_treebank(shared_data: Callable[[str], Path]) -> None:
    """The documentation of the pipeline says 94.46 % of the words of the test split."""
    pipeline = shared_data("spacy/en_ewt_sm")
    with gzip.open(shared_data("ud_ewt/ewt_test.tsv.gz"), "rt", encoding="utf-8") as file:
        blocks = file.read().strip().split("\n\n")
    lines = [[line.split("\t") for line in block.splitlines() if not line.startswith("# ")] for block in blocks]
    words = [[line[0] for line in sentence] for sentence in lines]
    ends = [np.cumsum([len(word) + 1 for word in sentence]) - 1 for sentence in words]
    pairs = [zip(sentence, places.tolist(), strict=True) for sentence, places in zip(words, ends, strict=True)]
    spans = Spans.of([[(end - len(word), end) for word, end in sentence] for sentence in pairs])
    said = SpacyTagger(pipeline).annotate(Corpus([" ".join(sentence) for sentence in words], spans), frozenset({"pos"}))
    gold = [UNIVERSAL.index(line[1]) for sentence in lines for line in sentence]
    assert np.mean(said.columns["pos"] == gold) == pytest.approx(0.9446, abs=0.0005)
