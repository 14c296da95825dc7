"""One seed for a fit, and the generators of the program as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

_BELOW = 2**31 - 1
_STATES = ("global_random_seed", "global_seed_generator")
"""What Keras keeps of its seed."""


def seed_of(random_state: Any) -> int:
    """Draw a seed.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        As scikit-learn takes it.

    Returns
    -------
    int
        The same for the same integer; another one in each call for a generator.

    Examples
    --------
    >>> seed_of(7) == seed_of(7)
    True
    """
    return int(check_random_state(random_state).randint(_BELOW))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy, Keras and TensorFlow, and give all but TensorFlow its state back afterwards.

    Parameters
    ----------
    seed : int
        The seed.

    Yields
    ------
    None
        TensorFlow's global seed cannot be read, and stays.
    """
    from keras.src.backend.common import global_state

    from auxtasks.keras.seeds import set_seed

    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - Keras draws from it
    of_keras = {name: global_state.get_global_attribute(name) for name in _STATES}
    set_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        for name, value in of_keras.items():
            global_state.set_global_attribute(name, value)
