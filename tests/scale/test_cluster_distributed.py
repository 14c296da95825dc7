"""Two workers, one of them killed in the middle: the same bits."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from auxtasks import load_targets, make_aux_targets
from auxtasks.typing import Array

distributed = pytest.importorskip("distributed")

pytestmark = [
    # A worker that is killed leaves its sockets and its pipe to be collected.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

X = np.random.default_rng(0).normal(size=(200, 64, 2)).cumsum(axis=1)
TASKS = ["std", "fft", {"next_steps": {"horizon": 2}}]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def deadly(flag: Path, at: int) -> Any:
    """Make the inputs, on a cluster where whoever reads a certain partition is killed, unless one was before."""

    def read(block: Array, block_info: Any = None) -> Array:
        if block_info[0]["chunk-location"][0] == at and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    return da.from_array(X, chunks=(20, -1, -1)).map_blocks(read, dtype=X.dtype, meta=np.empty((0, 0, 0)))


def test_a_worker_killed_in_mid_run(client: Any, check_alike: Any, tmp_path: Path) -> None:
    del client
    whole = make_aux_targets(X, "signal", TASKS)
    calm = make_aux_targets(da.from_array(X, chunks=(20, -1, -1)), "signal", TASKS).compute(scheduler="sync")
    flag = tmp_path / "killed"
    flag.touch()
    lazy: Any = make_aux_targets(deadly(flag, 7), "signal", TASKS)
    flag.unlink()
    lazy.to_zarr(tmp_path / "targets")
    assert flag.exists()
    found = load_targets(tmp_path / "targets").compute()
    check_alike(found, whole)
    for name, array in calm.items():
        np.testing.assert_array_equal(found[name], array)
    assert found.specs == calm.specs


def test_workers_with_room_compute_once(client: Any, tmp_path: Path) -> None:
    def counted(block: Array, block_info: Any = None) -> Array:
        with (tmp_path / "reads").open("a") as file:
            file.write(f"{block_info[0]['chunk-location'][0]}\n")
        return block

    read = da.from_array(X, chunks=(50, -1, -1)).map_blocks(counted, dtype=X.dtype, meta=np.empty((0, 0, 0)))
    lazy: Any = make_aux_targets(read, "signal", "fft")
    lazy.to_zarr(tmp_path / "targets", include_inputs=False)
    assert sorted((tmp_path / "reads").read_text().split()) == ["0", "1", "2", "3"]
    found = load_targets(tmp_path / "targets").compute()
    # What was written is no longer kept.
    np.testing.assert_array_equal(found["fft"], lazy.compute(scheduler="sync")["fft"])
    assert len((tmp_path / "reads").read_text().split()) == 8


def test_what_is_kept_is_not_changed_by_those_who_ask(client: Any) -> None:
    lazy: Any = make_aux_targets(da.from_array(X, chunks=(50, -1, -1)), "signal", "fft")
    first, second = (lazy.compute()["fft"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(lazy)).compute()["fft"])  # noqa: S301
