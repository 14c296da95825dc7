"""The spaCy pipeline that a user gave: found, loaded when it is needed, and known by its state."""

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

from auxtasks.checksums import digest, digest_files
from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.extractors.text.taggers.spacy_components import components_for
from auxtasks.optional import check_installed, require

Source = str | Path | Any
"""The name of an installed pipeline, a folder, or a loaded ``spacy.language.Language``."""


class SpacyModel:
    """A pipeline by name or folder, or a loaded one.

    A pipeline by name or folder whose code all comes with spaCy is fully told by its files. The last one stays loaded,
    here and in other processes, until its files change. One with other code is loaded anew for every `SpacyModel`,
    because the code may have changed.
    """

    def __init__(self, pipeline: Source | None) -> None:
        self._pipeline = check_pipeline(pipeline)
        self._own = uuid.uuid4().hex

    def source(self) -> str | None:
        """Return what another process loads the pipeline by; None for a loaded one."""
        return locate(self._pipeline)[1] if isinstance(self._pipeline, str | Path) else None

    def load(self) -> tuple[Any, str]:
        """Return the loaded pipeline, and what stands for it."""
        if not isinstance(self._pipeline, str | Path):
            # Another key each time, because the user may have changed the pipeline since.
            return self._pipeline, uuid.uuid4().hex
        folder, source = locate(self._pipeline)
        key = digest_files(folder) + (self._own if runs_foreign_code(folder) else "")
        # A pipeline stays on the device that spaCy used when it was loaded.
        operations = require("thinc.api", extra="text").get_current_ops()
        return _loaded(source, key, f"{operations.name} {operations.device_id}", threading.get_ident()), key

    def state(self, needs: frozenset[str]) -> str:
        """Return a string that differs when what the pipeline says may."""
        if isinstance(self._pipeline, str | Path):
            folder, _ = locate(self._pipeline)
            if not runs_foreign_code(folder):
                return digest_files(folder)
        nlp, _ = self.load()
        return digest_loaded(nlp, components_for(nlp, needs))


@lru_cache(maxsize=1)
def _loaded(source: str, key: str, device: str, thread: int) -> Any:
    # Two threads must not share a pipeline, in which components are put on and off.
    del key, device, thread
    return require("spacy", extra="text").load(source)


def check_pipeline(pipeline: Source | None) -> Source:
    """Return what a pipeline was given as, or refuse it; no pipeline is looked up or loaded."""
    # Before what spaCy itself is told to install.
    check_installed("spacy", extra="text")
    if pipeline is None or pipeline == "":
        raise InvalidInputError(
            "`tagger_model`: spaCy needs a trained pipeline, but none was given. Pass the name of an installed one "
            "(tagger_model='en_core_web_sm' after: python -m spacy download en_core_web_sm), a folder, or a loaded "
            "one."
        )
    # Nobody can hold a Language before spaCy was imported.
    language = sys.modules.get("spacy.language")
    if isinstance(pipeline, str | Path) or (language is not None and isinstance(pipeline, language.Language)):
        return pipeline
    raise InvalidTypeError(
        "`tagger_model` must be the name of an installed spaCy pipeline, a folder, or a loaded "
        f"`spacy.language.Language`; got {pipeline!r} of type {type(pipeline).__name__}."
    )


