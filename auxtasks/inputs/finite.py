"""Refusing NaN and infinity at the door, at little more than the cost of reading the inputs once."""

from __future__ import annotations

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.inputs.samples import Dense, Samples


def checked_finite(samples: Samples) -> Samples:
    """Return samples whose values are all finite.

    Parameters
    ----------
    samples : Dense or Ragged
        The samples.

    Returns
    -------
    Dense or Ragged
        The same.

    Raises
    ------
    InvalidInputError
        If a value is NaN or infinite; the first is named. A sum tells of either, and only then is looked for it.

    Examples
    --------
    >>> checked_finite(Dense(np.ones((1, 2)), True, np.dtype("float64"))).n
    1
    """
    dtypes = {samples.inputs.dtype} if isinstance(samples, Dense) else {array.dtype for array in samples.series}
    if all(dtype.kind != "f" for dtype in dtypes):
        return samples
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in samples.chunks():
            block = samples.read(rows)
            if not np.isfinite(block.sum()) and not np.isfinite(block).all():
                place = np.argwhere(~np.isfinite(block))[0]
                row = int(np.arange(samples.n)[rows][place[0]])
                raise _not_finite(row, tuple(map(int, place[1:])), samples.add_channel, float(block[tuple(place)]))
    return samples


def _not_finite(row: int, place: tuple[int, ...], add_channel: bool, value: float) -> InvalidInputError:
    where = ", ".join(map(str, place[:-1] if add_channel else place))
    if np.isnan(value):
        return InvalidInputError(
            f"`X` holds NaN, first at `X[{row}][{where}]`; numbers are expected everywhere. Impute missing values "
            "first; where NaN only pads shorter series, pass a list of the unpadded series instead."
        )
    return InvalidInputError(
        f"`X` holds an infinite value, first at `X[{row}][{where}]`; clip or remove such values first."
    )
