"""The default tasks on all wrist-worn recordings of the HMP data, against NumPy and tsfresh."""

import os
from pathlib import Path

import numpy as np
import pytest
from tsfresh.feature_extraction import feature_calculators as tsfresh

import auxtasks

PATH = Path(os.environ.get("AUXTASKS_DATA", "../shared/data")) / "hmp_adl" / "hmp_adl.npz"
FIFTY = [{"coeff": k, "attr": "abs"} for k in range(50)]


@pytest.fixture(scope="module", name="recordings")
def fixture_recordings():
    if not PATH.exists():
        pytest.skip(f"no HMP data at {PATH}; set AUXTASKS_DATA to the folder that holds hmp_adl")
    with np.load(PATH, allow_pickle=False) as data:
        # Codes 0 to 63 stand for -1.5 g to 1.5 g.
        g = -1.5 + 3 * data["values"].astype(np.float64) / 63
        parts = np.split(g, data["offsets"][1:-1])
        activities = data["activity"].tolist()
    own = [part for part, activity in zip(parts, activities, strict=True) if not activity.endswith("_MODEL")]
    assert len(own) == 839
    return own


def test_default_tasks_equal_numpy_and_tsfresh(recordings):
    targets = auxtasks.make_aux_targets(recordings, "signal", scale=False, dtype="float64")
    assert list(targets) == ["std", "abs_sum_changes", "fft"]
    for i, series in enumerate(recordings):
        found = targets["std"][i], targets["abs_sum_changes"][i], targets["fft"][i].reshape(3, 50)
        by_numpy = [
            np.std(series, axis=0),
            np.abs(np.diff(series, axis=0)).sum(axis=0),
            np.abs(np.fft.rfft(series, axis=0))[:50].T,
        ]
        by_tsfresh = [
            [tsfresh.standard_deviation(channel) for channel in series.T],
            [tsfresh.absolute_sum_of_changes(channel) for channel in series.T],
            [[value for _, value in tsfresh.fft_coefficient(channel, FIFTY)] for channel in series.T],
        ]
        for ours, plain, peer in zip(found, by_numpy, by_tsfresh, strict=True):
            # Magnitudes that are 0 but for rounding have no relative error: 1e-9 is a billionth of the others.
            np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-9)
            np.testing.assert_allclose(ours, peer, rtol=1e-5, atol=1e-9)
