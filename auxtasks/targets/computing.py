"""The order of the work: first what changes the inputs, then every other target on the inputs that result."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.errors import InvalidInputError, warn_user
from auxtasks.specs import Kind
from auxtasks.targets.samples import Blocks, Dense, Ragged, Rows, Samples, for_each
from auxtasks.targets.tables import Table, model_inputs
from auxtasks.targets.tasks import Settings, Task
from auxtasks.typing import Array, Floats

if TYPE_CHECKING:
    from auxtasks.extractors.text.documents import Documents


@dataclass(frozen=True)
class Computed:
    """Unscaled targets and the inputs they belong to."""

    targets: dict[str, RawTarget]  # in the order of the tasks, then of the label columns
    inputs: Any  # what the model will see: an array, or columns by name
    n_original: int  # how many of the samples are not transformed copies
    lengths: Array | None = None  # how many steps of each text are not padding; None for other inputs


def compute_all(
    samples: Samples | Documents, tasks: Sequence[Task], label_columns: Sequence[RawTarget], settings: Settings
) -> Computed:
    n_original = samples.n
    found: dict[str, RawTarget] = {}
    shortened_from = samples.row_shape
    for task in (task for task in tasks if task.extractor.effect != "none"):
        if isinstance(samples, Table) or not isinstance(samples, (Dense, Ragged)):
            what = "columns by name" if isinstance(samples, Table) else "texts"
            raise InvalidInputError(
                f"`tasks`: {task.name!r} changes the inputs, which is not possible for {what}; leave it out."
            )
        if task.extractor.effect == "shortens":
            samples, found[task.name] = shorten(samples, task, settings.dtype)
        else:
            samples, found[task.name] = expand(samples, task, settings.seed, settings.dtype)
    others = [task for task in tasks if task.extractor.effect == "none"]
    found |= compute(samples, others, settings.dtype, n_jobs=settings.n_jobs, progress=settings.progress)
    targets = {task.name: found[task.name] for task in tasks}
    for column in label_columns:
        _check_steps(column, samples.row_shape, shortened_from)
        # Transformed copies, which come last, have no label.
        target = replace(column, array=empty_target(column.kind, samples.n, column.natural, settings.dtype))
        _warn_of_missing([column.name], target.write(slice(0, n_original), column.array), settings.dtype)
        targets[column.name] = target
    return Computed(targets, model_inputs(samples), n_original, getattr(samples, "lengths", None))


def inputs_after(samples: Samples | Documents, tasks: Sequence[Task], settings: Settings) -> Any:
    """Return the inputs that a model reads, of samples for which no targets are wanted."""
    for task in tasks:
        if task.extractor.effect == "shortens" and isinstance(samples, (Dense, Ragged)):
            samples, _ = shorten(samples, task, settings.dtype)
    return model_inputs(samples)


def _check_steps(column: RawTarget, row_shape: tuple[int, ...], before: tuple[int, ...]) -> None:
    if column.kind.startswith("step") and row_shape != before and column.array.shape[1] == before[0]:
        raise InvalidInputError(
            f"`label_columns`: {column.name!r} has {before[0]} steps, one for each of the inputs, and only "
            f"{row_shape[0]} are left after a task shortened the inputs; give the labels of these."
        )


def compute(
    samples: Blocks, tasks: Sequence[Task], dtype: np.dtype[np.floating], *, n_jobs: int = 1, progress: bool = False
) -> dict[str, RawTarget]:
    if not tasks:
        return {}
    first, *others = samples.chunks()
    X = samples.read(first)
    rooms: list[RawTarget] = []
    too_large = 0
    for task in tasks:
        result = call(task, X)
        rooms.append(make_room(task, result, samples, dtype))
        too_large += rooms[-1].write(first, result, samples)
    _warn_of_size(rooms, samples)

    def run(rows: Rows) -> int:
        X = samples.read(rows)
        return sum(room.write(rows, call(task, X), samples) for task, room in zip(tasks, rooms, strict=True))

    too_large += sum(for_each(run, others, n_jobs=n_jobs, progress=progress))
    _warn_of_missing([task.name for task in tasks], too_large, dtype)
    return {room.name: room for room in rooms}


def _warn_of_missing(names: Sequence[str], too_large: int, dtype: np.dtype[np.floating]) -> None:
    if too_large:
        warn_user(
            f"{too_large} values of the targets {', '.join(names)} are too large for {dtype} and count as missing; "
            "divide the inputs by a power of ten, or pass them as float64 with dtype='float64'."
        )


LARGE = 2**30
"""Targets of fewer bytes may be larger than the inputs."""


def _warn_of_size(rooms: Sequence[RawTarget], samples: Blocks) -> None:
    n_bytes = sum(room.array.nbytes for room in rooms)
    if n_bytes > LARGE and n_bytes > samples.inputs.nbytes:
        largest = max(rooms, key=lambda room: room.array.nbytes)
        warn_user(
            f"the targets take {n_bytes / 2**30:.1f} GiB, more than the inputs: {largest.name!r} has "
            f"{largest.array[0].size:,} numbers for each sample. To save memory, compute them in the training step "
            "with attach_heads(model, generator), write them to disk with make_aux_targets(..., save_to=path), or "
            "choose tasks or options with fewer numbers."
        )


def call(task: Task, X: Floats) -> Array:
    """Call the extractor of a task, and check that it answers for every sample."""
    # Extremes of the user's data may overflow; what is not finite is then marked as missing, and said once.
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.asarray(task.extractor.function(X, **task.arguments))
    check_rows(task, result, len(X))
    return result


def call_pair(task: Task, X: Floats, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
    extra = {} if rng is None else {"rng": rng}
    with np.errstate(over="ignore", invalid="ignore"):
        changed, result = task.extractor.function(X, **extra, **task.arguments)
    check_rows(task, changed, len(X))
    check_rows(task, result, len(X))
    if rng is not None and changed.shape != X.shape:
        raise InvalidInputError(
            f"task {task.name!r} must give one copy of the same shape per sample: expected {X.shape}, "
            f"got {changed.shape}."
        )
    if rng is not None and not np.isfinite(changed).all():
        raise InvalidInputError(
            f"task {task.name!r} gives copies with values that are not finite; rescale the inputs, choose smaller "
            "options of the task, or leave it out."
        )
    return changed, result


def check_rows(task: Task, result: Array, n: int) -> None:
    if result.ndim == 0 or len(result) != n:
        raise InvalidInputError(
            f"task {task.name!r} must give one row per sample: expected shape ({n}, ...), got {result.shape}."
        )


def check_like_training(found: tuple[int, ...], fitted: tuple[int, ...], domain: str) -> None:
    """Refuse samples that could not go through a model trained on others."""
    if 0 in found:
        raise InvalidInputError(f"`X` has empty samples, of shape {found}.")
    free = 1 if domain in ("signal", "video") else 0
    if domain == "any" and len(found) == len(fitted) == 1 and found != fitted:
        raise InvalidInputError(
            f"X has {found[0]} features, but AuxTargetGenerator is expecting {fitted[0]} features as input; pass the "
            "columns of the training inputs."
        )
    if len(found) != len(fitted) or found[free:] != fitted[free:]:
        raise InvalidInputError(
            f"`X` has samples of shape {found}, and the training inputs had {fitted} (channels last); bring the "
            "inputs to the shape of the training inputs."
        )


def check_fitted_shapes(raw: Mapping[str, RawTarget], fitted: Mapping[str, tuple[int, ...]]) -> None:
    for name, target in raw.items():
        if target.natural != fitted[name]:
            raise InvalidInputError(
                f"`X`: target {name!r} has shape (n, {', '.join(map(str, target.natural))}) for these inputs and had "
                f"(n, {', '.join(map(str, fitted[name]))}) for the training inputs; bring the inputs to the shape "
                "of the training inputs (crop, pad or resize them)."
            )


def shorten(samples: Samples, task: Task, dtype: np.dtype[np.floating]) -> tuple[Samples, RawTarget]:
    """Apply a task that cuts its target off the inputs."""
    if isinstance(samples, Ragged):
        return _shorten_series(samples, task, dtype)
    # Where nothing has to be converted, one call gives a view, and no copy of the inputs is made.
    first, *others = [slice(0, samples.n)] if samples.readable_at_once else samples.chunks()
    layout, result = call_pair(task, samples.read(first))
    target = make_room(task, result, samples, dtype)
    too_large = target.write(first, result)
    if not samples.readable_at_once:
        head, layout = layout, np.empty((samples.n, *layout.shape[1:]), samples.native_dtype)
        layout[first] = head
    for rows in others:
        layout[rows], result = call_pair(task, samples.read(rows))
        too_large += target.write(rows, result)
    _warn_of_missing([task.name], too_large, dtype)
    return samples.changed(layout), target


def _shorten_series(samples: Ragged, task: Task, dtype: np.dtype[np.floating]) -> tuple[Ragged, RawTarget]:
    series = list(samples.series)
    target: RawTarget | None = None
    too_large = 0
    for rows in samples.chunks():
        shorter, result = call_pair(task, samples.read(rows))
        target = target or make_room(task, result, samples, dtype)
        too_large += target.write(rows, result)
        for row, cut in zip(samples.indices(rows), shorter, strict=True):
            series[row] = cut
    if target is None:
        raise InvalidInputError(f"task {task.name!r} was given no samples.")
    _warn_of_missing([task.name], too_large, dtype)
    # The padding shrinks with the series, also where it reaches beyond the longest of these.
    cut_off = max(map(len, samples.series)) - max(map(len, series))
    return replace(samples, series=tuple(series), length=samples.length - cut_off), target


def expand(samples: Samples, task: Task, seed: int, dtype: np.dtype[np.floating]) -> tuple[Samples, RawTarget]:
    """Apply a task that adds a transformed copy of every sample."""
    # The name of the task keeps these draws apart from others that are made with the same seed.
    rng = np.random.default_rng([seed, zlib.crc32(task.extractor.name.encode())])
    n = samples.n
    if isinstance(samples, Dense):
        copies, classes = call_pair(task, samples.read(slice(0, n)), rng)
        layout = np.empty((2 * n, *samples.row_shape), _dtype_for(samples, copies))
        layout[:n] = samples.layout
        layout[n:] = copies
        expanded: Samples = samples.changed(layout)
    else:
        added: list[Array] = list(samples.series)
        classes = np.empty(n, np.int32)
        for rows in samples.groups():
            copies, classes[rows] = call_pair(task, samples.read(rows), rng)
            for row, copy in zip(rows, copies, strict=True):
                added[row] = copy
        expanded = replace(samples, series=(*samples.series, *added))
    target = make_room(task, classes, expanded, dtype)
    target.write(slice(0, n), np.zeros(n, np.int32))
    target.write(slice(n, 2 * n), classes)
    return expanded, target


def _dtype_for(samples: Dense, copies: Array) -> np.dtype[np.generic]:
    """Keep the user's dtype, unless it is one of integers and the copies are not, or they exceed its range."""
    user = samples.native_dtype
    with np.errstate(invalid="ignore", over="ignore"):
        cast = copies.astype(user)
    fits = np.isfinite(cast).all() if user.kind == "f" else np.array_equal(cast, copies)
    return user if fits else samples.compute


# Room for the values of one target before they are scaled, filled chunk by chunk

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
