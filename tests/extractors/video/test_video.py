"""Video tasks: the next frame and how much moves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.video import motion_energy, next_frame
from auxtasks.registry import list_tasks

sides = st.integers(1, 6)


def test_next_frame_and_the_shortened_video_make_up_the_video_without_a_copy():
    X = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 6, 2)).astype(np.uint8)
    shortened, target = next_frame(X)
    np.testing.assert_array_equal(np.concatenate([shortened, target[:, None]], axis=1), X)
    assert np.shares_memory(shortened, X)
    assert np.shares_memory(target, X)


@given(n=sides, t=st.integers(2, 6), h=sides, w=sides, c=sides, double=st.booleans())
@settings(max_examples=40, deadline=None)
def test_motion_energy_is_the_mean_squared_difference_of_each_video_alone(n, t, h, w, c, double):
    dtype = np.float64 if double else np.float32
    X = np.random.default_rng(t).integers(0, 256, (n, t, h, w, c)).astype(dtype)
    result = motion_energy(X)
    expected = [[((later - earlier) ** 2).mean() for earlier, later in pairwise(x)] for x in X]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert result.dtype == dtype
    np.testing.assert_array_equal(np.concatenate([motion_energy(x[None]) for x in X]), result)


def test_a_still_video_has_no_motion():
    assert not motion_energy(np.full((2, 3, 4, 4, 1), 200.0)).any()


def test_motion_beyond_the_range_of_the_dtype_is_infinite():
    X = np.array([0, 1, 3e38], np.float32).reshape(1, 3, 1, 1, 1)
    np.testing.assert_array_equal(motion_energy(X), [[1, np.inf]])


@pytest.mark.parametrize("task", [next_frame, motion_energy])
def test_a_single_frame_is_refused(task):
    with pytest.raises(InvalidInputError, match=rf"'{task.__name__}' needs .*2 frames; found 1 in shape \(2, 1"):
        task(np.zeros((2, 1, 4, 4, 1)))


def test_defaults_leave_the_inputs_of_the_model_as_they_are():
    defaults = {task.name: task.effect for task in list_tasks("video") if task.default and task.domain == "video"}
    assert defaults == {"motion_energy": "none"}
