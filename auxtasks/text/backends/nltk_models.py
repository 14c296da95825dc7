"""The models behind NLTK's tagging, loaded when they are first needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.text.backends.digest import digest
from auxtasks.text.backends.nltk_resources import (
    CHUNKER,
    PUNKT,
    TAGGER,
    WORDS,
    digest_resource,
    load_entities,
    load_sentences,
    load_tagger,
)


class Models:
    """A tagger, what finds sentences, and what finds entities.

    Parameters
    ----------
    tagger : TaggerI or None
        The user's own tagger; None for NLTK's averaged perceptron.

    Raises
    ------
    InvalidTypeError
        If `tagger` has no ``tag_sents``.
    """

    def __init__(self, tagger: Any) -> None:
        if tagger is not None and not hasattr(tagger, "tag_sents"):
            raise InvalidTypeError(
                "`pipeline`: with backend='nltk' this is a tagger of NLTK's kind (`nltk.tag.TaggerI`), or None for "
                f"its averaged perceptron; got {tagger!r} of type {type(tagger).__name__}. A spaCy pipeline needs "
                "backend='spacy'."
            )
        self._own_tagger = tagger
        self.loaded: dict[str, Any] = {}

    def tagger(self) -> Any:
        """Return the tagger."""
        return self._load("tagger", load_tagger) if self._own_tagger is None else self._own_tagger

    def sentences(self) -> Any:
        """Return what finds sentences."""
        return self._load("sentences", load_sentences)

    def entities(self, kind: str) -> Any:
        """Return what finds entities, ``"multiclass"`` with their types or ``"binary"``."""
        return self._load(kind, lambda: load_entities(kind))

    def state(self, chunkers: Sequence[str]) -> str:
        """Return a string that differs when the models do.

        Parameters
        ----------
        chunkers : sequence of str
            The kinds of chunkers that find entities, where these are looked for.

        Returns
        -------
        str
            What the files of the models hold, without loading them; for a tagger of the user's own, its weights.

        Raises
        ------
        InvalidInputError
            If that tagger is no averaged perceptron.
        """
        parts = [digest_resource(PUNKT), self._tagger_state()]
        if chunkers:
            parts += [*(digest_resource(CHUNKER.format(kind)) for kind in chunkers), digest_resource(WORDS)]
        return " ".join(parts)

    def _tagger_state(self) -> str:
        tagger = self._own_tagger
        if tagger is None:
            return digest_resource(TAGGER)
        if f"{type(tagger).__module__}.{type(tagger).__qualname__}" != "nltk.tag.perceptron.PerceptronTagger":
            raise InvalidInputError(
                f"`cache`: the state of a tagger of type {type(tagger).__name__} is not known, so that what is stored "
                "could be out of date; do without a cache, or use an averaged perceptron (`PerceptronTagger`)."
            )
        state = [tagger.model.weights, tagger.tagdict, sorted(tagger.classes)]
        return digest([json.dumps(state, sort_keys=True).encode()])

    def _load(self, what: str, load: Callable[[], Any]) -> Any:
        if what not in self.loaded:
            self.loaded[what] = load()
        return self.loaded[what]
