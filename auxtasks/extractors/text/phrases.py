"""Which words name a person, a place or another entity, and of which types a text names any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.registry import register_task
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_flag

_SCHEMES = ("iob", "flat")
_ANY = ("ENTITY",)


def _needs(options: Mapping[str, Any]) -> tuple[str, ...]:
    check_choice("scheme", options["scheme"], _SCHEMES)
    return ("entity", "entity_run") if check_flag("types", options["types"]) else ("entity_any_run",)


def _run(X: Documents, types: bool) -> Array:
    return X.said.columns["entity_run" if types else "entity_any_run"]


def _classes(X: Documents, *, scheme: str, types: bool) -> tuple[str, ...]:
    if not (_run(X, types) != OUTSIDE).any():
        return ()
    kinds = X.said.found("entity") if types else _ANY
    return iob_names(kinds) if scheme == "iob" else ("O", *kinds)


@register_task(
    "ner",
    domain="text",
    kind="step_class",
    fit=_classes,
    needs=_needs,
    per_sample="entity_presence",
    source="IOB2 tags; Tjong Kim Sang and Veenstra 1999",
)
def ner(X: Documents, *, scheme: str = "iob", types: bool = True, classes: tuple[str, ...]) -> Array:
    """Entity that each token is part of.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"entity"`` and ``"entity_run"``, or without types with ``"entity_any_run"``.
    scheme : {"iob", "flat"}
        ``"iob"`` tells the first token of an entity (B-) from those that follow (I-), ``"flat"`` does not.
    types : bool
        Whether to tell the types of entities apart. Without, NLTK needs only its binary chunker.
    classes : tuple of str
        ``"O"`` for no entity, then the types that occur in the training texts, sorted.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes`; -1 in the padding, where the tagger has no token, and for types not seen in training.

    Raises
    ------
    UnknownNameError, InvalidTypeError
        If there is no such scheme, or `types` is neither True nor False.

    Examples
    --------
    >>> import auxtasks, spacy
    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada Lovelace"}])
    >>> targets = auxtasks.make_aux_targets(["Ada Lovelace wrote"], "text", "ner", tagger_model=nlp)
    >>> targets.specs["ner"].classes, targets["ner"].tolist()
    (('O', 'B-PER', 'I-PER'), [[1, 2, 0]])
    """
    run = _run(X, types)
    kinds = _ANY if not types else classes[1:] if scheme == "flat" else tuple(name[2:] for name in classes[1::2])
    kind = X.said.codes("entity", kinds) if types else np.zeros(len(run), np.int32)
    if scheme == "iob":
        return X.padded(inside_out_begin(X, run, kind))
    flat = np.where(run == OUTSIDE, 0, np.where(kind >= 0, kind + 1, -1)).astype(np.int32)
    return X.padded(X.aligned(flat))


@register_task(
    "entity_presence",
    domain="text",
    kind="multilabel",
    fit=lambda X: X.said.found("entity"),
    needs=lambda _: ("entity",),
    source="which types of entities the tagger finds in the text",
)
def entity_presence(X: Documents, *, classes: tuple[str, ...]) -> Array:
    """Types of entities that a text names.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"entity"``.
    classes : tuple of str
        The types that occur in the training texts, sorted.

    Returns
    -------
    ndarray of int8, shape (n, types)
        1 where the text has an entity of the type, anywhere in it; -1 throughout for a text without a word.

    Examples
    --------
    >>> import auxtasks, spacy
    >>> nlp = spacy.blank("en")
    >>> nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada Lovelace"}])
    >>> texts = ["Ada Lovelace wrote", "Dogs bark"]
    >>> auxtasks.make_aux_targets(texts, "text", "entity_presence", tagger_model=nlp)["entity_presence"]
    array([[1],
           [0]], dtype=int8)
    """
    codes, row = X.said.codes("entity", classes), X.said.spans.row
    result = np.zeros((X.n, len(classes)), np.int8)
    # spaCy makes a token of white space too.
    result[[not text.strip() for text in X.texts]] = -1
    result[row[codes >= 0], codes[codes >= 0]] = 1
    return result


@register_task(
    "chunk",
    domain="text",
    kind="step_class",
    classes=lambda _: iob_names(("NP",)),
    needs=lambda _: ("chunk_run",),
    per_sample="pos_histogram",
    source="base noun phrases; Ramshaw and Marcus 1995, Text chunking using transformation-based learning",
)
def chunk(X: Documents) -> Array:
    """Place of each token in a base noun phrase: first, later, or outside.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"chunk_run"``: spaCy's ``noun_chunks``, or for NLTK a grammar over the tags. spaCy's
        rules for English know the relations of its own pipelines; of a parser with universal relations they find few.

    Returns
    -------
    ndarray of int32, shape (n, length)
        0 outside ("O"), 1 where a phrase begins ("B-NP"), 2 where it goes on ("I-NP"); -1 in the padding and where the
        tagger has no token.

    Examples
    --------
    >>> import auxtasks, nltk
    >>> tagger = nltk.UnigramTagger(model={"a": "DT", "dog": "NN", "barked": "VBD"})
    >>> texts = [["a", "dog", "barked"]]
    >>> auxtasks.make_aux_targets(texts, "text", "chunk", tagger="nltk", tagger_model=tagger)["chunk"]
    array([[1, 2, 0]], dtype=int32)
    """
    run = X.said.columns["chunk_run"]
    return X.padded(inside_out_begin(X, run, np.zeros(len(run), np.int32)))


OUTSIDE = -1


def inside_out_begin(X: Documents, run: Array, kind: Array) -> Array:
    """Give every token of the model its number in the IOB scheme."""
    label = np.where(run == OUTSIDE, 0, np.where(kind >= 0, 2 + 2 * kind, -1)).astype(np.int32)
    labels = X.aligned(label)
    owned = np.flatnonzero(X.owner >= 0)
    of_token = run[X.owner[owned]]
    same_text = np.diff(X.spans.row[owned], prepend=-1) == 0
    begins = ~(same_text & (np.diff(of_token, prepend=OUTSIDE - 1) == 0))
    labels[owned] -= begins & (labels[owned] > 0)
    return labels


def iob_names(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return ("O", *(f"{place}-{kind}" for kind in kinds for place in ("B", "I")))
