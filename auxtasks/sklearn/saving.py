"""Keras models as bytes, for pickles."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

_FILE = "model.keras"


def to_bytes(model: keras.Model) -> bytes:
    """Write a model in Keras's own format.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    bytes
        The content of a ``.keras`` file.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        model.save(path)
        return path.read_bytes()


def from_bytes(content: bytes) -> keras.Model:
    """Read what `to_bytes` wrote.

    Parameters
    ----------
    content : bytes
        The content of a ``.keras`` file.

    Returns
    -------
    keras.Model
        Not compiled. Keras's safe mode stays on: lambdas in a model are refused.
    """
    import keras

    with TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False)
