"""NLTK's tokens and tags arrive unchanged, and its tags become universal ones."""

from __future__ import annotations

import gzip
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.extractors.text.spans import NAMED, Annotations, Spans
from auxtasks.extractors.text.taggers.base import UNIVERSAL, Corpus
from auxtasks.extractors.text.taggers.nltk_tagger import PENN, NltkTagger
from tests.extractors.text.tagged_sentences import SENTENCES, TEXTS

nltk = pytest.importorskip("nltk")
TAGS = frozenset({"tag", "pos"})
PIECES = ['"', "''", "``", "'", "`", "“", "(", "<", "[", " ", "\n", "\u00a0", "\x1c", ".", "...", ",", "--", "?"]
PIECES += ["a", "Dr.", "n't", "'s", "cannot", "gonna ", " 'tis", "3.5", "%", "$", "é", "🙂", "can't", "*"]


class Fixed:
    """A tagger that looks words up."""

    def __init__(self, **tags: str) -> None:
        self.tags = tags

    def tag_sents(self, sentences: Sequence[list[str]]) -> list[list[tuple[str, str | None]]]:
        return [[(word, self.tags.get(word)) for word in words] for words in sentences]


def names(said: Annotations, column: str) -> list[str | None]:
    return [said.names[column][code] if code >= 0 else None for code in said.columns[column]]


def in_spaces(*texts: str) -> Corpus:
    """Make a corpus of given tokens, by the single spaces between them."""
    rows = []
    for words in (text.split() for text in texts):
        ends = [sum(map(len, words[: at + 1])) + at for at in range(len(words))]
        rows.append([(end - len(word), end) for word, end in zip(words, ends, strict=True)])
    return Corpus(list(texts), Spans.of(rows))


def test_the_tags_of_texts_and_of_given_tokens(nltk_data: Path) -> None:
    expected = [tag for sentence in SENTENCES for tag in sentence["tags"]]
    for corpus in (Corpus(TEXTS), in_spaces(*(" ".join(sentence["words"]) for sentence in SENTENCES))):
        said = NltkTagger().annotate(corpus, TAGS)
        assert names(said, "tag") == expected
        assert names(said, "pos") == [PENN[tag] for tag in expected]
        assert said.spans.counts.tolist() == [len(sentence["words"]) for sentence in SENTENCES]
    assert said.spans is corpus.given


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=3))
def test_words_are_those_of_word_tokenize_at_their_places(nltk_data: Path, texts: list[str]) -> None:
    said = NltkTagger(Fixed(a="NN")).annotate(Corpus([*texts, "a"]), frozenset({"tag"}))
    quotes = {"``": '"', "''": '"'}
    for row, text in enumerate(texts):
        part = said.take(slice(row, row + 1)).spans
        words = [text[begin:end] for begin, end in zip(part.starts.tolist(), part.ends.tolist(), strict=True)]
        # Nothing but whitespace is left out.
        assert "".join(words) == "".join(text.split())
        expected = nltk.word_tokenize(text)
        assert [quotes.get(word, word) for word in words] == [quotes.get(word, word) for word in expected]


def test_words_of_real_questions(real_nltk_data: Path, shared_data: Callable[[str], Path]) -> None:
    with gzip.open(shared_data("trec/trec_test.tsv.gz"), "rt", encoding="utf-8") as file:
        texts = [line.rstrip("\n").split("\t")[2] for line in file]
    said = NltkTagger().annotate(Corpus(texts), frozenset({"tag"}))
    words = [nltk.word_tokenize(text) for text in texts]
    assert said.spans.counts.tolist() == list(map(len, words))
    assert names(said, "tag") == [tag for pairs in nltk.pos_tag_sents(words) for _, tag in pairs]


def test_base_noun_phrases(nltk_data: Path) -> None:
    tags = {"John": "NNP", "'s": "POS", "very": "RB", "big": "JJ", "ideas": "NNS", "cost": "VBP", "us": "PRP"}
    tags |= {"$": "$", "2": "CD", "all": "PDT", "the": "DT", "of": "IN", "odd": "<{NN}>"}
    corpus = in_spaces("John 's very big ideas cost us $ 2", "", "all the ideas of John big odd ideas ideas")
    run = NltkTagger(Fixed(**tags)).annotate(corpus, frozenset({"chunk_run"})).columns["chunk_run"]
    assert run.tolist() == [0, 0, 0, 0, 0, -1, 1, 2, 2, 0, 0, 0, -1, 1, -1, -1, 2, 2]


def test_entities_without_types(real_nltk_data: Path) -> None:
    corpus = Corpus(["Alice met Bob in New York. Paris was far.", "", "It rained in London."])
    said = NltkTagger().annotate(corpus, frozenset({"entity_any_run"}))
    run = []
    sentences = [[nltk.pos_tag(nltk.word_tokenize(s)) for s in nltk.sent_tokenize(text)] for text in corpus.texts]
    chunked = iter(nltk.ne_chunk_sents([sentence for text in sentences for sentence in text], binary=True))
    for text in sentences:
        number = -1
        for _ in text:
            for child in next(chunked):
                entity = isinstance(child, nltk.Tree)
                number += entity
                run += [number if entity else -1] * (len(child) if entity else 1)
    assert said.columns["entity_any_run"].tolist() == run
    assert max(run) > 0


