"""Tagging with spaCy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.inputs.progress import shown
from auxtasks.text.annotations import Annotations
from auxtasks.text.backends.base import Corpus
from auxtasks.text.backends.batches import CHARACTERS, batches_of
from auxtasks.text.backends.digest import versions
from auxtasks.text.backends.joining import join
from auxtasks.text.backends.spacy_columns import Part
from auxtasks.text.backends.spacy_components import check_filled, components_for
from auxtasks.text.backends.spacy_model import SpacyModel
from auxtasks.text.backends.spacy_pipeline import Source
from auxtasks.text.backends.spacy_state import check_saves
from auxtasks.text.backends.spacy_workers import Work, tag_batch, tag_in_processes
from auxtasks.validation import check_int, check_processes


class SpacyBackend:
    """Tags texts with a spaCy pipeline.

    Parameters
    ----------
    pipeline : str, Path or Language
        The name of an installed pipeline, a folder, or a loaded pipeline, which is left as it is. It is loaded when
        the first text is tagged, and the last one loaded is kept for later calls.
    batch_size : int
        How many texts are tagged at once; fewer where they are long (see `batches_of`).
    n_process : int
        How many processes tag; -1 for one per processor. The result does not depend on it. Each loads the pipeline,
        so that more than one pays from some thousand texts on.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If an argument cannot be used.

    Notes
    -----
    Only the components run that what is needed depends on, as they declare it; one that declares nothing always runs.
    Tokens of nothing but whitespace have nothing to say.
    """

    def __init__(
        self, pipeline: Source | None, *, batch_size: int = 1000, n_process: int = 1, progress: bool = False
    ) -> None:
        self._model = SpacyModel(pipeline)
        self._batch_size = check_int("batch_size", batch_size, low=1)
        self._n_process = check_processes("n_process", n_process)
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
            If the pipeline cannot give a column or a text is too long for it.
        MissingDependencyError, StorageError
            If there is no such pipeline.
        """
        nlp, key = self._model.load()
        components = components_for(nlp, needs)
        _check_lengths(nlp, corpus)
        work = Work(tuple(components), needs, tuple(sorted(set(nlp.component_names) - set(components))))
        batches = batches_of(corpus, self._batch_size)
        parts = list(shown(self._parts(nlp, key, work, batches), len(batches), self._progress))
        if corpus.training:
            check_filled(nlp, needs, parts)
        return join([part.said for part in parts], needs)

    def fingerprint(self, needs: frozenset[str]) -> str:
        """Return what the annotations depend on; see `Backend.fingerprint`.

        Parameters
        ----------
        needs : frozenset of str
            The columns.

        Returns
        -------
        str
            The versions of spaCy and thinc, the size of the batches (the rounding of floats depends on it), and the
            state of the pipeline as `SpacyModel.state` tells it.

        Raises
        ------
        InvalidInputError
            If a component of the pipeline cannot tell its state.
        """
        batches = f"batches {self._batch_size} {CHARACTERS}"
        return f"{versions('spacy', 'thinc', 'spacy-legacy')} {batches} pipeline {self._model.state(needs)}"

    def _parts(self, nlp: Any, key: str, work: Work, batches: Sequence[Corpus]) -> Iterator[Part]:
        if self._n_process == 1 or len(batches) < 2:
            yield from (tag_batch(nlp, work, batch) for batch in batches)
        elif (source := self._model.source()) is not None:
            yield from tag_in_processes(nlp, source, key, work, batches, self._n_process)
        else:
            check_saves(nlp)
            with tempfile.TemporaryDirectory(prefix="auxtasks-") as folder:
                nlp.to_disk(folder)
                yield from tag_in_processes(nlp, folder, key, work, batches, self._n_process)


def _check_lengths(nlp: Any, corpus: Corpus) -> None:
    # Given tokens do not pass the tokenizer, which is what has the limit.
    lengths = [] if corpus.given is not None else map(len, corpus.texts)
    for at, length in enumerate(lengths):
        if length > nlp.max_length:
            raise InvalidInputError(
                f"`X[{at}]` has {length} characters, and `pipeline` takes at most {nlp.max_length}, because parsing "
                "needs memory in proportion; split the text, or raise `nlp.max_length` of a loaded pipeline."
            )
