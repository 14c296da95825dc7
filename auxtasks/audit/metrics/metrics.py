"""The metrics of one main task: chosen once, computed for every run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.audit.metrics.catalogue import METRICS, PER_CLASS, checked_names, classes_of, one_of
from auxtasks.audit.metrics.evidence import gather, to_numbers
from auxtasks.audit.metrics.problem import Problem, Scale, about_loss, check_problem, problem_of
from auxtasks.labels import are_signed, read_labels
from auxtasks.validation import check_flag


@dataclass(frozen=True)
class Metrics:
    """What runs are scored by, the judged metric first; made by `Metrics.of`.

    `classes` are those that occur in all labels, or the columns of several labels; `signed` labels are -1 and 1.
    """

    names: tuple[str, ...]
    problem: Problem
    scale: Scale
    signed: bool
    classes: tuple[int, ...]

    @classmethod
    def of(
        cls,
        names: str | Iterable[str] | None,
        y: object,
        shape: Sequence[int | None],
        *,
        loss: Any = None,
        from_logits: bool | None = None,
        problem: Problem | None = None,
    ) -> Metrics:
        """Choose metrics for labels and a model's output."""
        check_problem(problem)
        if from_logits is not None:
            check_flag("from_logits", from_logits)
        labels, about = read_labels("y", y), about_loss(loss)
        kind = problem_of(labels, shape, loss=loss) if problem is None else problem
        scale: Scale = about.scale if from_logits is None else "logits" if from_logits else "probabilities"
        signed = kind != "regression" and are_signed(labels, hinge=about.scale == "margins")
        if signed and from_logits is None:
            # Labels of -1 and 1 are learned by margins, whatever the loss is called.
            scale = "margins"
        return cls(checked_names(names, kind), kind, scale, signed, classes_of(labels, kind, len(shape)))

    @property
    def judged(self) -> str:
        """The metric that decides."""
        return self.names[0]

    def score(self, y_true: object, y_pred: object) -> dict[str, float]:
        """Compute the metrics of one run.

        Computed by `sklearn.metrics`. ``precision``, ``recall`` and ``f1`` are macro means over the classes of the test
        part; ``pr_auc`` is the average precision; ``roc_auc`` and ``pr_auc`` of several classes are means of one
        against the rest. With several labels ``accuracy`` is ``1 - hamming_loss``, and scikit-learn's stricter
        ``accuracy_score`` is ``subset_accuracy``. A class is predicted above a probability of 0.5, or a margin of 0.
        """
        found = gather(y_true, y_pred, self.problem, scale=self.scale, signed=self.signed, classes=self.classes)
        defined = len(found.truth) > 0 and bool(np.isfinite(found.scores).all())
        entries: dict[str, float] = {}
        for name in self.names:
            key, label = one_of(name)
            value = METRICS[key].compute(found) if defined else float("nan")
            base = key.removesuffix(PER_CLASS)
            if base == key:
                entries[name] = float(value)
                continue
            values = np.broadcast_to(value, len(self.classes)).tolist()
            of_each = {f"{base}[{each}]": value for each, value in zip(self.classes, values, strict=True)}
            entries |= of_each if label is None else {name: of_each.get(name, float("nan"))}
        return entries


def score(
    names: str | Iterable[str] | None,
    y_true: object,
    y_pred: object,
    *,
    loss: Any = None,
    from_logits: bool | None = None,
    problem: Problem | None = None,
) -> dict[str, float]:
    """Compute metrics of labels and outputs at once, where there are no other labels to know the classes from."""
    outputs = to_numbers(y_pred)
    return Metrics.of(names, y_true, outputs.shape, loss=loss, from_logits=from_logits, problem=problem).score(
        y_true, outputs
    )
