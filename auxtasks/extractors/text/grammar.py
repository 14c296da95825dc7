"""What part of speech each word is, how often each occurs in a text, and where a word stands in its sentence's tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.taggers.base import UNIVERSAL
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int


@register_task(
    "pos",
    domain="text",
    kind="step_class",
    classes=lambda _: UNIVERSAL,
    needs=lambda _: ("pos",),
    per_sample="pos_histogram",
    level="low",
    default=True,
    source="Universal Dependencies, version 2: universaldependencies.org/u/pos",
)
def pos(X: Documents) -> Array:
    """Part of speech of each token, one of the 17 universal ones.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"pos"``.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `UNIVERSAL`; -1 in the padding and where the tagger says nothing of a token.

    Notes
    -----
    The tagger tags its own tokens; `auxtasks.extractors.text.spans.align` states which of them a model's token follows.

    Examples
    --------
    >>> import auxtasks, nltk
    >>> tagger = nltk.UnigramTagger(model={"a": "DT", "dog": "NN"})
    >>> auxtasks.make_aux_targets([["a", "dog"]], "text", "pos", tagger="nltk", tagger_model=tagger)["pos"]
    array([[5, 7]], dtype=int32)
    """
    return X.padded(X.aligned(X.said.codes("pos", UNIVERSAL)))


@register_task(
    "pos_fine",
    domain="text",
    kind="step_class",
    fit=lambda X: X.said.found("tag"),
    needs=lambda _: ("tag",),
    per_sample="pos_histogram",
    level="low",
    source="the tag set of the tagger, such as that of the Penn Treebank; Marcus et al. 1993",
)
def pos_fine(X: Documents, *, classes: tuple[str, ...]) -> Array:
    """Part of speech of each token in the tagger's own, finer tags.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"tag"``.
    classes : tuple of str
        The tags that occur in the training texts.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes`; -1 in the padding, where the tagger says nothing, and for tags not seen in training.

    Examples
    --------
    >>> import auxtasks, nltk
    >>> tagger = nltk.UnigramTagger(model={"a": "DT", "dog": "NN"})
    >>> targets = auxtasks.make_aux_targets([["a", "dog"]], "text", "pos_fine", tagger="nltk", tagger_model=tagger)
    >>> targets.specs["pos_fine"].classes
    ('DT', 'NN')
    """
    return X.padded(X.aligned(X.said.codes("tag", classes)))


@register_task(
    "pos_histogram",
    domain="text",
    kind="distribution",
    classes=lambda _: UNIVERSAL,
    needs=lambda _: ("pos",),
    source="relative frequencies of the universal parts of speech",
)
def pos_histogram(X: Documents) -> Floats:
    """Share of each part of speech among the words of a text.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"pos"``.

    Returns
    -------
    ndarray of float32, shape (n, 17)
        Counted over the tagger's tokens of the whole text, also those beyond the model's length; each row sums to 1.
        NaN for a text in which the tagger names no part of speech.

    Examples
    --------
    >>> import auxtasks, nltk
    >>> tagger = nltk.UnigramTagger(model={"a": "DT", "dog": "NN"})
    >>> texts = [["a", "dog"], ["dog"]]
    >>> targets = auxtasks.make_aux_targets(texts, "text", "pos_histogram", tagger="nltk", tagger_model=tagger)
    >>> targets["pos_histogram"][0, [5, 7]]
    array([0.5, 0.5], dtype=float32)
    """
    codes, row = X.said.codes("pos", UNIVERSAL), X.said.spans.row
    named = codes >= 0
    cells = row[named] * len(UNIVERSAL) + codes[named]
    counts = np.bincount(cells, minlength=X.n * len(UNIVERSAL)).reshape(X.n, len(UNIVERSAL))
    total = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan, np.float32)
    np.divide(counts, total, out=shares, where=total > 0, casting="unsafe")
    return shares


@register_task(
    "dependency",
    domain="text",
    kind="step_class",
    fit=lambda X: X.said.found("dependency"),
    needs=lambda _: ("dependency",),
    per_sample="pos_histogram",
    level="low",
    source="Universal Dependencies, version 2: universaldependencies.org/u/dep; the labels are those of the parser",
)
def dependency(X: Documents, *, classes: tuple[str, ...]) -> Array:
    """Relation of each token to its head.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"dependency"``.
    classes : tuple of str
        The relations that occur in the training texts, sorted.

    Returns
    -------
    ndarray of int32, shape (n, length)
        Places in `classes`; -1 in the padding, where the parser has no token, and for relations not seen in training.

    Examples
    --------
    >>> import auxtasks, spacy
    >>> nlp = spacy.blank("en")
    >>> @spacy.Language.component("toy_relations", assigns=["token.dep", "token.head"])
    ... def toy(doc):
    ...     words = [token.text for token in doc]
    ...     return spacy.tokens.Doc(doc.vocab, words, heads=[1, 2, 2], deps=["det", "nsubj", "ROOT"])
    >>> _ = nlp.add_pipe("toy_relations")
    >>> targets = auxtasks.make_aux_targets(["a dog barked"], "text", "dependency", tagger_model=nlp)
    >>> [targets.specs["dependency"].classes[place] for place in targets["dependency"][0]]
    ['det', 'nsubj', 'ROOT']
    """
    return X.padded(X.aligned(X.said.codes("dependency", classes)))


@register_task(
    "tree_depth",
    domain="text",
    kind="step_vector",
    needs=lambda _: ("depth",),
    per_sample="text_statistics",
    source="number of relations up to the root; Hewitt and Manning 2019, A structural probe",
)
def tree_depth(X: Documents) -> Floats:
    """Depth of each token in the tree of its sentence.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"depth"``.

    Returns
    -------
    ndarray of float32, shape (n, length, 1)
        Relations up to the root, 0 for the root itself; NaN in the padding and where the parser has no token.

    Examples
    --------
    >>> import auxtasks, spacy
    >>> nlp = spacy.blank("en")
    >>> @spacy.Language.component("toy_tree_depth", assigns=["token.dep", "token.head"])
    ... def toy(doc):
    ...     words = [token.text for token in doc]
    ...     return spacy.tokens.Doc(doc.vocab, words, heads=[1, 2, 2], deps=["det", "nsubj", "ROOT"])
    >>> _ = nlp.add_pipe("toy_tree_depth")
    >>> targets = auxtasks.make_aux_targets(["a dog barked"], "text", "tree_depth", tagger_model=nlp, scale=False)
    >>> targets["tree_depth"][0, :, 0]
    array([2., 1., 0.], dtype=float32)
    """
    return _numbers(X, X.said.columns["depth"])


def _head_and_depth(options: Mapping[str, Any]) -> tuple[str, ...]:
    check_int("limit", options["limit"], low=1)  # here too, before anything is tagged
    return ("head", "depth")


@register_task(
    "head_distance",
    domain="text",
    kind="step_vector",
    needs=_head_and_depth,
    per_sample="text_statistics",
    source="signed dependency length; Liu 2008, Dependency distance as a metric of comprehension difficulty",
)
def head_distance(X: Documents, *, limit: int = 10) -> Floats:
    """Distance from each token to its head.

    Parameters
    ----------
    X : Documents
        The texts, tagged with ``"head"``.
    limit : int
        Distances beyond it, in either direction, are cut to it, because a few long ones would rule the loss.

    Returns
    -------
    ndarray of float32, shape (n, length, 1)
        In tokens of the parser, positive where the head comes later; 0 for a root. NaN in the padding and where the
        parser has no token.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If `limit` is no positive integer.

    Examples
    --------
    >>> import auxtasks, spacy
    >>> nlp = spacy.blank("en")
    >>> @spacy.Language.component("toy_head_distance", assigns=["token.dep", "token.head"])
    ... def toy(doc):
    ...     words = [token.text for token in doc]
    ...     return spacy.tokens.Doc(doc.vocab, words, heads=[1, 2, 2], deps=["det", "nsubj", "ROOT"])
    >>> _ = nlp.add_pipe("toy_head_distance")
    >>> targets = auxtasks.make_aux_targets(["a dog barked"], "text", "head_distance", tagger_model=nlp, scale=False)
    >>> targets["head_distance"][0, :, 0]
    array([1., 1., 0.], dtype=float32)
    """
    limit = check_int("limit", limit, low=1)
    return _numbers(X, np.clip(X.said.columns["head"], -limit, limit))


def _numbers(X: Documents, values: Array) -> Floats:
    # Of tokens without a place in a tree, such as white space, the head says 0 and only the depth -1.
    known = np.where(X.said.columns["depth"] >= 0, values, np.nan).astype(np.float32)
    numbers = X.aligned(known, np.nan)
    return X.padded(numbers, np.nan)[..., np.newaxis]
