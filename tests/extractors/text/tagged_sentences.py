"""A few sentences that the small taggers of the tests are trained on and know by heart."""

from __future__ import annotations

import numpy as np

from auxtasks.extractors.text.spans import Annotations

# The columns: words, tags, universal parts of speech, places of the heads, relations, entities (BILUO).
_TABLE = """
Anna saw the old dog in Paris .
NNP VBD DT JJ NN IN NNP .
PROPN VERB DET ADJ NOUN ADP PROPN PUNCT
1 1 4 4 1 4 5 1
nsubj ROOT det amod dobj prep pobj punct
U-PER O O O O O U-LOC O

The dog chased two cats .
DT NN VBD CD NNS .
DET NOUN VERB NUM NOUN PUNCT
1 2 2 4 2 2
det nsubj ROOT nummod dobj punct
O O O O O O

She quickly left New York and went home .
PRP RB VBD NNP NNP CC VBD NN .
PRON ADV VERB PROPN PROPN CCONJ VERB NOUN PUNCT
2 2 2 4 2 2 2 6 2
nsubj advmod ROOT compound dobj cc conj dobj punct
O O O B-LOC L-LOC O O O O

Bob will sell his red car to Anna Lee .
NNP MD VB PRP$ JJ NN IN NNP NNP .
PROPN AUX VERB PRON ADJ NOUN ADP PROPN PROPN PUNCT
2 2 2 5 5 2 2 8 6 2
nsubj aux ROOT poss amod dobj prep compound pobj punct
U-PER O O O O O O B-PER L-PER O

Who wrote that long letter ?
WP VBD DT JJ NN .
PRON VERB DET ADJ NOUN PUNCT
1 1 4 4 1 1
nsubj ROOT det amod dobj punct
O O O O O O

Cats sleep
NNS VBP
NOUN VERB
1 1
nsubj ROOT
O O
"""

SENTENCES: list[dict[str, list[str]]] = [
    dict(zip(("words", "tags", "pos", "heads", "deps", "entities"), map(str.split, block.splitlines()), strict=True))
    for block in _TABLE.strip().split("\n\n")
]
TEXTS = [" ".join(sentence["words"]).replace(" .", ".").replace(" ?", "?") for sentence in SENTENCES]


def same(one: Annotations, other: Annotations) -> None:
    """Assert that two taggers say the same."""
    assert one.names == other.names
    assert one.columns.keys() == other.columns.keys()
    for name, column in one.columns.items():
        np.testing.assert_array_equal(column, other.columns[name], err_msg=name, strict=True)
    for name in ("counts", "starts", "ends"):
        np.testing.assert_array_equal(getattr(one.spans, name), getattr(other.spans, name), strict=True)
