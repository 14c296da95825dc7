"""The command ``auxtasks``."""

from __future__ import annotations

import io
import sys
import warnings
from typing import TextIO

from auxtasks.errors import AuxTasksError, AuxTasksWarning
from auxtasks.optional import require


def main(arguments: list[str] | None = None) -> None:
    """Run the command; the console script ``auxtasks`` calls this.

    Parameters
    ----------
    arguments : list of str, optional
        What follows the name of the command; by default what was typed.

    Raises
    ------
    SystemExit
        Always: with 0 after success, 1 after an error of auxtasks or of the system, which is printed, 2 after wrong
        usage, 130 after Ctrl-C.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    try:
        for name in ("typer", "rich"):
            require(name, extra="cli")
        from auxtasks.cli.app import app

        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if isinstance(sys.stdout, io.TextIOWrapper):
                # A question mark for a character that the terminal lacks, rather than the end of the command.
                sys.stdout.reconfigure(errors="replace")
            app(arguments, prog_name="auxtasks")
    except (AuxTasksError, OSError, MemoryError) as error:
        print(f"auxtasks: {str(error) or 'the memory is used up.'}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:  # before or after the work, which says what it keeps
        print("\nauxtasks: interrupted.", file=sys.stderr)
        raise SystemExit(130) from None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings as our errors are shown: the line of code they come from tells a user nothing."""
    ours = issubclass(category, AuxTasksWarning)
    shown = f"auxtasks: {message}\n" if ours else warnings.formatwarning(message, category, filename, lineno, line)
    print(shown, file=file or sys.stderr, end="")
