"""Blocks of HOG equal scikit-image's, cells those of the blocks; what cannot be computed is refused."""

import sys

import numpy as np
import pytest
from skimage.feature import hog as skimage_hog
from sklearn.datasets import load_digits

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.extractors.image import hog

NORMS = ["L1", "L1-sqrt", "L2", "L2-Hys"]
LAYOUTS = ["cells", "blocks"]


def images(shape, kind):
    rng = np.random.default_rng(sum(shape))
    if kind == "integers":
        return rng.integers(0, 256, shape).astype(np.float32)
    return rng.random(shape, dtype=kind)


def blocks_of(X, **options):
    return hog(X, layout="blocks", **options)


def reference(X, **options):
    """Return the blocks of scikit-image, each flattened."""
    blocks = np.stack([skimage_hog(image, channel_axis=-1, feature_vector=False, **options) for image in X])
    return blocks.reshape(*blocks.shape[:3], -1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", ["integers", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "cell", "block"),
    [
        ((3, 32, 32, 1), (8, 8), (3, 3)),
        ((2, 37, 50, 3), (8, 8), (3, 3)),
        ((4, 8, 8, 1), (2, 2), (2, 2)),
        ((2, 28, 28, 2), (7, 5), (1, 3)),
        ((2, 9, 11, 4), (3, 4), (2, 1)),
        ((2, 5, 3, 1), (1, 1), (2, 2)),
    ],
)
def test_values_are_those_of_scikit_image(shape, cell, block, kind, norm):
    X = images(shape, kind)
    options = {"pixels_per_cell": cell, "cells_per_block": block, "block_norm": norm}
    ours = blocks_of(X, **options)
    np.testing.assert_allclose(ours, reference(X, **options), atol=1e-5)
    assert ours.dtype == X.dtype


