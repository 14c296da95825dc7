"""Tagging with NLTK: its models, its tokens and tags, and the universal parts of speech that follow from them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.checksums import digest, digest_files, versions
from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.extractors.text.spans import Annotations, Spans, words_of
from auxtasks.extractors.text.taggers.base import UNIVERSAL, Corpus, number_runs
from auxtasks.optional import require, shown
from auxtasks.typing import Array

_AT_ONCE = 100
_CHUNKERS = {"multiclass": {"entity", "entity_run"}, "binary": {"entity_any_run"}}
"""The columns that each chunker gives; they are separate models and find different entities."""


class NltkTagger:
    """Tags English texts with a tagger of NLTK's kind, of Penn or universal tags; by default its averaged perceptron.

    Texts are cut as by ``nltk.word_tokenize``: sentences by Punkt, then words. Given tokens are tagged as they are,
    those of a text as one sentence. Parts of speech follow from the tags by `PENN`, entities are those of
    ``nltk.ne_chunk``, base noun phrases follow from a grammar over the tags. The models are loaded when the first text
    is tagged.
    """

    def __init__(self, tagger: Any = None, *, progress: bool = False) -> None:
        if tagger is not None and not hasattr(tagger, "tag_sents"):
            raise InvalidTypeError(
                "`tagger_model`: with tagger='nltk' this must be an NLTK tagger (`nltk.tag.TaggerI`), or None for its "
                f"averaged perceptron; got {tagger!r} of type {type(tagger).__name__}. A spaCy pipeline needs "
                "tagger='spacy'."
            )
        self._tagger = tagger
        self._progress = progress

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        _check_needs(needs)
        try:
            return self._said(corpus, needs)
        except TimeoutError as error:
            raise InvalidInputError(
                "`X`: NLTK exceeded its own time limit on a very long sentence. A text without full stops is one "
                "sentence, and so is a list of tokens. Split such texts into sentences, leave out the tasks that need "
                "phrases or entities, or use tagger='spacy'."
            ) from error

    def _said(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        tagger = load_tagger() if self._tagger is None else self._tagger
        chunkers = {kind: load_entities(kind) for kind in _chunkers(needs)}
        spans, sentences = _sentences(corpus)
        tagged = self._tag(tagger, sentences)
        tags, found = _named([tag for sentence in tagged for _, tag in sentence])
        if corpus.training and len(tags):
            _check_tags(found, needs)
        columns: dict[str, Array] = {"tag": tags} if "tag" in needs else {}
        names: dict[str, tuple[str, ...]] = {"tag": found} if "tag" in needs else {}
        if "pos" in needs:
            # One entry more, which a tag of -1 finds as the last.
            parts = [UNIVERSAL.index(to_universal(tag) or "X") for tag in found] + [-1]
            columns["pos"], names["pos"] = np.array(parts, np.int32)[tags], UNIVERSAL
        plain = [[(word, tag or "") for word, tag in sentence] for sentence in tagged]
        if "chunk_run" in needs:
            columns["chunk_run"], _, _ = _phrase_columns(noun_phrases(plain), spans)
        for kind, chunker in chunkers.items():
            trees = shown(chunker.parse_sents(plain), len(plain), self._progress)
            run, label, labels = _phrase_columns(trees, spans)
            asked = needs & _CHUNKERS[kind]
            columns.update({column: label if column == "entity" else run for column in asked})
            names.update({"entity": labels} if "entity" in asked else {})
        return Annotations(spans, columns, names)

    def fingerprint(self, needs: frozenset[str]) -> str:
        _check_needs(needs)
        tables = digest([GRAMMAR.encode(), json.dumps(dict(PENN), sort_keys=True).encode()])
        models = [_digest(PUNKT), _digest(TAGGER) if self._tagger is None else _state_of(self._tagger)]
        if chunkers := _chunkers(needs):
            models += [*(_digest(CHUNKER.format(kind)) for kind in chunkers), _digest(WORDS)]
        return f"{versions('nltk')} tables {tables} models {' '.join(models)}"

    def _tag(self, tagger: Any, sentences: Sequence[list[str]]) -> list[list[tuple[str, str | None]]]:
        pieces = [sentences[at : at + _AT_ONCE] for at in range(0, len(sentences), _AT_ONCE)]
        tagged: list[list[tuple[str, str | None]]] = []
        for piece in shown(pieces, len(pieces), self._progress):
            tagged += tagger.tag_sents(piece)
        if [len(words) for words in sentences] != [len(words) for words in tagged]:
            raise InvalidInputError("`tagger_model`: the tagger must give every word one tag; it gave more or fewer.")
        return tagged


def _chunkers(needs: frozenset[str]) -> list[str]:
    return [kind for kind, columns in _CHUNKERS.items() if needs & columns]


def _check_needs(needs: frozenset[str]) -> None:
    for need in sorted(needs & {"dependency", "head", "depth"}):
        raise InvalidInputError(
            f"`tagger`: NLTK has no parser, which `{need}` needs; use tagger='spacy' with a pipeline that has one, or "
            "leave out the tasks that need it."
        )


def _named(values: Sequence[str | None]) -> tuple[Array, tuple[str, ...]]:
    """Return values as numbers of their sorted names, -1 where there is none, and these names."""
    names = tuple(sorted({value for value in values if value}))
    number = {name: at for at, name in enumerate(names)}
    return np.fromiter((number[value] if value else -1 for value in values), np.int32, len(values)), names


# The models

TAGGER = "taggers/averaged_perceptron_tagger_eng/"
PUNKT = "tokenizers/punkt_tab/english/"
CHUNKER = "chunkers/maxent_ne_chunker_tab/english_ace_{}/"
WORDS = "corpora/words"


@contextmanager
def _needing(*packages: str) -> Iterator[None]:
    """Turn what NLTK raises when its data is missing or refused into an error that says what to do."""
    with warnings.catch_warnings(record=True) as caught:
        # NLTK warns of data that it refuses, and then says that there is none.
        warnings.simplefilter("always")
        try:
            yield
        except PermissionError as error:
            raise StorageError(f"`tagger`: NLTK refuses its data. {error}") from error
        except LookupError as error:
            if isinstance(error, (KeyError, IndexError)):
                raise
            refusals = [str(warning.message) for warning in caught if "will not read" in str(warning.message)]
            if refusals:
                raise StorageError(f"`tagger`: NLTK refuses its data. {refusals[0]}") from error
            command = f"python -m nltk.downloader {' '.join(packages)}"
            raise MissingDependencyError(
                f"`tagger`: NLTK's data is missing. Install it with: {command} (or point NLTK_DATA to where it is). "
                f"NLTK reports: {' '.join(str(error).replace('*', '').split())}"
            ) from error


def load_tagger() -> Any:
    """Return NLTK's averaged perceptron for English; as in ``nltk.pos_tag`` it is read once, until its files change."""
    with _needing("averaged_perceptron_tagger_eng"):
        return _tagger_of(_digest(TAGGER))


