"""The spaCy pipeline that a user gave: found, loaded when needed, known by its state, and which parts of it run."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auxtasks.checksums import digest, digest_files
from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
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
        # Before what spaCy itself is told to install; no pipeline is looked up or loaded yet.
        check_installed("spacy", extra="text")
        if pipeline is None or pipeline == "":
            raise InvalidInputError(
                "`tagger_model`: spaCy needs a trained pipeline, but none was given. Pass the name of an installed one "
                "(tagger_model='en_core_web_sm' after: python -m spacy download en_core_web_sm), a folder, or a loaded "
                "one."
            )
        # Nobody can hold a Language before spaCy was imported.
        language = sys.modules.get("spacy.language")
        if not isinstance(pipeline, str | Path) and (language is None or not isinstance(pipeline, language.Language)):
            raise InvalidTypeError(
                "`tagger_model` must be the name of an installed spaCy pipeline, a folder, or a loaded "
                f"`spacy.language.Language`; got {pipeline!r} of type {type(pipeline).__name__}."
            )
        self._pipeline: Source = pipeline
        self._own = uuid.uuid4().hex

    def source(self) -> str | None:
        """Return what another process loads the pipeline by; None for a loaded one."""
        return _locate(self._pipeline)[1] if isinstance(self._pipeline, str | Path) else None

    def load(self) -> tuple[Any, str]:
        """Return the loaded pipeline, and what stands for it."""
        if not isinstance(self._pipeline, str | Path):
            # Another key each time, because the user may have changed the pipeline since.
            return self._pipeline, uuid.uuid4().hex
        folder, source = _locate(self._pipeline)
        key = digest_files(folder) + (self._own if runs_foreign_code(folder) else "")
        # A pipeline stays on the device that spaCy used when it was loaded.
        operations = require("thinc.api", extra="text").get_current_ops()
        return _loaded(source, key, f"{operations.name} {operations.device_id}", threading.get_ident()), key

    def state(self, needs: frozenset[str]) -> str:
        """Return a string that differs when what the pipeline says may."""
        if isinstance(self._pipeline, str | Path):
            folder, _ = _locate(self._pipeline)
            if not runs_foreign_code(folder):
                return digest_files(folder)
        nlp, _ = self.load()
        components = components_for(nlp, needs)
        code = list(_code(nlp, components))
        # Strings are left out, because they grow with the texts that are read; no tag depends on them.
        others = set(nlp.component_names).difference(components)
        return digest([*code, nlp.to_bytes(exclude=["strings", *others])])


@lru_cache(maxsize=1)
def _loaded(source: str, key: str, device: str, thread: int) -> Any:
    # Two threads must not share a pipeline, in which components are put on and off.
    del key, device, thread
    return require("spacy", extra="text").load(source)


def _locate(pipeline: str | Path) -> tuple[Path, str]:
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
        or any(_foreign_functions(settings))
        or not any((folder / str(settings.get("nlp", {}).get("lang"))).is_dir() for folder in languages)
    )


def _foreign_functions(settings: Any) -> Iterator[tuple[str, str]]:
    """Find the registered functions that settings name and that do not come with spaCy."""
    for key, value in settings.items():
        if hasattr(value, "items"):
            yield from _foreign_functions(value)
        elif key.startswith("@") and not str(value).startswith(("spacy.", "spacy-legacy.")):
            yield key[1:], str(value)


def _code(nlp: Any, components: list[str]) -> Iterator[bytes]:
    """Name the parts that run, and read what does not come with spaCy; refuse a part that spaCy would not save."""
    parts = {f"the language {nlp.lang!r}": nlp, "the tokenizer": nlp.tokenizer}
    parts |= {f"the component {name!r}": nlp.get_pipe(name) for name in components}
    for what, part in parts.items():
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
        for kind, function in _foreign_functions(nlp.config["components"][name]):
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


# Which components run


@dataclass(frozen=True)
class Fact:
    """Something that components find out: what they declare for it, its name, and the usual components."""

    attributes: set[str]
    read: tuple[str, ...]  # the attributes of tokens; where the first is 0 for every token, nobody filled it
    what: str
    usual: str


_POS_FROM = "a 'morphologizer', or a 'tagger' and an 'attribute_ruler'"
_ENTITY_ATTRIBUTES = {"doc.ents", "token.ent_type", "token.ent_iob"}
_POS = Fact({"token.pos"}, ("POS",), "universal parts of speech (`token.pos`)", _POS_FROM)
_TAG = Fact({"token.tag"}, ("TAG",), "tags (`token.tag`)", "a 'tagger'")
_PARSE = Fact({"token.dep", "token.head"}, ("DEP", "HEAD"), "dependencies (`token.dep`)", "a 'parser'")
_ENTITIES = Fact(_ENTITY_ATTRIBUTES, ("ENT_IOB", "ENT_TYPE"), "entities (`doc.ents`)", "an 'ner'")

FACTS: Mapping[str, tuple[Fact, ...]] = {
    "pos": (_POS,),
    "tag": (_TAG,),
    **dict.fromkeys(("dependency", "head", "depth"), (_PARSE,)),
    **dict.fromkeys(("entity", "entity_run", "entity_any_run"), (_ENTITIES,)),
    "chunk_run": (_PARSE, _POS),
}
"""What each column is made of."""

# These declare nothing, and give nothing of what is asked for here.
_GIVE_NOTHING = {"merge_entities", "merge_noun_chunks", "merge_subtokens", "token_splitter", "doc_cleaner"}


def components_for(nlp: Any, needs: frozenset[str]) -> list[str]:
    """Return the components that have to run, in the order of the pipeline."""
    declared = {name: _declared(nlp, name) for name in nlp.pipe_names}
    wanted: set[str] = set().union(*(fact.attributes for need in needs for fact in FACTS[need]))
    running: set[str] = set()
    while more := {name for name, (gives, _) in declared.items() if gives is None or gives & wanted} - running:
        running |= more
        wanted.update(*(declared[name][1] for name in more))
    given = {attribute for name in running for attribute in declared[name][0] or ()}
    if not any(declared[name][0] is None and nlp.get_pipe_meta(name).factory not in _GIVE_NOTHING for name in running):
        for need in sorted(needs):
            for fact in FACTS[need]:
                if not fact.attributes & given:
                    raise refused(nlp, need, fact, "has no component that gives")
    if "chunk_run" in needs and nlp.vocab.get_noun_chunks is None:
        raise InvalidInputError(
            f"`tagger_model`: spaCy has no rule for base noun phrases in the language {nlp.lang!r} of "
            f"{_described(nlp)}, which `chunk_run` needs; leave out the tasks that need them."
        )
    for name in nlp.pipe_names:
        if running.intersection(getattr(nlp.get_pipe(name), "listening_components", ())):
            running.add(name)
    return [name for name in nlp.pipe_names if name in running]


def refused(nlp: Any, need: str, fact: Fact, why: str) -> InvalidInputError:
    off = f" It has disabled {_listed(nlp.disabled)}; `nlp.enable_pipe(name)` enables one." if nlp.disabled else ""
    return InvalidInputError(
        f"`tagger_model`: {_described(nlp)} {why} {fact.what}, which `{need}` needs; its components are "
        f"{_listed(nlp.pipe_names)}.{off} Use a pipeline with {fact.usual}, or leave out the tasks that need this."
    )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _described(nlp: Any) -> str:
    return repr(f"{nlp.lang}_{nlp.meta['name']}")


def _declared(nlp: Any, name: str) -> tuple[set[str] | None, set[str]]:
    """Return the attributes that a component gives and reads; None where it does not say what it gives."""
    meta, component = nlp.get_pipe_meta(name), nlp.get_pipe(name)
    if meta.factory == "attribute_ruler":
        # It declares nothing, but its rules say what they read and write.
        rules = component.patterns
        reads = (key for rule in rules for pattern in rule["patterns"] for token in pattern for key in token)
        return _attributes(key for rule in rules for key in rule["attrs"]), _attributes(reads)
    entities = {"doc.ents"} if getattr(component, "annotate_ents", False) else set()
    return entities.union(meta.assigns) or None, set(meta.requires)


def _attributes(keys: Iterable[str | int]) -> set[str]:
    """Return attributes of rules, named in any case or numbered, as components declare them."""
    numbered = {number: name for name, number in require("spacy.attrs", extra="text").IDS.items()}
    names = {numbered.get(key, "") if isinstance(key, int) else key.upper() for key in keys}
    of_tokens = {f"token.{name.lower()}" for name in names & {"POS", "TAG", "DEP", "MORPH", "LEMMA"}}
    return of_tokens | ({"doc.ents"} if "ENT_TYPE" in names else set())
