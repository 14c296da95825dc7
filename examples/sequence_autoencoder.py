"""Sequences of different lengths, few of them labelled: to reproduce the whole sequence as auxiliary task.

A network reads a sequence into a code of 32 numbers, from which the class is told and, by a convolutional decoder, the
sequence itself, as in an autoencoder. Only the class needs labels. Without --data the sequences are generated waves of
four shapes; with it they are the speakers of JapaneseVowels, or another set of the UCR and UEA archives by --name, from
a folder that holds ``ucr_uea/<name>.npz``.

python examples/sequence_autoencoder.py --output wave_report
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy.signal import sawtooth, square

import auxtasks
from auxtasks.audit import audit
from auxtasks.keras import attach_heads

WAVES = (np.sin, square, lambda phase: sawtooth(phase, 0.5), sawtooth)  # the third is a triangle


def generated(rng: np.random.Generator, n: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Make n noisy waves of 24 to 32 steps, of any rate, phase and size."""
    y = np.arange(n) % len(WAVES)
    X = []
    for kind in y:
        phase = 2 * np.pi * (rng.random() + rng.uniform(1.5, 2.5) * np.arange(rng.integers(24, 33)) / 32)
        X.append(rng.uniform(0.7, 1.3) * WAVES[kind](phase)[:, None] + 0.2 * rng.normal(size=(len(phase), 1)))
    return X, y


def read(path: Path, length: int) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """Read the official training and test part, standardised by the training part, without what pads the series."""
    with np.load(path) as data:
        parts = {part: data[f"x_{part}"].transpose(0, 2, 1)[:, :length] for part in ("train", "test")}
        labels = {part: data[f"y_{part}"].astype("int32") for part in parts}
    mean, std = np.nanmean(parts["train"], axis=(0, 1)), np.nanstd(parts["train"], axis=(0, 1))
    series = {part: [(x[~np.isnan(x[:, 0])] - mean) / std for x in X] for part, X in parts.items()}
    return [(series[part], labels[part]) for part in parts]


def make_model(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Make an ordinary classifier, compiled."""
    layers = keras.layers
    stack = [keras.Input(shape), layers.Conv1D(32, 5, activation="relu"), layers.MaxPooling1D(2)]
    stack += [layers.Conv1D(32, 5, activation="relu"), layers.Flatten(), layers.Dropout(0.3)]
    stack += [layers.Dense(32, activation="relu", name="code"), layers.Dense(classes, activation="softmax")]
    model = keras.Sequential(stack)
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    return model


def draw(model: Any, targets: Any, X_test: list[np.ndarray], path: Path) -> None:
    """Draw the first channel of four test sequences, and what the decoder makes of their codes."""
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    decoded = model.predict_auxiliary(targets.prepare(X_test[:4]), verbose=0)["reconstruction"]
    for panel, series, output in zip(axes, X_test, targets.unscale("reconstruction", decoded), strict=False):
        panel.plot(series[:, 0], color="0.6", linewidth=3, label="sequence")
        panel.plot(output[: len(series), 0], color="#0a5fa0", label="decoded from 32 numbers")
        panel.set_xlabel("step")
    axes[0].set_ylabel("first channel")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Audit the task, print the verdict and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with ucr_uea/<name>.npz; waves are generated without")
    parser.add_argument("--name", default="JapaneseVowels", help="set of --data (default: %(default)s)")
    parser.add_argument("--labels", type=int, default=40, help="sequences with a label (%(default)s)")
    parser.add_argument("--unlabelled", type=int, default=200, help="generated ones without (%(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="pairs of runs, at least 2 (%(default)s)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over the sequences (%(default)s)")
    parser.add_argument("--weight", type=float, default=1.0, help="of the reconstruction (%(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the report of the audit and sequences.png")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    if options.data:
        (X, y), test = read(options.data / "ucr_uea" / f"{options.name}.npz", length=100)
    else:
        (X, y), test = generated(rng, options.labels + options.unlabelled), generated(rng, 400)
    order = rng.permutation(len(X))
    X, y = [X[at] for at in order], y[order]
    targets = auxtasks.make_aux_targets(X, domain="signal", tasks=["reconstruction"])
    X_test = [series[: targets.inputs.shape[1]] for series in test[0]]
    few = y[: options.labels]  # the rest has no label
    how: dict[str, Any] = {"at": "code", "weights": options.weight}

    def build_model() -> keras.Model:
        return make_model(targets.inputs.shape[1:], int(y.max()) + 1)

    training = {"seeds": options.seeds, "epochs": options.epochs, "progress": False}
    report = audit(build_model, X, few, targets, test=(X_test, test[1]), **how, **training)
    print(report)
    if options.output:
        report.save(options.output, overwrite=True)
        keras.utils.set_random_seed(0)
        model = attach_heads(build_model(), targets, **how)
        model.compile("adam", loss="sparse_categorical_crossentropy", jit_compile=False)
        model.fit(targets.inputs, targets.with_main(few), epochs=options.epochs, verbose=0)
        draw(model, targets, X_test, options.output / "sequences.png")


if __name__ == "__main__":
    main()
