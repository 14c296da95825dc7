"""Models of images and of videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from clients import Client, N, check
from keras import layers

import auxtasks


def _images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((N, 16, 16, 3), dtype="float32"), rng.integers(0, 3, N)


def _hog(x: Any) -> Any:
    return auxtasks.make_aux_targets(x, domain="image", tasks=["hog"])


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.RandomFlip(seed=1),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(4, 3, activation="relu", name="conv1"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dropout(0.3, seed=2),
            layers.Dense(3, activation="softmax"),
        ]
    )


CLIENTS = [Client("cnn", cnn, _images, _hog, taps={"hog": "pool"})]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)
