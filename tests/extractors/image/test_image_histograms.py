"""Histograms of texture and colour."""

import warnings

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.image import colour_histogram, local_binary_patterns


def patterns_by_scikit_image(image):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Applying `local_binary_pattern` to floating-point", UserWarning)
        codes = local_binary_pattern(image.astype(np.float64), 8, 1, "uniform")
    return np.bincount(codes.astype(int).ravel(), minlength=10) / codes.size


@pytest.mark.parametrize("shape", [(3, 24, 24), (4, 9, 14), (5, 1, 1), (2, 1, 8)])
@pytest.mark.parametrize("levels", [None, 256, 2])
def test_patterns_are_those_of_scikit_image(shape, levels):
    rng = np.random.default_rng(0)
    X = rng.random(shape) if levels is None else rng.integers(0, levels, shape).astype(np.float32)
    expected = np.stack([patterns_by_scikit_image(image) for image in X])
    np.testing.assert_allclose(local_binary_patterns(X[..., None]), expected, atol=1e-7)


def test_neighbours_that_average_to_the_pixel_count_as_equal():
    # On a slope every interpolated point on the contour through the pixel is exactly equal to it; scikit-image's
    # rounding says otherwise for some. Three neighbours are brighter and two equal, so 5 bits are set in each.
    row, column = np.mgrid[:9, :9]
    X = (row + column).astype(np.float64)[1:-1, 1:-1]
    inside = local_binary_patterns(X[None, ..., None])[0] * X.size
    assert inside[5] >= 25


def test_colourless_pixels_have_the_patterns_of_grey():
    grey = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 1)).astype(np.float32)
    np.testing.assert_array_equal(local_binary_patterns(grey.repeat(3, axis=-1)), local_binary_patterns(grey))


@pytest.mark.parametrize(("bins", "value_range"), [(8, (0, 256)), (2, (0.0, 255.0)), (31, (-10, 80))])
def test_colour_counts_are_those_of_numpy_with_the_rest_at_the_ends(bins, value_range):
    X = np.random.default_rng(0).integers(0, 256, (3, 10, 12, 3)).astype(np.float64)
    expected = [
        [np.histogram(np.clip(image[..., c], *value_range), bins, value_range)[0] / 120 for c in range(3)]
        for image in X
    ]
    np.testing.assert_allclose(colour_histogram(X, bins=bins, value_range=value_range), expected, atol=1e-12)


def test_own_range_spans_all_channels_of_one_image():
    X = np.random.default_rng(0).random((3, 10, 12, 2)) * [[[[1, 0.3]]]] - 0.2
    expected = [[np.histogram(image[..., c], 8, (image.min(), image.max()))[0] / 120 for c in range(2)] for image in X]
    np.testing.assert_allclose(colour_histogram(X), expected, atol=1e-12)


def test_own_range_makes_the_range_of_the_images_irrelevant():
    X = np.random.default_rng(0).integers(0, 256, (4, 10, 12, 3)).astype(np.float32)
    np.testing.assert_array_equal(colour_histogram(X / 256), colour_histogram(X))


def test_constant_image_is_undefined_by_its_own_range_and_defined_by_a_given_one():
    X = np.stack([np.full((4, 4, 3), 7.0), np.random.default_rng(0).random((4, 4, 3))])
    result = colour_histogram(X)
    assert np.isnan(result[0]).all()
    assert np.isfinite(result[1]).all()
    np.testing.assert_array_equal(colour_histogram(X, bins=2, value_range=(0, 10))[0], [[0, 1]] * 3)


def test_range_beyond_the_dtype_is_undefined():
    X = np.array([-3e38, 3e38, 0, 1], np.float32).reshape(1, 2, 2, 1)
    assert np.isnan(colour_histogram(X)).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bins": 1}, InvalidInputError, "`bins` must be from 2 to 256; got 1"),
        ({"value_range": (1, 1)}, InvalidInputError, "`value_range` must rise"),
        ({"value_range": (0, 1, 2)}, InvalidInputError, r"`value_range` must be two numbers such as \(0, 255\)"),
        ({"value_range": (0, np.inf)}, InvalidInputError, "`value_range` must be from .*got inf"),
        ({"value_range": 255}, InvalidTypeError, "`value_range` must be two numbers.*got 255 of type int"),
        ({"value_range": "01"}, InvalidTypeError, "`value_range` must be two numbers"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        colour_histogram(np.zeros((1, 4, 4, 1)), **options)
