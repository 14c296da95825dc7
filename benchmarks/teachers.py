"""What a teacher costs: making soft labels of 6,000 samples on one core, and a training step that learns them.

    python benchmarks/teachers.py

Times are those of this process on one core; memory is what the process took at most while it made the targets, beyond
what it had before. A step with soft labels is compared with one on the same batch, of one labelled sample to four
others, whose soft labels are not learned: the wrapper without tasks.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import keras
import numpy as np

import auxtasks
from auxtasks.keras import attach_heads
from auxtasks.keras.model import AuxModel

N, LABELLED, CLASSES = 6000, 100, 10
WORDS = 20


def samples(domain: str, rng: np.random.Generator) -> object:
    """Make samples without meaning; what is computed of them does not depend on it."""
    if domain == "image":
        return rng.random((N, 28, 28, 1)).astype("float32")
    if domain == "signal":
        return rng.normal(size=(N, 128, 9)).astype("float32")
    vocabulary = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 9))) for _ in range(5000)]
    return [" ".join(rng.choice(vocabulary, WORDS)) for _ in range(N)]


def resident() -> int:
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def peak() -> Iterator[list[int]]:
    """Monitor the memory of this process."""
    found, done = [resident()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found.append(resident())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def cost_of_targets() -> None:
    rng = np.random.default_rng(0)
    for domain in ("image", "signal", "text"):
        X, y = samples(domain, rng), rng.integers(0, CLASSES, LABELLED)
        with peak() as memory:
            start = time.process_time()
            auxtasks.make_aux_targets(X, domain, "soft_labels", y=y)
            seconds = time.process_time() - start
        print(f"{domain:7s} {N} samples: {seconds:5.1f} s, {(max(memory) - memory[0]) / 2**20:5.0f} MiB more at most")


def cost_of_a_step(rounds: int = 30, steps: int = 20) -> None:
    rng = np.random.default_rng(0)
    X, y = samples("image", rng), rng.integers(0, CLASSES, LABELLED)
    targets = auxtasks.make_aux_targets(X, "image", "soft_labels", y=y)
    labels = targets.with_main()
    batch = np.r_[:16, LABELLED : LABELLED + 64]
    trained: dict[str, Callable[[], object]] = {}
    for name in ("without", "with"):
        convolution = keras.layers.Conv2D(32, 3, activation="relu")
        output = keras.layers.Dense(CLASSES, activation="softmax")
        base = keras.Sequential([keras.Input((28, 28, 1)), convolution, keras.layers.Flatten(), output])
        model = attach_heads(base, targets, weights=1.0) if name == "with" else AuxModel(base, {}, {}, {}, 0)
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
        held = {part: values[batch] for part, values in labels.items()} if name == "with" else labels["main"][batch]
        trained[name] = lambda model=model, held=held: [model.train_on_batch(X[batch], held) for _ in range(steps)]
        trained[name]()
    seconds: dict[str, list[float]] = {name: [] for name in trained}
    for _ in range(rounds):
        for name, train in trained.items():
            start = time.process_time()
            train()
            seconds[name].append((time.process_time() - start) / steps)
    ratios = [one / other for one, other in zip(seconds["with"], seconds["without"], strict=True)]
    print(f"a step: {1e3 * median(seconds['without']):.2f} ms, with soft labels {median(ratios):.3f} times as long")


if __name__ == "__main__":
    cost_of_targets()
    cost_of_a_step()
