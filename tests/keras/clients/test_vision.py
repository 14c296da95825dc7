"""Models of images, and of images over time."""

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


def _segmented() -> tuple[np.ndarray, np.ndarray]:
    images = _images()[0]
    return images, (images.mean(axis=-1) > 0.5).astype(int)


def _videos() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((N, 3, 8, 8, 1), dtype="float32"), rng.integers(0, 3, N)


def _hog(images: Any) -> Any:
    return auxtasks.make_aux_targets(images, domain="image", tasks=["hog", "thumbnail"])


def _motion(videos: Any) -> Any:
    return auxtasks.make_aux_targets(videos, domain="video", tasks=["motion_energy"])


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


def augmentation() -> keras.Model:
    """Random changes, and a normalisation, whose statistics are weights that training leaves alone."""
    changes = [layers.Normalization(mean=0.5, variance=0.1), layers.Resizing(24, 24), layers.RandomFlip(seed=1)]
    return keras.Sequential([keras.Input((16, 16, 3)), *changes, layers.RandomRotation(0.1, seed=2)], name="augment")


@keras.saving.register_keras_serializable("auxtasks_tests")
class Patches(layers.Layer):
    """Cuts images into patches and lays each out as a vector."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, images: Any) -> Any:
        patches = keras.ops.image.extract_patches(images, self.size)
        _, rows, columns, width = patches.shape
        return keras.ops.reshape(patches, (-1, rows * columns, width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("auxtasks_tests")
class PatchEncoder(layers.Layer):
    """Projects patches, and adds a vector for the place of each; a vector for the class may come first."""

    def __init__(self, n_patches: int, width: int, with_class: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_patches, self.width, self.with_class = n_patches, width, with_class
        self.project = layers.Dense(width, name="project")
        self.position = layers.Embedding(n_patches + with_class, width, name="position")

    def build(self, shape: Any) -> None:
        self.project.build(shape)
        self.position.build(None)
        self.token = self.add_weight(shape=(1, 1, self.width), name="class") if self.with_class else None

    def call(self, patches: Any) -> Any:
        tokens = self.project(patches)
        if self.token is not None:
            token = keras.ops.broadcast_to(self.token, (keras.ops.shape(tokens)[0], 1, self.width))
            tokens = keras.ops.concatenate([token, tokens], axis=1)
        return tokens + self.position(keras.ops.arange(self.n_patches + self.with_class))

    def get_config(self) -> dict[str, Any]:
        own = {"n_patches": self.n_patches, "width": self.width, "with_class": self.with_class}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("auxtasks_tests")
def _first(tokens: Any) -> Any:
    return tokens[:, 0]


def vit() -> keras.Model:
    inputs = keras.Input((16, 16, 3))
    tokens = PatchEncoder(16, 6, with_class=True, name="patch_encoder")(Patches(6)(augmentation()(inputs)))
    normed = layers.LayerNormalization()(tokens)
    tokens = layers.Add()([layers.MultiHeadAttention(2, 3, dropout=0.1, seed=3)(normed, normed), tokens])
    hidden = layers.Dense(8, activation="gelu")(layers.LayerNormalization()(tokens))
    tokens = layers.LayerNormalization(name="encoded")(layers.Add()([layers.Dense(6)(hidden), tokens]))
    features = layers.Dropout(0.5, seed=4)(layers.Lambda(_first, name="class_token")(tokens))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(features))


@keras.saving.register_keras_serializable("auxtasks_tests")
class Mixer(layers.Layer):
    """Mixes patches, then channels."""

    def __init__(self, n_patches: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_patches, self.width = n_patches, width
        self.over_patches, self.over_channels = layers.Dense(n_patches, "gelu"), layers.Dense(width, "gelu")
        self.norm, self.turn = layers.LayerNormalization(), layers.Permute((2, 1))

    def build(self, shape: Any) -> None:
        self.over_patches.build((None, self.width, self.n_patches))
        self.over_channels.build(shape)
        self.norm.build(shape)

    def call(self, tokens: Any) -> Any:
        tokens = tokens + self.turn(self.over_patches(self.turn(self.norm(tokens))))
        return tokens + self.over_channels(self.norm(tokens))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n_patches": self.n_patches, "width": self.width}


def mixer() -> keras.Model:
    inputs = keras.Input((16, 16, 3))
    tokens = layers.Dense(9, name="project")(Patches(4)(inputs))
    tokens = keras.Sequential([Mixer(16, 9)], name="blocks")(tokens)
    pooled = layers.GlobalAveragePooling1D()(tokens)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))


@keras.saving.register_keras_serializable("auxtasks_tests")
class Perceiver(keras.Model):
    """A few latent vectors read the patches by cross-attention."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patches, self.encode = Patches(4), PatchEncoder(16, 6)
        self.read, self.norm = layers.MultiHeadAttention(1, 6), layers.LayerNormalization(name="read")
        self.pool, self.top = layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax")

    def build(self, shape: Any) -> None:
        self.latents = self.add_weight(shape=(4, 6), name="latents", initializer="glorot_uniform")
        self.encode.build((None, 16, 48))
        self.read.build((None, 4, 6), (None, 16, 6))
        self.norm.build((None, 4, 6))
        self.top.build((None, 6))

    def call(self, images: Any) -> Any:
        tokens = self.encode(self.patches(images))
        latents = keras.ops.broadcast_to(self.latents, (keras.ops.shape(images)[0], 4, 6))
        return self.top(self.pool(self.norm(self.read(latents, tokens) + latents)))


def unet() -> keras.Model:
    inputs = keras.Input((16, 16, 3))
    wide = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    deep = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="bottleneck")(wide)
    up = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(deep)
    joined = layers.Concatenate(name="joined")([up, wide])
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(joined))


def conv_lstm() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((3, 8, 8, 1)),
            layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True, name="over_time"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def conv_3d() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((3, 8, 8, 1)),
            layers.Conv3D(3, 3, padding="same", activation="relu"),
            layers.MaxPooling3D(2, name="pool"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


CLIENTS = [
    Client("cnn", cnn, _images, _hog, taps={"hog": "pool", "thumbnail": "pool"}),
    Client("vit", vit, _images, _hog, taps={"hog": "encoded", "thumbnail": "encoded"}),
    Client("mixer", mixer, _images, _hog),
    Client("perceiver", Perceiver, _images, _hog),
    Client("unet", unet, _segmented, _hog, taps={"hog": "joined", "thumbnail": "joined"}),
    Client("conv_lstm", conv_lstm, _videos, _motion),
    Client("conv_3d", conv_3d, _videos, _motion),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_heads_serve(client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)
