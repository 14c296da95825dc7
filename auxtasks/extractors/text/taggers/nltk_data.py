"""The models behind NLTK's tagging, loaded when they are first needed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.files import digest, digest_files
from auxtasks.optional import require


class Models:
    """A tagger, what finds sentences, and what finds entities.

    Parameters
    ----------
    tagger : TaggerI or None
        The user's own tagger; None for NLTK's averaged perceptron.
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
        """Return a string that differs when the models do."""
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


TAGGER = "taggers/averaged_perceptron_tagger_eng/"
PUNKT = "tokenizers/punkt_tab/english/"
CHUNKER = "chunkers/maxent_ne_chunker_tab/english_ace_{}/"
WORDS = "corpora/words"


@contextmanager
def needing(*packages: str) -> Iterator[None]:
    """Turn what NLTK raises when its data is missing or refused into an error that says what to do."""
    with warnings.catch_warnings(record=True) as caught:
        # NLTK warns of data that it refuses, and then says that there is none.
        warnings.simplefilter("always")
        try:
            yield
        except PermissionError as error:
            raise StorageError(f"`backend`: NLTK refuses its data. {error}") from error
        except LookupError as error:
            if isinstance(error, (KeyError, IndexError)):
                raise
            refusals = [str(warning.message) for warning in caught if "will not read" in str(warning.message)]
            if refusals:
                raise StorageError(f"`backend`: NLTK refuses its data. {refusals[0]}") from error
            command = f"python -m nltk.downloader {' '.join(packages)}"
            raise MissingDependencyError(
                f"`backend`: NLTK's data is missing. Install it with: {command} (or point NLTK_DATA to where it is). "
                f"NLTK says: {' '.join(str(error).replace('*', '').split())}"
            ) from error


def load_tagger() -> Any:
    """Return NLTK's averaged perceptron for English; as in ``nltk.pos_tag`` it is read once, until its files change."""
    with needing("averaged_perceptron_tagger_eng"):
        return _tagger_of(digest_resource(TAGGER))


@lru_cache(maxsize=1)
def _tagger_of(state: str) -> Any:
    del state  # the key
    return require("nltk.tag", extra="text").PerceptronTagger()


def load_sentences() -> Any:
    """Return NLTK's Punkt for English, which finds sentences."""
    with needing("punkt_tab"):
        return require("nltk.tokenize", extra="text").PunktTokenizer("english")


def load_entities(kind: str) -> Any:
    """Return NLTK's chunker of named entities, ``"multiclass"`` with their types or ``"binary"``."""
    with needing("maxent_ne_chunker_tab", "words"):
        # The chunker reads these only while it runs.
        require("nltk.data", extra="text").find(WORDS)
        return require("nltk.chunk", extra="text").ne_chunker(kind)


def digest_resource(name: str) -> str:
    """Return a string that differs when a resource does; "absent" where it is not installed."""
    data = require("nltk.data", extra="text")
    try:
        with needing(name):
            found = data.find(name)
    except (MissingDependencyError, StorageError):
        # Whoever needs it will say so; a cache need not.
        return "absent"
    return digest_files(Path(found.path if hasattr(found, "path") else found.zipfile.filename))
