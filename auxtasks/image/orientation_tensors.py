"""Histograms of gradient orientation, of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.typing import Array


def cotangents_of_edges(orientations: int) -> Array:
    """Return the cotangents of the angles at which the bins but the first begin.

    Parameters
    ----------
    orientations : int
        The number of bins over 0° to 180°.

    Returns
    -------
    ndarray of float64, shape (orientations - 1,)
        Gradients of integer images lie exactly on the edges of 45°, 90° and 135°, so those are exactly 1, 0 and -1.

    Examples
    --------
    >>> cotangents_of_edges(4)
    array([ 1.,  0., -1.])
    """
    angles = np.pi * np.arange(1, orientations) / orientations
    cotangents: Array = np.round(np.cos(angles) / np.sin(angles), 14)
    return cotangents


def histograms_of_tensors(X: Any, orientations: int, cell: tuple[int, int]) -> Any:
    """Do what `auxtasks.image.orientation.cell_histograms` does, on tensors.

    Parameters
    ----------
    X : tensor of float32, shape (n, h, w, c)
        The images.
    orientations, cell
        As there.

    Returns
    -------
    tensor of float32, shape (n, h // cell rows, w // cell columns, orientations)
        The histograms.

    Examples
    --------
    >>> import tensorflow as tf
    >>> ramp = tf.constant(np.arange(4, dtype=np.float32).repeat(4).reshape(1, 4, 4, 1))
    >>> histograms_of_tensors(ramp, 2, (4, 4)).numpy().ravel()
    array([0., 1.], dtype=float32)
    """
    import tensorflow as tf

    n_rows, n_columns = X.shape[1] // cell[0], X.shape[2] // cell[1]
    rows, columns = n_rows * cell[0], n_columns * cell[1]
    down, across, squared = _dominant_gradient(X)
    down, across, squared = (part[:, :rows, :columns] for part in (down, across, squared))
    ratio = across / down
    bins = tf.zeros_like(down, tf.int32)
    for edge in cotangents_of_edges(orientations).astype(np.float32):
        # A gradient along the columns is at 0°, whichever its sign; only others reach the edges beyond.
        bins += tf.cast(tf.logical_and(down != 0, ratio <= edge), tf.int32)
    magnitude = tf.sqrt(squared)
    cells = (-1, n_rows, cell[0], n_columns, cell[1])
    sums = [
        tf.reduce_mean(tf.reshape(tf.where(bins == each, magnitude, 0.0), cells), axis=(2, 4))
        for each in range(orientations)
    ]
    return tf.stack(sums, axis=-1)


def _dominant_gradient(X: Any) -> tuple[Any, Any, Any]:
    """Return the gradient of the channel where it is largest, and its squared magnitude, all (n, h, w)."""
    import tensorflow as tf

    down = tf.pad(X[:, 2:] - X[:, :-2], [[0, 0], [1, 1], [0, 0], [0, 0]])
    across = tf.pad(X[:, :, 2:] - X[:, :, :-2], [[0, 0], [0, 0], [1, 1], [0, 0]])
    squared = down * down + across * across
    parts = list(zip(*(tf.unstack(part, axis=3) for part in (down, across, squared)), strict=True))
    found = parts[0]
    for channel in parts[1:]:
        larger = channel[2] > found[2]
        found = tuple(tf.where(larger, new, old) for new, old in zip(channel, found, strict=True))
    return found
