"""The last steps of a signal, cut off its inputs."""

import numpy as np
import pytest

from auxtasks.extractors.signal import next_steps


@pytest.mark.parametrize("horizon", [1, 5, 8])
def test_inputs_and_target_are_views_that_make_up_the_signal(horizon):
    X = np.arange(54.0).reshape(2, 9, 3)
    inputs, target = next_steps(X, horizon=horizon)
    assert target.shape == (2, horizon, 3)
    assert np.shares_memory(inputs, X)
    assert np.shares_memory(target, X)
    np.testing.assert_array_equal(np.concatenate([inputs, target], axis=1), X)
