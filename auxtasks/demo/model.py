"""The network of the demo."""

from __future__ import annotations

from typing import Any

from auxtasks.demo.data import N_CLASSES


def make_cnn(seed: int) -> Any:
    """Make a small convolutional network for 8×8 images; the same seed gives the same initial weights.

    Parameters
    ----------
    seed : int
        Seeds Keras's, NumPy's and Python's global generators too.

    Returns
    -------
    keras.Sequential
        Not compiled; it returns logits.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(N_CLASSES),
        ],
        name="cnn",
    )
