"""Text files, one entry a line."""

from __future__ import annotations

from pathlib import Path

from auxtasks.errors import InvalidInputError

_SHOWN = 5


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        Its lines, without line breaks and without an empty last one.

    Raises
    ------
    InvalidInputError
        If it cannot be read or is not UTF-8; the line is named.
    """
    try:
        content = path.read_bytes()
        # Excel and others begin files with a byte order mark, which is not part of the first text.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise InvalidInputError(f"{path} is not UTF-8: see line {number}. Save it as UTF-8 text.") from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror}).") from error
    # Not splitlines, which also cuts at characters that occur within texts, such as U+2028.
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def read_text_lines(path: Path) -> list[str]:
    """Read texts, one a line.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        The texts.

    Raises
    ------
    InvalidInputError
        If a line is empty, because labels would then belong to the wrong texts if it was left out; or as `read_lines`.
    """
    lines = read_lines(path)
    empty = [str(number) for number, line in enumerate(lines, 1) if not line.strip()]
    if empty:
        shown = ", ".join(empty[:_SHOWN]) + (f", … ({len(empty)} in all)" if len(empty) > _SHOWN else "")
        raise InvalidInputError(
            f"{path} must hold one text a line; empty: line {shown}. Remove such lines, and their labels too."
        )
    if not lines:
        raise InvalidInputError(f"{path} is empty; it must hold one text a line.")
    return lines
