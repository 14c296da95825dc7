"""Tagging with NLTK."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from auxtasks.checksums import digest, versions
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Annotations, Spans, words_of
from auxtasks.extractors.text.taggers import nltk_data
from auxtasks.extractors.text.taggers.base import Corpus, number_runs
from auxtasks.extractors.text.taggers.tag_sets import PENN, UNIVERSAL, UNIVERSAL_ONLY, to_universal
from auxtasks.optional import require, shown
from auxtasks.typing import Array

_AT_ONCE = 100
_CHUNKERS = {"multiclass": {"entity", "entity_run"}, "binary": {"entity_any_run"}}
"""The columns that each chunker gives; they are separate models and find different entities."""


class NltkTagger:
    """Tags English texts with a tagger of NLTK's kind, of Penn or universal tags; by default its averaged perceptron.

    Texts are cut as by ``nltk.word_tokenize``: sentences by Punkt, then words. Given tokens are tagged as they are,
    those of a text as one sentence. Parts of speech follow from the tags by
    `auxtasks.extractors.text.taggers.tag_sets.PENN`, entities are those of ``nltk.ne_chunk``, base noun phrases follow
    from a grammar over the tags. The models are loaded when the first text is tagged.
    """

    def __init__(self, tagger: Any = None, *, progress: bool = False) -> None:
        self._tagger = nltk_data.checked_tagger(tagger)
        self._progress = progress

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns that are needed; see `Tagger.annotate`."""
        _check_needs(needs)
        with nltk_data.within_time():
            return self._said(corpus, needs)

    def _said(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        tagger = nltk_data.load_tagger() if self._tagger is None else self._tagger
        chunkers = {kind: nltk_data.load_entities(kind) for kind in _chunkers(needs)}
        spans, sentences = _sentences(corpus)
        tagged = self._tag(tagger, sentences)
        tags = [tag for sentence in tagged for _, tag in sentence]
        if corpus.training:
            check_tags(tags, needs)
        columns, names = tag_columns(tags, needs)
        plain = [[(word, tag or "") for word, tag in sentence] for sentence in tagged]
        if "chunk_run" in needs:
            columns["chunk_run"], _, _ = phrase_columns(noun_phrases(plain), spans)
        for kind, chunker in chunkers.items():
            trees = shown(chunker.parse_sents(plain), len(plain), self._progress)
            run, label, labels = phrase_columns(trees, spans)
            asked = needs & _CHUNKERS[kind]
            columns.update({column: label if column == "entity" else run for column in asked})
            names.update({"entity": labels} if "entity" in asked else {})
        return Annotations(spans, columns, names)

    def fingerprint(self, needs: frozenset[str]) -> str:
        """Return what the annotations depend on; see `Tagger.fingerprint`."""
        _check_needs(needs)
        tables = digest([GRAMMAR.encode(), json.dumps(dict(PENN), sort_keys=True).encode()])
        return f"{versions('nltk')} tables {tables} models {nltk_data.state_of(self._tagger, _chunkers(needs))}"

    def _tag(self, tagger: Any, sentences: Sequence[list[str]]) -> list[list[tuple[str, str | None]]]:
        pieces = [sentences[at : at + _AT_ONCE] for at in range(0, len(sentences), _AT_ONCE)]
        tagged: list[list[tuple[str, str | None]]] = []
        for piece in shown(pieces, len(pieces), self._progress):
            tagged += tagger.tag_sents(piece)
        if [len(words) for words in sentences] != [len(words) for words in tagged]:
            raise InvalidInputError("`tagger_model`: the tagger must give every word one tag; it gave more or fewer.")
        return tagged


def _sentences(corpus: Corpus) -> tuple[Spans, list[list[str]]]:
    """Return where the words lie, and the words of the sentences that have any."""
    if corpus.given is not None:
        return corpus.given, [words for words in words_of(corpus.texts, corpus.given) if words]
    punkt = nltk_data.load_sentences()
    texts = [cut(text, punkt) for text in corpus.texts]
    return Spans.of(ranges for _, ranges in texts), [words for sentences, _ in texts for words in sentences if words]


def _chunkers(needs: frozenset[str]) -> list[str]:
    return [kind for kind, columns in _CHUNKERS.items() if needs & columns]


def _check_needs(needs: frozenset[str]) -> None:
    for need in sorted(needs & {"dependency", "head", "depth"}):
        raise InvalidInputError(
            f"`tagger`: NLTK has no parser, which `{need}` needs; use tagger='spacy' with a pipeline that has one, or "
            "leave out the tasks that need it."
        )


Tagged = list[tuple[str, str]]

GRAMMAR = r"""
    NP: {<PDT>?<DT|PRP\$|WP\$|WDT>?<RB.*|JJ.*|CD|VBN>*<NN.*>+(<POS><RB.*|JJ.*|CD|VBN>*<NN.*>+)*<CD>?}
        {<DT>?<\$|\#>?<CD>+}
        {<PRP|WP|EX>}
"""
"""A base noun phrase: an article or possessive pronoun, what modifies a noun, and nouns, with the nouns that own them
(John's big idea); or a number or an amount; or a pronoun. Nothing within it is another one."""


def phrase_columns(trees: Iterable[Any], spans: Spans) -> tuple[Array, Array, tuple[str, ...]]:
    """Count the phrases of every text from 0."""
    labels: list[str | None] = []
    begins: list[bool] = []
    for tree in trees:
        for child in tree:
            # A word is a pair with its tag, a phrase another tree.
            phrase = hasattr(child, "label")
            size = len(child) if phrase else 1
            labels += [child.label() if phrase else None] * size
            begins += [phrase] + [False] * (size - 1)
    names = tuple(sorted({label for label in labels if label is not None}))
    number = {name: at for at, name in enumerate(names)}
    kind = np.fromiter((-1 if label is None else number[label] for label in labels), np.int32, len(labels))
    return number_runs(np.array(begins, bool), kind >= 0, spans), kind, names


def noun_phrases(sentences: Sequence[Tagged]) -> list[Any]:
    """Return the trees of base noun phrases of sentences; see `GRAMMAR`."""
    parser = _parser()
    # A tag of another set has no part in a phrase, and its characters may mean something to the parser.
    return [parser.parse([(word, tag if tag in PENN else "X") for word, tag in words]) for words in sentences]


@lru_cache
def _parser() -> Any:
    return require("nltk.chunk", extra="text").RegexpParser(GRAMMAR)


_QUOTES = {"``": ('"', "''"), "''": ('"',)}
"""What the tokenizer may have written for what stood in the text."""

Ranges = list[tuple[int, int]]


def cut(text: str, sentences: Any) -> tuple[list[list[str]], Ranges]:
    """Cut a text into sentences of words, as ``nltk.word_tokenize`` does, and find the words in it."""
    tokenizer = require("nltk.tokenize", extra="text").NLTKWordTokenizer()
    words: list[list[str]] = []
    ranges: Ranges = []
    for begin, end in sentences.span_tokenize(text):
        words.append(tokenizer.tokenize(text[begin:end]))
        ranges += places(text, words[-1], begin)
    return words, ranges


def places(text: str, words: Sequence[str], begin: int) -> Ranges:
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


def tag_columns(
    tags: Sequence[str | None], needs: frozenset[str]
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    """Return the columns ``"tag"`` and ``"pos"``, where needed, and their names."""
    found = sorted({tag for tag in tags if tag})
    columns: dict[str, Array] = {}
    names: dict[str, tuple[str, ...]] = {}
    if "tag" in needs:
        names["tag"] = tuple(found)
        columns["tag"] = _codes(tags, {tag: at for at, tag in enumerate(found)})
    if "pos" in needs:
        names["pos"] = UNIVERSAL
        columns["pos"] = _codes(tags, {tag: UNIVERSAL.index(to_universal(tag) or "X") for tag in found})
    return columns, names


def check_tags(tags: Sequence[str | None], needs: frozenset[str]) -> None:
    """Refuse a tagger whose tags for training texts are of no use."""
    found = sorted({tag for tag in tags if tag})
    if tags and not found:
        raise InvalidInputError("`tagger_model`: the tagger tagged no word; train it, or give it a `backoff` tagger.")
    if "pos" in needs and found and not any(map(to_universal, found)):
        raise InvalidInputError(
            f"`tagger_model`: the tagger's tags ({', '.join(map(repr, found[:8]))}, …) are neither those of the Penn "
            "Treebank nor universal ones, so they have no universal part of speech; use the task 'pos_fine', or a "
            "tagger with such tags."
        )
    foreign = UNIVERSAL_ONLY.intersection(found)
    for need in sorted(needs - {"pos", "tag"} if foreign else ()):
        raise InvalidInputError(
            f"`tagger_model`: `{need}` needs tags of the Penn Treebank, but the tagger gives universal ones "
            f"({', '.join(map(repr, sorted(foreign)[:8]))}); use a tagger of Penn tags, or leave out the tasks that "
            "need this."
        )


def _codes(tags: Sequence[str | None], numbers: dict[str, int]) -> Array:
    return np.fromiter((numbers[tag] if tag else -1 for tag in tags), np.int32, len(tags))
