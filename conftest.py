"""What tests and doctests share."""

from __future__ import annotations

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
