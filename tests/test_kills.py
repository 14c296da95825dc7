"""A writer that is killed loses nothing and leaves nothing; a reader beside it gets a whole; a flipped bit is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_small_share_of_the_benchmark() -> None:
    # In a process of its own, because it is forked.
    script = Path(__file__).parents[1] / "benchmarks" / "kills.py"
    few = ["--kills", "3", "--seconds", "0.2", "--flips", "4", "--only", "save", "out", "out, unfinished"]
    found = subprocess.run([sys.executable, script, *few], capture_output=True, text=True, check=False)  # noqa: S603
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.count("'lost': 0, 'left_over': 0") == 2
    assert found.stdout.count("'silent': 0") == 3
