"""Which components of a spaCy pipeline have to run for what is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.text.backends.spacy_columns import ATTRIBUTES, Part
from auxtasks.text.backends.spacy_declared import declares


@dataclass(frozen=True)
class Fact:
    """Something that components find out: what they declare for it, its name, and the usual components."""

    attributes: frozenset[str]
    what: str
    usual: str


_POS = Fact(
    frozenset({"token.pos"}),
    "universal parts of speech (`token.pos`)",
    "a 'morphologizer', or a 'tagger' and an 'attribute_ruler'",
)
_TAG = Fact(frozenset({"token.tag"}), "tags (`token.tag`)", "a 'tagger'")
_PARSE = Fact(frozenset({"token.dep", "token.head"}), "dependencies (`token.dep`)", "a 'parser'")
_ENTITIES = Fact(frozenset({"doc.ents", "token.ent_type", "token.ent_iob"}), "entities (`doc.ents`)", "an 'ner'")

FACTS: Mapping[str, tuple[Fact, ...]] = {
    "pos": (_POS,),
    "tag": (_TAG,),
    "dependency": (_PARSE,),
    "head": (_PARSE,),
    "depth": (_PARSE,),
    "entity": (_ENTITIES,),
    "entity_run": (_ENTITIES,),
    "entity_any_run": (_ENTITIES,),
    "chunk_run": (_PARSE, _POS),
}
"""What each column is made of."""

# These declare nothing, and give nothing of what is asked for here.
_GIVE_NOTHING = {"merge_entities", "merge_noun_chunks", "merge_subtokens", "token_splitter", "doc_cleaner"}


def components_for(nlp: Any, needs: frozenset[str]) -> list[str]:
    """Return the components that have to run, in the order of the pipeline.

    Parameters
    ----------
    nlp : Language
        The pipeline. What is disabled in it stays so.
    needs : frozenset of str
        The columns that are needed.

    Returns
    -------
    list of str
        Names of components: those that declare an attribute that is needed here or by another of them, those that
        declare nothing and may thus do anything, and the embeddings that any of them listens to.

    Raises
    ------
    InvalidInputError
        If no component gives what is needed.
    """
    declared = {name: declares(nlp, name) for name in nlp.pipe_names}
    wanted = {attribute for need in needs for fact in FACTS[need] for attribute in fact.attributes}
    running = {name for name, (gives, _) in declared.items() if gives is None}
    grew = True
    while grew:
        wanted.update(*(declared[name][1] for name in running))
        more = {name for name, (gives, _) in declared.items() if gives and gives & wanted} - running
        running |= more
        grew = bool(more)
    given = {attribute for name in running for attribute in declared[name][0] or ()}
    if not any(nlp.get_pipe_meta(name).factory not in _GIVE_NOTHING and declared[name][0] is None for name in running):
        for need in sorted(needs):
            _check_given(nlp, need, given)
    if "chunk_run" in needs and nlp.vocab.get_noun_chunks is None:
        raise InvalidInputError(
            f"`pipeline`: spaCy has no rule for base noun phrases in the language {nlp.lang!r} of {_described(nlp)}, "
            "which `chunk_run` is made of; leave out the tasks that need them."
        )
    for name in nlp.pipe_names:
        if running.intersection(getattr(nlp.get_pipe(name), "listening_components", ())):
            running.add(name)
    return [name for name in nlp.pipe_names if name in running]


def check_filled(nlp: Any, needs: frozenset[str], parts: Sequence[Part]) -> None:
    """Refuse a pipeline that ran and left what is needed empty.

    Parameters
    ----------
    nlp : Language
        The pipeline.
    needs : frozenset of str
        The columns that are needed.
    parts : sequence of Part
        What it said.

    Raises
    ------
    InvalidInputError
        If there are words, and none of them has what a column is made of.
    """
    filled = frozenset[str]().union(*(part.filled for part in parts))
    for need in sorted(needs):
        if ATTRIBUTES[need][0] not in filled and any(part.words for part in parts):
            raise _refused(nlp, need, FACTS[need][0], "ran and gave no token any")


def _refused(nlp: Any, need: str, fact: Fact, why: str) -> InvalidInputError:
    off = f" It has disabled {_listed(nlp.disabled)}; `nlp.enable_pipe(name)` puts one on." if nlp.disabled else ""
    return InvalidInputError(
        f"`pipeline`: {_described(nlp)} {why} {fact.what}, which `{need}` is made of; its components are "
        f"{_listed(nlp.pipe_names)}.{off} Use a pipeline with {fact.usual}, or leave out the tasks that need this."
    )


def _check_given(nlp: Any, need: str, given: set[str]) -> None:
    for fact in FACTS[need]:
        if not fact.attributes & given:
            raise _refused(nlp, need, fact, "has no component that gives")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _described(nlp: Any) -> str:
    return repr(f"{nlp.lang}_{nlp.meta['name']}")
