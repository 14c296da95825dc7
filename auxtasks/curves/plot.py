"""Figures of all tasks of a model, as files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.metrics.labels import missing_entries
from auxtasks.audit.report.figures.export import save_figure
from auxtasks.curves.draw import draw_curves
from auxtasks.curves.tasks import tasks_of
from auxtasks.errors import AuxTasksWarning

if TYPE_CHECKING:
    import keras


def plot_curves(
    model: keras.Model,
    x: Any,
    y: Any,
    folder: str | os.PathLike[str],
    *,
    classes: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
) -> dict[str, Path]:
    """Predict, and write ROC and precision-recall curves and confusion matrices of every task as PNG.

    Parameters
    ----------
    model : keras.Model
        An `AuxModel`, whose auxiliary classes and labels are drawn too, or any other model.
    x : array or structure of arrays
        Inputs.
    y : array-like, or mapping of str to array-like
        The labels of the main task, or what ``with_main`` returned. Samples without a label are left out, and so are
        tasks that `y` does not hold.
    folder : path-like
        Where to write; made if need be. Files of the same names are replaced.
    classes : sequence of str, or mapping of str to these, optional
        The names of the main classes, or by task; by default those that the targets know, and else numbers.
    from_logits : bool, optional
        Whether the outputs of the model itself are logits; by default what its loss says.
    batch_size : int, optional
        For the prediction.

    Returns
    -------
    dict of str to Path
        The files by name: ``"main_curves"``, ``"main_confusion"`` and the same for each auxiliary task of classes or
        labels. Numbers, which have no such curves, are left out.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If labels do not fit the predictions, or are of a task that the model does not have.

    Warns
    -----
    AuxTasksWarning
        If a task has no label at all, or a single class.

    See Also
    --------
    draw_curves : The figures themselves, from labels and predictions.

    Examples
    --------
    >>> import keras, numpy as np, tempfile
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(path.name for path in plot_curves(model, np.eye(3), [0, 1, 0], folder).values())
    ['main_confusion.png', 'main_curves.png']
    """
    tasks = tasks_of(model, x, y, classes, batch_size)
    written = {}
    for name, task in tasks.items():
        if missing_entries(np.asarray(task.y_true)).all():
            warnings.warn(f"{name!r} has no label in `y`, and so no figures.", AuxTasksWarning, stacklevel=2)
            continue
        logits = from_logits if task.problem is None else False
        figures = draw_curves(
            task.y_true, task.y_pred, task=name, problem=task.problem, from_logits=logits, loss=task.loss,
            classes=task.classes,
        )  # fmt: skip
        for kind, figure in figures.items():
            Path(folder).mkdir(parents=True, exist_ok=True)
            # A name of a task may hold what a name of a file must not.
            path = Path(folder) / (re.sub(r"[^\w.-]+", "_", f"{name}_{kind}") + ".png")
            save_figure(figure, path)
            written[f"{name}_{kind}"] = path
    return written
