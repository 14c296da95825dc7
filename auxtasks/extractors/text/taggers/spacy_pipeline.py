"""The spaCy pipeline that a user gave: loaded when it is needed, and known by its state."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.extractors.text.taggers.spacy_components import components_for
from auxtasks.files import digest, digest_files
from auxtasks.optional import require


class SpacyModel:
    """A pipeline by name or folder, or a loaded one.

    Parameters
    ----------
    pipeline : str, Path or Language
        As for `check_pipeline`.

    A pipeline by name or folder whose code all comes with spaCy is fully told by its files. The last such one stays
    loaded, here and in other processes, until its files change. One with other code is loaded anew for every
    `SpacyModel`, because the code may have changed.
    """

    def __init__(self, pipeline: Source | None) -> None:
        self._pipeline = check_pipeline(pipeline)
        self._own: tuple[str, Any, str] | None = None

    def source(self) -> str | None:
        """Return what another process loads the pipeline by; None for a loaded one."""
        return source_of(self._pipeline) if isinstance(self._pipeline, str | Path) else None

    def load(self) -> tuple[Any, str]:
        """Return the loaded pipeline, and what stands for it."""
        if not isinstance(self._pipeline, str | Path):
            # Another key each time, because the user may have changed the pipeline since.
            return self._pipeline, uuid.uuid4().hex
        folder = locate(self._pipeline)
        files, source = digest_files(folder), source_of(self._pipeline)
        if not runs_foreign_code(folder):
            return _kept(source, files, _device(), threading.get_ident()), files
        if self._own is None or self._own[0] != files:
            self._own = files, _load(source), uuid.uuid4().hex
        return self._own[1:]

    def state(self, needs: frozenset[str]) -> str:
        """Return a string that differs when what the pipeline says may."""
        if isinstance(self._pipeline, str | Path):
            folder = locate(self._pipeline)
            if not runs_foreign_code(folder):
                return digest_files(folder)
        nlp, _ = self.load()
        return digest_loaded(nlp, components_for(nlp, needs))


@lru_cache(maxsize=1)
def _kept(source: str, files: str, device: str, thread: int) -> Any:
    # Two threads must not share a pipeline, in which components are put on and off.
    del files, device, thread
    return _load(source)


def _load(source: str) -> Any:
    return require("spacy", extra="text").load(source)


def _device() -> str:
    # A pipeline stays on the device that spaCy used when it was loaded.
    operations = require("thinc.api", extra="text").get_current_ops()
    return f"{operations.name} {operations.device_id}"


Source = str | Path | Any
"""The name of an installed pipeline, a folder, or a loaded ``spacy.language.Language``."""


def check_pipeline(pipeline: Source | None) -> Source:
    """Return what a pipeline was given as, or refuse it; nothing is looked up or loaded."""
    if pipeline is None or pipeline == "":
        raise InvalidInputError(
            "`pipeline`: spaCy tags with a trained pipeline, and none was given. Give the name of an installed one "
            "(pipeline='en_core_web_sm' after: python -m spacy download en_core_web_sm), a folder, or a loaded one."
        )
    if not isinstance(pipeline, str | Path) and not _is_language(pipeline):
        raise InvalidTypeError(
            "`pipeline` must be the name of an installed spaCy pipeline, a folder, or a loaded "
            f"`spacy.language.Language`; got {pipeline!r} of type {type(pipeline).__name__}."
        )
    return pipeline


def locate(pipeline: str | Path) -> Path:
    """Return the folder that holds a pipeline's files, without loading or importing anything."""
    installed = _installed(pipeline)
    if installed is not None:
        return installed
    path = Path(pipeline)
    if isinstance(pipeline, str) and len(path.parts) == 1 and not path.exists():
        raise MissingDependencyError(
            f"`pipeline`: no spaCy pipeline named {pipeline!r} is installed. Install it with: "
            f"python -m spacy download {pipeline}. Or give the folder of one, or a loaded one.",
            name=pipeline,
        )
    if not path.is_dir():
        raise StorageError(f"`pipeline`: there is no folder {str(path)!r}; check the path.")
    if not (path / "config.cfg").is_file():
        raise StorageError(
            f"`pipeline`: {str(path)!r} holds no spaCy pipeline, which has a `config.cfg`; give the folder that "
            "`nlp.to_disk` wrote."
        )
    return path.resolve()


def source_of(pipeline: str | Path) -> str:
    """Return what ``spacy.load`` finds the pipeline by, in any process: its name, or its folder from the root."""
    folder = locate(pipeline)
    return str(folder) if _installed(pipeline) is None else str(pipeline)


def _installed(pipeline: str | Path) -> Path | None:
    """Return the folder of an installed package that holds a pipeline, as ``spacy package`` lays it out."""
    spec = find_spec(pipeline) if isinstance(pipeline, str) and pipeline.isidentifier() else None
    places = spec.submodule_search_locations or [] if spec is not None else []
    return next((Path(place) for place in places if any(Path(place).glob("*/config.cfg"))), None)


def _is_language(pipeline: object) -> bool:
    # Nobody can hold a Language before spaCy was imported.
    language = sys.modules.get("spacy.language")
    return language is not None and isinstance(pipeline, language.Language)


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
    """Tell whether a saved pipeline runs code that does not come with spaCy, without importing spaCy."""
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
        or not _is_language_spacy_code(settings.get("nlp", {}).get("lang"))
    )


def foreign_functions(settings: Any) -> Iterator[tuple[str, str]]:
    """Find the registered functions that settings name and that do not come with spaCy."""
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


def _is_language_spacy_code(code: object) -> bool:
    spacy = find_spec("spacy")
    places = spacy.submodule_search_locations or () if spacy is not None else ()
    return any((Path(place) / "lang" / str(code)).is_dir() for place in places)


def digest_loaded(nlp: Any, components: list[str]) -> str:
    """Return a string that differs when the components of a loaded pipeline do."""
    return digest(_state(nlp, components))


def check_saves(nlp: Any) -> None:
    """Refuse a loaded pipeline whose tokenizer would not be the same after saving and loading."""
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
