"""Targets of many signals: in memory, on disk, and with Dask on one worker and two; time and memory against n.

Run ``python benchmarks/scale.py``; every run is a process of its own, whose peak is what the system says of it. Inputs
are float32 signals of 128 steps in a .npy file, targets the three defaults of the domain, fitted on all samples and
computed. ``on disk`` and Dask write them, the latter to Zarr and without the inputs.

The last run gives one worker a memory limit, and signals four times as large as that, which are drawn chunk by chunk.
"""

# ruff: noqa: E402
import os

# Before NumPy is imported, which reads them once; the workers inherit them.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import provenance

import auxtasks

STEPS, CHUNK, MIB = 128, 20_000, 2**20
RESULTS = Path(__file__).parent / "results" / "scale.csv"
COLUMNS = ["way", "n", "input_mib", "seconds", "samples_per_second", "peak_mib", "limit_mib", "load", "commit", "date"]


def peak_mib(pid: int | str = "self") -> float:
    """Return the most memory a process has held so far."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def in_memory(path: Path) -> None:
    auxtasks.make_aux_targets(np.load(path), "signal")


def on_disk(path: Path, out: Path) -> None:
    auxtasks.make_aux_targets(np.load(path, mmap_mode="r"), "signal", save_to=out)


def rows_of(path: str, start: int, stop: int) -> np.ndarray:
    """Read some rows by plain file access, because mapped pages count as memory."""
    with Path(path).open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(start * STEPS * 4, os.SEEK_CUR)
        return np.fromfile(file, np.float32, (stop - start) * STEPS).reshape(-1, STEPS)


def drawn(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, STEPS), np.float32)


def with_dask(parts: list[Any], sizes: list[int], out: Path, workers: int, limit: str | None) -> tuple[float, float]:
    """Return the seconds and the largest peak of a worker, the start of the cluster not counted."""
    import dask
    import dask.array as da
    from distributed import Client, LocalCluster

    if limit is None:
        # As the page on pipelines advises where memory is not short.
        keep = {"MALLOC_TRIM_THRESHOLD_": 2**28, "MALLOC_MMAP_THRESHOLD_": 2**25}
        dask.config.set({f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in keep.items()})
    options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options, memory_limit=limit or "auto", silence_logs=50) as cluster, Client(cluster) as client:
        warmed_up()
        client.run(warmed_up)
        begin = perf_counter()
        X = da.concatenate(
            [da.from_delayed(part, (n, STEPS), np.float32) for part, n in zip(parts, sizes, strict=True)]
        )
        auxtasks.make_aux_targets(X, "signal").to_zarr(out, include_inputs=False)
        seconds = perf_counter() - begin
        return seconds, max(client.run(peak_mib).values())


def warmed_up() -> None:
    """Import what would be imported with the first task."""
    import zarr

    auxtasks.make_aux_targets(drawn(0, 10), "signal")
    zarr.zeros(1)


def one(way: str, n: int, path: Path, out: Path, limit: int) -> dict[str, float]:
    import dask

    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    if way in ("in memory", "on disk"):
        auxtasks.make_aux_targets(drawn(0, 10), "signal")  # whatever is imported with the first targets
        begin = perf_counter()
        in_memory(path) if way == "in memory" else on_disk(path, out)
        return {"seconds": perf_counter() - begin, "peak_mib": peak_mib()}
    if way == "limited":
        parts = [dask.delayed(drawn)(number, size) for number, size in enumerate(sizes)]
        seconds, peak = with_dask(parts, sizes, out, 1, f"{limit}MiB")
    else:
        parts = [dask.delayed(rows_of)(str(path), at * CHUNK, at * CHUNK + size) for at, size in enumerate(sizes)]
        seconds, peak = with_dask(parts, sizes, out, int(way[-1]), None)
    return {"seconds": seconds, "peak_mib": peak}


def measured(way: str, n: int, path: Path, folder: Path, limit: int) -> dict[str, Any]:
    """Run one way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, __file__, "--one", way, "--n", str(n), "--limit", str(limit)]
        paths = ["--inputs", str(path), "--out", f"{scratch}/targets"]
        said = subprocess.run([*command, *paths], capture_output=True, text=True)  # noqa: S603
    if said.returncode:
        raise SystemExit(said.stderr)
    found = json.loads(said.stdout.splitlines()[-1])
    return {
        "way": way,
        "n": n,
        "input_mib": round(n * STEPS * 4 / MIB, 1),
        "seconds": round(found["seconds"], 3),
        "samples_per_second": round(n / found["seconds"]),
        "peak_mib": round(found["peak_mib"], 1),
        "limit_mib": limit if way == "limited" else "",
        "load": round(os.getloadavg()[0], 1),
        **provenance(),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of signals")
    parser.add_argument("--limit", type=int, default=512, help="memory limit of the last run's worker, in MiB; 0: none")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the CSV to be written (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where inputs and targets are written meanwhile")
    for hidden in ("--one", "--inputs", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        found = one(options.one, options.n[0], Path(options.inputs), Path(options.out), options.limit)
        print(json.dumps(found))
        return
    runs = [(way, n) for n in options.n for way in ("in memory", "on disk", "dask 1", "dask 2")]
    if options.limit:
        runs.append(("limited", 4 * options.limit * MIB // (STEPS * 4)))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    print(f"{'way':10s} {'n':>9s} {'input MiB':>9s} {'seconds':>8s} {'samples/s':>9s} {'peak MiB':>8s}  limit")
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        options.results.open("w", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for way, n in runs:
            path = Path(folder) / f"{n}.npy"
            if way != "limited" and not path.exists():
                np.save(path, drawn(0, n))
            row = measured(way, n, path, Path(folder), options.limit)
            writer.writerow(row)
            file.flush()
            print(
                f"{way:10s} {n:9,d} {row['input_mib']:9.1f} {row['seconds']:8.2f} {row['samples_per_second']:9,d} "
                f"{row['peak_mib']:8.1f}  {row['limit_mib']}"
            )


if __name__ == "__main__":
    main()
