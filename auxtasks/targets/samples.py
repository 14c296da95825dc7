"""Whatever a user calls inputs becomes checked samples, in the layout that extractors read chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from auxtasks.columns import entries_of, is_missing
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, warn_user
from auxtasks.extractors.text.documents import Documents
from auxtasks.optional import require, shown
from auxtasks.typing import Array, Floats
from auxtasks.validation import as_array, check_choice, is_number, is_real

# The door

# For each domain: how many axes inputs have without and with channels, and how that is said.
_LAYOUTS: dict[str, tuple[int, int, str]] = {
    "signal": (2, 3, "(n, time) or (n, time, channels), or a list of (time_i,) or (time_i, channels) series"),
    "image": (3, 4, "(n, height, width) or (n, height, width, channels)"),
    "video": (4, 5, "(n, time, height, width) or (n, time, height, width, channels)"),
    "any": (2, 64, "(n, ...) with at least two axes"),
}


def read_inputs(
    X: object, domain: str, *, padding: str = "post", padding_value: float = 0.0, length: int | None = None
) -> Samples:
    """Check the inputs of a domain and bring them into the layout of its extractors."""
    check_choice("domain", domain, _LAYOUTS, "domain")
    if isinstance(X, Mapping):
        raise InvalidTypeError(
            f"`X` is a mapping of {', '.join(map(repr, X))}; for domain {domain!r} pass the one that the targets are "
            "computed from, and pass the mapping to attach_heads as `samples` and to fit as x."
        )
    X = entries_of(X)
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1):
        arrays = [to_array(part, f"X[{row}]") for row, part in enumerate(X)]
        if _differ(arrays, domain):
            return checked_values(_ragged(arrays, padding, padding_value, length), domain)
        array = np.stack(arrays) if arrays else np.empty(0)
    else:
        array = to_array(X, "X")
    _check_dense(array, domain)
    if domain == "signal" and length is not None and array.shape[1] < length:
        return checked_values(_ragged(list(array), padding, padding_value, length), domain)
    add_channel = domain != "any" and array.ndim == _LAYOUTS[domain][0]
    return checked_values(Dense(array, add_channel, _compute_dtype(array.dtype, domain)), domain)


def _check_dense(array: Array, domain: str) -> None:
    low, high, expected = _LAYOUTS[domain]
    if array.ndim and not len(array):
        raise InvalidInputError(f"`X` holds no samples; its shape is {array.shape}. Expected {expected}.")
    if not low <= array.ndim <= high:
        raise InvalidInputError(
            f"`X` must have the shape {expected} for domain {domain!r}; got shape {array.shape}. "
            "Reshape your data, or choose the domain that fits."
        )
    if not array.size:
        raise InvalidInputError(
            f"`X` has an axis of length 0: its shape is {array.shape}, which is 0 feature(s) (shape={array.shape}) "
            f"while a minimum of 1 is required. Expected {expected}."
        )


_SIDE = 8
"""Images are at least so high and wide, and no more than so many times as high as wide, or the other way round."""


def warn_of_layout(shape: tuple[int, ...], domain: str) -> None:
    """Tell of channels that come first, and of series that are passed as images: their targets would be nonsense."""
    said = ""
    *_, height, width = (*shape, 0) if len(shape) < 3 else shape
    channels_first = {"image": 4, "video": 5}.get(domain) == len(shape) and shape[-3] in (1, 3)
    if channels_first and min(height, width) >= _SIDE:
        said = f"has channels first, {shape[-3]}; pass np.moveaxis(X, {len(shape) - 3}, -1), with channels last"
    elif domain == "signal" and len(shape) == 3 and width >= _SIDE * height:
        said = f"has {height} steps of {width} channels; if it is the other way round, pass np.moveaxis(X, 1, -1)"
    elif domain == "image" and len(shape) == 3 and max(height, width) >= _SIDE * min(height, width):
        said = f"has images of {height} × {width} pixels; if they are series of {width} channels, pass domain='signal'"
    if said:
        warn_user(f"`X` of shape {shape} seems to have another layout: it {said}.", stacklevel=3)


def _differ(arrays: list[Array], domain: str) -> bool:
    """Tell whether the samples are series of different lengths; refuse any other difference."""
    for row, array in enumerate(arrays):
        first = arrays[0]
        same = array.shape == first.shape
        if not same and (domain != "signal" or array.ndim != first.ndim or array.shape[1:] != first.shape[1:]):
            only = "only the lengths of signals may differ" if domain == "signal" else "all samples need the same shape"
            raise InvalidInputError(
                f"`X[{row}]` has shape {array.shape} and `X[0]` has shape {first.shape}; {only}. "
                "Bring the samples to the same shape first."
            )
        if array.ndim == 0:
            raise InvalidInputError(
                f"`X` must have the shape {_LAYOUTS[domain][2]}; got shape ({len(arrays)},): `X[{row}]` is a single "
                "number. Reshape it so that each entry is one sample."
            )
    return len({len(array) for array in arrays}) > 1


def _ragged(arrays: list[Array], padding: str, padding_value: float, length: int | None) -> Ragged:
    for row, array in enumerate(arrays):
        if array.ndim > 2:
            raise InvalidInputError(
                f"`X[{row}]` must be a series of shape (time,) or (time, channels); got shape {array.shape}."
            )
        if not array.size:
            raise InvalidInputError(f"`X[{row}]` is empty: its shape is {array.shape}. Leave such series out.")
    add_channel = arrays[0].ndim == 1
    series = tuple(array[:, np.newaxis] if add_channel else array for array in arrays)
    common = np.result_type(*{array.dtype for array in arrays})
    longest = max(len(array) for array in arrays)
    compute = _compute_dtype(common, "signal")
    return Ragged(series, add_channel, compute, padding, padding_value, max(longest, length or 0))


def _compute_dtype(dtype: np.dtype[np.generic], domain: str) -> np.dtype[np.floating]:
    """Choose the dtype to compute in: one that holds every value exactly and is no wider than it need be."""
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    # Pixels of up to 16 bits are exact in float32; integer signals may carry large offsets, and get all the digits.
    small = domain in ("image", "video") and dtype.itemsize <= 2
    return np.dtype(np.float32 if small else np.float64)


_NOT_NUMBERS = {
    "U": "strings",
    "S": "byte strings",
    "c": "complex numbers",
    "M": "dates",
    "m": "time differences",
    "V": "records",
    "T": "strings",
}


def to_array(value: object, where: str) -> Array:
    """Return real numbers as an array, without a copy where it is one already."""
    array = as_array(where, value)
    if is_real(array.dtype):
        return array
    if array.dtype == object:
        return _from_objects(array, where)
    if array.dtype.kind == "V" and not issubclass(array.dtype.type, np.void):
        # Types of ml_dtypes, which TensorFlow and JAX give; NumPy counts them among its records.
        raise InvalidTypeError(
            f'`{where}` holds {array.dtype.name}, which NumPy does not compute with; pass {where}.astype("float32").'
        )
    found = _NOT_NUMBERS.get(array.dtype.kind, "values")
    raise InvalidTypeError(
        f"`{where}` must hold real numbers; found {found} (dtype {array.dtype}, shape {array.shape}). "
        "Convert them to numbers first."
    )


def _from_objects(array: Array, where: str) -> Array:
    """Convert an object array of numbers, such as mixed columns of a DataFrame give."""
    if array.ndim == 0:
        raise InvalidTypeError(f"`{where}` must be an array or a list of numbers; got a {type(array.item()).__name__}.")
    for place, item in zip(np.ndindex(array.shape), array.flat, strict=True):
        if not isinstance(item, bool) and not is_number(item):
            at = ", ".join(map(str, place))
            if is_missing(item):
                raise InvalidInputError(
                    f"`{where}` has a missing value, first at `{where}[{at}]`; numbers are expected everywhere. Impute "
                    "missing values first, or leave such samples out."
                )
            found = f"{abbreviated(item)} of type {type(item).__name__}"
            raise InvalidTypeError(f"`{where}` must hold real numbers; `{where}[{at}]` is {found}.")
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise InvalidInputError(f"`{where}` holds a number too large for float64; rescale it first.") from error


MOST_SUMMED = 2**24
"""How many of the largest values that are let in may be added up before the sum overflows."""


def checked_values(samples: Samples, domain: str) -> Samples:
    """Return samples whose values are all finite, and so far from the end of the range that they can be added up."""
    dtypes = {samples.inputs.dtype} if isinstance(samples, Dense) else {array.dtype for array in samples.series}
    if all(dtype.kind != "f" for dtype in dtypes):
        return samples
    limit = float(np.finfo(samples.compute).max) / (1 if domain == "any" else MOST_SUMMED)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in samples.chunks():
            block = samples.read(rows)
            # The sum of squares takes one pass, and is a number of all but extreme values.
            squares = float(np.dot(block.ravel(), block.ravel()))
            if not squares < limit and not np.abs(block).max() <= limit:
                place = np.argwhere(~(np.abs(block) <= limit))[0]
                row = int(np.arange(samples.n)[rows][place[0]])
                where = ", ".join(map(str, place[1:-1] if samples.add_channel else place[1:]))
                raise _out_of_range(f"`X[{row}][{where}]`", float(block[tuple(place)]), limit, samples.compute)
    return samples


def _out_of_range(where: str, value: float, limit: float, compute: np.dtype[np.floating]) -> InvalidInputError:
    if np.isfinite(value):
        wider = ', or pass them as float64: X.astype("float64")' if compute == np.float32 else ""
        return InvalidInputError(
            f"`X` holds values too large to sum in {compute}, first {value:.3g} at {where}; expected at most "
            f"{limit:.1g}. Divide the inputs by a power of ten{wider}."
        )
    if np.isnan(value):
        return InvalidInputError(
            f"`X` holds NaN, first at {where}; numbers are expected everywhere. Impute missing values "
            "first; where NaN only pads shorter series, pass a list of the unpadded series instead."
        )
    return InvalidInputError(f"`X` holds an infinite value, first at {where}; clip or remove such values first.")


# The layout

Rows = slice | Array


class Blocks(Protocol):
    """Samples of any kind, as extractors are run over them."""

    @property
    def n(self) -> int: ...

    @property
    def inputs(self) -> Array:
        """What a model reads of them."""

    def chunks(self) -> list[Any]:
        """Cut the rows into blocks, in whatever form `read` takes them."""

    def read(self, rows: Any) -> Any:
        """Return some rows as extractors want them."""


@dataclass(frozen=True)
class Dense:
    """Samples of one shape, held in one array."""

    inputs: Array  # as the user has it: any real dtype, with or without a channel axis
    add_channel: bool  # whether a channel axis of length 1 is added for the extractors
    compute: np.dtype[np.floating]  # what extractors compute in: float32 or float64

    @property
    def n(self) -> int:
        return len(self.inputs)

    @property
    def layout(self) -> Array:
        """The inputs with the channel axis in place."""
        plain = np.asarray(self.inputs)
        return plain[..., np.newaxis] if self.add_channel else plain

    @property
    def native_dtype(self) -> np.dtype[np.generic]:
        return self.inputs.dtype.newbyteorder("=")

    @property
    def readable_at_once(self) -> bool:
        """Whether all of it can be read without a copy."""
        return self.layout.dtype == self.compute and self.layout.flags.c_contiguous

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.layout.shape[1:]

    def chunks(self) -> list[Rows]:
        return list(row_slices(self.n, prod(self.row_shape) * self.compute.itemsize))

    def read(self, rows: Rows) -> Floats:
        """Return some rows as extractors want them: contiguous, converted, not to be written to."""
        block = np.ascontiguousarray(self.layout[rows], dtype=self.compute)
        block.flags.writeable = False
        return block

    def take(self, rows: Rows) -> Dense:
        return replace(self, inputs=self.inputs[rows])

    def changed(self, layout: Array) -> Dense:
        """Return other samples in the user's convention."""
        compute = layout.dtype if layout.dtype in (np.float32, np.float64) else self.compute
        return Dense(layout[..., 0] if self.add_channel else layout, self.add_channel, compute)


