"""Room for the values of one target before they are scaled, filled chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.specs import Kind
from auxtasks.targets.samples import Blocks, Ragged, Rows
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array

# How many axes the result of a kind has, the axis of samples included; a vector may have any number.
_AXES: dict[Kind, int] = {"class": 1, "multilabel": 2, "step_class": 2, "step_vector": 3, "image": 4}
_INTEGERS: dict[Kind, type[np.integer]] = {"class": np.int32, "step_class": np.int32, "multilabel": np.int8}
_BY_AXES: dict[int, Kind] = {2: "vector", 3: "step_vector", 4: "image"}


@dataclass
class RawTarget:
    """The unscaled values of a target for all samples."""

    name: str
    kind: Kind
    natural: tuple[int, ...]  # the shape of one sample's values as the extractor gives them, for the names of columns
    array: Array  # vectors are flattened to (n, d); everything else has its natural shape

    def write(self, rows: Rows, result: Array, samples: Blocks | None = None) -> int:
        """Put the result for some rows in its place, and count the values that are too large for the dtype."""
        vanished: list[str] = []
        with np.errstate(over="ignore", invalid="ignore", under="call", call=lambda kind, _: vanished.append(kind)):
            values = np.asarray(result).astype(self.array.dtype, copy=False)
            if vanished:
                # What is not 0 does not become it, so that numbers too small are not taken for a constant.
                least = np.copysign(np.finfo(values.dtype).smallest_subnormal, values)
                values = np.where((values == 0) & (result != 0), least, values)
            too_large = _mask_infinite(values) if values.dtype.kind == "f" else None
        if too_large is not None:
            values = np.where(too_large, np.nan, values)
        place: tuple[Rows, ...] = (rows,)
        expected = self.natural
        if isinstance(samples, Ragged) and self.kind.startswith("step"):
            place = (rows, samples.steps(values.shape[1]))
            expected = (min(values.shape[1], samples.length), *self.natural[1:])
        if values.shape[1:] != expected:
            raise InvalidInputError(
                f"task {self.name!r} gives shape {values.shape[1:]} for some samples and {expected} for others; "
                "its target must not depend on the length of a series."
            )
        if self.kind == "vector":
            values = values.reshape(len(values), -1)
        self.array[place] = values
        return 0 if too_large is None else int(too_large.sum())


def make_room(task: Task, result: Array, samples: Blocks, dtype: np.dtype[np.floating]) -> RawTarget:
    """Allocate the target of a task, from its result for the first rows."""
    shape = np.shape(result)
    kind = task.extractor.kind or _BY_AXES.get(len(shape))
    if kind is None or len(shape) < 1 or (kind in _AXES and len(shape) != _AXES[kind]) or 0 in shape:
        raise InvalidInputError(
            f"task {task.name!r} gives shape {shape}, which does not match the layout of kind "
            f"{kind or 'vector, step_vector or image'}; see `auxtasks.specs.Kind` for the layouts."
        )
    natural = shape[1:]
    if isinstance(samples, Ragged) and kind.startswith("step"):
        natural = (samples.length, *shape[2:])
    return RawTarget(task.name, kind, natural, empty_target(kind, samples.n, natural, dtype))


def empty_target(kind: Kind, n: int, natural: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
    shape = (n, prod(natural)) if kind == "vector" else (n, *natural)
    if kind in _INTEGERS:
        return np.full(shape, -1, _INTEGERS[kind])
    return np.full(shape, np.nan, dtype)


def _mask_infinite(values: Array) -> Array | None:
    """Mark infinite values, if there are any; the sum, cheaper than the mask, tells of them."""
    if np.isfinite(values.sum()):
        return None
    mask = np.isinf(values)
    return mask if mask.any() else None
