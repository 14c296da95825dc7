"""What the tests of examples share."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = Path(os.environ.get("AUXTASKS_DATA", "../shared/data"))


@pytest.fixture
def load(monkeypatch):
    """Load scripts as Python does when it is told to run one: what lies beside them can be imported."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def load(path):
        spec = importlib.util.spec_from_file_location(f"example_{Path(path).stem}", EXAMPLES / f"{path}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look their annotations up
        spec.loader.exec_module(module)
        return module

    yield load
    for name in ("loaders", "loaders.faces"):
        sys.modules.pop(name, None)


@pytest.fixture
def real():
    """Return the path of real data, or skip the test where it is not."""

    def find(path):
        if not (DATA / path).exists():
            pytest.skip(f"no data at {DATA / path}; set AUXTASKS_DATA to the folder that holds {path}")
        return DATA / path

    return find
