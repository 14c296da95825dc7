"""The order of the work: first what changes the inputs, then every other target on the inputs that result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.compute.expand import expand
from auxtasks.compute.given_columns import EncodedColumn
from auxtasks.compute.raw import RawTarget, empty_target
from auxtasks.compute.run import compute
from auxtasks.compute.settings import Settings
from auxtasks.compute.shorten import shorten
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.samples import Dense, Ragged, Samples
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.text.documents import Documents


@dataclass(frozen=True)
class Computed:
    """Unscaled targets and the inputs they belong to.

    Parameters
    ----------
    targets : dict of str to RawTarget
        In the order of the tasks, then of the given columns.
    inputs : ndarray
        What the model will see.
    n_original : int
        How many of the samples are not transformed copies.
    lengths : ndarray or None
        How many steps of each text are not padding; None for other inputs.
    """

    targets: dict[str, RawTarget]
    inputs: Array
    n_original: int
    lengths: Array | None = None


def compute_all(
    samples: Samples | Documents, tasks: Sequence[Task], columns: Sequence[EncodedColumn], settings: Settings
) -> Computed:
    """Compute all targets, unscaled.

    Parameters
    ----------
    samples : Dense, Ragged or Documents
        The checked inputs.
    tasks : sequence of Task
        What to compute; at most one changes the inputs.
    columns : sequence of EncodedColumn
        The given columns.
    settings : Settings
        How to compute.

    Returns
    -------
    Computed
        The targets and the inputs that result.

    Raises
    ------
    InvalidInputError
        If a task or a given column does not fit the inputs.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> samples = read_inputs([[1.0, 3.0]], "signal")
    >>> computed = compute_all(samples, parse_tasks("signal", "std"), [], Settings(np.dtype("float32")))
    >>> computed.targets["std"].array
    array([[1.]], dtype=float32)
    """
    n_original = samples.n
    found: dict[str, RawTarget] = {}
    shortened_from = samples.row_shape
    for task in (task for task in tasks if task.effect != "none"):
        if not isinstance(samples, (Dense, Ragged)):
            raise InvalidInputError(
                f"`tasks`: {task.name!r} changes the inputs, which texts do not allow; leave it out."
            )
        if task.effect == "shortens":
            samples, found[task.name] = shorten(samples, task, settings.dtype)
        else:
            samples, found[task.name] = expand(samples, task, settings.seed, settings.dtype)
    others = [task for task in tasks if task.effect == "none"]
    found |= compute(samples, others, settings.dtype, n_jobs=settings.n_jobs, progress=settings.progress)
    for column in columns:
        _check_steps(column, samples.row_shape, shortened_from)
        found[column.task.name] = _given_target(column, samples.n, settings.dtype)
    names = [task.name for task in tasks] + [column.task.name for column in columns]
    return Computed(
        {name: found[name] for name in names}, samples.inputs, n_original, getattr(samples, "lengths", None)
    )


def inputs_after(samples: Samples | Documents, tasks: Sequence[Task], settings: Settings) -> Array:
    """Return the inputs that a model reads, of samples for which no targets are wanted.

    Parameters
    ----------
    samples : Dense, Ragged or Documents
        The checked inputs.
    tasks : sequence of Task
        The tasks; one that shortens the inputs does so.
    settings : Settings
        How to compute.

    Returns
    -------
    ndarray
        One row for each sample: no copies are added.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> from auxtasks.compute.tasklist import parse_tasks
    >>> task = parse_tasks("signal", {"next_steps": {"horizon": 1}})
    >>> inputs_after(read_inputs([[1.0, 2.0, 3.0]], "signal"), task, Settings(np.dtype("float32")))
    array([[1., 2.]])
    """
    for task in tasks:
        if task.effect == "shortens" and isinstance(samples, (Dense, Ragged)):
            samples, _ = shorten(samples, task, settings.dtype)
    return samples.inputs


def _check_steps(column: EncodedColumn, row_shape: tuple[int, ...], before: tuple[int, ...]) -> None:
    if column.kind.startswith("step") and row_shape != before and column.array.shape[1] == before[0]:
        raise InvalidInputError(
            f"`given`: {column.task.name!r} has {before[0]} steps, one for each of the inputs, and only "
            f"{row_shape[0]} are left after a task shortened the inputs; give the labels of these."
        )


def _given_target(column: EncodedColumn, n: int, dtype: np.dtype[np.floating]) -> RawTarget:
    """Lay out a given column; transformed copies, which come last, have no label."""
    natural = column.array.shape[1:]
    array = empty_target(column.kind, n, natural, dtype)
    target = RawTarget(column.task.name, column.kind, natural, array)
    target.write(slice(0, len(column.array)), column.array)
    return target
