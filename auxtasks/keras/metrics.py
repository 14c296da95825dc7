"""What is measured in training: means of losses and weights, and metrics of the tasks, over what is present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from auxtasks.backend import is_traced
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.losses import activated, entries_of, same_steps
from auxtasks.specs import CLASS_KINDS, STEP_KINDS, TargetSpec
from auxtasks.validation import check_keys

AUTO = "auto"
_ACCURACY = {
    "class": keras.metrics.SparseCategoricalAccuracy,
    "step_class": keras.metrics.SparseCategoricalAccuracy,
    "multilabel": keras.metrics.BinaryAccuracy,
    "distribution": keras.metrics.CategoricalAccuracy,
}


def resolve_metrics(metrics: Any, specs: Mapping[str, TargetSpec]) -> dict[str, list[keras.metrics.Metric]]:
    asked = {} if metrics is None else metrics
    if isinstance(metrics, str) and metrics == AUTO:
        asked = dict.fromkeys(specs, AUTO)
    if not isinstance(asked, Mapping):
        raise InvalidTypeError(
            f"`metrics` must be {AUTO!r} or a mapping of auxiliary targets to metrics; got {abbreviated(metrics)}. "
            "Pass metrics of the main output to compile."
        )
    check_keys("metrics", asked, specs, "auxiliary target")
    listed = {name: list(some) if isinstance(some, (list, tuple)) else [some] for name, some in asked.items()}
    found = {name: [_resolved(specs[name], each) for each in some] for name, some in listed.items() if some}
    for name, some in found.items():
        names = [metric.name for metric in some]
        if len(set(names)) < len(names):
            raise InvalidInputError(
                f"`metrics`: those of {name!r} are named {names}, which clash in the logs; give each its own name, as "
                "in keras.metrics.F1Score(name='other')."
            )
    return found


def _resolved(spec: TargetSpec, metric: Any) -> keras.metrics.Metric:
    if isinstance(metric, keras.metrics.Metric):
        return metric
    if not isinstance(metric, str):
        raise InvalidTypeError(
            f"`metrics`: one of {spec.name!r} must be a name such as 'mae' or a keras.metrics.Metric; got "
            f"{abbreviated(metric)}."
        )
    if metric == AUTO:
        return _automatic(spec)
    if metric in ("accuracy", "acc") and spec.kind in _ACCURACY:
        return _ACCURACY[spec.kind](name=metric)
    try:
        made = keras.metrics.get(metric)
    except (TypeError, ValueError):  # not known, or with options that it cannot do without
        made = None
    if not isinstance(made, keras.metrics.Metric) or type(made) is keras.metrics.Accuracy:
        names = [AUTO, "accuracy", "mae", *(name for name, found in vars(keras.metrics).items() if _is_metric(found))]
        raise unknown_name("metrics", metric, names, "metric")
    return type(made)(name=metric)


def _is_metric(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, keras.metrics.Metric) and found is not keras.metrics.Metric


def _automatic(spec: TargetSpec) -> keras.metrics.Metric:
    if spec.kind in CLASS_KINDS:
        return _ACCURACY[spec.kind](name="accuracy")
    if spec.kind == "multilabel":
        # Does not depend on a threshold, as the accuracy of rare labels does.
        return keras.metrics.AUC(multi_label=True, num_labels=spec.size, name="auc")
    if spec.kind == "distribution":
        return keras.metrics.KLDivergence(name="kl_divergence")
    return keras.metrics.MeanAbsoluteError(name="mae")


class TaskMetrics(keras.metrics.Metric):
    """Metrics of several tasks, in the logs as ``<task>_<metric>``; NaN of a task that had no target at all.

    Each gets predictions as `AuxModel.predict_auxiliary` gives them and targets in the same form (classes one-hot, but
    to metrics whose name begins with "Sparse"), flattened to rows along the last axis; a row with a missing entry is
    left out.
    """

    def __init__(self, specs: Sequence[TargetSpec], metrics: Sequence[Sequence[keras.metrics.Metric]]) -> None:
        super().__init__(name="task_metrics", dtype="float32")
        self._specs = {spec.name: spec for spec in specs}
        self.by_task = {spec.name: list(some) for spec, some in zip(specs, metrics, strict=True)}
        self._counts = {name: self.add_variable((), "zeros", name=f"{name}_count") for name in self._specs}
        self._parts = [metric for some in self.by_task.values() for metric in some]
        self.in_step: frozenset[str] = frozenset()

    def update_state(self, targets: Mapping[str, Any], outputs: Mapping[str, tuple[Any, Any]]) -> None:
        """Add a batch: targets, and for each the linear output of its head and the mask of its tap."""
        for name, spec in self._specs.items():
            if name in targets:
                target, prediction, present = _rows(spec, targets[name], *outputs[name])
                self._counts[name].assign_add(ops.sum(present))
                for metric in self.by_task[name]:
                    metric.update_state(_for_metric(spec, metric, target), prediction, sample_weight=present)

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in filter(self._seen, self.by_task):
            known = self._counts[name] > 0
            values = {f"{name}_{metric.name}": metric.result() for metric in self.by_task[name]}
            found |= {log: ops.where(known, value, float("nan")) for log, value in values.items()}
        return found

    def reset_state(self) -> None:
        super().reset_state()
        for metric in self._parts:
            metric.reset_state()

    def _seen(self, name: str) -> bool:
        if is_traced(self._counts[name]):
            return name in self.in_step
        return bool(ops.convert_to_numpy(self._counts[name]) > 0)


def _rows(spec: TargetSpec, target: Any, output: Any, mask: Any) -> tuple[Any, Any, Any]:
    """Return the targets, what is predicted and what is present, one row along the last axis each."""
    per_step = spec.kind in STEP_KINDS
    if per_step:
        target, output, mask = same_steps(target, output, mask)
    prediction = ops.stop_gradient(activated(spec, output))
    safe, present = entries_of(spec.kind, target)
    if spec.kind in CLASS_KINDS:
        safe = ops.reshape(safe, (-1,))
    else:
        safe, present = ops.reshape(safe, (-1, ops.shape(safe)[-1])), ops.all(present, axis=-1)
    if per_step and mask is not None:
        present = ops.logical_and(present, ops.cast(mask, "bool"))
    prediction = ops.reshape(prediction, (-1, ops.shape(prediction)[-1]))
    return safe, prediction, ops.cast(ops.reshape(present, (-1,)), "float32")


def _for_metric(spec: TargetSpec, metric: keras.metrics.Metric, target: Any) -> Any:
    if spec.kind not in CLASS_KINDS or type(metric).__name__.startswith("Sparse"):
        return target
    return ops.one_hot(target, spec.size)


class KnownMean(keras.metrics.Mean):
    """A mean that is NaN, not 0, while it has no value."""

    def result(self) -> Any:
        return ops.where(self.count > 0, super().result(), float("nan"))


class TaskMeans(keras.metrics.Metric):
    """Mean of one number a task since the last reset, under ``<task>_<what>``.

    A task that the data does not hold is left out of the logs, and a task that had no value at all is NaN: an
    unknown loss is never reported as 0.
    """

    def __init__(self, names: Sequence[str], what: str = "loss") -> None:
        super().__init__(name=f"task_{what}", dtype="float32")
        self.names = tuple(names)
        self.what = what
        self.total = self.add_variable((len(self.names),), "zeros", name="total")
        self.count = self.add_variable((len(self.names),), "zeros", name="count")
        self.in_step: frozenset[str] = frozenset()

    def update_state(self, total: Any, count: Any) -> None:
        """Add the sums and counts of one batch, each of shape (number of tasks,)."""
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> dict[str, Any]:
        mean = ops.where(self.count > 0, ops.divide_no_nan(self.total, self.count), float("nan"))
        means = ops.unstack(mean, len(self.names))
        return {f"{self.names[index]}_{self.what}": means[index] for index in self.seen()}

    def seen(self) -> list[int]:
        """Return the tasks, by number, that the data holds."""
        if is_traced(self.count):  # then what the data holds is known and the counts are not
            return [index for index, name in enumerate(self.names) if name in self.in_step]
        found: list[int] = ops.convert_to_numpy(self.count > 0).nonzero()[0].tolist()
        return found


class FactorMeans(keras.metrics.Metric):
    """What losses were multiplied by and what was added to them, on average since the last reset; not in the logs."""

    def __init__(self, n_tasks: int) -> None:
        super().__init__(name="factors", dtype="float32")
        self.total = self.add_variable((n_tasks + 2,), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, main: Any, tasks: Any, added: Any) -> None:
        """Add what a batch had: two numbers, and one for each task between them."""
        ends = (ops.reshape(ops.cast(end, "float32"), (1,)) for end in (main, added))
        new = ops.concatenate([next(ends), tasks, next(ends)])
        known = ops.all(ops.isfinite(new))
        self.total.assign_add(ops.where(known, new, 0.0))
        self.count.assign_add(ops.cast(known, "float32"))

    def result(self) -> dict[str, Any]:
        """Return nothing: these are no results."""
        return {}

    def means(self) -> tuple[Any, Any, Any]:
        """Return the means in the order of `update_state`."""
        mean = ops.divide_no_nan(self.total, self.count)
        return mean[0], mean[1:-1], mean[-1]
