"""From the tags of the Penn Treebank to the universal parts of speech."""

from __future__ import annotations

from collections.abc import Mapping

UNIVERSAL: tuple[str, ...] = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
"""The 17 tags of Universal Dependencies, version 2, in alphabetical order; X is what none of the others is."""


# A tag stands for several universal ones at times; here is the one most of its words have. So IN is ADP although
# subordinating conjunctions are tagged so too, and the auxiliaries have, be and do come out as VERB.
_WORDS = {
    "ADJ": "AFX JJ JJR JJS",
    "ADP": "IN RP",
    "ADV": "RB RBR RBS WRB",
    "AUX": "MD",
    "CCONJ": "CC",
    "DET": "DT PDT",
    "INTJ": "UH",
    "NOUN": "NN NNS",
    "NUM": "CD",
    "PART": "POS TO",
    "PRON": "EX PRP PRP$ WDT WP WP$",
    "PROPN": "NNP NNPS",
    "PUNCT": "`` '' , . : ( ) -LRB- -RRB- -LSB- -RSB- -LCB- -RCB- -- HYPH NFP",
    "SYM": "$ # SYM",
    "VERB": "BES HVS VB VBD VBG VBN VBP VBZ",
    "X": "ADD FW GW LS XX",
}
PENN: Mapping[str, str] = {tag: universal for universal, tags in _WORDS.items() for tag in tags.split()}
"""The universal part of speech of every tag of the Penn Treebank and of its later extensions.

The table is that of Universal Dependencies, "English PTB to UD", brought to version 2: modals are AUX, possessive and
relative pronouns PRON.
"""

_OLDER = {"CONJ": "CCONJ", "PRT": "PART"}
_UNIVERSAL = {**{tag: tag for tag in UNIVERSAL}, **_OLDER}

UNIVERSAL_ONLY: frozenset[str] = frozenset(_UNIVERSAL) - frozenset(PENN)
"""Tags that tell a tagger of universal parts of speech from one of Penn tags."""


def to_universal(tag: str) -> str | None:
    """Return the universal part of speech of a tag."""
    return PENN.get(tag) or _UNIVERSAL.get(tag)
