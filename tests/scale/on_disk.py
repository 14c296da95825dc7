"""Small inputs cut into many chunks, and what the tests of targets on disk share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import auxtasks
from auxtasks.typing import Array

TASKS = ["std", "fft", {"next_steps": {"horizon": 2}}, "reconstruction", "spectral_entropy"]


def signals(n: int = 90, seed: int = 0) -> Array:
    """Random walks of two channels, the second a copy of the first at times, so that columns are left out."""
    X = np.random.default_rng(seed).normal(size=(n, 18, 2)).cumsum(axis=1).astype(np.float32)
    X[..., 1] = X[..., 0]
    return X


def given(n: int = 90) -> dict[str, Any]:
    """Classes, and numbers of which some are missing."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(n, 2))
    numbers[3] = np.nan
    return {"who": rng.integers(-1, 3, size=n), "load": numbers}


def cut_small(monkeypatch: pytest.MonkeyPatch, cache: int = 1024, chunk: int = 4096, scaled: int = 4096) -> None:
    """Choose the sizes of blocks and chunks."""
    monkeypatch.setattr("auxtasks.targets.samples.CHUNK_BYTES", cache)
    monkeypatch.setattr("auxtasks.scale.disk_job.CHUNK_BYTES", chunk)
    monkeypatch.setattr("auxtasks.scale.disk.SCALED_BYTES", scaled)


def assert_same(found: auxtasks.AuxTargets, expected: auxtasks.AuxTargets) -> None:
    """Compare two sets of targets to the last bit."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name
    assert found.specs == expected.specs
    assert np.asarray(found.inputs).tobytes() == np.asarray(expected.inputs).tobytes()
    assert (found.n_original, found.lengths) == (expected.n_original, None)
    assert found.generator.shapes_ == expected.generator.shapes_
    assert found.generator.label_columns_ == expected.generator.label_columns_


def assert_finished(path: Path) -> None:
    """See that nothing but the result is left."""
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert {found.name for found in path.iterdir()} == {"auxtasks.json", arrays_of(path).name}
    names = {found.name for found in arrays_of(path).iterdir()}
    assert {name for name in names if not name.startswith(("target_", "inputs.npy", "main_"))} == {"journal.jsonl"}


def arrays_of(path: Path) -> Path:
    """Return the folder of the arrays of targets that are saved, or not finished yet."""
    (arrays,) = (found for found in path.rglob("arrays-*") if found.is_dir())
    return arrays
