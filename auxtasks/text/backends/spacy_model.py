"""The spaCy pipeline that a user gave: loaded when it is needed, and known by its state."""

from __future__ import annotations

import threading
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from auxtasks.optional import require
from auxtasks.text.backends.digest import digest_files
from auxtasks.text.backends.spacy_code import runs_foreign_code
from auxtasks.text.backends.spacy_components import components_for
from auxtasks.text.backends.spacy_pipeline import Source, check_pipeline, locate, source_of
from auxtasks.text.backends.spacy_state import digest_loaded


class SpacyModel:
    """A pipeline by name or folder, or a loaded one.

    Parameters
    ----------
    pipeline : str, Path or Language
        As for `check_pipeline`.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If it is none of these.

    Notes
    -----
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
        """Return the loaded pipeline, and what stands for it.

        Returns
        -------
        pipeline : Language
            The pipeline. It may be that of other calls: it must be left as it is.
        key : str
            Stands for the pipeline as it is now, in processes that keep theirs.

        Raises
        ------
        MissingDependencyError
            If spaCy or the pipeline is not installed.
        StorageError
            If there is no such folder.
        """
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
        """Return a string that differs when what the pipeline says may.

        Parameters
        ----------
        needs : frozenset of str
            The columns that are needed.

        Returns
        -------
        str
            What the files hold, for which neither is the pipeline loaded nor spaCy imported; for a loaded pipeline,
            or one whose settings name code that does not come with spaCy, see `digest_loaded`.

        Raises
        ------
        InvalidInputError
            If a component that runs for these columns cannot tell its state.
        """
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
