"""Images: digits, the expressions of faces, and hands that sign digits."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, TUNING_DATA, Problem, Split, draw_few, few_first

TEST_PERSONS = 6


def mnist_split(rng: np.random.Generator) -> Split:
    """Draw a pool of 6,000 training images, 50 of which keep their label; the test part is the official one."""
    with np.load(DATA / "mnist" / "mnist.npz") as data:
        chosen = rng.permutation(len(data["x_train"]))[:6000]
        X, y = data["x_train"][chosen], data["y_train"][chosen].astype("int32")
        X_test, y_test = data["x_test"], data["y_test"].astype("int32")
    order = few_first(y, 5)
    return Split(grey(X[order]), y[order], grey(X_test), y_test, 50)


def faces_split(rng: np.random.Generator) -> Split:
    """Test on all images of six persons, none of whom is among the other fourteen; images are halved to 30 × 32."""
    with np.load(DATA / "cmu_faces" / "cmu_faces_64x60.npz") as data:
        X = grey(data["x"]).reshape(-1, 30, 2, 32, 2, 1).mean(axis=(2, 4))
        y, person = data["expression"].astype("int32"), data["person"]
    persons = rng.permutation(np.unique(person))
    shuffled = rng.permutation(len(X))
    in_test = np.isin(person[shuffled], persons[:TEST_PERSONS])
    test, train = shuffled[in_test], shuffled[~in_test]
    train = train[few_first(y[train], 10)]
    return Split(X[train], y[train], X[test], y[test], 40)


def tuning_split(name: str, per_class: int, rng: np.random.Generator) -> Split:
    """Take the parts as they are stored, of grey or of colour images."""
    with np.load(TUNING_DATA / "images" / f"{name}.npz") as data:
        X, X_test = (
            grey(images) if images.ndim == 3 else (images / 255.0).astype("float32")
            for images in (data["x_train"], data["x_test"])
        )
        y, y_test = (data[f"y_{part}"].astype("int32") for part in ("train", "test"))
    order, few = draw_few(y, per_class, rng)
    return Split(X[order], y[order], X_test, y_test, few)


def grey(images: np.ndarray) -> np.ndarray:
    return (images[..., None] / 255.0).astype("float32")


def image_model(targets: Any, outputs: int) -> keras.Model:
    """Halve the image until it has no side above 8."""
    shape = targets.inputs.shape[1:]
    stages: list[Any] = [keras.Input(shape)]
    for halved in range(4):
        width = min(16 << halved, 64)
        stages.append(layers.Conv2D(width, 3, padding="same", activation="relu"))
        if max(shape[:2]) >> halved <= 8:
            break
        stages.append(layers.MaxPooling2D())
    return keras.Sequential([*stages, layers.Flatten(), layers.Dense(outputs, "softmax")])


MNIST = Problem("image", mnist_split, image_model, 10, 300, 32)
CMU_FACES = Problem("image", faces_split, image_model, 4, 300, 32)
TUNING_IMAGES = {
    name: Problem("image", partial(tuning_split, name, per_class), image_model, 10, 300, 32)
    for name, per_class in {"usps": 5, "kannada_mnist": 5, "sign_digits_32": 10}.items()
}
