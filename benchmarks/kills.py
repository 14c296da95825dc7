"""What is left of files whose writer is killed, read beside a writer, or has a bit flipped.

- kills: a process writes one content after another and is killed at a random moment. What is then read must be the
  content that it finished last, or the one that it was writing, as a whole; anything else is lost. At the end one more
  content is written, and whatever a folder that nobody disturbed does not have is left over.
- readers: two processes write and one reads; every read must give one of the contents.
- flips: one bit of all that was written is flipped, at random; what is then read without an error is silent, unless it
  is whole again.

A writer is a function that writes the content of a number to a path, and one that reads a path and returns that number
or raises. Add others to `WRITERS`.

    python benchmarks/kills.py --kills 60 --seconds 10 --flips 300
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import auxtasks

CONTENTS = 3
FORK = multiprocessing.get_context("fork")


class Writer(NamedTuple):
    """How a kind of content is written and read."""

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]


def signals(number: int) -> Any:
    """Return inputs whose standard deviations tell their number."""
    X = np.random.default_rng(number).normal(size=(400, 64))
    deviations = (number + 1) * np.arange(1, 401)[:, None]
    return deviations * (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)


OPTIONS: dict[str, Any] = {"domain": "signal", "tasks": ["std", {"fft": {"n_coefficients": 20}}]}
MADE = [auxtasks.make_aux_targets(signals(number), **OPTIONS) for number in range(CONTENTS)]


def number_of(targets: Any) -> int:
    """Return which targets these are, by their arrays and their scaling alike."""
    number = round(float(targets.unscale("std", targets["std"])[0, 0])) - 1
    for name, array in MADE[number].items():
        # Statistics of Dask are rounded otherwise.
        if not np.allclose(targets[name], array, atol=1e-4):
            raise AssertionError(f"{name} is not that of content {number}")
        if not np.allclose(targets.unscale(name, targets[name]), MADE[number].unscale(name, array), rtol=1e-3):
            raise AssertionError(f"the scaling of {name} is not that of content {number}")
    return number


def save(path: Path, number: int) -> None:
    MADE[number].save(path, overwrite=True)


def make_on_disk(path: Path, number: int) -> None:
    while True:
        try:
            auxtasks.make_aux_targets(signals(number), **OPTIONS, save_to=path, overwrite=True)
        except auxtasks.errors.StorageError as error:  # noqa: PERF203 (the next try)
            if "is writing" not in str(error):
                raise
        else:
            return


def make_again(path: Path) -> int:
    """Make the call again that `make_on_disk` made with content 0."""
    return number_of(auxtasks.make_aux_targets(signals(0), **OPTIONS, save_to=path))


def leave_unfinished(path: Path, number: int) -> None:
    """Leave a run that stopped before its end."""
    finish = auxtasks.scale.disk._described  # type: ignore[attr-defined]
    try:
        auxtasks.scale.disk._described = lambda *_: 1 / 0  # type: ignore[attr-defined]
        make_on_disk(path, number)
    except ZeroDivisionError:
        pass
    finally:
        auxtasks.scale.disk._described = finish  # type: ignore[attr-defined]


def load(path: Path) -> int:
    return number_of(auxtasks.load_targets(path))


def write_zarr(path: Path, number: int) -> None:
    import dask
    import dask.array as da

    with dask.config.set(scheduler="sync"):
        lazy = auxtasks.make_aux_targets(da.from_array(signals(number), chunks=(100, -1)), **OPTIONS)
        lazy.to_zarr(path, overwrite=True)  # type: ignore[attr-defined]


def load_zarr(path: Path) -> int:
    import dask

    while True:
        try:
            with dask.config.set(scheduler="sync"):
                return number_of(auxtasks.load_targets(path).compute())
        except auxtasks.errors.StorageError as error:  # noqa: PERF203 (the next try)
            if "open them again" not in str(error):
                raise


WRITERS = {
    "save": Writer(save, load),
    "out": Writer(make_on_disk, load),
    "zarr": Writer(write_zarr, load_zarr),
}
FLIPPED = {
    **WRITERS,
    "out, the same call": Writer(make_on_disk, make_again),
    "out, unfinished": Writer(leave_unfinished, make_again),
}


def keep_writing(writer: Writer, path: Path, first: int, told: Any) -> None:
    """Write one content after another, and tell which is begun and which is finished."""
    for count in range(1 << 30):
        number = (first + count) % CONTENTS
        told.send(("begun", number))
        writer.write(path, number)
        told.send(("finished", number))


def count_kills(writer: Writer, kills: int, seed: int = 0) -> Counter[str]:
    """Kill a writer again and again; count what is lost, and at the end what is left over."""
    rng, found = np.random.default_rng(seed), Counter[str](kills=kills, lost=0, left_over=0)
    with tempfile.TemporaryDirectory() as folder:
        path, clean = Path(folder, "a", "content"), Path(folder, "b", "content")
        begun = time.perf_counter()
        for each in (path, clean):
            each.parent.mkdir()
            writer.write(each, 0)
        took = (time.perf_counter() - begun) / 2
        state = {"begun": 0, "finished": 0}
        for kill in range(kills):
            receiver, sender = FORK.Pipe(duplex=False)
            process = FORK.Process(target=keep_writing, args=(writer, path, kill, sender))
            process.start()
            sender.close()
            state.update([receiver.recv()])
            time.sleep(rng.uniform(0, 2 * took))
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            try:
                while True:
                    state.update([receiver.recv()])
            except EOFError:
                receiver.close()
            try:
                there = writer.read(path)
                found["lost"] += there not in state.values()
                state = {"begun": there, "finished": there}
            except (OSError, AssertionError) as error:
                print(f"    kill {kill}: {type(error).__name__}: {error}")
                found["lost"] += 1
        writer.write(path, 0)
        left, expected = (sum(1 for _ in each.parent.rglob("*")) for each in (path, clean))
        found["left_over"] = left - expected
    return found


def count_reads(writer: Writer, seconds: float) -> Counter[str]:
    """Read what two processes write; count what cannot be read, or is none of the contents."""
    found = Counter[str](reads=0, failed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "content")
        writer.write(path, 0)
        pipes = [FORK.Pipe(duplex=False) for _ in range(2)]
        writers = [
            FORK.Process(target=keep_writing, args=(writer, path, number, sender))
            for number, (_, sender) in enumerate(pipes)
        ]
        for process in writers:
            process.start()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            found["reads"] += 1
            try:
                writer.read(path)
            except (OSError, AssertionError) as error:
                print(f"    read {found['reads']}: {type(error).__name__}: {error}")
                found["failed"] += 1
            for receiver, _ in pipes:
                while receiver.poll():
                    receiver.recv()
        found["writers that failed"] = sum(process.exitcode is not None for process in writers)
        for process in writers:
            process.kill()
            process.join()
    return found


def count_flips(writer: Writer, flips: int, seed: int = 0) -> Counter[str]:
    """Flip single bits; count what is refused, what is whole again, and what is read without a word."""
    rng, found = np.random.default_rng(seed), Counter[str](flips=flips, refused=0, repaired=0, silent=0)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "base")
        writer.write(base / "content", 0)
        files = sorted(each.relative_to(base) for each in base.rglob("*") if each.is_file() and each.stat().st_size)
        repairs = not (base / "content").exists()
        for flip in range(flips):
            # As often in small files as in large ones.
            name = files[int(rng.integers(len(files)))]
            with tempfile.TemporaryDirectory(dir=folder) as copy:
                copied = Path(copy, "base")
                os.system(f"cp -r '{base}' '{copied}'")  # noqa: S605
                content = bytearray((copied / name).read_bytes())
                bit = int(rng.integers(8 * len(content)))
                content[bit // 8] ^= 1 << bit % 8
                (copied / name).write_bytes(content)
                try:
                    writer.read(copied / "content")
                except OSError:
                    found["refused"] += 1
                except AssertionError:
                    found["silent"] += 1
                    print(f"    flip {flip}: bit {bit} of {name} gives other content")
                else:
                    found["repaired" if repairs else "silent"] += 1
                    if not repairs:
                        print(f"    flip {flip}: bit {bit} of {name} is not seen")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--only", choices=sorted(FLIPPED), nargs="*", default=sorted(FLIPPED))
    args = parser.parse_args()
    warnings.simplefilter("ignore", auxtasks.errors.AuxTasksWarning)
    amiss = 0
    for name in args.only:
        counts = [count_flips(FLIPPED[name], args.flips)]
        if name in WRITERS:
            counts += [count_kills(WRITERS[name], args.kills), count_reads(WRITERS[name], args.seconds)]
        for found in counts:
            print(name, dict(found), flush=True)
            amiss += sum(found[what] for what in ("lost", "left_over", "failed", "silent", "writers that failed"))
    sys.exit(amiss > 0)


if __name__ == "__main__":
    main()