@lru_cache(maxsize=1)
def _tagger_of(state: str) -> Any:
    del state  # the key
    return require("nltk.tag", extra="text").PerceptronTagger()


def load_sentences() -> Any:
    """Return NLTK's Punkt for English, which finds sentences."""
    with _needing("punkt_tab"):
        return require("nltk.tokenize", extra="text").PunktTokenizer("english")


def load_entities(kind: str) -> Any:
    """Return NLTK's chunker of named entities, ``"multiclass"`` with their types or ``"binary"``."""
    with _needing("maxent_ne_chunker_tab", "words"):
        # The chunker reads these only while it runs.
        require("nltk.data", extra="text").find(WORDS)
        return require("nltk.chunk", extra="text").ne_chunker(kind)


def _digest(resource: str) -> str:
    """Return a string that differs when a resource does; "absent" where it is not installed."""
    data = require("nltk.data", extra="text")
    try:
        with _needing(resource):
            found = data.find(resource)
    except (MissingDependencyError, StorageError):
        # Whoever needs it will say so; a cache need not.
        return "absent"
    return digest_files(Path(found.path if hasattr(found, "path") else found.zipfile.filename))


def _state_of(tagger: Any) -> str:
    if f"{type(tagger).__module__}.{type(tagger).__qualname__}" != "nltk.tag.perceptron.PerceptronTagger":
        raise InvalidInputError(
            f"`cache`: the state of a tagger of type {type(tagger).__name__} is unknown, so stored annotations could "
            "be out of date; omit the cache, or use an averaged perceptron (`PerceptronTagger`)."
        )
    state = [tagger.model.weights, tagger.tagdict, sorted(tagger.classes)]
    return digest([json.dumps(state, sort_keys=True).encode()])


# Words and phrases

_QUOTES = {"``": ('"', "''"), "''": ('"',)}
"""What the tokenizer may have written for what stood in the text."""

GRAMMAR = r"""
    NP: {<PDT>?<DT|PRP\$|WP\$|WDT>?<RB.*|JJ.*|CD|VBN>*<NN.*>+(<POS><RB.*|JJ.*|CD|VBN>*<NN.*>+)*<CD>?}
        {<DT>?<\$|\#>?<CD>+}
        {<PRP|WP|EX>}
"""
"""A base noun phrase: an article or possessive pronoun, what modifies a noun, and nouns, with the nouns that own them
(John's big idea); or a number or an amount; or a pronoun. Nothing within it is another one."""


def _sentences(corpus: Corpus) -> tuple[Spans, list[list[str]]]:
    """Return where the words lie, and the words of the sentences that have any; cut as by ``nltk.word_tokenize``."""
    if corpus.given is not None:
        return corpus.given, [words for words in words_of(corpus.texts, corpus.given) if words]
    punkt = load_sentences()
    tokenizer = require("nltk.tokenize", extra="text").NLTKWordTokenizer()
    sentences: list[list[str]] = []
    ranges: list[list[tuple[int, int]]] = []
    for text in corpus.texts:
        ranges.append([])
        for begin, end in punkt.span_tokenize(text):
            words = tokenizer.tokenize(text[begin:end])
            ranges[-1] += _places(text, words, begin)
            sentences += [words] if words else []
    return Spans.of(ranges), sentences


