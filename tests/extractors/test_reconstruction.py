"""The inputs as a target, in the layout that their number of dimensions asks for."""

import numpy as np
import pytest

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.any import reconstruction


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_up_to_an_image_it_is_the_inputs(shape):
    X = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(reconstruction(X), X)


def test_frames_of_a_video_become_channels():
    X = np.random.default_rng(0).random((2, 3, 4, 5, 2), dtype=np.float32)
    result = reconstruction(X)
    np.testing.assert_array_equal(result, np.concatenate([X[:, t] for t in range(3)], axis=-1))
    assert result.dtype == X.dtype


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3, 4, 5, 6)])
def test_other_numbers_of_dimensions_are_refused(shape):
    with pytest.raises(InvalidInputError, match=r"'reconstruction' takes inputs of 2 to 5 dimensions.*found shape"):
        reconstruction(np.zeros(shape))