@dataclass(frozen=True)
class Ragged:
    """Series of different lengths; those of one length are read together."""

    series: tuple[Array, ...]  # one array (time_i, channels) per sample
    add_channel: bool  # whether the user's series had no channel axis
    compute: np.dtype[np.floating]  # what extractors compute in
    padding: str  # the side, "post" or "pre", on which padding stands in `inputs`
    padding_value: float
    length: int  # that series are padded to, at least that of the longest

    @property
    def n(self) -> int:
        return len(self.series)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.length, self.series[0].shape[1])

    def groups(self) -> list[Array]:
        """Return the rows of each length, in the order in which the lengths first occur."""
        found: dict[int, list[int]] = {}
        for row, series in enumerate(self.series):
            found.setdefault(len(series), []).append(row)
        return [np.array(rows) for rows in found.values()]

    def chunks(self) -> list[Rows]:
        chunks: list[Rows] = []
        for group in self.groups():
            bytes_per_row = self.series[group[0]].size * self.compute.itemsize
            chunks += [group[rows] for rows in row_slices(len(group), bytes_per_row)]
        return chunks

    def read(self, rows: Rows) -> Floats:
        """Return some rows of one length, stacked."""
        block: Floats = np.stack([self.series[row] for row in self.indices(rows)]).astype(self.compute, copy=False)
        block.flags.writeable = False
        return block

    def take(self, rows: Rows) -> Ragged:
        return replace(self, series=tuple(self.series[row] for row in self.indices(rows)))

    def indices(self, rows: Rows) -> list[int]:
        return list(range(self.n)[rows]) if isinstance(rows, slice) else rows.tolist()

    def steps(self, length: int) -> slice:
        """Where the steps of a series of this length stand among the padded ones."""
        return slice(0, length) if self.padding == "post" else slice(self.length - length, self.length)

    @property
    def inputs(self) -> Floats:
        """The padded float32 array (n, length[, channels]) that a model reads."""
        padded = np.full((self.n, *self.row_shape), self.padding_value, np.float32)
        with np.errstate(over="ignore"):
            for row, series in enumerate(self.series):
                padded[row, self.steps(len(series))] = series
        if not np.isfinite(padded).all():
            row = int(np.argwhere(~np.isfinite(padded))[0, 0])
            raise InvalidInputError(
                f"`X[{row}]` holds values beyond the range of float32, in which padded series are handed to the "
                "model; rescale the series first."
            )
        return padded[..., 0] if self.add_channel else padded


