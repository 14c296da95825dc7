"""How texts are read: the parameters of a generator that only texts have, checked, described and restored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.text.documents import Vocabulary
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer, from_dict
from auxtasks.extractors.text.vocabularies import as_vocabulary
from auxtasks.validation import check_choice, check_int, check_path, check_processes

LONGEST = 1_000_000
"""So many steps a text can have."""


@dataclass(frozen=True)
class TextSettings:
    """How texts are read; `auxtasks.AuxTargetGenerator` describes each parameter."""

    tokenizer: Any
    vocabulary: Vocabulary | None
    max_tokens: int | None
    max_length: int | None
    model_inputs: str
    tagger: Any
    tagger_model: Any
    batch_size: int
    n_jobs: int
    cache: Path | None
    padding: str = "post"
    progress: bool = False


def checked_text_settings(params: Mapping[str, Any]) -> TextSettings:
    """Check the parameters of a generator that only texts have."""
    p = params
    model_inputs = check_choice("model_inputs", p["model_inputs"], ("ids", "texts"))
    if model_inputs == "texts" and p["padding"] == "pre":
        raise InvalidInputError(
            "`padding`: a model that is given texts pads at the end, as TextVectorization does; use padding='post'."
        )
    return TextSettings(
        tokenizer=p["tokenizer"],
        vocabulary=as_vocabulary(p.get("vocabulary")),
        max_tokens=None if p["max_tokens"] is None else check_int("max_tokens", p["max_tokens"], low=3),
        max_length=None if p["max_length"] is None else check_int("max_length", p["max_length"], low=1, high=LONGEST),
        model_inputs=model_inputs,
        tagger=p["tagger"],
        tagger_model=p["tagger_model"],
        batch_size=check_int("batch_size", p["batch_size"], low=1),
        n_jobs=check_processes("n_jobs", p["n_jobs"]),
        cache=_folder(p["cache"]),
        padding=p["padding"],
        progress=p["progress"],
    )


def _folder(value: object) -> Path | None:
    if value is None:
        return None
    folder = check_path("cache", value).expanduser()
    # `exists` raises where a name is too long.
    if os.path.exists(folder) and not folder.is_dir():  # noqa: PTH110
        raise InvalidInputError(f"`cache`: {folder} is a file; pass the path of a folder.")
    return folder


OBJECTS = ("tokenizer", "tagger", "tagger_model")
"""The parameters whose values JSON may not know."""


def describe_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the parameters whose values JSON does not know."""
    vocabulary = as_vocabulary(params.get("vocabulary"))
    known = {} if vocabulary is None else {"vocabulary": list(vocabulary.words)}
    return {"cache": None, **known, **{name: _describe(name, params[name]) for name in OBJECTS}}


def restore_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put in their places the values that `describe_params` described.

    What is read from a file decides neither where is written nor what code is loaded.
    """
    described = {name: params[name] for name in OBJECTS if isinstance(params[name], Mapping)}
    restored = {name: _restore(name, value) for name, value in described.items()}
    if isinstance(params["tagger_model"], str):
        restored["tagger_model"] = Unsaved("tagger_model", repr(params["tagger_model"]))
    if isinstance(params["tokenizer"], str):
        as_tokenizer(params["tokenizer"])
    if isinstance(params["tagger"], str):
        check_choice("tagger", params["tagger"], ("spacy", "nltk"))
    return {**params, "cache": None, **restored}


def _describe(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, str) and name != "tagger_model"):
        return value
    if isinstance(value, Unsaved):
        return {"unsaved": value.what}
    if name == "tagger_model":
        return {"unsaved": repr(value) if isinstance(value, str) else f"an object of type {type(value).__name__}"}
    saved = as_tokenizer(value).to_dict() if name == "tokenizer" else None
    return {"unsaved": f"an object of type {type(value).__name__}"} if saved is None else {"saved": saved}


def _restore(name: str, value: Mapping[str, Any]) -> Any:
    return from_dict(value["saved"]) if "saved" in value else Unsaved(name, str(value["unsaved"]))


@dataclass(frozen=True)
class Unsaved:
    """Stands where a parameter was what is not taken from the disk, such as a function or a pipeline."""

    parameter: str
    what: str

    def missed(self) -> InvalidInputError:
        """Return the error to raise where the object is needed."""
        return InvalidInputError(
            f"`{self.parameter}` was {self.what}, which is not loaded with targets; set it again with "
            f"targets.generator.set_params({self.parameter}=...)."
        )
