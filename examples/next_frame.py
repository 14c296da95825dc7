"""Videos of moving digits, few of them labelled: which way one moves, and the next frame as auxiliary task.

One digit moves in one of eight directions while another stands still, on a noisy ground. What comes next needs no
label: the last frame of each video is taken away from the inputs and becomes the target. Without --data the digits are
the 8×8 ones of scikit-learn; with it those of MNIST, at half their size, from a folder that holds ``mnist/mnist.npz``.

python examples/next_frame.py --output direction_report
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import auxtasks
from auxtasks.audit import audit
from auxtasks.keras import attach_heads

FRAMES = 6
TURN = np.arange(8) * np.pi / 4
DIRECTIONS = np.round(np.stack([np.sin(TURN), np.cos(TURN)], axis=1)).astype(int)  # rows and columns in a step


def digits(data: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return digits from 0 to 1 to make training and test videos of, none in both."""
    if data is None:
        images = load_digits().images.astype("float32") / 16
        return images[:1000], images[1000:]
    with np.load(data / "mnist" / "mnist.npz") as arrays:
        parts = [arrays[name].astype("float32").reshape(-1, 14, 2, 14, 2) for name in ("x_train", "x_test")]
    train, test = (part.mean(axis=(2, 4)) / 255 for part in parts)
    return train, test


def videos(rng: np.random.Generator, images: np.ndarray, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw n videos, shape (n, frames, 2 * size, 2 * size, 1), and their directions."""
    size = images.shape[1]
    y = np.arange(n) % 8
    X = noise * rng.normal(size=(n, FRAMES, 2 * size, 2 * size)).astype("float32")
    pairs = images[rng.integers(len(images), size=(n, 2))]
    for video, direction, (moving, still) in zip(X, DIRECTIONS[y], pairs, strict=True):
        row, column = rng.integers(0, size + 1, size=2)
        video[:, row : row + size, column : column + size] += still
        way = direction * (FRAMES - 1)
        row, column = rng.integers(np.maximum(0, -way), size + 1 - np.maximum(0, way))
        for frame in video:
            frame[row : row + size, column : column + size] += moving
            row, column = np.array([row, column]) + direction
    return X[..., None], y


def make_model(shape: tuple[int, ...]) -> keras.Model:
    """Make an ordinary network that reads the frames as channels, compiled."""
    frames, height, width, _ = shape
    layers = keras.layers
    stack = [keras.Input(shape), layers.Permute((2, 3, 1, 4)), layers.Reshape((height, width, frames))]
    stack += [layers.Conv2D(32, 3, strides, "same", activation="relu") for strides in (2, 1)]
    model = keras.Sequential([*stack, layers.GlobalMaxPooling2D(), layers.Dense(8, activation="softmax")])
    model.compile(keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    return model


def draw(model: Any, targets: Any, X: np.ndarray, path: Path) -> None:
    """Draw two test videos, with the last frame as it was and as it is predicted."""
    predicted = targets.unscale("next_frame", model.predict_auxiliary(targets.prepare(X), verbose=0)["next_frame"])
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, video, guess in zip(figure.subplots(2, FRAMES + 1), X, predicted, strict=True):
        for number, (panel, image) in enumerate(zip(axes, [*video, guess], strict=True), start=1):
            title = "predicted" if number > FRAMES else f"frame {number}{' (hidden)' if number == FRAMES else ''}"
            panel.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            panel.set_title(title, fontsize=8)
            panel.set_axis_off()
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Audit the task, print the verdict and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist/mnist.npz; scikit-learn's digits without")
    parser.add_argument("--labels", type=int, default=80, help="videos with a label (default: %(default)s)")
    parser.add_argument("--unlabelled", type=int, default=400, help="videos without (%(default)s)")
    parser.add_argument("--noise", type=float, default=0.2, help="standard deviation of the ground (%(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="pairs of runs, at least 2 (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the videos (%(default)s)")
    parser.add_argument("--weight", type=float, default=1.0, help="of the next frame (%(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the report of the audit and frames.png")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    train, test = digits(options.data)
    X, y = videos(rng, train, options.labels + options.unlabelled, options.noise)
    tested = videos(rng, test, 800, options.noise)
    few = y[: options.labels]  # the rest has no label
    targets = auxtasks.make_aux_targets(X, domain="video", tasks=["next_frame"])
    training = {"seeds": options.seeds, "epochs": options.epochs, "progress": False, "weights": options.weight}

    def build_model() -> keras.Model:
        return make_model(targets.inputs.shape[1:])

    report = audit(build_model, X, few, targets, test=tested, **training)
    print(report)
    if options.output:
        report.save(options.output, overwrite=True)
        keras.utils.set_random_seed(0)
        model = attach_heads(build_model(), targets, weights=options.weight)
        model.compile("adam", loss="sparse_categorical_crossentropy", jit_compile=False)
        model.fit(targets.inputs, targets.with_main(few), epochs=options.epochs, verbose=0)
        draw(model, targets, tested[0][:2], options.output / "frames.png")


if __name__ == "__main__":
    main()
