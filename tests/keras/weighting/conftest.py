"""Numbers that other libraries computed; `references/make_references.py` made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def references() -> Any:
    return json.loads((Path(__file__).parent / "references" / "references.json").read_text())
