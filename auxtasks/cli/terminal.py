"""What happens around a command: characters that the terminal lacks, and Ctrl-C."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def replace_unknown_characters() -> None:
    """Let a terminal show a question mark for a character that its encoding lacks, rather than end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def shows_progress() -> bool:
    """Tell whether a progress bar is seen as it moves; in a file each of its states would be a line."""
    return sys.stderr.isatty()


def _nothing() -> str:
    return "Nothing was written; run the same command again to start over."


@contextmanager
def interruptible(kept: Callable[[], str] = _nothing) -> Iterator[None]:
    """Say after Ctrl-C what is kept and how to go on."""
    import typer

    try:
        yield
    except KeyboardInterrupt:
        print(f"\nauxtasks: interrupted. {kept()}", file=sys.stderr)
        raise typer.Exit(130) from None
