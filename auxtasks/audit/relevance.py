"""How well the targets tell the main label, by a linear model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.experiment import Experiment


@dataclass(frozen=True)
class Relevance:
    """The relevance of tasks, alone and together.

    Parameters
    ----------
    experiment : Experiment
        Whose labelled samples are taken.
    """

    experiment: Experiment
    _found: dict[tuple[str, ...], float] = field(default_factory=dict)

    def __call__(self, arm: Arm) -> float:
        """Return the relevance of the tasks of an arm."""
        return self.of(arm.tasks)

    def of(self, tasks: tuple[str, ...]) -> float:
        """Return the skill of a linear probe of the main label: 0 as a guess, 1 without error, NaN if not defined."""
        from auxtasks.audit.screen.features import features_of
        from auxtasks.audit.screen.probe import linear_probe

        if tasks not in self._found:
            samples, rows = self.experiment.samples, np.flatnonzero(self.experiment.labelled)
            parts: list[Any] = [features_of(samples.targets[task][rows], self.experiment.specs[task]) for task in tasks]
            problem = self.experiment.settings.metrics.problem
            self._found[tasks] = linear_probe(np.concatenate(parts, axis=1), samples.main[rows], problem=problem)
        return self._found[tasks]

    @property
    def by_task(self) -> dict[str, float]:
        """The relevance of each task."""
        return {task: self.of((task,)) for task in self.experiment.specs}
