"""From texts to samples: cut into the model's tokens, numbered, and tagged if a task asks for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.text.annotations import Annotations
from auxtasks.text.backends.base import Corpus
from auxtasks.text.backends.choose import make_backend
from auxtasks.text.cache import cached
from auxtasks.text.documents import Documents, FittedTexts
from auxtasks.text.read import read_texts
from auxtasks.text.settings import TextSettings
from auxtasks.text.spans import words_of
from auxtasks.text.tokenizers.choose import as_tokenizer
from auxtasks.text.tokens import Tokens
from auxtasks.text.unsaved import Unsaved
from auxtasks.text.vocabulary import Vocabulary
from auxtasks.typing import Array

_MANY, _PADDED = 100_000_000, 0.1
"""So many steps, of which so few are tokens, are refused."""


def read_documents(X: object, settings: TextSettings, fitted: FittedTexts | None = None) -> Documents:
    """Read texts and cut them into the model's tokens.

    Parameters
    ----------
    X : sequence
        As `read_texts` takes it.
    settings : TextSettings
        How to read them.
    fitted : FittedTexts, optional
        What the training texts decided; None for training texts.

    Returns
    -------
    Documents
        The samples, not yet tagged.

    Raises
    ------
    AuxTasksError
        If a text or the tokenizer cannot be used.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.text.settings import checked_text_settings
    >>> settings = checked_text_settings(auxtasks.AuxTargetGenerator("text").get_params())
    >>> read_documents(["So it goes.", "So?"], settings).inputs
    array([[2, 3, 4],
           [2, 0, 0]], dtype=int32)
    """
    corpus = read_texts(X)
    tokens, vocabulary, length = tokenize(corpus, settings)
    if fitted is None:
        if not tokens.spans.counts.any():
            raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
        fitted = FittedTexts(
            vocabulary or Vocabulary.fit(tokens.words, settings.max_tokens), length or _longest(tokens.spans.counts)
        )
    elif vocabulary is not None and vocabulary != fitted.vocabulary:
        raise InvalidInputError(
            "`tokenizer` has another vocabulary than it had when the generator was fitted, so that words would have "
            "other numbers; fit again, or set the tokenizer as it was."
        )
    return Documents(
        texts=corpus.texts,
        spans=tokens.spans,
        ids=fitted.vocabulary.ids(tokens.words) if tokens.ids is None else tokens.ids,
        fitted=fitted,
        padding=settings.padding,
        as_texts=settings.inputs == "texts",
        given=corpus.given,
    )


def tagged(X: Documents, settings: TextSettings, needs: Collection[str], *, training: bool) -> Documents:
    """Tag texts, if a task needs it.

    Parameters
    ----------
    X : Documents
        The texts.
    settings : TextSettings
        What tags them.
    needs : collection of str
        The columns of annotations that tasks need; without any, no tagger runs.
    training : bool
        Whether they are training texts: a column that the tagger leaves empty for all of these is an error, while other
        texts may be a single one.

    Returns
    -------
    Documents
        The same with annotations.

    Raises
    ------
    AuxTasksError
        If the backend or its pipeline cannot be used.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.text.settings import checked_text_settings
    >>> settings = checked_text_settings(auxtasks.AuxTargetGenerator("text").get_params())
    >>> tagged(read_documents(["So it goes."], settings), settings, [], training=True).annotations is None
    True
    """
    if not needs:
        return X
    for parameter in (settings.backend, settings.pipeline):
        if isinstance(parameter, Unsaved):
            raise parameter.missed()
    backend = make_backend(
        settings.backend,
        settings.pipeline,
        batch_size=settings.batch_size,
        n_process=settings.n_process,
        progress=settings.progress,
    )
    said = cached(backend, Corpus(X.texts, X.given, training), frozenset(needs), settings.cache)
    if not isinstance(said, Annotations):
        raise InvalidTypeError(
            f"`backend`: `annotate` must return Annotations; {type(backend).__name__} returned {type(said).__name__}."
        )
    return replace(X, annotations=said)


def _longest(counts: Array) -> int:
    """Return the largest count; refuse where a few long texts would make nearly everything padding."""
    longest = int(counts.max())
    cells = longest * len(counts)
    if cells > _MANY and counts.sum() < _PADDED * cells:
        most = int(np.quantile(counts, 0.99))
        raise InvalidInputError(
            f"`X[{int(counts.argmax())}]` has {longest} tokens, and 99 % of the texts have at most {most}: padded to "
            f"the longest, {1 - counts.sum() / cells:.0%} of {cells:,} steps would be padding. Pass length={most} to "
            "cut the longest texts, or a length of your own."
        )
    return longest


def tokenize(corpus: Corpus, settings: TextSettings) -> tuple[Tokens, Vocabulary | None, int | None]:
    """Cut texts into tokens; given tokens are the model's own unless a tokenizer is named.

    Parameters
    ----------
    corpus : Corpus
        The texts.
    settings : TextSettings
        How they are read.

    Returns
    -------
    tokens : Tokens
        The model's.
    vocabulary : Vocabulary or None
        That of the tokenizer, where it brings one.
    length : int or None
        How many steps the model has, where that is said.

    Raises
    ------
    InvalidInputError
        If the tokenizer was not saved, pads on the other side, or pads to another length.

    Examples
    --------
    >>> from auxtasks.text.settings import checked_text_settings
    >>> import auxtasks
    >>> settings = checked_text_settings(auxtasks.AuxTargetGenerator("text").get_params())
    >>> tokenize(Corpus(["So it goes."]), settings)[0].words
    ['so', 'it', 'goes']
    """
    if corpus.given is not None and settings.tokenizer is None:
        words = [word for of_text in words_of(corpus.texts, corpus.given) for word in of_text]
        return Tokens(corpus.given, words), None, settings.length
    if isinstance(settings.tokenizer, Unsaved):
        raise settings.tokenizer.missed()
    tokenizer = as_tokenizer(settings.tokenizer)
    if getattr(tokenizer, "pads_left", False) and settings.padding != "pre":
        raise InvalidInputError(
            "`padding`: the tokenizer pads on the left; pass padding='pre', so that targets and inputs lie as in what "
            "it gives by itself."
        )
    lengths = {length for length in (settings.length, tokenizer.length) if length is not None}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"`length` is {settings.length}, and the tokenizer pads to {tokenizer.length}; leave `length` out."
        )
    return tokenizer.tokenize(corpus.texts), tokenizer.vocabulary, next(iter(lengths), None)
