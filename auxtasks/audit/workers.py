"""Runs one after the other, or in several processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auxtasks.optional import require

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def results_of(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    """Call a function with each of several sets of arguments.

    Parameters
    ----------
    function : function
        What to call.
    calls : sequence of tuple
        The arguments.
    n_jobs : int
        The number of processes; 1 is this one.

    Yields
    ------
    Any
        The results, each as soon as it is there.
    """
    if n_jobs == 1 or len(calls) < 2:
        for arguments in calls:
            yield function(*arguments)
        return
    joblib: Any = require("joblib", extra="parallel")
    with _shared_threads(n_jobs):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        state = keras_state()
        yield from parallel(joblib.delayed(_in_worker)(state, function, arguments) for arguments in calls)


def keras_state() -> dict[str, Any]:
    """Return the settings of Keras that another process does not know of.

    Returns
    -------
    dict
        The dtype policy, the float type and the order of the axes of images.
    """
    import keras

    return {
        "dtype_policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
    }


def _in_worker(state: dict[str, Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import keras

    keras.config.set_floatx(state["floatx"])
    keras.config.set_image_data_format(state["image_data_format"])
    keras.config.set_dtype_policy(state["dtype_policy"])
    return function(*arguments)


@contextlib.contextmanager
def _shared_threads(n_jobs: int) -> Iterator[None]:
    """Share the processors between the TensorFlows of new processes, which read this at their start."""
    before = {name: os.environ.get(name) for name in _THREADS}
    share = str(max((os.cpu_count() or 1) // n_jobs, 1))
    os.environ.update({name: share for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
