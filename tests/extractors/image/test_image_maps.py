"""Edges, corners and thumbnails equal scikit-image's maps, averaged over the grid."""

import numpy as np
import pytest
from skimage.color import rgb2gray
from skimage.feature import corner_harris, corner_shi_tomasi, structure_tensor, structure_tensor_eigenvalues
from skimage.filters import scharr, sobel
from skimage.transform import resize_local_mean

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.extractors.image import corners, edges, thumbnail

SHAPES = [(3, 32, 32, 1), (2, 23, 17, 3), (2, 5, 40, 1)]


def images(shape, dtype="float64"):
    return np.random.default_rng(sum(shape)).random(shape, dtype=dtype)


def grey(image):
    return rgb2gray(image) if image.shape[-1] == 3 else image[..., 0]


def reduced(maps, size):
    size = min(maps[0].shape[0], size[0]), min(maps[0].shape[1], size[1])
    return np.stack([resize_local_mean(m, size, grid_mode=True, preserve_range=True) for m in maps])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(8, 8), (3, 5), (1, 1), (100, 100)])
def test_thumbnail_is_the_local_mean(shape, size):
    X = images(shape)
    expected = np.stack([reduced(np.moveaxis(image, -1, 0), size) for image in X])
    np.testing.assert_allclose(thumbnail(X, size=size), np.moveaxis(expected, 1, -1), atol=1e-12)


def test_thumbnail_of_the_images_own_size_is_the_image():
    X = images((2, 7, 9, 3))
    np.testing.assert_array_equal(thumbnail(X, size=(7, 9)), X)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("operator", "filter_"), [("sobel", sobel), ("scharr", scharr)])
def test_edges_are_the_filters_of_scikit_image(shape, operator, filter_):
    X = images(shape)
    # The luminance is rounded differently from rgb2gray's matrix product.
    expected = reduced([filter_(grey(image)) for image in X], (6, 4))
    np.testing.assert_allclose(edges(X, size=(6, 4), operator=operator)[..., 0], expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [1, 2.5])
def test_corners_come_from_the_structure_tensor_with_a_reflected_border(shape, sigma):
    X = images(shape)
    tensors = [structure_tensor(grey(image), sigma, mode="reflect") for image in X]
    smaller = [structure_tensor_eigenvalues(tensor)[1] for tensor in tensors]
    harris = [rr * cc - rc**2 - 0.1 * (rr + cc) ** 2 for rr, rc, cc in tensors]
    ours = corners(X, size=(6, 4), sigma=sigma)[..., 0]
    np.testing.assert_allclose(ours, reduced(smaller, (6, 4)), rtol=1e-9, atol=1e-12)
    ours = corners(X, size=(6, 4), sigma=sigma, method="harris", k=0.1)[..., 0]
    np.testing.assert_allclose(ours, reduced(harris, (6, 4)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("method", "response"), [("shi_tomasi", corner_shi_tomasi), ("harris", corner_harris)])
def test_corners_away_from_the_border_are_those_of_scikit_image(method, response):
    X = images((1, 40, 40, 1))
    # The windows reach 4 sigma, the derivative 1 more.
    inside = np.s_[5:-5, 5:-5]
    ours = corners(X, size=40, method=method)[0, :, :, 0][inside]
    np.testing.assert_allclose(ours, response(X[0, :, :, 0])[inside], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("task", [edges, corners])
@pytest.mark.parametrize("shape", [(2, 16, 16, 3), (1, 1, 1, 1), (1, 1, 9, 2)])
def test_a_constant_image_has_neither_edges_nor_corners(task, shape):
    assert not task(np.full(shape, 200.0, np.float32)).any()


def test_corners_beyond_the_range_of_the_dtype_are_infinite():
    X = images((2, 16, 16, 1), "float32")
    X[0, 8, 8] = 3e38
    result = corners(X)
    assert np.isposinf(result[0]).any()
    assert np.isfinite(result[1]).all()


def test_corners_by_shi_and_tomasi_are_not_negative_on_a_straight_edge():
    X = np.random.default_rng(0).random((50, 16, 1, 1)).astype(np.float32).repeat(16, axis=2)
    assert corners(X, size=16).min() >= 0


@pytest.mark.parametrize(
    ("task", "options", "error", "message"),
    [
        (thumbnail, {"size": (0, 4)}, InvalidInputError, "`size` must be at least 1; got 0"),
        (thumbnail, {"size": (4, 4, 4)}, InvalidInputError, r"`size` must be \(rows, columns\)"),
        (edges, {"size": 2.5}, InvalidTypeError, "`size` must be an integer; got 2.5"),
        (edges, {"operator": "canny"}, UnknownNameError, "`operator`.*Valid names: 'scharr', 'sobel'"),
        (corners, {"method": "haris"}, UnknownNameError, "`method`.*Did you mean 'harris'"),
        (corners, {"sigma": 0}, InvalidInputError, "`sigma` must be from 0.1 to 50; got 0"),
        (corners, {"k": 1}, InvalidInputError, "`k` must be from 0 to 0.25; got 1"),
    ],
)
def test_options_that_cannot_be_used_are_refused(task, options, error, message):
    with pytest.raises(error, match=message):
        task(np.zeros((1, 8, 8, 1)), **options)
