"""The door: whatever a user calls inputs becomes checked samples, or a clear refusal."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError, unknown_name
from auxtasks.inputs.arrays import parts_of, to_array
from auxtasks.inputs.finite import checked_finite
from auxtasks.inputs.samples import Dense, Ragged, Samples
from auxtasks.registry import DOMAINS
from auxtasks.typing import Array

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
    """Check the inputs of a domain and bring them into the layout of its extractors.

    Parameters
    ----------
    X : array-like or sequence of array-like
        The inputs: an array, a DataFrame, nested lists, or for signals also series of different lengths.
    domain : str
        One of the domains of the registry.
    padding : {"post", "pre"}
        Where series of different lengths are padded.
    padding_value : float
        What they are padded with.
    length : int, optional
        Pad series to this length at least; given where the training series had different lengths.

    Returns
    -------
    Dense or Ragged
        The samples. An array is kept as it is, without a copy.

    Raises
    ------
    UnknownNameError
        If there is no such domain.
    InvalidTypeError
        If something in `X` is not a real number.
    InvalidInputError
        If the number of axes is wrong, an axis is empty, shapes differ where they must not, or a value is NaN or
        infinite.

    Examples
    --------
    >>> read_inputs([[1.0, 2.0], [3.0]], "signal").inputs
    array([[1., 2.],
           [3., 0.]], dtype=float32)
    """
    if not isinstance(domain, str) or domain not in _LAYOUTS:
        raise unknown_name("domain", domain, DOMAINS, "domain")
    parts = parts_of(X)
    if parts is None:
        array = to_array(X, "X")
        _check_dense(array, domain)
    else:
        arrays = [to_array(part, f"X[{row}]") for row, part in enumerate(parts)]
        if _differ(arrays, domain):
            return checked_finite(_ragged(arrays, padding, padding_value, length))
        array = np.stack(arrays) if arrays else np.empty(0)
        _check_dense(array, domain)
    if domain == "signal" and length is not None and array.shape[1] < length:
        return checked_finite(_ragged(list(array), padding, padding_value, length))
    add_channel = domain != "any" and array.ndim == _LAYOUTS[domain][0]
    return checked_finite(Dense(array, add_channel, _compute_dtype(array.dtype, domain)))


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
