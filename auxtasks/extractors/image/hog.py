"""Histogram of oriented gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.extractors.image.pixels import check_pair
from auxtasks.extractors.tensors import as_floats, doubted, largest_of, namespace, replace_lost, to_unit_size
from auxtasks.registry import register_task
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_choice, check_flag, check_int

BLOCK_NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
LAYOUTS = ("cells", "blocks")
LARGEST_DEFAULT_CELL = 8


@register_task(
    "hog",
    domain="image",
    kind="image",
    spatial="grid",
    default=True,
    source="Dalal and Triggs 2005, Histograms of Oriented Gradients for Human Detection; skimage.feature.hog",
    tensor_function=True,
)
def hog(
    X: Floats,
    *,
    orientations: int = 9,
    pixels_per_cell: int | Sequence[int] | None = None,
    cells_per_block: int | Sequence[int] = (3, 3),
    block_norm: str = "L2-Hys",
    transform_sqrt: bool = False,
    layout: str = "cells",
) -> Floats:
    """Histogram of oriented gradients: which way edges run, and where.

    Parameters
    ----------
    X : ndarray of float, shape (n, h, w, c)
        The images, in any range. In colour images each pixel counts with the channel of the largest gradient.
    orientations : int, default 9
        The number of bins over 0° to 180°, from 1 to 180.
    pixels_per_cell : int or (rows, columns), optional
        The size of a cell. By default, along each axis, a quarter of the image but no more than 8 pixels:
        2 for 8×8 images, 7 for 28×28, and 8, as scikit-image has it, from 32×32 on.
    cells_per_block : int or (rows, columns), default (3, 3)
        The size of a block, in cells. Blocks overlap, one begins at every cell.
    block_norm : {"L2-Hys", "L2", "L1", "L1-sqrt"}
        How a block ``v`` is normalised, with ``e = 1e-5``: ``v / sqrt(|v|₂² + e²)`` clipped at 0.2 and normalised
        again, the same without clipping, ``v / (|v|₁ + e)``, or the square root of that.
    transform_sqrt : bool, default False
        Whether to take the square root of the (non-negative) images first.
    layout : {"cells", "blocks"}, default "cells"
        Whether each cell stands there once, as it is in the block around it, or in every block that it is part of.

    Returns
    -------
    ndarray of float
        With the layout ``"cells"`` of shape (n, cell rows, cell columns, orientations), with ``"blocks"`` of shape
        (n, block rows, block columns, cell rows × cell columns × orientations of a block). From 0 to 1. Zero where a
        block has no gradient, as in a constant image.

    Raises
    ------
    InvalidInputError
        If an image is smaller than a cell or a block, or negative with `transform_sqrt` (in tensors the target is NaN
        then).
    InvalidTypeError, UnknownNameError
        If an option is of the wrong type, or there is no such `block_norm` or `layout`.

    Notes
    -----
    The gradient is ``x[i+1] - x[i-1]``, zero on the border. A cell's bin holds the mean over its pixels of the
    gradient magnitudes whose angle modulo 180° is in ``[k, k+1) * 180° / orientations``. Pixels that do not fill a
    cell at the right and the bottom are left out.

    Blocks, reshaped, are those of ``skimage.feature.hog`` with ``feature_vector=False``. They hold each cell up to nine
    times with the default size, each time by the norm of another block: 54,756 numbers of an image of 224×224 pixels,
    where cells are 7,056. The block around a cell is the one that begins half a block (rounded down) before it; at the
    border, where there is none, the nearest.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.arange(8.0).repeat(8).reshape(1, 8, 8, 1)
    >>> hog(ramp, pixels_per_cell=8, cells_per_block=1, orientations=4).round(3).ravel()
    array([0., 0., 1., 0.])
    >>> hog(ramp).shape
    (1, 4, 4, 9)
    >>> hog(ramp, layout="blocks").shape
    (1, 2, 2, 81)
    """
    orientations = check_int("orientations", orientations, low=1, high=180)
    block = check_pair("cells_per_block", cells_per_block)
    norm = check_choice("block_norm", block_norm, BLOCK_NORMS)
    normalised = _normalised_blocks if check_choice("layout", layout, LAYOUTS) == "blocks" else _normalised_cells
    h, w = X.shape[1:3]
    cell = _default_cell(h, w) if pixels_per_cell is None else check_pair("pixels_per_cell", pixels_per_cell)
    _check_fits(h, w, cell, block)
    if check_flag("transform_sqrt", transform_sqrt):
        if isinstance(X, np.ndarray) and X.min() < 0:
            raise InvalidInputError(
                "`transform_sqrt` needs images without negative values; "
                f"found {X.min():g}. Leave it False or shift the images."
            )
        X = namespace(X).sqrt(X)
    found: Floats
    if not isinstance(X, np.ndarray):
        found = normalised(*_in_another_unit(X, orientations, cell, block, norm))
        return found
    cells = _cell_histograms(X, orientations, cell)
    found = normalised(cells, block, norm)
    largest = largest_of(cells)
    doubtful = doubted(largest)
    if doubtful is not None:
        anew = normalised(*_in_another_unit(X[doubtful], orientations, cell, block, norm))
        replace_lost(found, anew, doubtful, largest)
    return found


def _in_another_unit(X: Any, orientations: int, cell: tuple[int, int], *how: Any) -> tuple[Any, ...]:
    """Return what blocks are normalised by, of images in a unit in which no square overflows or vanishes."""
    scaled, powers = to_unit_size(X)
    # What is added to a norm has a unit too. Small images go back to their own, where it hides them; in that of large
    # ones it must not become so small that a block without gradients is divided by 0.
    large = namespace(X).maximum(powers, 1)
    cells = _cell_histograms(scaled, orientations, cell) * (powers / large)
    return (cells, *how, namespace(X).maximum(EPSILON / large[..., 0], 2.0**-50))


def _default_cell(h: int, w: int) -> tuple[int, int]:
    """Return a quarter of each axis, within 1 to 8 pixels, so that the default block fits from 3 pixels on."""
    rows, columns = (max(1, min(LARGEST_DEFAULT_CELL, length // 4)) for length in (h, w))
    return rows, columns


def _check_fits(h: int, w: int, cell: tuple[int, int], block: tuple[int, int]) -> None:
    if h < cell[0] or w < cell[1]:
        raise InvalidInputError(
            f"`pixels_per_cell`: the images are smaller than a cell; expected at least {cell[0]}×{cell[1]} pixels, "
            f"found {h}×{w}. Choose smaller cells or enlarge the images."
        )
    least = cell[0] * block[0], cell[1] * block[1]
    if h < least[0] or w < least[1]:
        raise InvalidInputError(
            f"`cells_per_block`: the images are smaller than a block of {block[0]}×{block[1]} cells of "
            f"{cell[0]}×{cell[1]} pixels; expected at least {least[0]}×{least[1]} pixels, found {h}×{w}. "
            "Choose fewer cells per block or smaller `pixels_per_cell`, or leave the task 'hog' out."
        )


EPSILON = 1e-5
"""Keeps a block without gradients at zero, as scikit-image has it."""
CEILING = 0.2
"""The largest share of one bin before the second normalisation of L2-Hys (Lowe 2004)."""


def _normalised_cells(cells: Any, block: tuple[int, int], norm: str, epsilon: Any = EPSILON) -> Any:
    """Normalise each cell by the norm of the block around it, without laying out the blocks."""
    xp = namespace(cells)
    # The block whose middle each cell is, along each axis; at the border the nearest.
    sizes = zip(cells.shape[1:3], block, strict=True)
    rows, columns = (np.clip(np.arange(length) - size // 2, 0, length - size) for length, size in sizes)

    def around(of_blocks: Any) -> Any:
        return xp.take(xp.take(of_blocks, rows, axis=1), columns, axis=2)[..., None]

    with np.errstate(over="ignore", invalid="ignore"):
        scale = _scale_of_blocks(cells, block, norm, epsilon)
        normalised = cells * around(scale)
        if norm == "L1-sqrt":
            normalised = xp.sqrt(normalised)
        if norm == "L2-Hys":
            energy = _clipped_energy(cells, block, scale)
            normalised = xp.minimum(normalised, CEILING) * around(1 / xp.sqrt(energy + EPSILON**2))
    return normalised


def _clipped_energy(cells: Any, block: tuple[int, int], scale: Any) -> Any:
    """Sum the squares of each block after scaling and clipping, over its cells in turn."""
    xp = namespace(cells)
    # The squares are clipped before they are scaled, so that all blocks share them. The ceiling is laid out as the
    # cells are: columns and orientations are one long loop then.
    ceiling = xp.repeat(xp.square(CEILING / scale)[..., None], cells.shape[-1], axis=-1)
    squares = reduce(add, (xp.minimum(part, ceiling) for part in _parts_of_blocks(xp.square(cells), block)))
    return xp.sum(squares, axis=-1) * scale * scale


def _normalised_blocks(cells: Any, block: tuple[int, int], norm: str, epsilon: Any = EPSILON) -> Any:
    """Normalise each block of cells by its own norm, and flatten it."""
    if not isinstance(cells, np.ndarray):
        return _normalised_tensors(cells, block, norm, epsilon)
    blocks = np.lib.stride_tricks.sliding_window_view(cells, block, axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = _scale_of_blocks(cells, block, norm, epsilon)[..., None]
        normalised: Floats = np.multiply(blocks, scale[..., None, None], order="C").reshape(*scale.shape[:3], -1)
        if norm == "L1-sqrt":
            np.sqrt(normalised, out=normalised)
        if norm == "L2-Hys":
            np.minimum(normalised, CEILING, out=normalised)
            normalised *= (1 / np.sqrt(_energy(normalised) + EPSILON**2))[..., None]
    return normalised


def _normalised_tensors(cells: Any, block: tuple[int, int], norm: str, epsilon: Any) -> Any:
    xp = namespace(cells)
    # Cells side by side, with their orientations innermost, as a block is flattened.
    blocks = xp.concatenate(_parts_of_blocks(cells, block), axis=-1)
    normalised = blocks * _scale_of_blocks(cells, block, norm, epsilon)[..., None]
    if norm == "L1-sqrt":
        normalised = xp.sqrt(normalised)
    if norm == "L2-Hys":
        clipped = xp.minimum(normalised, CEILING)
        normalised = clipped * xp.rsqrt(_energy(clipped) + EPSILON**2)[..., None]
    return normalised


def _scale_of_blocks(cells: Any, block: tuple[int, int], norm: str, epsilon: Any) -> Any:
    """Return what each block is multiplied by, shape (n, block rows, block columns)."""
    xp = namespace(cells)
    if norm in ("L1", "L1-sqrt"):
        size = _sum_over_blocks(xp.sum(cells, axis=-1), block) + epsilon
    else:
        size = xp.sqrt(_sum_over_blocks(_energy(cells), block) + epsilon**2)
    # An infinite norm would turn the block into zeros, which it is not.
    return as_floats(xp.where(xp.isfinite(size), 1 / size, np.nan), like=cells)


def _sum_over_blocks(cells: Any, block: tuple[int, int]) -> Any:
    """Sum a (n, rows, columns) quantity of cells over each block."""
    down = reduce(add, _parts_of_blocks(cells, (block[0], 1)))
    return reduce(add, _parts_of_blocks(down, (1, block[1])))


def _parts_of_blocks(cells: Any, block: tuple[int, int]) -> list[Any]:
    """Return, for each place in a block, the cells that stand there in all blocks."""
    rows, columns = (length - size + 1 for length, size in zip(cells.shape[1:3], block, strict=True))
    return [cells[:, i : i + rows, j : j + columns] for i in range(block[0]) for j in range(block[1])]


def _energy(values: Any) -> Any:
    """Sum the squares along the last axis."""
    xp = namespace(values)
    return np.einsum("...i,...i->...", values, values) if xp is np else xp.sum(xp.square(values), axis=-1)


# Orientation

PIXELS_AT_ONCE = 128 * 1024


def _cell_histograms(X: Floats, orientations: int, cell: tuple[int, int]) -> Floats:
    """Mean gradient magnitude by orientation, for each cell of each image."""
    if not isinstance(X, np.ndarray):
        return _histograms_of_tensors(X, orientations, cell)
    n, h, w, _ = X.shape
    n_rows, n_columns = h // cell[0], w // cell[1]
    histograms: Floats = np.empty((n, n_rows, n_columns, orientations), X.dtype)
    step = max(1, PIXELS_AT_ONCE // (h * w))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, n, step):
            _fill(histograms[start : start + step], X[start : start + step], cell)
    histograms *= 1 / (cell[0] * cell[1])
    return histograms


def _fill(histograms: Floats, X: Floats, cell: tuple[int, int]) -> None:
    """Sum the gradient magnitudes in each bin of each cell."""
    from scipy.sparse import csr_array

    n, n_rows, n_columns, orientations = histograms.shape
    room = _room(X)
    _find_dominant_gradient(X, room)
    bins = _orientation_bins(room, orientations)
    magnitude = np.sqrt(room["squared"], out=room["squared"])
    # What does not fill a cell adds nothing to the last one.
    magnitude[:, n_rows * cell[0] :] = 0
    magnitude[:, :, n_columns * cell[1] :] = 0
    # A sparse matrix with a row for each row of cells and a column for each (cell, bin): the pixels of a row of cells
    # are contiguous, and making the matrix dense sums those of the same cell and bin, in one pass.
    h, w = X.shape[1:3]
    index = _bits(room["spare"])
    cell_of_column = np.minimum(np.arange(w, dtype=index.dtype) // cell[1], n_columns - 1)
    np.add(bins, cell_of_column * orientations, out=index)
    start = w * (h * np.arange(n)[:, None] + cell[0] * np.arange(n_rows))
    ends = np.append(start, magnitude.size).astype(index.dtype)
    matrix = csr_array((magnitude.ravel(), index.ravel(), ends), shape=(n * n_rows, n_columns * orientations))
    matrix.toarray(out=histograms.reshape(matrix.shape))


def _room(X: Floats) -> Array:
    """Make room for all that is computed of each pixel, in one piece.

    The C library gives many pieces back to the system after each call, and the system clears every page before it
    hands it out again, which costs more than the arithmetic.
    """
    shape = X.shape[:3]
    floats = [(name, X.dtype, shape) for name in ("down", "across", "squared", "spare")]
    return np.empty((), [*floats, ("bins", np.uint8, shape), ("flags", np.bool_, shape)])


def _find_dominant_gradient(X: Floats, room: Array) -> None:
    """Find the gradient of the channel where it is largest, and its squared magnitude."""
    # Each channel is read many times, which pays for making it contiguous first.
    first, *others = np.ascontiguousarray(X.transpose(3, 0, 1, 2))
    _find_gradient(first, room)
    if not others:
        return
    other = _room(X)
    for channel in others:
        _find_gradient(channel, other)
        larger = np.greater(other["squared"], room["squared"], out=other["flags"])
        _replace_where(larger, room["down"], other["down"])
        _replace_where(larger, room["across"], other["across"])
        np.maximum(room["squared"], other["squared"], out=room["squared"])


def _find_gradient(channel: Floats, room: Array) -> None:
    """Find the differences between the two neighbours of each pixel, zero on the border, and the sum of squares."""
    down, across, squared = room["down"], room["across"], room["squared"]
    np.subtract(channel[:, 2:], channel[:, :-2], out=down[:, 1:-1])
    down[:, [0, -1]] = 0
    # All images as one line, which saves starting anew in each row; what spans two rows stands on the border.
    pixels = channel.ravel()
    np.subtract(pixels[2:], pixels[:-2], out=across.reshape(-1)[1:-1])
    across[:, :, [0, -1]] = 0
    np.multiply(down, down, out=squared)
    squared += np.multiply(across, across, out=room["spare"])


def _replace_where(chosen: Array, values: Floats, others: Floats) -> None:
    """Do ``values[chosen] = others[chosen]`` on the bits, as which is chosen is too irregular for branches."""
    bits = _bits(values)
    all_or_none = np.negative(chosen.view(np.int8), dtype=bits.dtype)
    bits ^= (bits ^ _bits(others)) & all_or_none


def _bits(values: Floats) -> Array:
    """Return the same memory as integers of the same size."""
    return values.view(f"i{values.itemsize}")


def _orientation_bins(room: Array, orientations: int) -> Array:
    """Return the bin of each gradient's angle modulo 180°.

    The angle is at or above an edge where its cotangent ``across / down`` is at or below that of the edge; the sign
    of the gradient cancels. Counting such edges costs less than an arctangent.
    """
    down, bins, flags = room["down"], room["bins"], room["flags"]
    cotangent = np.divide(room["across"], down, out=room["spare"])
    bins.fill(0)
    for edge in _cotangents_of_edges(orientations).astype(down.dtype):
        np.less_equal(cotangent, edge, out=flags)
        bins += flags.view(np.uint8)
    # A gradient along the columns is at 0°, whichever its sign.
    bins *= np.not_equal(down, 0, out=flags).view(np.uint8)
    return bins


def _cotangents_of_edges(orientations: int) -> Array:
    """Return the cotangents of the angles at which the bins but the first begin."""
    angles = np.pi * np.arange(1, orientations) / orientations
    return np.asarray(np.round(np.cos(angles) / np.sin(angles), 14))


def _histograms_of_tensors(X: Any, orientations: int, cell: tuple[int, int]) -> Any:
    xp = namespace(X)
    n_rows, n_columns = X.shape[1] // cell[0], X.shape[2] // cell[1]
    rows, columns = n_rows * cell[0], n_columns * cell[1]
    down, across, squared = _dominant_gradient_orientation_tensors(X)
    down, across, squared = (part[:, :rows, :columns] for part in (down, across, squared))
    ratio = across / down
    bins = xp.zeros_like(down, "int32")
    for edge in _cotangents_of_edges(orientations).tolist():
        # A gradient along the columns is at 0°, whichever its sign; only others reach the edges beyond.
        bins += xp.cast(xp.logical_and(down != 0, ratio <= edge), "int32")
    magnitude = xp.sqrt(squared)
    cells = (-1, n_rows, cell[0], n_columns, cell[1])
    sums = [
        xp.mean(xp.reshape(xp.where(bins == each, magnitude, 0.0), cells), axis=(2, 4)) for each in range(orientations)
    ]
    return xp.stack(sums, axis=-1)


def _dominant_gradient_orientation_tensors(X: Any) -> tuple[Any, Any, Any]:
    """Return the gradient of the channel where it is largest, and its squared magnitude, all (n, h, w)."""
    xp = namespace(X)
    down = xp.pad(X[:, 2:] - X[:, :-2], ((0, 0), (1, 1), (0, 0), (0, 0)))
    across = xp.pad(X[:, :, 2:] - X[:, :, :-2], ((0, 0), (0, 0), (1, 1), (0, 0)))
    squared = down * down + across * across
    parts = list(zip(*(xp.unstack(part, axis=3) for part in (down, across, squared)), strict=True))
    found = parts[0]
    for channel in parts[1:]:
        larger = channel[2] > found[2]
        found = tuple(xp.where(larger, new, old) for new, old in zip(channel, found, strict=True))
    return found
