"""What a user gives as INPUT, for all commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auxtasks.cli.archive import Archive, read_npy
from auxtasks.cli.images import read_images
from auxtasks.cli.lines import read_text_lines
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


@dataclass(frozen=True)
class Data:
    """Inputs, and the arrays that lie beside them.

    Parameters
    ----------
    path : Path
        Where they come from.
    X : ndarray or list of str
        The inputs.
    others : mapping of str to ndarray
        The other arrays of an .npz file by name.
    """

    path: Path
    X: Any
    others: Mapping[str, Array] = field(default_factory=dict)

    def columns(self, keys: Sequence[str]) -> dict[str, Array] | None:
        """Return given columns by the names of their arrays, None without any; empty texts are missing.

        Raises
        ------
        InvalidInputError
            If there is no array of a name.
        """
        for key in keys:
            if key not in self.others:
                holds = f"{listed(self.others)} besides its inputs" if self.others else "nothing besides its inputs"
                raise InvalidInputError(f"`--given`: there is no array {key!r}; {self.path} holds {holds}.")
        return {key: _without_empty(self.others[key]) for key in keys} or None


def read_data(path: Path, domain: str) -> Data:
    """Read inputs.

    Parameters
    ----------
    path : Path
        An .npy file, an .npz file, a folder of images, or a text file.
    domain : str
        What they are, which decides how a file of another suffix is read.

    Returns
    -------
    Data
        The inputs.

    Raises
    ------
    InvalidInputError
        If they cannot be read; the message names the file and the place.
    MissingDependencyError
        If a folder is given and scikit-image is not installed.
    """
    if path.is_dir():
        if domain not in ("image", "any"):
            raise InvalidInputError(
                f"`INPUT`: {path} is a folder, which is read as images, and the domain is {domain!r}."
            )
        return Data(path, read_images(path))
    if not path.exists():
        raise InvalidInputError(f"`INPUT`: there is no {path}.")
    if path.suffix.lower() == ".npy":
        return Data(path, read_npy(path))
    if path.suffix.lower() == ".npz":
        return _from_archive(path)
    if domain == "text":
        return Data(path, read_text_lines(path))
    raise InvalidInputError(
        f"`INPUT` must be .npy, .npz or a folder of images for domain {domain!r}; got {path.name!r}. Text files are "
        "for domain 'text'."
    )


def _from_archive(path: Path) -> Data:
    arrays = Archive(path)
    key = "X" if "X" in arrays else next(iter(arrays), "X")
    if "X" not in arrays and len(arrays) != 1:
        raise InvalidInputError(
            f"`INPUT`: {path} must hold an array 'X', or a single one; it holds {listed(arrays) or 'none'}."
        )
    return Data(path, arrays[key], Archive(path, without=key))


def _without_empty(labels: Array) -> Array:
    """Put None, which is missing, in the place of empty texts, which would be a class."""
    if labels.dtype.kind != "U":
        return labels
    found = labels.astype(object)
    found[labels == ""] = None
    return found


def listed(names: Any) -> str:
    """Quote names, for a message.

    Parameters
    ----------
    names : iterable of str
        The names.

    Returns
    -------
    str
        Separated by commas.

    Examples
    --------
    >>> listed(["X", "y"])
    "'X', 'y'"
    """
    return ", ".join(map(repr, names))
