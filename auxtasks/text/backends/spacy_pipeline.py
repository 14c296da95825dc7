"""Finding and loading a spaCy pipeline."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError

Source = str | Path | Any
"""The name of an installed pipeline, a folder, or a loaded ``spacy.language.Language``."""


def check_pipeline(pipeline: Source | None) -> Source:
    """Return what a pipeline was given as, or refuse it; nothing is looked up or loaded.

    Parameters
    ----------
    pipeline : str, Path or Language
        The pipeline.

    Returns
    -------
    str, Path or Language
        The same.

    Raises
    ------
    InvalidInputError
        If there is none.
    InvalidTypeError
        If it is something else.

    Examples
    --------
    >>> check_pipeline("en_core_web_sm")
    'en_core_web_sm'
    """
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
    """Return the folder that holds a pipeline's files, without loading or importing anything.

    Parameters
    ----------
    pipeline : str or Path
        A name or a folder. A string is a name where such a pipeline is installed, as it is to ``spacy.load``.

    Returns
    -------
    Path
        The folder, from the root; for a name, that of the installed package.

    Raises
    ------
    StorageError
        If there is no such folder, or no pipeline in it.
    MissingDependencyError
        If no pipeline of that name is installed.
    """
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
    """Return what ``spacy.load`` finds the pipeline by, in any process: its name, or its folder from the root.

    Parameters
    ----------
    pipeline : str or Path
        As for `locate`.

    Returns
    -------
    str
        The name or the path.
    """
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
