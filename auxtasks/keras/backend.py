"""What the Keras side needs of the machine: Keras on TensorFlow."""

from __future__ import annotations

import keras

from auxtasks.errors import MissingDependencyError


def check_backend() -> None:
    """Refuse Keras on another backend than TensorFlow.

    Raises
    ------
    MissingDependencyError
        If Keras runs on JAX, PyTorch or another backend.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise MissingDependencyError(
            f"auxtasks.keras needs Keras on TensorFlow; it runs on {backend!r}. Set the environment variable "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
