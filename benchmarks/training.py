"""What auxiliary heads and each way of weighing them cost: the time of an epoch against the plain model's.

The epochs of all models are interleaved, and each is divided by the plain model's epoch of the same round.

    python benchmarks/training.py --rounds 15
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from on_the_fly import build, one_epoch
from timing import in_turns

from auxtasks.keras import attach_heads
from auxtasks.specs import TargetSpec

TIME, CHANNELS, COLUMNS = 128, 9, 50
COUNTS = (1, 4, 8)
WAYS: dict[str, dict[str, Any]] = {
    "fixed": {},
    "warm_up": {"weighting": {"warm_up": {"steps": 1000}}},
    "uncertainty": {"weighting": "uncertainty"},
    "dwa": {"weighting": "dwa"},
    "monitor": {"weighting": "monitor"},
    "cosine_gate, sign": {"weighting": {"cosine_gate": {"strength": "sign"}}},
    "projection": {"weighting": "projection"},
    "cosine_gate": {"weighting": "cosine_gate"},
    "cosine_gate, by layer": {"weighting": {"cosine_gate": {"per": "layer"}}},
    "gradnorm": {"weighting": "gradnorm"},
    "alternating": {"schedule": "alternating"},
}


def epoch(heads: int, way: dict[str, Any], samples: int, batch: int) -> Callable[[], object]:
    """Return a compiled model's training for one epoch."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, TIME, CHANNELS)).astype("float32")
    y: Any = rng.integers(0, 6, samples).astype("int32")
    keras.utils.set_random_seed(0)
    model = build("signal", (TIME, CHANNELS))
    if heads:
        names = [f"task_{index}" for index in range(heads)]
        specs = {name: TargetSpec(name, name, "vector", (COLUMNS,)) for name in names}
        model = attach_heads(model, specs, samples=x, **way)
        y = {"main": y, **{name: rng.normal(size=(samples, COLUMNS)).astype("float32") for name in names}}
    return one_epoch(model, x, y, batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--samples", type=int, default=3200)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    arguments = parser.parse_args()
    size = arguments.samples, arguments.batch
    cases = [(way, count) for way in arguments.ways for count in COUNTS]
    epochs = [epoch(0, {}, *size), *(epoch(count, WAYS[way], *size) for way, count in cases)]
    seconds = in_turns(epochs, arguments.rounds)
    ratios = dict(zip(cases, (seconds[:, 1:] / seconds[:, :1]).T, strict=True))
    milliseconds = 1000 * np.median(seconds[:, 0]) / -(-arguments.samples // arguments.batch)
    print(f"Conv1D on ({TIME}, {CHANNELS}), batch {arguments.batch}: a plain step takes {milliseconds:.1f} ms.")
    print(f"Times the plain step, median (quartiles) of {arguments.rounds} rounds; vector heads of {COLUMNS} columns")
    print(" " * 24 + "".join(f"{f'{count} heads':>22s}" for count in COUNTS))
    for way in arguments.ways:
        cells = [np.quantile(ratios[way, count], [0.25, 0.5, 0.75]) for count in COUNTS]
        print(f"{way:24s}" + "".join(f"{middle:8.2f} ({low:.2f} to {high:.2f})" for low, middle, high in cells))


if __name__ == "__main__":
    main()