class Chunker:
    """Find entities of a kind: the first word of each sentence, or the last two."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def parse_sents(self, sentences: list[Any]) -> list[Any]:
        if self.kind == "binary":
            return [nltk.Tree("S", [nltk.Tree("NE", pairs[:1]), *pairs[1:]]) for pairs in sentences]
        return [nltk.Tree("S", [*pairs[:-2], nltk.Tree("PERSON", pairs[-2:])]) for pairs in sentences]


def test_what_a_column_says_does_not_depend_on_what_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(kind: str) -> Chunker:
        loaded.append(kind)
        return Chunker(kind)

    monkeypatch.setattr("auxtasks.extractors.text.taggers.nltk_tagger.load_entities", load)
    corpus, backend = in_spaces("a b c"), Fixed(a="NNP", b="NNP", c="NNP")
    expected = {"entity": [-1, 0, 0], "entity_run": [-1, 0, 0], "entity_any_run": [0, -1, -1]}
    for needs in (["entity_any_run"], ["entity_run"], ["entity"], list(expected)):
        said = NltkTagger(backend).annotate(corpus, frozenset(needs))
        assert {name: column.tolist() for name, column in said.columns.items()} == {n: expected[n] for n in needs}
        assert said.names == ({"entity": ("PERSON",)} if "entity" in needs else {})
    # Only what is needed is loaded.
    assert loaded == ["binary", "multiclass", "multiclass", "multiclass", "binary"]


def test_each_chunker_is_known_by_its_own_files(nltk_data: Path) -> None:
    states = {}
    for kind in ("binary", "multiclass"):
        folder = nltk_data / "chunkers" / "maxent_ne_chunker_tab" / f"english_ace_{kind}"
        folder.mkdir(parents=True, mode=0o700)
        before = {need: NltkTagger().fingerprint(frozenset({need})) for need in ("entity_run", "entity_any_run")}
        (folder / "weights").write_text(kind)
        states[kind] = [need for need, state in before.items() if NltkTagger().fingerprint(frozenset({need})) != state]
    shutil.rmtree(nltk_data / "chunkers")
    assert states == {"binary": ["entity_any_run"], "multiclass": ["entity_run"]}


def test_data_that_is_missing_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])
    tagger = Fixed(a="NN")
    for backend, needs, package in (
        (NltkTagger(), TAGS, "averaged_perceptron_tagger_eng"),
        (NltkTagger(tagger), TAGS, "punkt_tab"),
        (NltkTagger(tagger), frozenset({"entity"}), "maxent_ne_chunker_tab words"),
    ):
        with pytest.raises(MissingDependencyError, match=rf"python -m nltk.downloader {package} \(or point NLTK_DATA"):
            backend.annotate(Corpus(["a"]), needs)
    # Given tokens need no Punkt.
    assert names(NltkTagger(tagger).annotate(in_spaces("a"), TAGS), "tag") == ["NN"]


def test_types_of_entities_need_a_model_of_their_own(real_nltk_data: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"english_ace_multiclass"):
        NltkTagger().annotate(Corpus(["Alice"]), frozenset({"entity"}))


def test_data_that_others_could_have_written_is_refused_as_nltk_does(
    nltk_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tuple(map(int, nltk.__version__.split(".")[:2])) < (3, 10):
        pytest.skip("NLTK reads such data before 3.10")
    unsafe = tmp_path / "unsafe"
    unsafe.mkdir()
    unsafe.chmod(0o777)
    (unsafe / "tokenizers").symlink_to(nltk_data / "tokenizers")
    monkeypatch.setattr("nltk.data.path", [str(unsafe)])
    with pytest.raises(StorageError, match=r"`tagger`: NLTK refuses its data.*writable.*chmod go-w"):
        NltkTagger(Fixed()).annotate(Corpus(["a"]), TAGS)


@pytest.mark.parametrize("need", ["dependency", "depth", "head"])
def test_nltk_has_no_parser(need: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"NLTK has no parser, which `{need}` .*use tagger='spacy'"):
        NltkTagger().annotate(Corpus(["a"]), frozenset({need}))
    with pytest.raises(InvalidInputError, match="NLTK has no parser"):
        NltkTagger().fingerprint(frozenset({need}))


@pytest.mark.parametrize(
    ("tags", "pos"),
    [
        ({"he": "PRON", "runs": "VERB", "!": "PUNCT"}, ["PRON", "VERB", "PUNCT"]),
        ({"he": "PRON", "runs": "PRT", "!": "."}, ["PRON", "PART", "PUNCT"]),
        ({"he": "PRP", "runs": "ODD", "!": "."}, ["PRON", "X", "PUNCT"]),
        ({"he": "PRP"}, ["PRON", None, None]),
    ],
)
def test_the_parts_of_speech_of_other_taggers(tags: dict[str, str], pos: list[str]) -> None:
    said = NltkTagger(Fixed(**tags)).annotate(in_spaces("he runs !"), TAGS)
    assert names(said, "pos") == pos
    assert names(said, "tag") == [tags.get(word) for word in ("he", "runs", "!")]


@pytest.mark.parametrize(
    ("tags", "need", "words"),
    [
        ({}, "tag", "tagged no word"),
        ({"he": "PPER"}, "pos", r"tags \('PPER', …\) are neither those of the Penn Treebank nor universal"),
        ({"he": "PRON"}, "chunk_run", r"`chunk_run` needs tags of the Penn Treebank.*\('PRON'\)"),
    ],
)
def test_taggers_whose_tags_are_of_no_use(tags: dict[str, str], need: str, words: str) -> None:
    backend, corpus = NltkTagger(Fixed(**tags)), in_spaces("he")
    with pytest.raises(InvalidInputError, match=f"`tagger_model`: .*{words}"):
        backend.annotate(corpus, frozenset({need}))
    # That no word of some other texts has a tag of use is no fault of the tagger.
    said = backend.annotate(replace(corpus, training=False), frozenset({need}))
    assert said.columns[need].tolist() == [UNIVERSAL.index("X") if need == "pos" else -1]


def test_things_that_are_no_taggers() -> None:
    with pytest.raises(InvalidTypeError, match=r"`tagger_model`: .*got 'en_core_web_sm' of type str.*tagger='spacy'"):
        NltkTagger("en_core_web_sm")
    broken = Fixed()
    broken.tag_sents = lambda sentences: [[] for _ in sentences]  # type: ignore[method-assign]
    with pytest.raises(InvalidInputError, match="the tagger must give every word one tag"):
        NltkTagger(broken).annotate(in_spaces("he"), TAGS)


def test_texts_without_words(nltk_data: Path) -> None:
    needs = frozenset({"tag", "pos", "chunk_run"})
    for texts in ([], [""], [" \n "]):
        said = NltkTagger().annotate(Corpus(texts), needs)
        assert said.spans.counts.tolist() == [0] * len(texts)
        assert {name: len(column) for name, column in said.columns.items()} == dict.fromkeys(needs, 0)
        assert set(said.names) == needs & NAMED


def test_the_table_is_that_of_a_treebank(shared_data: Callable[[str], Path]) -> None:
    """Every Penn tag that a treebank uses often stands there for the same part of speech most of the time."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with gzip.open(shared_data("ud_ewt/ewt_train.tsv.gz"), "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 4:
                found[fields[2]][fields[1]] += 1
    usual = {tag: counts.most_common(1)[0][0] for tag, counts in found.items() if counts.total() >= 150}
    # The auxiliaries have, be and do share their tags with other verbs; addresses are proper names there.
    different = {tag for tag, pos in usual.items() if PENN[tag] != pos}
    assert different == {"VBP", "VBZ", "ADD"}


