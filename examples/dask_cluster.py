"""Signals beyond one machine: targets by two workers, written to Zarr in parallel, read back batch by batch in `fit`.

The signals are generated chunk by chunk where they are needed, as stored ones would be read; no process ever holds all
of them. The cluster here is two processes of this machine; ``Client("scheduler:8786")`` makes it any other.

python examples/dask_cluster.py --samples 20000 --epochs 3
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

import auxtasks

STEPS, CHUNK, BATCH = 64, 1000, 100


def recordings(n: int, seed: int) -> tuple[da.Array, da.Array]:
    """Lay out n signals, swings of a slow kind and of a fast one under noise, and their kinds; nothing is made yet."""
    rng = da.random.default_rng(seed)
    kind = da.arange(n, chunks=CHUNK) % 2
    rate = da.where(kind, 0.08, 0.06)[:, None] * rng.uniform(0.9, 1.1, size=(n, 1), chunks=(CHUNK, 1))
    swing = da.sin(2 * np.pi * (rate * np.arange(STEPS) + rng.random((n, 1), chunks=(CHUNK, 1))))
    noise = rng.normal(scale=0.8, size=(n, STEPS), chunks=(CHUNK, STEPS))
    return (swing + noise).astype(np.float32), kind


def train(path: Path, n_labelled: int, epochs: int) -> None:
    """Train on what lies on disk, a chunk at a time."""
    import keras  # not above: the workers import this file too, and need no Keras

    from auxtasks.keras import attach_heads, strip_heads

    class Batches(keras.utils.PyDataset):
        """Batches in order, of one chunk in memory at a time."""

        def __init__(self, arrays: dict[str, da.Array], inputs: da.Array) -> None:
            super().__init__()
            self.arrays, self.inputs = arrays, inputs
            self.held: tuple[int, dict[str, np.ndarray], np.ndarray] | None = None

        def __len__(self) -> int:
            return -(-len(self.inputs) // BATCH)

        def __getitem__(self, at: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            chunk, within = divmod(at, CHUNK // BATCH)
            if self.held is None or self.held[0] != chunk:
                rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
                taken = {name: array[rows] for name, array in self.arrays.items()}
                self.held = (chunk, *dask.compute(taken, self.inputs[rows], scheduler="threads"))
            batch = slice(within * BATCH, (within + 1) * BATCH)
            return self.held[2][batch], {name: array[batch] for name, array in self.held[1].items()}

    targets = auxtasks.load_targets(path)
    _, kind = recordings(targets.n_samples, seed=0)
    labels = da.where(da.arange(len(kind), chunks=CHUNK) % BATCH < n_labelled, kind, -1)  # some in every batch
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.layers.Reshape((STEPS, 1)),
            keras.layers.Conv1D(16, 9, strides=2, activation="relu"),
            keras.layers.Conv1D(16, 9, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model = attach_heads(base, targets, weights=0.3)  # reads the specs alone
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    model.fit(Batches(targets.with_main(labels), targets.inputs), epochs=epochs, shuffle=False, verbose=0)
    new, kind = dask.compute(*recordings(1000, seed=1))
    predicted = strip_heads(model).predict(targets.prepare(new), batch_size=500, verbose=0)
    print(f"accuracy on new signals: {(predicted.argmax(axis=1) == kind).mean():.1%}")


def main(arguments: list[str] | None = None) -> None:
    """Make targets on a cluster, and train on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000, help="how many signals (default: %(default)s)")
    parser.add_argument("--labelled", type=int, default=10, help="how many of a hundred have a label (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over all signals (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "targets"
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster):
            signals, _ = recordings(options.samples, seed=0)
            targets = auxtasks.make_aux_targets(signals, domain="signal")  # fits the scaling; the targets stay lazy
            print(targets)
            targets.to_zarr(path)
        train(path, options.labelled, options.epochs)


if __name__ == "__main__":
    main()
