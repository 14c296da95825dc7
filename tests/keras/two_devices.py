"""Train on two logical devices and on one, and print both results as JSON; run as a script of its own."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import numpy as np  # noqa: E402
from helpers import LOSS, SPECS, X, aux_targets, dense_base, labels  # noqa: E402

from auxtasks.keras import attach_heads  # noqa: E402
from auxtasks.keras.weighting import GradNorm, Projection  # noqa: E402


class Both(GradNorm):
    """Changes gradients by what is known of all devices, and its own state as well; a gate does no more than this."""

    answer = Projection.answer


def trained(strategy: Any, main: np.ndarray, weighting: Any = "fixed") -> dict[str, Any]:
    # Tracing takes longer than two steps, but several devices need it.
    with strategy.scope() if strategy else nullcontext():
        model = attach_heads(
            dense_base(dropout=0.0), SPECS, weights={"kind": 2.0}, samples=X, seed=0, weighting=weighting
        )
        model.compile("sgd", LOSS, metrics=["accuracy"], jit_compile=False, run_eagerly=not strategy)
    data = tf.data.Dataset.from_tensor_slices((X, {"main": main, **aux_targets()})).batch(24)
    history = model.fit(data, epochs=1, shuffle=False, verbose=0).history
    # Weightings take no part in this.
    evaluated = model.evaluate(X, labels(), verbose=0, return_dict=True) if weighting == "fixed" else {}
    return {
        "logs": {name: value[0] for name, value in history.items()},
        "evaluated": evaluated,
        "weights": [weight.tolist() for weight in model.get_weights()],
    }


if __name__ == "__main__":
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    missing = labels().copy()
    missing[::3] = -1  # as many in each half of each batch, so that a mean of means is the mean
    print(json.dumps([trained(None, missing), trained(mirrored, missing)]))
    pair = [trained(strategy, labels(), ["uncertainty", Both()]) for strategy in (None, mirrored)]
    print(json.dumps(pair))
