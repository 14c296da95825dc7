"""Memory does not grow with the number of samples."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import re, sys
from pathlib import Path
import numpy as np, auxtasks, auxtasks.scale.disk
auxtasks.scale.disk_job.CHUNK_BYTES = auxtasks.scale.disk.SCALED_BYTES = 1 << 20
kind, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
tasks, y = ["std", "fft", "reconstruction"], None
if kind != "batches":
    from sklearn.linear_model import LogisticRegression

    auxtasks.teacher.teaching.MOST_SAMPLES = 1_000
    y = np.arange(200) % 2
    tasks.append({"soft_labels": {"teacher": LogisticRegression(), "features": "fft"}})
if kind != "batches":
    X = np.load(path + ".npy", mmap_mode="r")[:n]
else:
    X = (rng.normal(size=(100, 64, 4)).astype("float32") for _ in range(n // 100))
auxtasks.make_aux_targets(X, "signal", tasks, y=y, save_to=f"{path}_{kind}_{n}")
# The most it ever had; what `getrusage` says may be that of the process that started this one.
print(re.search("VmHWM: *(.*) kB", Path("/proc/self/status").read_text().replace("\\t", " "))[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the memory")
@pytest.mark.parametrize("kind", ["batches", "a map, with soft labels"])
def test_memory_is_constant(kind: str, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(14_000, 64, 4)).astype(np.float32))
    small, large = (
        int(subprocess.check_output([sys.executable, "-c", PROGRAM, kind, str(tmp_path / "X"), str(n)]))  # noqa: S603
        for n in (2_000, 14_000)
    )
    # Inputs grow by 12 MB, and targets by 18.
    assert large < small + 6_000
    assert small > 20_000
