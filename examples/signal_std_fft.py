"""Signals of different lengths, few labels: standard deviation, sum of changes and spectrum as auxiliary targets.

The signals are generated, and made so that rates and strengths tell the movements apart: the gain here says nothing of
other data.

python examples/signal_std_fft.py --seeds 3 --epochs 20
"""

from __future__ import annotations

import argparse

import keras
import numpy as np

import auxtasks
from auxtasks.audit import paired_comparison
from auxtasks.keras import attach_heads, strip_heads

N_LABELLED = 15
TASKS = ["std", "abs_sum_changes", {"fft": {"n_coefficients": 20}}]


def movements(rng: np.random.Generator, n: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Make recordings of a three-axis accelerometer: five movements that differ in their rates and their shaking."""
    y = np.arange(n) % 5
    X = []
    for kind in y:
        time = np.arange(rng.integers(60, 101))[:, None]
        rate = (0.03, 0.05, 0.08, 0.05, 0.05)[kind] * rng.uniform(0.95, 1.05)
        shaking = (0.6, 0.6, 0.6, 0.4, 0.8)[kind]
        swing = np.sin(2 * np.pi * (rate * time + rng.random(3))) * rng.uniform(0.5, 1.5, size=3)
        X.append(swing + shaking * rng.normal(size=(len(time), 3)))
    return X, y


def make_model(seed: int) -> keras.Model:
    """Make an ordinary network; the same seed gives the same weights."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv1D(16, 9, activation="relu"),
            layers.Conv1D(16, 9, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def accuracy(seed: int, epochs: int, n_unlabelled: int, weight: float) -> float:
    """Train once and test; with weight 0 the auxiliary targets change nothing."""
    rng = np.random.default_rng(seed)
    X, y = movements(rng, N_LABELLED + n_unlabelled)
    X_test, y_test = movements(rng, 500)
    targets = auxtasks.make_aux_targets(X, domain="signal", tasks=TASKS)  # pads the series to one length
    model = attach_heads(make_model(seed), targets, weights=weight)
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    model.fit(targets.inputs, targets.with_main(y[:N_LABELLED]), epochs=epochs, verbose=0, seed=seed)
    predicted = strip_heads(model).predict(targets.prepare(X_test), batch_size=500, verbose=0)
    return float((predicted.argmax(axis=1) == y_test).mean())


def main(arguments: list[str] | None = None) -> None:
    """Compare training with and without the auxiliary targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="pairs of runs, at least 2 (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the unlabelled signals (%(default)s)")
    parser.add_argument("--unlabelled", type=int, default=300, help="signals without a label (%(default)s)")
    options = parser.parse_args(arguments)
    arms = [[accuracy(s, options.epochs, options.unlabelled, w) for s in range(options.seeds)] for w in (0.0, 1.0)]
    found = paired_comparison(*arms)
    print("seed  without  with")
    for seed, pair in enumerate(zip(*arms, strict=True)):
        print(f"{seed:4}  {pair[0]:7.1%}  {pair[1]:.1%}")
    print(f"{found.verdict}: {100 * found.mean:+.1f} points, 95 % {100 * found.low:+.1f} to {100 * found.high:+.1f}")


if __name__ == "__main__":
    main()
