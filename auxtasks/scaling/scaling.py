"""From a target's own units to those it is trained in, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from auxtasks.inputs.chunks import row_slices
from auxtasks.typing import Array, Floats


@dataclass(frozen=True, eq=False)
class Scaling:
    """A change of units fitted on training data, and the columns it leaves out.

    Parameters
    ----------
    log1p : bool
        Whether ``log1p`` comes first.
    mean, std : ndarray of float64, shape (d,)
        What is subtracted and divided by, for each entry of the last axis before columns are left out. A column
        left out because it is constant has its value as `mean` and 0 as `std`; one never present has NaN as `mean`.
    kept : tuple of int
        The columns that are kept.
    origin : tuple of int
        For each column, which of the kept ones it is recovered from; -1 where it has a value of its own.
    """

    log1p: bool
    mean: Array
    std: Array
    kept: tuple[int, ...]
    origin: tuple[int, ...]

    def apply(self, values: Floats, *, in_place: bool = False) -> Floats:
        """Scale a target.

        Parameters
        ----------
        values : ndarray of float, shape (n, ..., d)
            The target in its own units, NaN where missing.
        in_place : bool
            Whether to overwrite `values`, which must be C-contiguous; then nothing is allocated that grows with n.

        Returns
        -------
        ndarray of float, shape (n, ..., len(kept))
            In the dtype of `values`.

        Examples
        --------
        >>> Scaling(False, np.array([2.0]), np.array([0.5]), (0,), (0,)).apply(np.array([[3.0]]))
        array([[2.]])
        """
        shape = (*values.shape[:-1], len(self.kept))
        room = values if in_place else np.empty(shape, values.dtype)
        # Rows get shorter where columns are left out, so a row written never reaches one that is still to be read.
        scaled = room.reshape(-1)[: prod(shape)].reshape(shape)
        kept = list(self.kept)
        mean, std = self.mean[kept], self.std[kept]
        for rows in row_slices(len(values), 8 * prod(values.shape[1:])):
            block = values[rows].astype(np.float64)
            if len(kept) < values.shape[-1]:
                block = block[..., kept]
            if self.log1p:
                np.log1p(block, out=block)
            block -= mean
            block /= std
            scaled[rows] = block
        return scaled

    def invert(self, values: Array) -> Floats:
        """Turn a scaled target, or a prediction of one, into the target's own units.

        Parameters
        ----------
        values : ndarray of float, shape (..., len(kept))
            The scaled values.

        Returns
        -------
        ndarray of float, shape (..., d)
            With the columns put back that were left out: constants by their value, copies by that of their twin,
            those never present as NaN. In the dtype of `values`, and limited to what that can hold, because
            undoing the logarithm of a wild prediction would overflow.

        Examples
        --------
        >>> Scaling(False, np.array([2.0, 7.0]), np.array([0.5, 0.0]), (0,), (0, -1)).invert(np.array([[2.0]]))
        array([[3., 7.]])
        """
        values = np.asarray(values)
        dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        origin = np.array(self.origin)
        full = values.astype(np.float64)[..., np.maximum(origin, 0)] if self.kept else np.zeros((*values.shape[:-1], 1))
        full = np.where(origin >= 0, full, 0.0) * self.std + self.mean
        limit = float(np.finfo(dtype).max)
        with np.errstate(over="ignore"):
            full = np.clip(np.expm1(full) if self.log1p else full, -limit, limit)
            return full.astype(dtype)

    def to_dict(self) -> dict[str, Any]:
        """Return the scaling as plain JSON types; `from_dict` is the inverse."""
        mean = [None if np.isnan(value) else float(value) for value in self.mean]
        return {
            "log1p": self.log1p,
            "mean": mean,
            "std": self.std.tolist(),
            "kept": list(self.kept),
            "origin": list(self.origin),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Scaling:
        """Make a scaling from what `to_dict` returned, also after a round trip through JSON."""
        mean = np.array([np.nan if value is None else value for value in fields["mean"]], np.float64)
        std = np.array(fields["std"], np.float64)
        return cls(bool(fields["log1p"]), mean, std, tuple(fields["kept"]), tuple(fields["origin"]))