def locate(pipeline: str | Path) -> tuple[Path, str]:
    """Return the folder of a pipeline's files, and what ``spacy.load`` finds it by in any process; imports nothing."""
    # A package lies as ``spacy package`` lays it out.
    spec = find_spec(pipeline) if isinstance(pipeline, str) and pipeline.isidentifier() else None
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if any(Path(place).glob("*/config.cfg")):
            return Path(place), str(pipeline)
    path = Path(pipeline)
    if isinstance(pipeline, str) and len(path.parts) == 1 and not path.exists():
        raise MissingDependencyError(
            f"`tagger_model`: no spaCy pipeline named {pipeline!r} is installed. Install it with: "
            f"python -m spacy download {pipeline}. Or give the folder of one, or a loaded one.",
            name=pipeline,
        )
    if not path.is_dir():
        raise StorageError(f"`tagger_model`: there is no folder {str(path)!r}; check the path.")
    if not (path / "config.cfg").is_file():
        raise StorageError(
            f"`tagger_model`: {str(path)!r} holds no spaCy pipeline, which has a `config.cfg`; give the folder that "
            "`nlp.to_disk` wrote."
        )
    return path.resolve(), str(path.resolve())


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
    components = [name for name in settings if name.startswith("components.") and name.count(".") == 1]
    spacy = find_spec("spacy")
    languages = [Path(place) / "lang" for place in (spacy and spacy.submodule_search_locations) or ()]
    return (
        not FACTORIES.issuperset(settings[name].get("factory") for name in components)
        or any(foreign_functions(settings))
        or not any((folder / str(settings.get("nlp", {}).get("lang"))).is_dir() for folder in languages)
    )


def foreign_functions(settings: Any) -> Iterator[tuple[str, str]]:
    """Find the registered functions that settings name and that do not come with spaCy."""
    for key, value in settings.items():
        if hasattr(value, "items"):
            yield from foreign_functions(value)
        elif key.startswith("@") and not str(value).startswith(("spacy.", "spacy-legacy.")):
            yield key[1:], str(value)


def digest_loaded(nlp: Any, components: list[str]) -> str:
    """Return a string that differs when what these components of a loaded pipeline say may."""
    code = list(_code(nlp, components))
    # Strings are left out, because they grow with the texts that are read; no tag depends on them.
    others = set(nlp.component_names).difference(components)
    return digest([*code, nlp.to_bytes(exclude=["strings", *others])])


def _code(nlp: Any, components: list[str]) -> Iterator[bytes]:
    """Name the parts that run, and read what does not come with spaCy; refuse a part that spaCy would not save."""
    parts = {f"the language {nlp.lang!r}": nlp, "the tokenizer": nlp.tokenizer}
    for what, part in {**parts, **{f"the component {name!r}": nlp.get_pipe(name) for name in components}}.items():
        kind = part if hasattr(part, "__qualname__") else type(part)
        yield f"{kind.__module__}.{kind.__qualname__}".encode()
        if hasattr(part, "to_bytes"):
            yield from _files_of(kind, what)
        elif not _comes_with_spacy(kind):
            raise InvalidInputError(
                f"`cache`: {what} of `tagger_model` does not expose its state (it has no `to_bytes`), so stored "
                "annotations could be out of date; omit the cache, or give the component `to_bytes` and `from_bytes`."
            )
    registry = require("spacy.util", extra="text").registry
    for name in components:
        for kind, function in foreign_functions(nlp.config["components"][name]):
            yield from _files_of(registry.get(kind, function), f"the function {function!r}")


def _files_of(kind: Any, what: str) -> Iterator[bytes]:
    """Read the files that define a function, or a class and what it inherits, unless they come with spaCy.

    The modules that these import are not followed: a change there alone is not noticed.
    """
    for defined in getattr(kind, "__mro__", (kind,)):
        if _comes_with_spacy(defined) or defined.__module__.partition(".")[0] in sys.stdlib_module_names:
            continue
        file = getattr(sys.modules.get(defined.__module__), "__file__", None)
        if file is None or not Path(file).is_file():
            raise InvalidInputError(
                f"`cache`: the code of {what} of `tagger_model`, {defined.__qualname__!r}, is not in a file, so "
                "changes cannot be detected and stored annotations could be out of date; omit the cache, or put the "
                "code into a module."
            )
        yield Path(file).read_bytes()


def _comes_with_spacy(kind: Any) -> bool:
    return kind.__module__.partition(".")[0] in ("spacy", "thinc", "spacy_legacy")
