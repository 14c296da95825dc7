"""What the tests share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from auxtasks import register_task
from auxtasks.typing import Array

# Neither holds doctests; these files are no modules to import a second time, and that one is a script.
collect_ignore_glob = ["conftest.py", "*/conftest.py", "*/two_devices.py"]

settings.register_profile("auxtasks", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("auxtasks")


@pytest.fixture
def temporary_task() -> Callable[..., None]:
    """Register tasks as `auxtasks.register_task` does, for one test only."""

    def register(name: str, function: Callable[..., Any], **declared: Any) -> None:
        register_task(name, **{"domain": "signal", "kind": "vector", "source": "this test", **declared})(function)

    return register


@pytest.fixture
def signals() -> Array:
    """Twelve signals of two channels."""
    return np.random.default_rng(0).normal(size=(12, 32, 2)).cumsum(axis=1)


@pytest.fixture
def run_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary_task: Any) -> Callable[[Path], list[str]]:
    """Run the Python blocks of a page one after another, in one namespace and an empty folder; return them."""
    del temporary_task  # takes away afterwards what a page registers
    monkeypatch.chdir(tmp_path)

    def run(page: Path) -> list[str]:
        found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        names: dict[str, Any] = {"__name__": page.stem}
        for block in found:
            exec(compile(block, str(page), "exec"), names)  # noqa: S102
        return found

    return run
