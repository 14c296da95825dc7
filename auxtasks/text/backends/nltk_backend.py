"""Tagging with NLTK."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.inputs.progress import shown
from auxtasks.text.annotations import Annotations
from auxtasks.text.backends.base import Corpus
from auxtasks.text.backends.digest import digest, versions
from auxtasks.text.backends.nltk_models import Models
from auxtasks.text.backends.nltk_phrases import GRAMMAR, noun_phrases, phrase_columns
from auxtasks.text.backends.nltk_tags import check_tags, tag_columns
from auxtasks.text.backends.nltk_words import cut
from auxtasks.text.backends.penn import PENN
from auxtasks.text.spans import Spans, words_of

_AT_ONCE = 100
_CHUNKERS = {"multiclass": {"entity", "entity_run"}, "binary": {"entity_any_run"}}
"""The columns that each chunker gives; they are separate models and find different entities."""


class NltkBackend:
    """Tags English texts with NLTK.

    Parameters
    ----------
    tagger : TaggerI, optional
        A tagger of NLTK's kind, whose tags are those of the Penn Treebank or universal ones; by default NLTK's
        averaged perceptron.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InvalidTypeError
        If `tagger` has no ``tag_sents``.

    Notes
    -----
    Texts are cut as by ``nltk.word_tokenize``: sentences by Punkt, then words. Given tokens are tagged as they are,
    those of a text as one sentence. Parts of speech follow from the tags by `auxtasks.text.backends.penn.PENN`,
    entities are those of ``nltk.ne_chunk``, base noun phrases follow from a grammar over the tags. The models are
    loaded when the first text is tagged.
    """

    def __init__(self, tagger: Any = None, *, progress: bool = False) -> None:
        self._models = Models(tagger)
        self._progress = progress

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns that are needed; see `Backend.annotate`.

        Parameters
        ----------
        corpus : Corpus
            The texts.
        needs : frozenset of str
            The columns.

        Returns
        -------
        Annotations
            The columns.

        Raises
        ------
        InvalidInputError
            If NLTK cannot give a column, or the tags of a tagger of the user's own cannot be used for it.
        MissingDependencyError, StorageError
            If a model is not installed, or NLTK refuses it.
        """
        _check_needs(needs)
        tagger = self._models.tagger()
        chunkers = {kind: self._models.entities(kind) for kind in _chunkers(needs)}
        spans, sentences = self._sentences(corpus)
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
        """Return what the annotations depend on; see `Backend.fingerprint`.

        Parameters
        ----------
        needs : frozenset of str
            The columns.

        Returns
        -------
        str
            NLTK's version, what the files of the models hold, the tables that turn tags into parts of speech and
            phrases, and for an averaged perceptron of the user's own its weights.

        Raises
        ------
        InvalidInputError
            If there is another tagger, whose state is not known.
        """
        _check_needs(needs)
        tables = digest([GRAMMAR.encode(), json.dumps(dict(PENN), sort_keys=True).encode()])
        return f"{versions('nltk')} tables {tables} models {self._models.state(_chunkers(needs))}"

    def _sentences(self, corpus: Corpus) -> tuple[Spans, list[list[str]]]:
        """Return where the words lie, and the words of the sentences that have any."""
        if corpus.given is not None:
            return corpus.given, [words for words in words_of(corpus.texts, corpus.given) if words]
        punkt = self._models.sentences()
        texts = [cut(text, punkt) for text in corpus.texts]
        spans = Spans.of([list(chain.from_iterable(ranges)) for _, ranges in texts])
        return spans, [words for sentences, _ in texts for words in sentences if words]

    def _tag(self, tagger: Any, sentences: Sequence[list[str]]) -> list[list[tuple[str, str | None]]]:
        pieces = [sentences[at : at + _AT_ONCE] for at in range(0, len(sentences), _AT_ONCE)]
        tagged: list[list[tuple[str, str | None]]] = []
        for piece in shown(pieces, len(pieces), self._progress):
            tagged += tagger.tag_sents(piece)
        if [len(words) for words in sentences] != [len(words) for words in tagged]:
            raise InvalidInputError("`pipeline`: the tagger must give every word one tag; it gave more or fewer.")
        return tagged


def _chunkers(needs: frozenset[str]) -> list[str]:
    return [kind for kind, columns in _CHUNKERS.items() if needs & columns]


def _check_needs(needs: frozenset[str]) -> None:
    for need in sorted(needs & {"dependency", "head", "depth"}):
        raise InvalidInputError(
            f"`backend`: NLTK has no parser, which `{need}` is made of; use backend='spacy' with a pipeline that has "
            "one, or leave out the tasks that need it."
        )