def _places(text: str, words: Sequence[str], begin: int) -> list[tuple[int, int]]:
    """Find the words of a sentence in its text."""
    found = []
    at = begin
    for word in words:
        while at < len(text) and text[at].isspace():
            at += 1
        for written in (word, *_QUOTES.get(word, ())):
            if text.startswith(written, at):
                break
        else:
            raise InvalidInputError(
                f"`X`: NLTK's word {word!r} is not found at character {at} of the text {text[:80]!r}; give the tokens "
                "of this text instead of the text."
            )
        found.append((at, at + len(written)))
        at += len(written)
    return found


def noun_phrases(sentences: Sequence[list[tuple[str, str]]]) -> list[Any]:
    """Return the trees of base noun phrases of tagged sentences; see `GRAMMAR`."""
    parser = _parser()
    # A tag of another set has no part in a phrase, and its characters may mean something to the parser.
    return [parser.parse([(word, tag if tag in PENN else "X") for word, tag in words]) for words in sentences]


@lru_cache
def _parser() -> Any:
    return require("nltk.chunk", extra="text").RegexpParser(GRAMMAR)


def _phrase_columns(trees: Iterable[Any], spans: Spans) -> tuple[Array, Array, tuple[str, ...]]:
    """Return which phrase of its text each word is in, the label of the phrase as a number, and the labels."""
    labels: list[str | None] = []
    begins: list[bool] = []
    for tree in trees:
        for child in tree:
            # A word is a pair with its tag, a phrase another tree.
            phrase = hasattr(child, "label")
            size = len(child) if phrase else 1
            labels += [child.label() if phrase else None] * size
            begins += [phrase] + [False] * (size - 1)
    kind, names = _named(labels)
    return number_runs(np.array(begins, bool), kind >= 0, spans), kind, names


# Tags

# A tag stands for several universal ones at times; here is the one most of its words have. So IN is ADP although
# subordinating conjunctions are tagged so too, and the auxiliaries have, be and do come out as VERB.
_WORDS = {
    "ADJ": "AFX JJ JJR JJS",
    "ADP": "IN RP",
    "ADV": "RB RBR RBS WRB",
    "AUX": "MD",
    "CCONJ": "CC",
    "DET": "DT PDT",
    "INTJ": "UH",
    "NOUN": "NN NNS",
    "NUM": "CD",
    "PART": "POS TO",
    "PRON": "EX PRP PRP$ WDT WP WP$",
    "PROPN": "NNP NNPS",
    "PUNCT": "`` '' , . : ( ) -LRB- -RRB- -LSB- -RSB- -LCB- -RCB- -- HYPH NFP",
    "SYM": "$ # SYM",
    "VERB": "BES HVS VB VBD VBG VBN VBP VBZ",
    "X": "ADD FW GW LS XX",
}
PENN: Mapping[str, str] = {tag: universal for universal, tags in _WORDS.items() for tag in tags.split()}
"""The universal part of speech of every tag of the Penn Treebank and of its later extensions.

The table is that of Universal Dependencies, "English PTB to UD", brought to version 2: modals are AUX, possessive and
relative pronouns PRON.
"""
_UNIVERSAL = {**{tag: tag for tag in UNIVERSAL}, "CONJ": "CCONJ", "PRT": "PART"}  # the last two of version 1
_UNIVERSAL_ONLY = _UNIVERSAL.keys() - PENN.keys()
"""Tags that tell a tagger of universal parts of speech from one of Penn tags."""


def to_universal(tag: str) -> str | None:
    return PENN.get(tag) or _UNIVERSAL.get(tag)


def _check_tags(found: Sequence[str], needs: frozenset[str]) -> None:
    """Refuse a tagger whose tags for training texts are of no use."""
    if not found:
        raise InvalidInputError("`tagger_model`: the tagger tagged no word; train it, or give it a `backoff` tagger.")
    if "pos" in needs and not any(map(to_universal, found)):
        raise InvalidInputError(
            f"`tagger_model`: the tagger's tags ({', '.join(map(repr, found[:8]))}, …) are neither those of the Penn "
            "Treebank nor universal ones, so they have no universal part of speech; use the task 'pos_fine', or a "
            "tagger with such tags."
        )
    foreign = _UNIVERSAL_ONLY.intersection(found)
    for need in sorted(needs - {"pos", "tag"} if foreign else ()):
        raise InvalidInputError(
            f"`tagger_model`: `{need}` needs tags of the Penn Treebank, but the tagger gives universal ones "
            f"({', '.join(map(repr, sorted(foreign)[:8]))}); use a tagger of Penn tags, or leave out the tasks that "
            "need this."
        )
