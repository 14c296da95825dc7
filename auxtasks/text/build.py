"""From texts to samples: cut into the model's tokens, numbered, and tagged if a task asks for it."""

from __future__ import annotations

from collections.abc import Collection

from auxtasks.errors import InvalidInputError
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


def read_documents(
    X: object, settings: TextSettings, needs: Collection[str], fitted: FittedTexts | None = None
) -> Documents:
    """Read texts, and tag them if a task needs it.

    Parameters
    ----------
    X : sequence
        As `read_texts` takes it.
    settings : TextSettings
        How to read them.
    needs : collection of str
        The columns of annotations that tasks need; without any, no tagger runs.
    fitted : FittedTexts, optional
        What the training texts decided; None for training texts.

    Returns
    -------
    Documents
        The samples.

    Raises
    ------
    AuxTasksError
        If a text, the tokenizer, the backend or its pipeline cannot be used.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.text.settings import checked_text_settings
    >>> settings = checked_text_settings(auxtasks.AuxTargetGenerator("text").get_params())
    >>> read_documents(["So it goes.", "So?"], settings, []).inputs
    array([[2, 3, 4],
           [2, 0, 0]], dtype=int32)
    """
    corpus = read_texts(X)
    tokens, vocabulary, length = _tokenize(corpus, settings)
    if fitted is None:
        if not tokens.spans.counts.any():
            raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
        fitted = FittedTexts(
            vocabulary or Vocabulary.fit(tokens.words, settings.max_tokens), length or int(tokens.spans.counts.max())
        )
    return Documents(
        texts=corpus.texts,
        spans=tokens.spans,
        ids=fitted.vocabulary.ids(tokens.words) if tokens.ids is None else tokens.ids,
        fitted=fitted,
        padding=settings.padding,
        as_texts=settings.inputs == "texts",
        annotations=_annotate(corpus, settings, frozenset(needs)) if needs else None,
        given=corpus.given,
    )


def _tokenize(corpus: Corpus, settings: TextSettings) -> tuple[Tokens, Vocabulary | None, int | None]:
    """Cut texts into tokens; given tokens are the model's own unless a tokenizer is named."""
    if corpus.given is not None and settings.tokenizer is None:
        words = [word for of_text in words_of(corpus.texts, corpus.given) for word in of_text]
        return Tokens(corpus.given, words), None, settings.length
    if isinstance(settings.tokenizer, Unsaved):
        raise settings.tokenizer.missed()
    tokenizer = as_tokenizer(settings.tokenizer)
    lengths = {length for length in (settings.length, tokenizer.length) if length is not None}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"`length` is {settings.length}, and the tokenizer pads to {tokenizer.length}; leave `length` out."
        )
    return tokenizer.tokenize(corpus.texts), tokenizer.vocabulary, next(iter(lengths), None)


def _annotate(corpus: Corpus, settings: TextSettings, needs: frozenset[str]) -> Annotations:
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
    return cached(backend, corpus, needs, settings.cache)
