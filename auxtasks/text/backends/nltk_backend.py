"""Tagging with NLTK."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.text.annotations import Annotations
from auxtasks.text.backends.base import Corpus
from auxtasks.text.backends.digest import versions
from auxtasks.text.backends.nltk_models import Models
from auxtasks.text.backends.nltk_phrases import noun_phrases, phrase_columns
from auxtasks.text.backends.nltk_tags import check_penn, tag_columns
from auxtasks.text.backends.nltk_words import cut
from auxtasks.text.backends.progress import shown
from auxtasks.text.spans import Spans, words_of

_AT_ONCE = 100
_ENTITIES = frozenset({"entity", "entity_run"})


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
        chunker = self._models.entities(self._types(needs)) if needs & _ENTITIES else None
        spans, sentences = self._sentences(corpus)
        tagged = self._tag(tagger, sentences)
        tags = [tag for sentence in tagged for _, tag in sentence]
        columns, names = tag_columns(tags, needs)
        plain = [[(word, tag or "") for word, tag in sentence] for sentence in tagged]
        if "chunk_run" in needs:
            check_penn(tags, "chunk_run")
            columns["chunk_run"], _, _ = phrase_columns(noun_phrases(plain), spans)
        if chunker is not None:
            check_penn(tags, "entity_run")
            trees = shown(chunker.parse_sents(plain), len(plain), self._progress)
            run, kind, kinds = phrase_columns(trees, spans)
            columns.update({name: array for name, array in (("entity_run", run), ("entity", kind)) if name in needs})
            names.update({"entity": kinds} if "entity" in needs else {})
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
            NLTK's version, what the files of the models hold, and for an averaged perceptron of the user's own its
            weights.

        Raises
        ------
        InvalidInputError
            If there is another tagger, whose state is not known.
        """
        _check_needs(needs)
        return f"{versions('nltk')} {self._models.state(bool(needs & _ENTITIES), self._types(needs))}"

    def _types(self, needs: frozenset[str]) -> bool:
        # For where entities lie, the binary chunker is enough.
        return "entity" in needs

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


def _check_needs(needs: frozenset[str]) -> None:
    for need in sorted(needs & {"dependency", "head", "depth"}):
        raise InvalidInputError(
            f"`backend`: NLTK has no parser, which `{need}` is made of; use backend='spacy' with a pipeline that has "
            "one, or leave out the tasks that need it."
        )
