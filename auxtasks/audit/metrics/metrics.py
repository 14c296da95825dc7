"""The metrics of the main task, by name and for which problems, and those of one task, computed for every run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from auxtasks.audit.metrics.problem import (
    Evidence,
    Problem,
    Scale,
    about_loss,
    check_problem,
    gather,
    problem_of,
    without_last_one,
)
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.labels import are_signed, missing_entries, read_labels
from auxtasks.optional import require
from auxtasks.typing import Array
from auxtasks.validation import check_flag, is_listed


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


def decided(name: str) -> Callable[[Evidence], float]:
    """Make a function of scikit-learn, of labels and decisions or of two lots of numbers, a metric."""
    return lambda found: float(_of_scikit_learn(name)(found.truth, found.predicted))


def accuracy(found: Evidence) -> float:
    """Share of right decisions; of labels, that of all single yes and no, which is ``1 - hamming_loss``."""
    return 1 - decided("hamming_loss")(found) if found.problem == "multilabel" else decided("accuracy_score")(found)


def of_classes(name: str, average: Literal["macro", "weighted"] | None = None) -> Callable[[Evidence], Any]:
    """Make precision, recall or F1 a metric: one number for each class, or a mean.

    The mean goes over the classes that occur in the labels of the test part, so that it has the same terms whatever a
    model predicts. The precision of such a class counts as 0 where it is never predicted, as in scikit-learn.
    """

    def compute(found: Evidence) -> Any:
        asked = found.classes if average is None else _occurring(found)
        if not asked:
            return float("nan")
        without = np.nan if average is None else 0
        return _of_scikit_learn(name)(
            found.truth, found.predicted, labels=list(asked), average=average, zero_division=without
        )

    return compute


def _occurring(found: Evidence) -> list[int]:
    """List the classes, or columns of labels, of which the test part has a sample."""
    if found.problem == "multilabel":
        return [int(column) for column in np.flatnonzero((found.truth == 1).any(axis=0))]
    return [int(label) for label in np.unique(found.truth)]


def r2(found: Evidence) -> float:
    """Share of the variance that is predicted; NaN where an output is constant or there is but one sample."""
    if len(found.truth) < 2 or (found.truth == found.truth[0]).all(axis=0).any():
        return float("nan")
    return decided("r2_score")(found)


_TOLERANCE = 0.01
"""How far from 1 the probabilities of a sample may add up to and still count as rounded; half precision needs it."""


def areas(name: str, *, mean: bool = False) -> Callable[[Evidence], Any]:
    """Make an area under a curve a metric, one class against the rest: one number for each class, or their mean."""

    def compute(found: Evidence) -> Any:
        columns = [0] if found.problem == "binary" else list(found.classes)
        pairs = ((found.members[:, column], found.scores[:, column]) for column in columns)
        values = np.array([_of_scikit_learn(name)(*pair) if 0 < pair[0].mean() < 1 else np.nan for pair in pairs])
        return values.mean() if mean else values

    return compute


def log_loss(found: Evidence) -> float:
    """Mean negative logarithm of the probability of what is true; of labels, the mean over all columns.

    NaN where outputs are not probabilities: margins, values outside [0, 1] and rows that do not add up to 1.
    """
    scores = found.scores
    if not found.are_probabilities or scores.min() < 0 or scores.max() > 1 + _TOLERANCE:
        return float("nan")
    metric = _of_scikit_learn("log_loss")
    if found.problem == "multiclass":
        totals = scores.sum(axis=1, keepdims=True)
        if np.abs(totals - 1).max() > _TOLERANCE:
            return float("nan")
        return float(metric(found.truth, scores / totals, labels=np.arange(scores.shape[1])))
    yes = np.minimum(scores, 1)
    columns = zip(found.members.T, yes.T, strict=True)
    return float(np.mean([metric(member, chance, labels=[False, True]) for member, chance in columns]))


def _of_scikit_learn(name: str) -> Any:
    return getattr(require("sklearn.metrics", extra="audit"), name)


_ONE_CLASS = re.compile(r"(?P<name>\w+)\[(?P<label>\d+)\]")
PER_CLASS = "_per_class"


class Metric(NamedTuple):
    """From `Evidence` to a number, or to an array with an entry for each class; for which problems; what is better."""

    compute: Callable[[Evidence], Any]
    problems: tuple[Problem, ...]
    higher_is_better: bool = True


_SINGLE: tuple[Problem, ...] = ("binary", "multiclass")
_CLASSES: tuple[Problem, ...] = (*_SINGLE, "multilabel")

METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(accuracy, _CLASSES),
    "subset_accuracy": Metric(decided("accuracy_score"), ("multilabel",)),
    "hamming_loss": Metric(decided("hamming_loss"), ("multilabel",), higher_is_better=False),
    # The mean recall over the classes of the test part is what scikit-learn calls the balanced accuracy.
    "balanced_accuracy": Metric(of_classes("recall_score", "macro"), _SINGLE),
    "precision": Metric(of_classes("precision_score", "macro"), _CLASSES),
    "precision_weighted": Metric(of_classes("precision_score", "weighted"), _CLASSES),
    "precision_per_class": Metric(of_classes("precision_score"), _CLASSES),
    "recall": Metric(of_classes("recall_score", "macro"), _CLASSES),
    "recall_weighted": Metric(of_classes("recall_score", "weighted"), _CLASSES),
    "recall_per_class": Metric(of_classes("recall_score"), _CLASSES),
    "f1": Metric(of_classes("f1_score", "macro"), _CLASSES),
    "f1_weighted": Metric(of_classes("f1_score", "weighted"), _CLASSES),
    "f1_per_class": Metric(of_classes("f1_score"), _CLASSES),
    "roc_auc": Metric(areas("roc_auc_score", mean=True), _CLASSES),
    "roc_auc_per_class": Metric(areas("roc_auc_score"), ("multiclass", "multilabel")),
    "pr_auc": Metric(areas("average_precision_score", mean=True), _CLASSES),
    "pr_auc_per_class": Metric(areas("average_precision_score"), ("multiclass", "multilabel")),
    "log_loss": Metric(log_loss, _CLASSES, higher_is_better=False),
    "mae": Metric(decided("mean_absolute_error"), ("regression",), higher_is_better=False),
    "rmse": Metric(decided("root_mean_squared_error"), ("regression",), higher_is_better=False),
    "r2": Metric(r2, ("regression",)),
}
NAMES: tuple[str, ...] = tuple(METRICS)
DEFAULTS: Mapping[Problem, tuple[str, ...]] = {
    "binary": ("accuracy", "f1", "log_loss"),
    "multiclass": ("accuracy", "f1", "log_loss"),
    "multilabel": ("accuracy", "f1", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}


def higher_is_better(name: str) -> bool:
    return METRICS[one_of(name)[0]].higher_is_better


# Those that go from 0 to 1; a variant's name begins with that of its metric.
SHARES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc")


def is_share(metric: str) -> bool:
    """Tell whether a metric goes from 0 to 1 and is better written in %."""
    return any(metric == share or metric.startswith((f"{share}_", f"{share}[")) for share in SHARES)


def one_of(name: object) -> tuple[str, int | None]:
    if not isinstance(name, str):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {name!r} of type {type(name).__name__}.")
    match = _ONE_CLASS.fullmatch(name)
    if match is not None and match["name"] + PER_CLASS in METRICS:
        return match["name"] + PER_CLASS, int(match["label"])
    if name not in METRICS:
        raise unknown_name("metrics", name, METRICS, "metric")
    return name, None


def checked_names(names: str | Iterable[str] | None, problem: Problem) -> tuple[str, ...]:
    if names is None:
        return DEFAULTS[problem]
    if not isinstance(names, str) and not is_listed(names):
        raise InvalidTypeError(f"`metrics` must be names of metrics; got {names!r} of type {type(names).__name__}.")
    chosen = (names,) if isinstance(names, str) else tuple(names)
    fitting = [name for name, metric in METRICS.items() if problem in metric.problems]
    for name in chosen:
        if one_of(name)[0] not in fitting:
            raise InvalidInputError(
                f"`metrics`: {name!r} is not defined for a {problem} problem. Those that are: {', '.join(fitting)}."
            )
    if not chosen or len(set(chosen)) < len(chosen) or chosen[0].endswith(PER_CLASS):
        raise InvalidInputError(
            "`metrics` must hold different names, and the first, which decides the verdict, must be a single "
            f"number; got {chosen}."
        )
    return chosen


def classes_of(labels: Array, problem: Problem, rank: int) -> tuple[int, ...]:
    """List the classes that occur; a model may have outputs for others, which no test part can judge."""
    labels = without_last_one(labels)
    if problem in ("regression", "binary"):
        return () if problem == "regression" else (0, 1)
    if problem == "multilabel":
        return tuple(range(labels.shape[-1]))
    missing = missing_entries(labels)
    present = labels.argmax(axis=-1)[~missing.any(axis=-1)] if labels.ndim == rank else labels[~missing]
    return tuple(np.unique(present).astype(int).tolist())