def cells_in_blocks(blocks, block, orientations=9):
    """Take each cell from the block whose middle it is, or the nearest to that."""
    n, block_rows, block_columns, _ = blocks.shape
    n_rows, n_columns = block_rows + block[0] - 1, block_columns + block[1] - 1
    blocks = blocks.reshape(n, block_rows, block_columns, *block, orientations)
    cells = np.empty((n, n_rows, n_columns, orientations), blocks.dtype)
    for i, j in np.ndindex(n_rows, n_columns):
        top = min(max(i - block[0] // 2, 0), block_rows - 1)
        left = min(max(j - block[1] // 2, 0), block_columns - 1)
        cells[:, i, j] = blocks[:, top, left, i - top, j - left]
    return cells


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "cell", "block"),
    [
        ((3, 64, 64, 1), (8, 8), (3, 3)),
        ((2, 37, 50, 3), (8, 8), (3, 3)),
        ((4, 12, 12, 1), (2, 2), (2, 2)),
        ((2, 20, 18, 1), (2, 2), (5, 4)),
        ((2, 28, 28, 2), (7, 5), (1, 3)),
        ((2, 9, 11, 4), (3, 4), (2, 1)),
        ((2, 8, 8, 1), (2, 2), (1, 1)),
        ((2, 8, 9, 1), (2, 3), (4, 3)),  # one block is the whole image
        ((2, 5, 3, 1), (1, 1), (2, 2)),
        ((1, 1, 1, 1), (1, 1), (1, 1)),
    ],
)
def test_each_cell_is_as_in_the_block_around_it(shape, cell, block, dtype, norm):
    X = images(shape, dtype)
    options = {"pixels_per_cell": cell, "cells_per_block": block, "block_norm": norm}
    cells, expected = hog(X, **options), cells_in_blocks(blocks_of(X, **options), block)
    assert cells.dtype == expected.dtype
    if norm == "L2-Hys":
        # What was clipped is added up in another order.
        np.testing.assert_allclose(cells, expected, rtol=4 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(cells, expected)


def test_images_that_are_worked_on_in_several_pieces(monkeypatch):
    X = images((7, 33, 41, 3), "float32")
    whole = hog(X)
    monkeypatch.setattr(sys.modules[hog.__module__], "PIXELS_AT_ONCE", 2 * 33 * 41)
    np.testing.assert_array_equal(hog(X), whole)


@pytest.mark.parametrize("orientations", [1, 2, 3, 4, 6, 8, 9, 12, 16, 20, 28, 36, 180])
def test_angles_on_the_edge_of_a_bin_fall_into_the_bin_of_scikit_image(orientations):
    # Three grey levels put most gradients at a multiple of 45°.
    X = np.random.default_rng(0).integers(0, 3, (4, 24, 24, 1)).astype(np.float32)
    options = {"orientations": orientations, "pixels_per_cell": (8, 8)}
    np.testing.assert_allclose(blocks_of(X, **options), reference(X, **options), atol=1e-5)


@pytest.mark.parametrize(
    ("down", "across", "bin_"), [(0, 1, 0), (0, -1, 0), (1, 1, 2), (-1, -1, 2), (1, 0, 4), (-1, 0, 4), (1, -1, 6)]
)
def test_orientation_of_a_single_gradient(down, across, bin_):
    # By hand: angle modulo 180° over 180°/8 = 22.5°, rounded down.
    X = np.zeros((1, 3, 3, 1))
    X[0, 2, 1, 0], X[0, 1, 2, 0] = down, across
    histogram = hog(X, orientations=8, pixels_per_cell=3, cells_per_block=1, block_norm="L1").ravel()
    np.testing.assert_allclose(histogram, np.eye(8)[bin_], atol=1e-4)


def test_square_root_compresses_first():
    X = images((2, 32, 32, 3), "float64")
    # scikit-image adds up a cell in single precision.
    np.testing.assert_allclose(blocks_of(X, transform_sqrt=True), reference(X, transform_sqrt=True), atol=1e-6)


@pytest.mark.parametrize(
    ("size", "cell"), [((8, 8), (2, 2)), ((28, 28), (7, 7)), ((60, 64), (8, 8)), ((12, 300), (3, 8)), ((3, 4), (1, 1))]
)
def test_default_cells_are_a_quarter_of_the_image_and_at_most_8_pixels(size, cell):
    X = images((1, *size, 1), "float32")
    np.testing.assert_array_equal(hog(X), hog(X, pixels_per_cell=cell))


def test_default_tells_digits_of_8_by_8_pixels_apart_better_than_the_pixels_do():
    digits = load_digits()

    def accuracy_of_nearest_mean(X):
        means = np.stack([X[:900][digits.target[:900] == digit].mean(axis=0) for digit in range(10)])
        nearest = np.argmin(((X[900:, None] - means) ** 2).sum(axis=-1), axis=1)
        return (nearest == digits.target[900:]).mean()

    features = hog(digits.images.astype(np.float32)[..., None]).reshape(len(digits.target), -1)
    # Measured: 0.907 and 0.875.
    assert accuracy_of_nearest_mean(features) > accuracy_of_nearest_mean(digits.data) + 0.02


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", NORMS)
def test_constant_image_is_zero(norm, layout):
    assert not hog(np.full((2, 16, 16, 3), 200.0), block_norm=norm, layout=layout).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", NORMS)
def test_a_pixel_whose_square_overflows_leaves_other_blocks_as_they_are(norm, layout):
    X = images((1, 64, 16, 1), "float32")
    X[0, 2, 2] = 3e38
    options = {"pixels_per_cell": 8, "cells_per_block": 2, "block_norm": norm, "layout": layout}
    result = hog(X, **options)
    np.testing.assert_allclose(result, hog(X.astype(np.float64), **options), rtol=1e-4, atol=1e-6)
    X[0, 2, 2] = 0
    # The first two rows of cells are normalised by the first row of blocks.
    beyond = 2 if layout == "cells" else 1
    np.testing.assert_array_equal(result[0, beyond:], hog(X, **options)[0, beyond:])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pixels_per_cell": (8, 17)}, InvalidInputError, r"`pixels_per_cell`.*smaller than a cell.*8×17.*found 16×16"),
        ({"pixels_per_cell": 8}, InvalidInputError, r"`cells_per_block`.*at least 24×24 pixels, found 16×16"),
        ({"pixels_per_cell": (8, 8, 8)}, InvalidInputError, r"`pixels_per_cell` must be \(rows, columns\)"),
        ({"cells_per_block": 0}, InvalidInputError, "`cells_per_block` must be at least 1"),
        ({"cells_per_block": "33"}, InvalidTypeError, "`cells_per_block` must be an integer"),
        ({"orientations": 181}, InvalidInputError, "`orientations` must be from 1 to 180"),
        ({"orientations": 9.0}, InvalidTypeError, "`orientations` must be an integer"),
        ({"block_norm": "L2-hys"}, UnknownNameError, "`block_norm`.*Did you mean 'L2-Hys'"),
        ({"layout": "cell"}, UnknownNameError, "`layout`.*Did you mean 'cells'"),
        ({"transform_sqrt": 1}, InvalidTypeError, "`transform_sqrt` must be True or False"),
        ({"transform_sqrt": True}, InvalidInputError, "`transform_sqrt` needs images without negative.*found -1"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        hog(np.full((1, 16, 16, 1), -1.0), **options)


def test_images_without_room_for_a_gradient_are_refused_by_default():
    with pytest.raises(InvalidInputError, match="at least 3×3 pixels, found 2×2"):
        hog(np.zeros((1, 2, 2, 1)))
