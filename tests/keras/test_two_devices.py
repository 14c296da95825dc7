"""Distributed training agrees with training on one device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def test_two_devices_train_as_one() -> None:
    # TensorFlow splits the processor into devices only before it is first used.
    script = Path(__file__).with_name("two_devices.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)  # noqa: S603
    assert done.returncode == 0, done.stderr[-3000:]
    pairs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[{")]
    assert len(pairs) == 2
    for one, two in pairs:
        assert one["logs"].keys() == two["logs"].keys()
        assert two["logs"] == pytest.approx(one["logs"], rel=1e-4)
        assert two["evaluated"] == pytest.approx(one["evaluated"], rel=1e-4)
        for first, second in zip(one["weights"], two["weights"], strict=True):
            np.testing.assert_allclose(first, second, atol=1e-5)
