"""Signals that do not fit into memory: targets are computed chunk by chunk, on disk, and trained on from there.

The recordings are written to a file and read as a memory map. While targets are made the process is killed with
``kill -9``, and goes on where it was. Its memory stays what one chunk needs, however many recordings there are.

python examples/larger_than_memory.py --samples 200000 --folder /tmp/recordings
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

import auxtasks

STEPS, CHANNELS, AT_ONCE = 128, 3, 1000
TASKS = ["std", "abs_sum_changes", {"fft": {"n_coefficients": 20}}]


def write_recordings(path: Path, n: int) -> None:
    """Write recordings to one file, some at a time; the first channel's rate is what is to be told."""
    file = np.lib.format.open_memmap(path, "w+", np.float32, (n, STEPS, CHANNELS))
    rng = np.random.default_rng(0)
    for start in range(0, n, AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, n))
        rates = np.where(labels(n)[rows], 0.06, 0.04)[:, None, None]
        time_of_step = np.arange(STEPS)[:, None]
        waves = np.sin(2 * np.pi * (rates * time_of_step + rng.random((len(rates), 1, CHANNELS))))
        file[rows] = waves + rng.normal(size=waves.shape)
    file.flush()


def labels(n: int) -> np.ndarray:
    """Return the classes of the recordings."""
    return np.arange(n) % 2


def make(recordings: Path, out: Path) -> None:
    """Make the targets, and say how much memory that took."""
    tracemalloc.start()
    targets = auxtasks.make_aux_targets(np.load(recordings, mmap_mode="r"), "signal", TASKS, save_to=out)
    memory = tracemalloc.get_traced_memory()[1]
    on_disk = recordings.stat().st_size + sum(array.nbytes for array in targets.values())
    print(f"inputs and targets on disk: {on_disk / 1e6:.0f} MB; memory it took: {memory / 1e6:.0f} MB", flush=True)


def make_with_a_kill(folder: Path) -> None:
    """Make the targets in another process, kill it once a chunk is finished, and make the same call again."""
    call = [sys.executable, __file__, "--folder", str(folder), "--only-targets"]
    journal = folder / "targets.partial" / "journal.jsonl"
    process = subprocess.Popen(call)  # noqa: S603
    while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 2):
        time.sleep(0.001)
    process.kill()
    print(f"killed: {process.wait() == -9}; finished: {(folder / 'targets').exists()}")
    subprocess.run(call, check=True)  # noqa: S603
    print(f"called again; finished: {(folder / 'targets').exists()}")


def train(recordings: Path, out: Path, epochs: int) -> None:
    """Train on the maps; batches are read from disk as they are needed, where arrays would be read as a whole."""
    import keras

    from auxtasks.keras import attach_heads, strip_heads

    keras.utils.set_random_seed(0)
    X, targets = np.load(recordings, mmap_mode="r"), auxtasks.load_targets(out)
    y, n_test = labels(len(X)), len(X) // 5
    # Recordings without a label train the convolution too; the last fifth is kept for the test.
    batches = targets.to_py_dataset(y[:-n_test], batch_size=128, inputs=X)
    conv, pool = keras.layers.Conv1D(16, 9, activation="relu"), keras.layers.GlobalAveragePooling1D()
    base = keras.Sequential([conv, pool, keras.layers.Dense(2, activation="softmax")])
    model = attach_heads(base, targets, samples=X)
    model.compile("adam", loss="sparse_categorical_crossentropy")
    model.fit(batches, epochs=epochs, verbose=0)
    predicted = strip_heads(model).predict(X[-n_test:], verbose=0)
    print(f"accuracy on the recordings without a label: {(predicted.argmax(axis=1) == y[-n_test:]).mean():.1%}")


def main(arguments: list[str] | None = None) -> None:
    """Write recordings, make their targets and train on both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=40_000, help="recordings of 1.5 kB (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=1, help="passes over them (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write; kept, and gone on with (a temporary one)")
    parser.add_argument("--only-targets", action="store_true", help="make targets of recordings that are there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        recordings, out = folder / "recordings.npy", folder / "targets"
        if options.only_targets:
            make(recordings, out)
            return
        if not recordings.exists():
            write_recordings(recordings, options.samples)
        make_with_a_kill(folder)
        train(recordings, out, options.epochs)


if __name__ == "__main__":
    main()
