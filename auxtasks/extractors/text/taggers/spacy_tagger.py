"""Tagging with spaCy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from auxtasks.checksums import versions
from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.spans import Annotations, Spans, words_of
from auxtasks.extractors.text.taggers.base import CHARACTERS, Corpus, batches_of, join
from auxtasks.extractors.text.taggers.spacy_components import TaggedBatch, check_filled, components_for, read_docs
from auxtasks.extractors.text.taggers.spacy_pipeline import Source, SpacyModel
from auxtasks.optional import require, shown
from auxtasks.validation import check_int, check_processes


class SpacyTagger:
    """Tags texts with a spaCy pipeline, which is loaded when the first text is tagged; a loaded one is left as it is.

    Only the components run that what is needed depends on, as they declare it; one that declares nothing always runs.
    Tokens of nothing but whitespace have nothing to say. The result does not depend on the number of processes; each
    loads the pipeline, so that more than one pays from some thousand texts on.
    """

    def __init__(
        self, pipeline: Source | None, *, batch_size: int = 1000, n_jobs: int = 1, progress: bool = False
    ) -> None:
        self._model = SpacyModel(pipeline)
        self._batch_size = check_int("batch_size", batch_size, low=1)
        self._n_jobs = check_processes("n_jobs", n_jobs)
        self._progress = progress

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns that are needed; see `Tagger.annotate`."""
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
        """Return what the annotations depend on; see `Tagger.fingerprint`."""
        batches = f"batches {self._batch_size} {CHARACTERS}"
        return f"{versions('spacy', 'thinc', 'spacy-legacy')} {batches} pipeline {self._model.state(needs)}"

    def _parts(self, nlp: Any, key: str, work: Work, batches: Sequence[Corpus]) -> Iterator[TaggedBatch]:
        if self._n_jobs == 1 or len(batches) < 2:
            yield from (tag_batch(nlp, work, batch) for batch in batches)
        elif (source := self._model.source()) is not None:
            yield from tag_in_processes(nlp, source, key, work, batches, self._n_jobs)
        else:
            _check_saves(nlp)
            with tempfile.TemporaryDirectory(prefix="auxtasks-") as folder:
                nlp.to_disk(folder)
                yield from tag_in_processes(nlp, folder, key, work, batches, self._n_jobs)


def _check_lengths(nlp: Any, corpus: Corpus) -> None:
    # Given tokens do not pass the tokenizer, which is what has the limit.
    lengths = [] if corpus.given is not None else map(len, corpus.texts)
    for at, length in enumerate(lengths):
        if length > nlp.max_length:
            raise InvalidInputError(
                f"`X[{at}]` has {length} characters, and `tagger_model` takes at most {nlp.max_length}, because "
                "parsing needs memory in proportion; split the text, or raise `nlp.max_length` of a loaded pipeline."
            )


def _check_saves(nlp: Any) -> None:
    """Refuse a loaded pipeline whose tokenizer would not be the same after saving and loading."""
    registry = require("spacy.util", extra="text").registry
    named = registry.resolve({"tokenizer": nlp.config["nlp"]["tokenizer"]})["tokenizer"](nlp)
    if type(named) is not type(nlp.tokenizer) or not hasattr(nlp.tokenizer, "to_disk"):
        raise InvalidInputError(
            f"`n_jobs`: the tokenizer of `tagger_model`, a {type(nlp.tokenizer).__name__}, is not the one its "
            f"settings name ({type(named).__name__}) or cannot be saved, so other processes would split texts "
            "differently; keep n_jobs=1, or register the tokenizer with spaCy and name it in the settings."
        )


class Work(NamedTuple):
    """The components that run, the columns, and the other components, which a process need not load."""

    components: tuple[str, ...]
    needs: frozenset[str]
    others: tuple[str, ...]


def tag_batch(nlp: Any, work: Work, batch: Corpus) -> TaggedBatch:
    """Tag a batch of texts."""
    docs = batch.texts if batch.given is None else _given_docs(nlp, batch.texts, batch.given)
    with nlp.select_pipes(enable=list(work.components)):
        tagged = list(nlp.pipe(docs, batch_size=max(1, len(docs))))
    part = read_docs(tagged, work.needs)
    if batch.given is not None and (part.said.spans.counts != batch.given.counts).any():
        raise InvalidInputError(
            "`tagger_model`: a component merges or splits tokens, so its labels would not match the given tokens; "
            f"disable it. The components that ran are {', '.join(map(repr, work.components))}."
        )
    return part


def tag_in_processes(
    nlp: Any, source: str, key: str, work: Work, batches: Sequence[Corpus], n_jobs: int
) -> Iterator[TaggedBatch]:
    """Tag batches in processes.

    Only the texts go to the processes and only arrays come back. A process loads the pipeline once, and keeps it for
    the next call with the same key.
    """
    joblib = require("joblib", extra="text")
    # The fresh processes of loky, because forked ones may hang once TensorFlow runs threads. Each is held to its share
    # of the processors by loky itself.
    n_jobs = min(n_jobs, len(batches))
    parallel = joblib.Parallel(n_jobs=n_jobs, backend="loky", return_as="generator", batch_size=1, max_nbytes=None)
    yield from parallel(joblib.delayed(_tag_there)(source, nlp.max_length, key, work, batch) for batch in batches)


# The pipeline of a worker process, by its key and what was left out of it.
_held: dict[tuple[str, tuple[str, ...]], Any] = {}


def _tag_there(source: str, max_length: int, key: str, work: Work, batch: Corpus) -> TaggedBatch:
    held = (key, work.others)
    if held not in _held:
        # One only: a pipeline may take as much memory as the rest of the process.
        _held.clear()
        try:
            _held[held] = require("spacy", extra="text").load(source, exclude=list(work.others))
        except ValueError as error:
            raise InvalidInputError(
                "`n_jobs`: the pipeline cannot be loaded in another process. Install the code of its own components "
                f"as a package with spaCy's entry points, or keep n_jobs=1. spaCy reports: {error}"
            ) from error
        _held[held].max_length = max_length
    return tag_batch(_held[held], work, batch)


def _given_docs(nlp: Any, texts: Sequence[str], given: Spans) -> list[Any]:
    doc = require("spacy.tokens", extra="text").Doc
    return [
        doc(nlp.vocab, words=words, spaces=[True] * (len(words) - 1) + [False] * bool(words))
        for words in words_of(texts, given)
    ]
