"""Which words form a phrase."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.text.documents import Documents
from auxtasks.text.runs import inside_out_begin, iob_names
from auxtasks.typing import Array


@extractor(
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
    >>> auxtasks.make_aux_targets([["a", "dog", "barked"]], "text", "chunk", backend="nltk", pipeline=tagger)["chunk"]
    array([[1, 2, 0]], dtype=int32)
    """
    run = X.said.columns["chunk_run"]
    return X.padded(inside_out_begin(X, run, np.zeros(len(run), np.int32)))
