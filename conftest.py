"""What tests and doctests share."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from auxtasks import registry


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let all tests train as users do."""
    parser.addoption("--graph", action="store_true", help="train every model in a graph, as Keras does by default")


BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files that import TensorFlow at their top, where Keras runs on another backend."""
    if BACKEND == "tensorflow" or collection_path.suffix != ".py":
        return None
    return True if "\nimport tensorflow" in collection_path.read_text(encoding="utf-8") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what another backend is needed for, with the reason."""
    for item in items:
        needed = item.get_closest_marker("needs_backend")
        if needed is not None and BACKEND not in needed.args:
            reason = f"needs Keras on {' or '.join(needed.args)}: {needed.kwargs['reason']}"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Train eagerly by default: tracing a graph costs more than it saves in few steps."""
    in_graph = item.config.getoption("graph") and not item.get_closest_marker("eager")
    if in_graph or item.get_closest_marker("graph") or "keras" not in sys.modules:
        return (yield)
    from keras.src.trainers.trainer import Trainer

    compile_as_told, set_eager = Trainer.compile, Trainer.run_eagerly.fset

    @wraps(compile_as_told)
    def compile_eagerly(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("jit_compile") is not True and kwargs.get("steps_per_execution", 1) == 1:
            kwargs.setdefault("run_eagerly", True)
        compile_as_told(self, *args, **kwargs)
        # TensorFlow leaves out `self.run_eagerly = True` where the property says so before the model is compiled.
        self._run_eagerly = bool(kwargs.get("run_eagerly"))

    is_eager = property(lambda self: self._run_eagerly or not self.compiled, set_eager)
    with (
        patch.object(Trainer, "compile", compile_eagerly),
        patch.object(Trainer, "run_eagerly", is_eager),
        batches_without_graph(),
    ):
        return (yield)


@contextmanager
def batches_without_graph() -> Iterator[None]:
    """Cut arrays into batches as they are asked for: Keras makes a pipeline of `tf.data`, in graphs, at each `fit`."""
    if BACKEND != "tensorflow":
        yield
        return
    import tensorflow as tf
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    make_pipeline = ArrayDataAdapter.get_tf_dataset

    def make_batches(self: Any) -> Any:
        is_plain = self._shuffle in (True, False) and not tf.distribute.has_strategy()
        return Batches(self) if is_plain else make_pipeline(self)

    with patch.object(ArrayDataAdapter, "get_tf_dataset", make_batches):
        yield


class Batches:
    """The batches of each epoch; their order follows from the global seed alone, as random operations in `tf.data`."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter

    def __iter__(self) -> Iterator[Any]:
        """Go through an epoch."""
        import tensorflow as tf
        from keras.src.trainers.data_adapters.array_slicing import convert_to_sliceable

        n, size = self.adapter._num_samples, self.adapter.batch_size
        random = np.random.default_rng(tf.compat.v1.get_seed(0)[0])
        order = random.permutation(n) if self.adapter._shuffle else np.arange(n)
        arrays = convert_to_sliceable(self.adapter._inputs, target_backend="numpy")
        for start in range(0, n, size):
            rows = order[start : start + size]
            yield tf.nest.map_structure(lambda x, rows=rows: tf.convert_to_tensor(x.convert_to_numpy(x[rows])), arrays)


@pytest.fixture(autouse=True)
def short_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let teachers grow few trees and be cross-validated once, in few parts, and networks be compared in few steps.

    Only the time depends on their number.
    """
    monkeypatch.setattr("auxtasks.teacher.choice.N_TREES", 5)
    monkeypatch.setattr("auxtasks.teacher.choice.REPEATS", 1)
    monkeypatch.setattr("auxtasks.teacher.choice.N_FOLDS", 3)
    if "auxtasks.keras.listening" in sys.modules:
        monkeypatch.setattr("auxtasks.keras.listening.MOST_STEPS", 12)


@pytest.fixture(autouse=True)
def registry_as_it_was() -> Iterator[None]:
    """Forget the tasks that a test or a docstring's example registers."""
    registry.list_tasks()
    before = dict(registry._registry)
    yield
    registry._registry.clear()
    registry._registry.update(before)


@pytest.fixture(autouse=True, scope="module")
def traces_set_aside() -> Iterator[None]:
    """Keep what earlier modules left out of later collections: Keras never frees its traces, millions of objects."""
    yield
    gc.collect()
    gc.freeze()
