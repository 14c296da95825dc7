"""A functional model around a nested backbone: heads on layers inside it, named by their paths.

The images are generated: discs and squares. The backbone is a small one; ``--mobilenet`` takes MobileNetV2, which is
slower to start; its ``weights="imagenet"`` would load pretrained weights.

python examples/nested_backbone.py --epochs 10
"""

from __future__ import annotations

import argparse

import keras
import numpy as np

import auxtasks
from auxtasks.keras import attach_heads, strip_heads

SIZE = 32


def shapes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n images of a disc (0) or a square (1), shape (n, 32, 32, 3), from -1 to 1."""
    y = np.arange(n) % 2
    centre, radius = rng.uniform(10, 22, size=(2, n, 1, 1)), rng.uniform(5, 9, size=(n, 1, 1))
    rows, columns = np.abs(np.arange(SIZE)[:, None] - centre[0]), np.abs(np.arange(SIZE) - centre[1])
    inside = np.where(y[:, None, None] == 0, np.hypot(rows, columns) < radius, np.maximum(rows, columns) < radius)
    paper, ink = rng.uniform(-1, 1, size=(2, n, 1, 1, 3))
    return np.where(inside[..., None], ink, paper).astype("float32"), y


def make_backbone() -> keras.Model:
    """Make a small convolutional network without a classifier."""
    layers = keras.layers
    features = image = keras.Input((SIZE, SIZE, 3))
    for number, width in enumerate((16, 32, 48), start=1):
        features = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization()(features)
        features = layers.ReLU(name=f"block_{number}_relu")(features)
    return keras.Model(image, features, name="backbone")


def make_model(mobilenet: bool) -> keras.Model:
    """Make a classifier on a nested backbone."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3))
    backbone = make_backbone()
    if mobilenet:
        backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), 0.35, False, weights=None, name="backbone")
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(image))
    return keras.Model(image, keras.layers.Dense(2, activation="softmax")(pooled))


def main(arguments: list[str] | None = None) -> None:
    """Attach a head inside the backbone, train, and print what was learnt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mobilenet", action="store_true", help="take MobileNetV2 as backbone")
    parser.add_argument("--epochs", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--samples", type=int, default=400, help="images, a fifth of them labelled (%(default)s)")
    options = parser.parse_args(arguments)

    X, y = shapes(np.random.default_rng(0), options.samples)
    base = make_model(options.mobilenet)
    targets = auxtasks.make_aux_targets(X, domain="image", tasks=["hog", "thumbnail"])
    layers = ("block_6_expand_relu", "block_13_expand_relu") if options.mobilenet else ("block_2_relu", "block_3_relu")
    taps = {"hog": f"backbone/{layers[0]}", "thumbnail": f"backbone/{layers[1]}"}
    model = attach_heads(base, targets, at=taps)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    labels = targets.with_main(y[: options.samples // 5])
    logs = model.fit(targets.inputs, labels, epochs=options.epochs, verbose=0).history

    print("loss over chance (1 = guessing the mean)   first epoch   last epoch")
    for task, path in model.taps.items():
        print(f"  {task:9} at {path:29}   {logs[f'{task}_loss'][0]:8.2f}   {logs[f'{task}_loss'][-1]:10.2f}")
    print(f"strip_heads gives back the model that was passed in: {strip_heads(model) is base}")


if __name__ == "__main__":
    main()
