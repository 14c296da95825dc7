"""A progress bar that moves once an epoch."""

from __future__ import annotations

from typing import Any


def epoch_callback(bar: Any) -> Any:
    """Make a Keras callback that advances a bar by one at the end of each epoch.

    Parameters
    ----------
    bar : tqdm.tqdm
        The bar.

    Returns
    -------
    keras.callbacks.Callback
        To be passed to ``fit``.
    """
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: bar.update())
