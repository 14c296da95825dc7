"""Tagging with spaCy, batch after batch: here, or in processes of which each holds the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.text.backends.base import Corpus
from auxtasks.text.backends.spacy_columns import Part, read_docs
from auxtasks.text.spans import Spans, words_of


@dataclass(frozen=True)
class Work:
    """What to do with every batch.

    Parameters
    ----------
    components : tuple of str
        The components that run.
    needs : frozenset of str
        The columns.
    others : tuple of str
        The pipeline's other components, which a process need not load.
    """

    components: tuple[str, ...]
    needs: frozenset[str]
    others: tuple[str, ...] = ()


def tag_batch(nlp: Any, work: Work, batch: Corpus) -> Part:
    """Tag a batch of texts.

    Parameters
    ----------
    nlp : Language
        The pipeline; its components are enabled and disabled as before, afterwards.
    work : Work
        What to do.
    batch : Corpus
        The texts.

    Returns
    -------
    Part
        What is said of them.

    Raises
    ------
    InvalidInputError
        If a component put given tokens together or apart.
    """
    docs = batch.texts if batch.given is None else _given_docs(nlp, batch.texts, batch.given)
    with nlp.select_pipes(enable=list(work.components)):
        tagged = list(nlp.pipe(docs, batch_size=max(1, len(docs))))
    part = read_docs(tagged, work.needs)
    if batch.given is not None and (part.said.spans.counts != batch.given.counts).any():
        raise InvalidInputError(
            "`pipeline`: a component puts tokens together or apart, so that its labels would not be those of the "
            f"given tokens; disable it. The components that ran are {', '.join(map(repr, work.components))}."
        )
    return part


def tag_in_processes(
    nlp: Any, source: str, key: str, work: Work, batches: Sequence[Corpus], n_process: int
) -> Iterator[Part]:
    """Tag batches in processes.

    Only the texts go to the processes and only arrays come back. A process loads the pipeline once, and keeps it for
    the next call with the same key.

    Parameters
    ----------
    nlp : Language
        The pipeline, as it is here.
    source : str
        The name or the folder that the processes load it from.
    key : str
        Stands for the pipeline in its present state.
    work : Work
        What to do.
    batches : sequence of Corpus
        The texts.
    n_process : int
        How many processes at most; -1 for one per processor.

    Yields
    ------
    Part
        What is said of the batches, in their order.

    Raises
    ------
    InvalidInputError
        If the pipeline needs code that a new process does not find.
    """
    joblib = require("joblib", extra="text")
    # The fresh processes of loky, because forked ones may hang once TensorFlow runs threads. Each is held to its share
    # of the processors by loky itself.
    n_jobs = min(n_process, len(batches))
    parallel = joblib.Parallel(n_jobs=n_jobs, backend="loky", return_as="generator", batch_size=1, max_nbytes=None)
    yield from parallel(joblib.delayed(_tag_there)(source, nlp.max_length, key, work, batch) for batch in batches)


# The pipeline of a worker process, by its key and what was left out of it.
_held: dict[tuple[str, tuple[str, ...]], Any] = {}


def _tag_there(source: str, max_length: int, key: str, work: Work, batch: Corpus) -> Part:
    held = (key, work.others)
    if held not in _held:
        # One only: a pipeline may take as much memory as the rest of the process.
        _held.clear()
        _held[held] = _load_there(source, work)
        _held[held].max_length = max_length
    return tag_batch(_held[held], work, batch)


def _load_there(source: str, work: Work) -> Any:
    spacy = require("spacy", extra="text")
    try:
        return spacy.load(source, exclude=list(work.others))
    except ValueError as error:
        raise InvalidInputError(
            "`n_process`: the pipeline cannot be loaded in another process. Install the code of its own components as "
            f"a package with spaCy's entry points, or leave n_process at 1. spaCy says: {error}"
        ) from error


def _given_docs(nlp: Any, texts: Sequence[str], given: Spans) -> list[Any]:
    doc = require("spacy.tokens", extra="text").Doc
    return [
        doc(nlp.vocab, words=words, spaces=[True] * (len(words) - 1) + [False] * bool(words))
        for words in words_of(texts, given)
    ]
