"""The two arms of the demo: the same network on the labelled images alone, and with HOG as auxiliary target."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from auxtasks.demo.data import Split
from auxtasks.demo.model import make_cnn
from auxtasks.targets.make import make_aux_targets
from auxtasks.targets.mapping import AuxTargets

_LABELLED_PER_BATCH = 16
_LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Settings:
    """What is the same for all seeds; chosen on seeds 100 to 105, whereas the demo reports seeds from 0 on.

    Parameters
    ----------
    epochs : int
        How often each unlabelled image is seen.
    weight : float
        The weight of the HOG loss, which is divided by its chance.
    """

    epochs: int = 10
    weight: float = 3.0


def hog_targets(split: Split) -> AuxTargets:
    """Compute HOG for all training images, the labelled ones first.

    Parameters
    ----------
    split : Split
        The images.

    Returns
    -------
    AuxTargets
        With the one target ``"hog"``.
    """
    inputs = np.concatenate([split.x_labelled, split.x_unlabelled])
    return make_aux_targets(inputs, domain="image", tasks=["hog"])


def train_baseline(split: Split, settings: Settings, seed: int, callbacks: list[Any]) -> float:
    """Train on the labelled images alone, and return the accuracy on the test images.

    Parameters
    ----------
    split : Split
        The images.
    settings : Settings
        The epochs.
    seed : int
        Decides initial weights and the order of images.
    callbacks : list of keras.callbacks.Callback
        Called as in ``fit``.

    Returns
    -------
    float
        Accuracy after the last step; nothing is selected on the test images.

    Notes
    -----
    It takes as many steps as `train_with_hog`, with as many labelled images in each and the same learning rates.
    """
    import tensorflow as tf

    steps = _steps_per_epoch(split)
    model = make_cnn(seed)
    _compile(model, settings.epochs * steps)
    batches = tf.data.Dataset.from_tensor_slices((split.x_labelled, split.y_labelled))
    batches = batches.shuffle(len(split.x_labelled), seed=seed).repeat().batch(_LABELLED_PER_BATCH)
    model.fit(batches, epochs=settings.epochs, steps_per_epoch=steps, shuffle=False, callbacks=callbacks, verbose=0)
    return _accuracy(model, split)


def train_with_hog(split: Split, settings: Settings, seed: int, callbacks: list[Any]) -> float:
    """Train on all images, HOG being predicted beside the class, and return the accuracy on the test images.

    Parameters
    ----------
    split, settings, seed, callbacks
        As for `train_baseline`.

    Returns
    -------
    float
        Accuracy of the network without its auxiliary head.
    """
    from auxtasks.keras import attach_heads, strip_heads

    targets = hog_targets(split)
    model = attach_heads(make_cnn(seed), targets, weights=settings.weight)
    _compile(model, settings.epochs * _steps_per_epoch(split))
    model.fit(
        targets.inputs,
        targets.with_main(split.y_labelled),
        batch_size=2 * _LABELLED_PER_BATCH,
        epochs=settings.epochs,
        labelled_share=0.5,
        seed=seed,
        callbacks=callbacks,
        verbose=0,
    )
    return _accuracy(strip_heads(model), split)


def _steps_per_epoch(split: Split) -> int:
    return ceil(len(split.x_unlabelled) / _LABELLED_PER_BATCH)


def _compile(model: Any, steps: int) -> None:
    import keras

    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Compiling by XLA costs more time here than it saves.
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)


def _accuracy(model: Any, split: Split) -> float:
    logits = np.asarray(model(split.x_test, training=False))
    return float((logits.argmax(axis=1) == split.y_test).mean())
