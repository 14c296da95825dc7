"""Targets and inputs as tables of numbers, one row for each sample."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from auxtasks.audit.metrics.problem import Problem, check_problem, without_last_one
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError
from auxtasks.labels import are_flags, are_signed, missing_entries, read_labels
from auxtasks.optional import require
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.targets.samples import to_array
from auxtasks.targets.tables import refused_table
from auxtasks.typing import Array, Floats

CLASSES = 200
"""How many classes, words and the like get a column of their own."""
_GRID = 8
_INPUT_VALUES = 1000


class Features(NamedTuple):
    """Centred columns without NaN, and which samples have a value at all."""

    values: Floats
    present: Array


def features_of(target: Array, spec: TargetSpec) -> Floats:
    if spec.kind in CLASS_KINDS:
        return frequencies(target, CLASSES)
    numbers: Floats = target.astype(np.float64)
    if spec.kind == "multilabel":
        numbers[numbers < 0] = np.nan
    if spec.kind == "step_vector":
        return _over_steps(numbers)
    if spec.kind == "image" and numbers.ndim == 4:
        numbers = averaged(numbers, [min(_GRID, length) for length in numbers.shape[1:3]])
    return numbers.reshape(len(numbers), -1)


def target_features(spec: TargetSpec, target: Array) -> Features:
    """Lay a target out as centred columns; those that are constant are left out."""
    return _centred(features_of(target, spec), each=spec.kind in ("vector", "step_vector"))


def step_features(target: Array) -> Features:
    """Lay a vector per step out as the means of a few stretches of time.

    Mean and standard deviation, which `features_of` takes, hide that a target is a linear function of the input; these
    do not.
    """
    means = averaged(target.astype(np.float64), [min(_GRID, target.shape[1])])
    return _centred(means.reshape(len(target), -1), each=False)


def _centred(table: Floats, *, each: bool) -> Features:
    return Features(standardised(table, each=each), np.logical_not(np.isnan(table).all(axis=1)))


def input_features(inputs: Array, *, words: bool) -> Floats:
    if words:
        return standardised(frequencies(inputs, CLASSES), each=False)
    numbers: Floats = inputs.astype(np.float64)
    lengths = list(numbers.shape[1:-1])
    while lengths and np.prod(lengths) * numbers.shape[-1] > _INPUT_VALUES and max(lengths) > 1:
        longest = lengths.index(max(lengths))
        lengths[longest] = (lengths[longest] + 1) // 2
    return standardised(averaged(numbers, lengths).reshape(len(numbers), -1), each=numbers.ndim <= 2)


def _over_steps(numbers: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Of a sample without any step both are NaN.
        return np.concatenate([np.nanmean(numbers, axis=1), np.nanstd(numbers, axis=1)], axis=1)


_ROUNDING = 1e-10
"""Deviations below this share of the values are rounding, and their column a constant."""


def standardised(values: Floats, *, each: bool = True) -> Floats:
    """Centre columns and bring each or all to one scale; what is missing becomes the mean, which is 0."""
    largest = np.abs(np.where(np.isnan(values), 0.0, values)).max(axis=0, initial=0.0)
    # Divided first, because squares of large numbers overflow and those of small ones vanish.
    values, largest = values[:, largest > 0] / largest[largest > 0], largest[largest > 0]
    if not values.size:
        return values
    scaler = require("sklearn.preprocessing", extra="audit").StandardScaler().fit(values)
    varied = scaler.var_ > _ROUNDING**2
    columns: Floats = np.nan_to_num(scaler.transform(values)[:, varied])
    if not each and columns.size:
        sizes = (largest * scaler.scale_)[varied]
        columns *= sizes / sizes.max()
        columns /= np.sqrt(np.square(columns).mean())
    return columns


def narrowed(values: Floats, limit: int) -> Floats:
    """Keep the directions along which samples differ most."""
    if values.shape[1] <= limit or not len(values):
        return values
    components = min(limit, len(values))
    decomposition: Any = require("sklearn.decomposition", extra="audit")
    return cast("Floats", decomposition.PCA(components, random_state=0).fit_transform(values))


def averaged(values: Floats, lengths: Sequence[int]) -> Floats:
    for axis, length in enumerate(lengths, start=1):
        starts = np.arange(length) * values.shape[axis] // length
        sizes = np.diff(np.append(starts, values.shape[axis]))
        shape = [-1 if other == axis else 1 for other in range(values.ndim)]
        values = np.add.reduceat(values, starts, axis=axis) / sizes.reshape(shape)
    return values


def frequencies(numbers: Array, limit: int) -> Floats:
    numbers = numbers.reshape(len(numbers), -1)
    classes, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    chosen = classes[np.argsort(-counts, kind="stable")[:limit]]
    totals = (numbers >= 0).sum(axis=1).astype(np.float64)
    totals[totals == 0] = np.nan
    columns = [(numbers == number).sum(axis=1) / totals for number in chosen]
    return np.stack(columns, axis=1) if columns else np.full((len(numbers), 0), np.nan)


def entropy_of(spec: TargetSpec, target: Array) -> float:
    if spec.kind not in CLASS_KINDS or spec.n_classes is None or not (target >= 0).any():
        return float("nan")
    counts = np.unique(target[target >= 0], return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(max(spec.n_classes, 2)) + 0.0)


def missing_share(target: Array, lengths: Array | None = None) -> float:
    missing = np.isnan(target) if target.dtype.kind == "f" else target < 0
    if lengths is not None and missing.ndim > 1:
        missing = missing[np.arange(missing.shape[1]) < lengths[:, None]]
    return float(missing.mean()) if missing.size else 0.0


class Inputs(NamedTuple):
    """Inputs, shape (n, ...), and whether they are numbers of words; these are -1 where padded."""

    values: Array
    words: bool


def read_inputs(targets: Mapping[str, Array], inputs: object, n: int, rows: Array) -> Inputs | None:
    words, lengths = False, None
    if isinstance(targets, AuxTargets):
        words, lengths = targets.vocabulary is not None, targets.lengths
        inputs = _inputs_of(targets) if inputs is None else inputs
    if inputs is None:
        return None
    found = to_array(inputs, "inputs")
    if not found.ndim or len(found) != n:
        raise InvalidInputError(f"`inputs` must hold the {n} samples of the targets; found shape {found.shape}.")
    chosen = found[rows].reshape(len(rows), *(found.shape[1:] or (1,)))
    if words and lengths is not None:
        # What comes after a text is padding, and no word of it.
        chosen = np.where(np.arange(chosen.shape[1]) < lengths[rows, None], chosen, -1)
    return Inputs(chosen, words)


def _inputs_of(targets: AuxTargets) -> Array | None:
    try:
        inputs: object = targets.inputs
    except InvalidInputError:
        # Targets may have been saved without them.
        return None
    if isinstance(inputs, Mapping):
        raise refused_table("rank_tasks, unless told an array of numbers by `inputs`,")
    return cast("Array | None", inputs)


FEWEST = 10
"""With fewer labelled samples nothing can be told."""


class MainLabels(NamedTuple):
    """Main labels, one row for each sample; values are not to be read where missing.

    Of each sample there is one class, shape (n,), or several yes or no, numbers, or labels of its steps.
    """

    kind: Literal["classes", "flags", "numbers", "steps"]
    values: Array
    present: Array

    @property
    def problem(self) -> Problem:
        """The kind of problem that has such labels, for a model of samples as a whole."""
        return "multiclass" if self.kind == "classes" else "multilabel" if self.kind == "flags" else "regression"

    @property
    def trouble(self) -> str:
        """Why nothing can be learned from these labels, in words; empty where there is no trouble."""
        n = int(self.present.sum())
        if self.kind == "steps":
            return "the main labels are those of single steps, which a linear model of whole samples cannot predict"
        if n < FEWEST:
            return f"only {n} labelled samples, and {FEWEST} are needed"
        present = self.values[self.present]
        if self.kind == "classes":
            repeated = np.unique(present, return_counts=True)[1] > 1
            if repeated.sum() < 2:
                return (
                    "fewer than two classes have more than one labelled sample (-1 in integers is no label: give -1 "
                    "and 1 of hinge losses as floats)"
                )
        elif (present == present[0]).all():
            return "all main labels are the same"
        return ""

    def columns(self, rows: Array) -> Floats:
        """Return the labels of some labelled samples as centred columns, one for each class, flag or number."""
        chosen = self.values[rows]
        if self.kind == "classes":
            return standardised(frequencies(np.unique(chosen, return_inverse=True)[1], CLASSES), each=False)
        return standardised(chosen.astype(np.float64).reshape(len(chosen), -1))


def read_main_labels(y: object, problem: Problem | None = None) -> MainLabels:
    """Tell which kind of labels there are, and which are missing."""
    check_problem(problem)
    labels = without_last_one(read_labels("y", y))
    # In integers -1 is a class only where the problem is known to be one of yes and no.
    signed = (labels.dtype.kind == "f" or problem in ("binary", "multilabel")) and are_signed(labels)
    signed = signed and problem != "regression"
    missing = missing_entries(labels, signed=signed)
    present: Array = np.logical_not(missing.reshape(len(labels), -1).any(axis=1))
    flags = are_flags(labels, signed=signed)
    whole = labels.dtype.kind != "f" or flags
    if problem == "regression" or (problem is None and not whole):
        return MainLabels("numbers", labels.reshape(len(labels), -1), present)
    if labels.ndim == 1:
        return MainLabels("classes", labels, present)
    if labels.ndim > 2 or (not flags and problem != "multilabel"):
        return MainLabels("steps", labels, present)
    single = bool(((labels[present] == 1).sum(axis=1) == 1).all())
    if problem in ("binary", "multiclass") or (problem is None and single):
        return MainLabels("classes", labels.argmax(axis=1), present)
    return MainLabels("flags", labels == 1, present)
