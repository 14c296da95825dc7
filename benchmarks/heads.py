"""What the default heads cost on inputs of real sizes: parameters, the time of a step, and the peak of memory.

    python benchmarks/heads.py
    python benchmarks/heads.py 224 --rounds 20

Each case is measured in processes of its own. Plain steps and steps with heads take turns, on one batch, and processor
time is taken, so that other work on the machine counts less. Targets are computed beforehand. With a number instead
of a name, the cases of this size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from scale import peak_mib
from timing import in_turns

import auxtasks
from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

N_CLASSES, N_TAGS = 10, 17


def small_cnn(*shape: int) -> keras.Model:
    """Return three convolutions, a pooling and two dense layers."""
    stages: list[Any] = [keras.Input(shape)]
    for width in (32, 64, 64):
        stages += [layers.Conv2D(width, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    stages += [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(N_CLASSES, activation="softmax")]
    return keras.Sequential(stages)


def mobile_net(*shape: int) -> keras.Model:
    return keras.applications.MobileNetV2(shape, weights=None, classes=N_CLASSES)


def convolutions(*shape: int) -> keras.Model:
    stages: list[Any] = [keras.Input(shape)]
    for width in (64, 64, 64):
        stages += [layers.Conv1D(width, 5, padding="same", activation="relu"), layers.MaxPooling1D(4)]
    stages += [layers.GlobalAveragePooling1D(), layers.Dense(N_CLASSES, activation="softmax")]
    return keras.Sequential(stages)


def reader(length: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            layers.Embedding(5000, 64),
            layers.Bidirectional(layers.LSTM(32, return_sequences=True)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(N_CLASSES, activation="softmax"),
        ]
    )


CASES: dict[str, tuple[Callable[..., keras.Model], str, tuple[int, ...], int]] = {
    "28×28, small CNN": (small_cnn, "image", (28, 28, 1), 64),
    "64×64, small CNN": (small_cnn, "image", (64, 64, 1), 32),
    "96×96×3, small CNN": (small_cnn, "image", (96, 96, 3), 32),
    "224×224×3, MobileNetV2": (mobile_net, "image", (224, 224, 3), 16),
    "10,000 steps × 64 channels": (convolutions, "signal", (10_000, 64), 16),
    f"512 tokens × {N_TAGS} tags": (reader, "text", (512,), 16),
}


def batch_of(domain: str, shape: tuple[int, ...], n: int) -> tuple[np.ndarray, Any, dict[str, np.ndarray]]:
    """Return inputs, what heads are attached to, and their targets."""
    rng = np.random.default_rng(0)
    if domain == "text":
        ids = rng.integers(0, 5000, (n, *shape)).astype("int32")
        spec = TargetSpec("pos", "pos", "step_class", shape, n_classes=N_TAGS, level="low")
        return ids, {"pos": spec}, {"pos": rng.integers(0, N_TAGS, (n, *shape)).astype("int32")}
    X = rng.normal(size=(n, *shape)).astype("float32")
    targets = auxtasks.make_aux_targets(X, domain)
    return X, targets, dict(targets)


def training(case: str, *, heads: bool) -> tuple[keras.Model, Callable[[], object]]:
    """Return a model and its training for some steps on one batch."""
    build, domain, shape, n = CASES[case]
    X, targets, arrays = batch_of(domain, shape, n)
    y: Any = np.random.default_rng(1).integers(0, N_CLASSES, n)
    keras.utils.set_random_seed(0)
    model = build(*shape)
    if heads:
        model = attach_heads(model, targets, samples=X)
        y = {"main": y, **arrays}
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, lambda: model.train_on_batch(X, y)


def seconds_of(case: str, rounds: int) -> dict[str, Any]:
    """Return the seconds of processor time of a step, plain and with heads, and the parameters."""
    plain, step = training(case, heads=False)
    model, step_with_heads = training(case, heads=True)
    seconds = in_turns([step, step_with_heads], rounds, time.process_time)
    n_of_heads = sum(head.n_trained for head in model.heads)
    return {"base": plain.count_params(), "heads": n_of_heads, "seconds": seconds.tolist()}


def peak_of(case: str, heads: bool) -> float:
    _, step = training(case, heads=heads)
    for _ in range(3):
        step()
    return peak_mib()


def in_process(*arguments: str) -> Any:
    found = subprocess.run(  # noqa: S603
        [sys.executable, __file__, "--worker", *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout.splitlines()[-1])


def worker(what: str, case: str, rounds: str) -> None:
    found = seconds_of(case, int(rounds)) if what == "seconds" else peak_of(case, what == "heads")
    print(json.dumps(found))


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        return worker(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="the beginning of a name; all by default")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    cases = [case for case in CASES if not arguments.cases or case.startswith(tuple(arguments.cases))]
    print(f"{'':28s}{'base':>12s}{'heads':>10s}{'share':>8s}   step, ms   with heads / plain (quartiles)    peak, MiB")
    for case in cases:
        found = in_process("seconds", case, str(arguments.rounds))
        seconds = np.array(found["seconds"])
        low, middle, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.5, 0.75])
        plain, heads = (in_process(what, case, "0") for what in ("plain", "heads"))
        print(
            f"{case:28s}{found['base']:12,}{found['heads']:10,}{found['heads'] / found['base']:8.1%}"
            f"{1000 * np.median(seconds[:, 0]):11.1f}   {middle:.2f} ({low:.2f} to {high:.2f})"
            f"{plain:20.0f} -> {heads:.0f} ({heads / plain:.2f})",
            flush=True,
        )
    return None


if __name__ == "__main__":
    main()
