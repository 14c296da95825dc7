"""What is to be written, and of what."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, cast

from auxtasks._version import __version__
from auxtasks.compute.given_columns import EncodedColumn
from auxtasks.compute.pipeline import Computed, compute_all
from auxtasks.compute.settings import Settings
from auxtasks.compute.task import Task
from auxtasks.disk.parts import Part
from auxtasks.disk.rows import digest_of
from auxtasks.disk.sources import Source, dense
from auxtasks.errors import InvalidInputError
from auxtasks.generic.column import GivenColumn
from auxtasks.inputs.samples import Dense
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.targets.reading import read_samples
from auxtasks.typing import Array


@dataclass(frozen=True)
class Job:
    """Inputs, and what is made of them.

    Parameters
    ----------
    source : Sliced or Batches
        The inputs.
    generator : AuxTargetGenerator
        With the user's parameters; not fitted.
    settings : Settings
        The checked parameters.
    tasks : tuple of Task
        What to compute.
    given : dict of str to GivenColumn
        The given columns, as fitted.
    columns : list of EncodedColumn
        Their values.
    samples : Dense
        The first sample, in the layout of extractors.
    parts : tuple of Part
        The files to be filled.
    rows : int
        How many samples a chunk has.
    """

    source: Source
    generator: AuxTargetGenerator
    settings: Settings
    tasks: tuple[Task, ...]
    given: dict[str, GivenColumn]
    columns: list[EncodedColumn]
    samples: Dense
    parts: tuple[Part, ...] = ()
    rows: int = 1

    def compute(self, start: int, block: Array) -> Computed:
        """Compute the unscaled targets of some rows, with errors that name rows as the user counts them."""
        stop = start + len(block)
        for column in self.columns:
            if len(column.array) < stop:
                raise InvalidInputError(
                    f"`given`: {column.task.name!r} has {len(column.array)} rows, and `X` at least {stop}; give one "
                    "for each sample."
                )
        columns = [replace(column, array=column.array[start:stop]) for column in self.columns]
        try:
            samples = samples_of(block, self.generator, self.settings)
        except InvalidInputError as error:
            counted = re.sub(r"`X\[(\d+)\]", lambda found: f"`X[{start + int(found[1])}]", str(error), count=1)
            raise InvalidInputError(counted) from error
        return compute_all(samples, self.tasks, columns, replace(self.settings, progress=False))

    def made_of(self) -> dict[str, Any]:
        """Return what decides the result, by the name of the argument."""
        params = self.generator.get_params()
        for name in ("n_jobs", "progress", "tasks"):
            del params[name]
        return {
            **params,
            "dtype": str(self.settings.dtype),
            "tasks": [[task.name, task.task, dict(task.options)] for task in self.tasks],
            "given": {c.task.name: [self.given[c.task.name].to_dict(), digest_of(c.array)] for c in self.columns},
            "shape of X": [self.source.n, *self.source.first.shape[1:]],
            "dtype of X": self.source.first.dtype.str,
            "version of auxtasks": __version__,
        }


def samples_of(block: Array, generator: AuxTargetGenerator, settings: Settings) -> Dense:
    """Read a block of inputs.

    Parameters
    ----------
    block : ndarray
        Some rows.
    generator : AuxTargetGenerator
        Whose parameters say how.
    settings : Settings
        The checked parameters.

    Returns
    -------
    Dense
        The samples.

    Raises
    ------
    AuxTasksError
        If they cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> samples_of(np.ones((2, 3)), AuxTargetGenerator("signal"), Settings(np.dtype("float32"))).row_shape
    (3, 1)
    """
    # Of texts and of series of different lengths there are none here.
    return cast("Dense", read_samples(dense(block, generator.domain), generator, settings, fitted=False))