Samples = Dense | Ragged


CHUNK_BYTES = 512 * 1024
"""Converted input a chunk holds: it stays in the second-level cache while every task reads it."""


def row_slices(n: int, bytes_per_row: int) -> Iterator[slice]:
    """Cut ``n`` rows into slices of at most `CHUNK_BYTES`, and of one row at least."""
    step = max(1, CHUNK_BYTES // max(1, bytes_per_row))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def for_each(function: Callable[[Any], int], chunks: Sequence[Any], *, n_jobs: int, progress: bool) -> list[int]:
    results: Any = map(function, chunks)
    if n_jobs != 1:
        joblib = require("joblib", extra="parallel")
        # Threads, not processes: NumPy releases the lock while it computes, and nothing has to be copied.
        workers = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        results = workers(joblib.delayed(function)(chunk) for chunk in chunks)
    return list(shown(results, len(chunks), progress, unit="chunk"))


# Consecutive blocks of samples

BLOCK_ROWS = 256
BLOCK_BYTES = 32 * 1024 * 1024


def block_rows(samples: Samples | Documents) -> int:
    """Return how many samples a teacher is asked about at once: a power of two, fewer of large ones.

    Products of matrices round otherwise where there are more or fewer rows, so that in memory and on disk these are the
    same. A power of two has small common multiples with the blocks in which targets are computed.
    """
    per_row = max(1, prod(samples.row_shape) * samples.compute.itemsize)
    most = max(1, min(BLOCK_ROWS, BLOCK_BYTES // per_row))
    return 1 << (most.bit_length() - 1)


@dataclass(frozen=True, eq=False)
class InBlocks:
    """Samples block by block, as often as they are gone through, each with the number of its first sample."""

    samples: Samples | Documents
    rows: int
    first: int = 0  # the number of the first sample

    def __iter__(self) -> Iterator[tuple[int, Samples | Documents]]:
        samples = self.samples
        for start in range(0, samples.n, self.rows):
            rows = slice(start, min(start + self.rows, samples.n))
            yield self.first + start, samples.read(rows) if isinstance(samples, Documents) else samples.take(rows)
