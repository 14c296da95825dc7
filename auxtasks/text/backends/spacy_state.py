"""What a spaCy pipeline depends on, as a short string; and whether it can be saved as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.text.backends.digest import digest
from auxtasks.text.backends.spacy_code import code_of, comes_with_spacy, foreign_functions


def digest_loaded(nlp: Any, components: list[str]) -> str:
    """Return a string that differs when the components of a loaded pipeline do.

    Parameters
    ----------
    nlp : Language
        The pipeline.
    components : list of str
        The components that run; others do not matter.

    Returns
    -------
    str
        The SHA-256 of the settings, the weights, and the files of the code that does not come with spaCy; see
        `code_of`. The strings of the vocabulary are left out: they grow with use.

    Raises
    ------
    InvalidInputError
        If a component cannot tell its state, or its code is in no file.
    """
    return digest(_state(nlp, components))


def check_saves(nlp: Any) -> None:
    """Refuse a loaded pipeline whose tokenizer would not be the same after saving and loading.

    Parameters
    ----------
    nlp : Language
        The pipeline.

    Raises
    ------
    InvalidInputError
        If its tokenizer was exchanged for one that its settings do not name.
    """
    import spacy

    named = spacy.util.registry.resolve({"tokenizer": nlp.config["nlp"]["tokenizer"]})["tokenizer"](nlp)
    if type(named) is not type(nlp.tokenizer) or not hasattr(nlp.tokenizer, "to_disk"):
        raise InvalidInputError(
            f"`n_process`: the tokenizer of `pipeline`, a {type(nlp.tokenizer).__name__}, is not the one its settings "
            f"name ({type(named).__name__}) or cannot be saved, so that other processes would cut texts differently; "
            "leave n_process at 1, or register the tokenizer with spaCy and name it in the settings."
        )


def _state(nlp: Any, components: list[str]) -> Iterator[bytes]:
    import spacy

    settings = nlp.config["components"]
    yield json.dumps([nlp.lang, components, nlp.config["nlp"]["tokenizer"]], sort_keys=True).encode()
    yield from code_of(type(nlp), f"the language {nlp.lang!r}")
    yield from _bytes(nlp.tokenizer, "the tokenizer")
    for name in components:
        yield json.dumps(settings[name], sort_keys=True).encode()
        for registry, function in foreign_functions(settings[name]):
            yield from code_of(spacy.util.registry.get(registry, function), f"the function {function!r}")
        yield from _bytes(nlp.get_pipe(name), f"the component {name!r}")
    yield nlp.vocab.vectors.to_bytes(exclude=["strings"])
    yield nlp.vocab.lookups.to_bytes()


def _bytes(part: Any, what: str) -> Iterator[bytes]:
    kind = part if hasattr(part, "__qualname__") else type(part)
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    if hasattr(part, "to_bytes"):
        yield from code_of(kind, what)
        yield part.to_bytes(exclude=["vocab"])
    elif not comes_with_spacy(kind):
        raise InvalidInputError(
            f"`cache`: {what} of `pipeline` cannot tell its state (it has no `to_bytes`), so that what is stored could "
            "be out of date; do without a cache, or give the component `to_bytes` and `from_bytes`."
        )