def test_the_table_has_universal_parts_of_speech_only() -> None:
    assert set(PENN.values()) <= set(UNIVERSAL)
    assert len(UNIVERSAL) == 17
    assert set(UNIVERSAL) - set(PENN.values()) == {"SCONJ"}


def test_the_state_of_taggers(nltk_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A perceptron's state is its weights, with the tables that follow; that of other taggers is not known."""
    one, other = nltk.tag.PerceptronTagger(load=False), nltk.tag.PerceptronTagger(load=False)
    random.seed(0)
    sentences: list[Any] = [[("a", "DT"), ("dog", "NN")]]
    one.train(sentences)
    other.train(sentences)
    before = NltkTagger(one).fingerprint(TAGS)
    assert NltkTagger(other).fingerprint(TAGS) == before != NltkTagger().fingerprint(TAGS)
    other.model.weights["bias"] = {"NN": 1.0}
    assert NltkTagger(other).fingerprint(TAGS) != before
    for table, value in (("GRAMMAR", "NP: {<NN>}"), ("PENN", {"NN": "X"})):
        with monkeypatch.context() as changed:
            changed.setattr(f"auxtasks.extractors.text.taggers.nltk_tagger.{table}", value)
            assert NltkTagger(one).fingerprint(TAGS) != before
    assert NltkTagger(one).fingerprint(TAGS) == before
    with pytest.raises(InvalidInputError, match=r"`cache`: the state of a tagger of type Fixed is unknown"):
        NltkTagger(Fixed()).fingerprint(TAGS)


def test_a_sentence_that_takes_too_long_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # What NLTK's regular expressions raise after five seconds, of which 945,000 characters without a stop need more.
    def slow(sentences: object) -> None:
        raise TimeoutError("regular-expression match exceeded its 5.0s time limit")

    monkeypatch.setattr("auxtasks.extractors.text.taggers.nltk_tagger.noun_phrases", slow)
    given = Spans.of([[(0, 1)]])
    with pytest.raises(InvalidInputError, match=r"`X`: NLTK exceeded .* Split such texts into sentences"):
        NltkTagger(Fixed(a="NN")).annotate(Corpus(["a"], given), frozenset({"chunk_run"}))
