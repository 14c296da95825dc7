"""The part of a fitted generator that only texts have, as plain JSON types, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from auxtasks.text.documents import FittedTexts
from auxtasks.text.tokenizers.choose import as_tokenizer, from_dict
from auxtasks.text.unsaved import Unsaved
from auxtasks.text.vocabulary import Vocabulary


def describe_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the parameters whose values JSON does not know.

    Parameters
    ----------
    params : mapping of str to object
        What `AuxTargetGenerator.get_params` returns.

    Returns
    -------
    dict of str to object
        The tokenizer, backend, pipeline and cache, of JSON types; a function or a loaded pipeline only by what it was.

    Examples
    --------
    >>> import auxtasks
    >>> describe_params(auxtasks.AuxTargetGenerator("text", pipeline="en_core_web_sm").get_params())["pipeline"]
    'en_core_web_sm'
    """
    pipeline, cache, tokenizer = params["pipeline"], params["cache"], params["tokenizer"]
    return {
        "tokenizer": _describe_tokenizer(tokenizer),
        "backend": _describe(params["backend"]),
        "pipeline": _describe(pipeline),
        "cache": None if cache is None else os.fspath(cache),
    }


def restore_params(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make the parameters that `describe_params` described.

    Parameters
    ----------
    fields : mapping of str to object
        What it returned.

    Returns
    -------
    dict of str to object
        With an `Unsaved` for what could not be described.

    Examples
    --------
    >>> restore_params({"tokenizer": None, "pipeline": {"unsaved": "a Language"}, "cache": None})["pipeline"]
    Unsaved(parameter='pipeline', what='a Language')
    """
    return {name: _restore(name, value) for name, value in fields.items()}


def describe_fitted(fitted: FittedTexts) -> dict[str, Any]:
    """Describe what training texts decided, as JSON types; `restore_fitted` is the inverse."""
    return {"vocabulary": fitted.vocabulary.to_dict(), "length": fitted.length}


def restore_fitted(fields: Mapping[str, Any]) -> FittedTexts:
    """Make what `describe_fitted` described."""
    return FittedTexts(Vocabulary.from_dict(fields["vocabulary"]), int(fields["length"]))


def _describe_tokenizer(tokenizer: Any) -> Any:
    if tokenizer is None or isinstance(tokenizer, (str, Unsaved)):
        return _describe(tokenizer)
    fields = as_tokenizer(tokenizer).to_dict()
    return {"unsaved": f"an object of type {type(tokenizer).__name__}"} if fields is None else {"saved": fields}


def _describe(value: Any) -> Any:
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else os.fspath(value)
    return {"unsaved": value.what if isinstance(value, Unsaved) else f"an object of type {type(value).__name__}"}


def _restore(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return from_dict(value["saved"]) if "saved" in value else Unsaved(name, str(value["unsaved"]))
