"""Loading TensorFlow without its log messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from auxtasks.optional import require


def load_tensorflow() -> None:
    """Import TensorFlow and run one operation, with the messages about the machine that this prints left out.

    Raises
    ------
    MissingDependencyError
        If TensorFlow is not installed.

    Notes
    -----
    ``TF_CPP_MIN_LOG_LEVEL`` silences what TensorFlow logs after it has started. What it writes while it starts goes
    past Python straight to file descriptor 2, which is therefore closed to it for that while.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with standard_error_discarded():
        tensorflow = require("tensorflow", extra="demo")
        tensorflow.zeros(1)


@contextmanager
def standard_error_discarded() -> Iterator[None]:
    """Discard what is written to file descriptor 2, also by libraries in C, until the block ends."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
