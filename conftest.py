"""What tests and doctests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from auxtasks import registry


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
