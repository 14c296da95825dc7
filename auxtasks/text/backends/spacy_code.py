"""Whose code a spaCy pipeline runs: what comes with spaCy is known by its version, other code by its files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError

# fmt: off
FACTORIES = frozenset({
    "attribute_ruler", "beam_ner", "beam_parser", "doc_cleaner", "entity_linker", "entity_ruler",
    "future_entity_ruler", "lemmatizer", "merge_entities", "merge_noun_chunks", "merge_subtokens", "morphologizer",
    "ner", "nn_labeller", "parser", "sentencizer", "senter", "span_finder", "span_ruler", "spancat",
    "spancat_singlelabel", "tagger", "textcat", "textcat_multilabel", "tok2vec", "token_splitter",
    "trainable_lemmatizer",
})
"""The kinds of components that come with spaCy."""
# fmt: on


def runs_foreign_code(folder: Path) -> bool:
    """Tell whether a saved pipeline runs code that does not come with spaCy, without importing spaCy.

    Parameters
    ----------
    folder : Path
        The folder of the pipeline, or of the installed package that holds it.

    Returns
    -------
    bool
        Whether its settings name a component, another function or a language that does not come with spaCy; also
        where they cannot be read.
    """
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    # As they are written: by default names would become lower case.
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    path = next(path for pattern in ("config.cfg", "*/config.cfg") for path in sorted(folder.glob(pattern)))
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        settings = {
            name: {key: json.loads(value) for key, value in parser[name].items()}
            for name in parser.sections()
            if name.partition(".")[0] in ("nlp", "components")
        }
    except (ConfigError, ValueError):
        return True
    # Deeper sections, such as [components.ner.model], are settings of a component.
    components = [
        fields for name, fields in settings.items() if name.startswith("components.") and name.count(".") == 1
    ]
    return (
        any(fields.get("factory") not in FACTORIES for fields in components)
        or any(foreign_functions(settings))
        or not _is_language(settings.get("nlp", {}).get("lang"))
    )


def foreign_functions(settings: Any) -> Iterator[tuple[str, str]]:
    """Find the registered functions that settings name and that do not come with spaCy.

    Parameters
    ----------
    settings : object
        Settings of spaCy's kind: nested mappings, in which ``@`` stands before the name of a registry.

    Yields
    ------
    registry, name : str
        Where the function is registered, and under which name.

    Examples
    --------
    >>> list(foreign_functions({"model": {"@architectures": "mine.v1", "tok2vec": {"@layers": "spacy.Tok2Vec.v2"}}}))
    [('architectures', 'mine.v1')]
    """
    for key, value in settings.items():
        if hasattr(value, "items"):
            yield from foreign_functions(value)
        elif key.startswith("@") and not str(value).startswith(("spacy.", "spacy-legacy.")):
            yield key[1:], str(value)


def comes_with_spacy(kind: Any) -> bool:
    """Tell whether a class or function is spaCy's or thinc's own."""
    return kind.__module__.partition(".")[0] in ("spacy", "thinc", "spacy_legacy")


def code_of(kind: Any, what: str) -> Iterator[bytes]:
    """Read the files that define a function, or a class and what it inherits, unless they come with spaCy.

    The modules that these import are not followed: a change there alone is not noticed.

    Parameters
    ----------
    kind : type or function
        The class or function.
    what : str
        What it is in the pipeline, for the error.

    Yields
    ------
    bytes
        What each file holds.

    Raises
    ------
    InvalidInputError
        If a definition is in no file.
    """
    for defined in getattr(kind, "__mro__", (kind,)):
        if comes_with_spacy(defined) or defined.__module__.partition(".")[0] in sys.stdlib_module_names:
            continue
        file = getattr(sys.modules.get(defined.__module__), "__file__", None)
        if file is None or not Path(file).is_file():
            raise InvalidInputError(
                f"`cache`: the code of {what} of `pipeline`, {defined.__qualname__!r}, is in no file, so that a change "
                "could not be told and what is stored could be out of date; do without a cache, or put the code into "
                "a module."
            )
        yield Path(file).read_bytes()


def _is_language(code: object) -> bool:
    spacy = find_spec("spacy")
    places = spacy.submodule_search_locations or () if spacy is not None else ()
    return any((Path(place) / "lang" / str(code)).is_dir() for place in places)
