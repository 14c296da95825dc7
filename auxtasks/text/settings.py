"""How texts are read: the parameters of a generator that only texts have, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.validation import check_choice, check_int, check_processes


@dataclass(frozen=True)
class TextSettings:
    """How texts are read; `auxtasks.AuxTargetGenerator` describes each.

    Parameters
    ----------
    tokenizer, max_tokens, length, inputs, backend, pipeline, batch_size, n_process, cache
        As `auxtasks.AuxTargetGenerator` has them.
    padding : {"post", "pre"}
        The side that is padded.
    progress : bool
        Whether to show a progress bar while texts are tagged.
    """

    tokenizer: Any
    max_tokens: int | None
    length: int | None
    inputs: str
    backend: Any
    pipeline: Any
    batch_size: int
    n_process: int
    cache: Path | None
    padding: str = "post"
    progress: bool = False


def checked_text_settings(params: Mapping[str, Any]) -> TextSettings:
    """Check the parameters of a generator that only texts have.

    Parameters
    ----------
    params : mapping of str to object
        What `AuxTargetGenerator.get_params` returns; `padding` and `progress` are checked elsewhere.

    Returns
    -------
    TextSettings
        The checked values.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If one cannot be used.

    Examples
    --------
    >>> import auxtasks
    >>> checked_text_settings(auxtasks.AuxTargetGenerator("text", length=12).get_params()).length
    12
    """
    p = params
    inputs = check_choice("inputs", p["inputs"], ("ids", "texts"))
    if inputs == "texts" and p["padding"] == "pre":
        raise InvalidInputError(
            "`padding`: a model that is given texts pads at the end, as TextVectorization does; use padding='post'."
        )
    return TextSettings(
        tokenizer=p["tokenizer"],
        max_tokens=None if p["max_tokens"] is None else check_int("max_tokens", p["max_tokens"], low=3),
        length=None if p["length"] is None else check_int("length", p["length"], low=1),
        inputs=inputs,
        backend=p["backend"],
        pipeline=p["pipeline"],
        batch_size=check_int("batch_size", p["batch_size"], low=1),
        n_process=check_processes("n_process", p["n_process"]),
        cache=_folder(p["cache"]),
        padding=p["padding"],
        progress=p["progress"],
    )


def _folder(value: object) -> Path | None:
    if value is None:
        return None
    if value == "":
        raise InvalidInputError("`cache` is ''; pass the path of a folder, such as '.', or None for no cache.")
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidTypeError(f"`cache` must be the path of a folder; got {value!r} of type {type(value).__name__}.")
    folder = Path(value).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"`cache`: {folder} is a file; pass the path of a folder.")
    return folder
