"""A task of your own: register a function, and it is used, scaled and checked like the others.

A package announces its tasks to every program by an entry point in the group ``auxtasks.extractors`` that names the
module with the decorated functions; in a script, as here, the decorator alone is enough.

python examples/own_extractor.py --samples 200
"""

from __future__ import annotations

import argparse

import keras
import numpy as np

import auxtasks
from auxtasks.keras import attach_heads


@auxtasks.register_task(
    "peak_time",
    domain="signal",
    kind="vector",
    axes=["channel"],
    source="argmax over time, as a share of the length",
)
def peak_time(X: np.ndarray, *, absolute: bool = True) -> np.ndarray:
    """When each channel peaks: 0 at the first step, 1 at the last.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals; a task sees them in this shape whether or not the user's have a channel axis.
    absolute : bool
        Whether a trough counts as a peak. Keyword arguments are the options of a task.

    Returns
    -------
    ndarray of float, shape (n, channels)
        From 0 to 1; 0 for a single step.
    """
    values = np.abs(X) if absolute else X
    return values.argmax(axis=1) / max(1, X.shape[1] - 1)


def main(arguments: list[str] | None = None) -> None:
    """Compute the new task beside a built-in one, and train on both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=400, help="signals (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="(default: %(default)s)")
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    at = rng.uniform(5, 35, size=options.samples)
    X = np.exp(-0.5 * (np.arange(40) - at[:, None]) ** 2 / 4)[..., None] + 0.1 * rng.normal(size=(len(at), 40, 1))
    y = (at > 20).astype(int)

    targets = auxtasks.make_aux_targets(X, domain="signal", tasks=[{"peak_time": {"absolute": False}}, "std"])
    for name, spec in targets.specs.items():
        print(f"{name:9}  kind {spec.kind}, shape {spec.shape}, columns {spec.columns}, options {dict(spec.options)}")

    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [keras.layers.Conv1D(8, 5, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model = attach_heads(base, targets, weights={"std": 0.5})
    model.compile("adam", loss=keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    logs = model.fit(targets.inputs, targets.with_main(y), epochs=options.epochs, verbose=0).history
    for name in targets:
        print(
            f"{name:9}  loss over chance {logs[f'{name}_loss'][0]:.2f} at first, {logs[f'{name}_loss'][-1]:.2f} at last"
        )


if __name__ == "__main__":
    main()
