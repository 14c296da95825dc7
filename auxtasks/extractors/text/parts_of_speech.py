"""What part of speech each word is, and how often each occurs in a text."""

from __future__ import annotations

import numpy as np

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.taggers.tag_sets import UNIVERSAL
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats


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


def _fine_tags(X: Documents) -> tuple[str, ...]:
    return X.said.found("tag")


@register_task(
    "pos_fine",
    domain="text",
    kind="step_class",
    fit=_fine_tags,
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
