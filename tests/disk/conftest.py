"""What the tests of targets on disk share."""

import pytest
from on_disk import cut_small


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 signals and chunks of two blocks; the disk is not waited for, which no test would notice."""
    cut_small(monkeypatch)
    monkeypatch.setattr("os.fsync", lambda _: None)
