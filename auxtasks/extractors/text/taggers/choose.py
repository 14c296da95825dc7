"""The tagger that the user named."""

from __future__ import annotations

from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.taggers.base import Backend
from auxtasks.extractors.text.taggers.nltk_tagger import NltkBackend
from auxtasks.extractors.text.taggers.spacy_tagger import SpacyBackend
from auxtasks.validation import check_choice, check_processes

BACKENDS = ("spacy", "nltk")


def make_backend(
    backend: str | Backend,
    pipeline: Any,
    *,
    batch_size: int = 1000,
    n_process: int = 1,
    progress: bool = False,
) -> Backend:
    """Return the tagger of a name, or the user's own."""
    if hasattr(backend, "annotate") and hasattr(backend, "fingerprint"):
        return backend
    if check_choice("backend", backend, BACKENDS) == "spacy":
        return SpacyBackend(pipeline, batch_size=batch_size, n_process=n_process, progress=progress)
    if check_processes("n_process", n_process) != 1:
        raise InvalidInputError(
            f"`n_process`: NLTK tags in one process; got {n_process}. Leave it at 1, or use backend='spacy'."
        )
    return NltkBackend(pipeline, progress=progress)
