"""Memory does not grow beyond the targets."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import AuxTasksWarning
from auxtasks.targets import computing
from auxtasks.targets.samples import CHUNK_BYTES


def peak_beyond_targets(path: Path, tasks: Any, **options: Any) -> int:
    X = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        targets = make_aux_targets(X, "signal", tasks, **options)
        return tracemalloc.get_traced_memory()[1] - sum(array.nbytes for array in targets.values())
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("tasks", [["std", "fft"], ["reconstruction"]])
def test_memory_beyond_the_targets_is_bounded(tmp_path: Path, tasks: list[str], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for n in (1_000, 6_000):
        np.save(tmp_path / f"{n}.npy", (100 * rng.normal(size=(n, 256, 4))).astype(dtype))
    small, large = (peak_beyond_targets(tmp_path / f"{n}.npy", tasks) for n in (1_000, 6_000))
    # What grows with n is a list of chunks; the inputs on disk grow from 4 to 24 MB (float32).
    assert large < 24 * CHUNK_BYTES
    assert large < small + CHUNK_BYTES


def test_targets_far_larger_than_their_inputs_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(4, 64, 2)).astype("float32")
    make_aux_targets(X, "signal", ["quantiles"])
    monkeypatch.setattr(computing, "LARGE", 100)
    make_aux_targets(X, "signal", ["quantiles"])  # ten numbers of 128
    with pytest.warns(AuxTasksWarning, match=r"the targets take .* 'quantiles' has 130 numbers .* make_aux_targets"):
        make_aux_targets(X, "signal", [{"quantiles": {"q": list(np.linspace(0, 1, 65))}}])
