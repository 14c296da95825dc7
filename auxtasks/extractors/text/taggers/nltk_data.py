"""The models behind NLTK's tagging, loaded when they are first needed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from auxtasks.checksums import digest, digest_files
from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.optional import require

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


@contextmanager
def within_time() -> Iterator[None]:
    """Say what to do where NLTK gives up: it spends a few seconds on a sentence at most."""
    try:
        yield
    except TimeoutError as error:
        raise InvalidInputError(
            "`X`: NLTK exceeded its own time limit on a very long sentence. A text without full stops is one "
            "sentence, and so is a list of tokens. Split such texts into sentences, leave out the tasks that need "
            "phrases or entities, or use tagger='spacy'."
        ) from error


def checked_tagger(tagger: Any) -> Any:
    """Return the user's own tagger, or refuse it; None stands for NLTK's averaged perceptron."""
    if tagger is not None and not hasattr(tagger, "tag_sents"):
        raise InvalidTypeError(
            "`tagger_model`: with tagger='nltk' this must be an NLTK tagger (`nltk.tag.TaggerI`), or None for its "
            f"averaged perceptron; got {tagger!r} of type {type(tagger).__name__}. A spaCy pipeline needs "
            "tagger='spacy'."
        )
    return tagger


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


def state_of(tagger: Any, chunkers: Sequence[str]) -> str:
    """Return a string that differs when the models do that tag, find sentences and find entities."""
    parts = [digest_resource(PUNKT), digest_resource(TAGGER) if tagger is None else _state_of_own(tagger)]
    if chunkers:
        parts += [*(digest_resource(CHUNKER.format(kind)) for kind in chunkers), digest_resource(WORDS)]
    return " ".join(parts)


def _state_of_own(tagger: Any) -> str:
    if f"{type(tagger).__module__}.{type(tagger).__qualname__}" != "nltk.tag.perceptron.PerceptronTagger":
        raise InvalidInputError(
            f"`cache`: the state of a tagger of type {type(tagger).__name__} is unknown, so stored annotations could "
            "be out of date; omit the cache, or use an averaged perceptron (`PerceptronTagger`)."
        )
    state = [tagger.model.weights, tagger.tagdict, sorted(tagger.classes)]
    return digest([json.dumps(state, sort_keys=True).encode()])


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
