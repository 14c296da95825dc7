"""NLTK's data: loaded with errors that say what to install, and told by what its files hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from auxtasks.errors import MissingDependencyError, StorageError
from auxtasks.optional import require
from auxtasks.text.backends.digest import digest_files

TAGGER = "taggers/averaged_perceptron_tagger_eng/"
PUNKT = "tokenizers/punkt_tab/english/"
CHUNKER = "chunkers/maxent_ne_chunker_tab/english_ace_{}/"
WORDS = "corpora/words"


@contextmanager
def needing(*packages: str) -> Iterator[None]:
    """Turn what NLTK raises when its data is missing or refused into an error that says what to do.

    Parameters
    ----------
    *packages : str
        The packages of data that are read.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    MissingDependencyError
        If a package is not installed.
    StorageError
        If NLTK (from 3.10) refuses data that other accounts could have written.
    """
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
    """Return a string that differs when a resource does; "absent" where it is not installed.

    Parameters
    ----------
    name : str
        Its name, such as `TAGGER`.

    Returns
    -------
    str
        The SHA-256 of its files.
    """
    data = require("nltk.data", extra="text")
    try:
        with needing(name):
            found = data.find(name)
    except (MissingDependencyError, StorageError):
        # Whoever needs it will say so; a cache need not.
        return "absent"
    return digest_files(Path(found.path if hasattr(found, "path") else found.zipfile.filename))
