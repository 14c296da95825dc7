"""One seed for everything that draws random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from auxtasks.backend import make_deterministic
from auxtasks.keras.private import generators_of, layers_in
from auxtasks.validation import check_flag, check_int

_LARGEST = 2**32 - 1
"""The largest seed that NumPy's global generator takes."""


def set_seed(seed: int, *, deterministic: bool = False) -> None:
    """Seed Python, NumPy, Keras and its backend, so that a script gives the same weights when it is run again.

    Call it before the model is made. `attach_heads` then takes the same seed for the heads.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    deterministic : bool, default False
        Also make TensorFlow, or PyTorch, choose operations that give the same result every time, and run input
        pipelines in one order; JAX reads flags of XLA for it when it starts. Training becomes slower; an operation
        without such a form raises an error when it runs. This lasts until the process ends. Needed on a GPU more often
        than on a CPU.

    Raises
    ------
    InvalidTypeError
        If `seed` is not an integer or `deterministic` not True or False.
    InvalidInputError
        If `seed` is out of range.

    Notes
    -----
    Seeded are the generators of the modules `random` and `numpy.random`, the global seed of the backend and the global
    `keras.random.SeedGenerator`: initial weights, dropout, shuffling, augmentation layers and the heads.

    Not covered:

    - what was made before the call, such as initialised layers, and generators of one's own, such as
      ``numpy.random.default_rng()`` without a seed;
    - how batches of labelled and unlabelled samples are composed: the argument `seed` of ``fit`` decides, the same in
      every run unless changed;
    - other hardware, another number of threads, and other versions of TensorFlow, Keras, NumPy or CUDA, which sum in
      another order: results then agree to rounding at first and drift apart in training;
    - the order in which worker processes or threads deliver samples (``PyDataset(workers=...)``,
      ``Dataset.map(num_parallel_calls=..., deterministic=False)``);
    - the order of sets of strings, which Python decides at its start: set the environment variable PYTHONHASHSEED
      before it;
    - anything read from a clock, a network or a directory in the order of the file system.

    Examples
    --------
    >>> import keras
    >>> set_seed(7)
    >>> first = keras.random.normal((3,))
    >>> set_seed(7)
    >>> bool(keras.ops.all(keras.random.normal((3,)) == first))
    True
    """
    seed = check_int("seed", seed, low=0, high=_LARGEST)
    deterministic = check_flag("deterministic", deterministic)
    keras.utils.set_random_seed(seed)
    if deterministic:
        make_deterministic()


_PREFIX = "seed_"
"""How the names of states in a file begin."""


def store_states(model: keras.Model, store: Any) -> None:
    """Write the states beside the variables that a model saves."""
    for index, state in enumerate(states_of(model)):
        store[f"{_PREFIX}{index}"] = keras.ops.convert_to_numpy(state)


def take_states(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Set the states from what was stored, and return the rest."""
    stored = {name: store[name] for name in store.keys()}  # noqa: SIM118 - Keras's store is no mapping
    states = states_of(model)
    found = {name: value for name, value in stored.items() if name.startswith(_PREFIX)}
    if len(found) == len(states):  # layers that make their generator only when called have none yet
        for index, state in enumerate(states):
            state.assign(found[f"{_PREFIX}{index}"])
    return {name: value for name, value in stored.items() if name not in found}


def states_of(model: keras.Model) -> list[Any]:
    """Return the states of all random generators of a model."""
    generators = [generator for layer in layers_in(model, itself=True) for generator in generators_of(layer)]
    return [generator.state for generator in {id(each): each for each in generators}.values()]
