"""How the models of an audit are trained, apart from what differs between its arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.audit.metrics import Metrics


@dataclass(frozen=True)
class Data:
    """Samples of one model.

    Parameters
    ----------
    inputs : ndarray
        What the model reads, shape (n, ...).
    main : ndarray
        The main labels, -1 or NaN where missing.
    targets : dict of str to ndarray
        The auxiliary targets; some may be missing for test samples.
    """

    inputs: Array
    main: Array
    targets: Mapping[str, Array]

    def rows(self, rows: Array) -> Data:
        """Return some of the samples."""
        targets = {name: target[rows] for name, target in self.targets.items()}
        return Data(self.inputs[rows], self.main[rows], targets)


@dataclass(frozen=True)
class Settings:
    """How to attach heads and train.

    Parameters
    ----------
    epochs, batch_size : int
        As in ``fit``.
    weights : mapping of str to float or "auto"
        The loss weight of each task, multiplied by that of the arm.
    at, weighting, schedule
        As in `auxtasks.keras.attach_heads`.
    metrics : Metrics
        The metrics of the main task, the judged one first.
    fit_options : mapping
        Further arguments of ``fit``.
    """

    epochs: int
    batch_size: int
    weights: Mapping[str, float | str]
    metrics: Metrics
    at: Any = "auto"
    weighting: Any = "fixed"
    schedule: Any = "joint"
    fit_options: Mapping[str, Any] = field(default_factory=dict)

    def at_of(self, tasks: tuple[str, ...]) -> Any:
        """Return where the heads of some of the tasks go: what is said of others is left out."""
        at = self.at
        return {task: at[task] for task in tasks if task in at} if isinstance(at, Mapping) else at
