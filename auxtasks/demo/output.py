"""The file that the figure goes to, checked before anything is trained."""

from __future__ import annotations

from pathlib import Path

from auxtasks.errors import InvalidInputError

SUFFIXES = (".png", ".svg", ".pdf")


def check_output(path: Path) -> None:
    """Make sure that a figure can be written, making the folder where there is none.

    Parameters
    ----------
    path : Path
        Where the figure will go; a file that is there will be replaced.

    Raises
    ------
    InvalidInputError
        If it has another suffix than a figure's, is a folder, or cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInputError(f"`--output` must end in {', '.join(SUFFIXES)}; got {str(path)!r}.")
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise InvalidInputError(
            f"`--output`: cannot write {str(path)!r} ({error.strerror}). Choose a file in a folder you may write to, "
            "such as --output auxtasks_demo.png."
        ) from error
    if not existed:
        path.unlink()
