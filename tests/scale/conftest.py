"""What the tests of targets beyond memory share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from on_disk import cut_small

from auxtasks import AuxTargets


def _check(found: AuxTargets, expected: AuxTargets, rows: Any = slice(None)) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name], array[rows], rtol=1e-6, atol=1e-6)
        one, other = found.specs[name], expected.specs[name]
        assert one.baseline_loss == pytest.approx(other.baseline_loss, rel=1e-6)
        assert replace(one, baseline_loss=1.0) == replace(other, baseline_loss=1.0)
    assert found.generator.shapes_ == expected.generator.shapes_
    assert found.generator.row_shape_ == expected.generator.row_shape_
    assert found.generator.length_ == expected.generator.length_
    assert found.vocabulary == expected.vocabulary
    np.testing.assert_allclose(found.inputs, expected.inputs[rows], rtol=1e-6)


@pytest.fixture(scope="session")
def check_alike() -> Any:
    """Compare computed targets with those of the in-memory call."""
    return _check


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 signals and chunks of two blocks; the disk is not waited for, which no test would notice."""
    cut_small(monkeypatch)
    monkeypatch.setattr("os.fsync", lambda _: None)
