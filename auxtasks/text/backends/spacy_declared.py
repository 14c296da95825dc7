"""What a component of a spaCy pipeline says it gives and reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auxtasks.optional import require

_RULER_ATTRIBUTES = {
    "POS": "token.pos",
    "TAG": "token.tag",
    "DEP": "token.dep",
    "ENT_TYPE": "doc.ents",
    "MORPH": "token.morph",
    "LEMMA": "token.lemma",
}


def declares(nlp: Any, name: str) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Return the attributes that a component gives and reads.

    Parameters
    ----------
    nlp : Language
        The pipeline.
    name : str
        The component.

    Returns
    -------
    gives : frozenset of str or None
        Attributes such as ``"token.pos"``; None if it declares none, and may thus give any.
    reads : frozenset of str
        What it requires.

    Examples
    --------
    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> _ = nlp.add_pipe("tagger")
    >>> declares(nlp, "tagger")
    (frozenset({'token.tag'}), frozenset())
    """
    meta, component = nlp.get_pipe_meta(name), nlp.get_pipe(name)
    if meta.factory == "attribute_ruler":
        # It declares nothing, but its rules say what they read and write.
        rules = component.patterns
        reads = (key for rule in rules for pattern in rule["patterns"] for token in pattern for key in token)
        return _attributes(key for rule in rules for key in rule["attrs"]), _attributes(reads)
    entities = {"doc.ents"} if getattr(component, "annotate_ents", False) else set()
    return frozenset(entities.union(meta.assigns)) or None, frozenset(meta.requires)


def _attributes(keys: Iterable[str | int]) -> frozenset[str]:
    # A rule may have an attribute by its name, in any case, or by its number.
    numbered = {number: name for name, number in require("spacy.attrs", extra="text").IDS.items()}
    names = {numbered.get(key, "") if isinstance(key, int) else key.upper() for key in keys}
    return frozenset(_RULER_ATTRIBUTES[name] for name in names & _RULER_ATTRIBUTES.keys())
