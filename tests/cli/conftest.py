"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auxtasks.cli import main
from auxtasks.typing import Array


@pytest.fixture
def status() -> Callable[..., int]:
    """Run the command and return its exit status."""

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit, match=r"^[012]$") as stopped:
            main(list(map(str, arguments)))
        return int(str(stopped.value.code))

    return run


@pytest.fixture
def arrays() -> dict[str, Array]:
    """Sixty signals of two classes, the second with larger steps, and a few more arrays."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = (rng.normal(size=(60, 16, 2)) * (1 + 2 * y[:, None, None])).astype("float32")
    return {"X": X, "y": y, "person": np.array(["anna", "ben", ""] * 20), "pickled": np.array([None] * 60)}


@pytest.fixture
def npz(tmp_path: Path, arrays: dict[str, Array]) -> Path:
    """Write them to a file."""
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"
