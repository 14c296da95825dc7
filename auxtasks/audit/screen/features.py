"""Targets and inputs as tables of numbers, one row for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from auxtasks.audit.metrics.problem import Problem, without_last_one
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError
from auxtasks.labels import are_flags, are_signed, missing_entries, read_labels
from auxtasks.specs import TargetSpec
from auxtasks.targets.reading import to_array
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
    """Lay a target out as columns.

    Parameters
    ----------
    target : ndarray
        The target of some samples.
    spec : TargetSpec
        What it is.

    Returns
    -------
    ndarray of float, shape (n, columns)
        Columns of a vector by themselves; of a vector per step its mean and standard deviation over the steps; of
        an image its means on a grid of 8 by 8; of a class one column for each class that occurs; of classes per step
        how often each occurs, for the 200 most frequent. NaN where missing.

    Examples
    --------
    >>> spec = TargetSpec("tags", "tags", "step_class", (3,), n_classes=2)
    >>> features_of(np.array([[0, 0, 1, 1], [0, 1, 1, -1]]), spec).round(2).tolist()
    [[0.5, 0.5], [0.67, 0.33]]
    """
    if spec.kind in ("class", "step_class"):
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
    """Lay a target out as centred columns; those that are constant are left out.

    Parameters
    ----------
    spec : TargetSpec
        What it is.
    target : ndarray
        The target of some samples.

    Returns
    -------
    Features
        The columns of `features_of`: of vectors each with a standard deviation of 1, of other kinds all divided by the
        same number, because their columns are of one unit.

    Examples
    --------
    >>> target_features(TargetSpec("a", "a", "vector", (2,)), np.array([[0.0, 5.0], [2.0, 5.0]])).values.tolist()
    [[-1.0], [1.0]]
    """
    table = features_of(target, spec)
    known: Array = np.logical_not(np.isnan(table).all(axis=1))
    columns = standardised(table, each=spec.kind in ("vector", "step_vector"))
    return Features(columns, known)


def step_features(target: Array) -> Features:
    """Lay a vector per step out as the means of a few stretches of time.

    Mean and standard deviation, which `features_of` takes, hide that a target is a linear function of the input; these
    do not.

    Parameters
    ----------
    target : ndarray of float, shape (n, time, columns)
        The target of some samples.

    Returns
    -------
    Features
        Eight stretches at most.

    Examples
    --------
    >>> step_features(np.array([[[0.0], [1.0]], [[2.0], [3.0]]])).values.round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    means = averaged(target.astype(np.float64), [min(_GRID, target.shape[1])]).reshape(len(target), -1)
    known: Array = np.logical_not(np.isnan(means).all(axis=1))
    return Features(standardised(means, each=False), known)


def input_features(inputs: Array, *, words: bool) -> Floats:
    """Lay inputs out as columns.

    Parameters
    ----------
    inputs : ndarray, shape (n, ...)
        The inputs of some samples.
    words : bool
        Whether they are the numbers of words, of which only the frequencies mean something to a linear model.

    Returns
    -------
    ndarray of float, shape (n, columns)
        Flattened; what has more than 1,000 numbers and axes of time or space is averaged along them first.

    Examples
    --------
    >>> input_features(np.zeros((3, 512, 6)) + np.arange(512)[:, None] * np.arange(3)[:, None, None], words=False).shape
    (3, 768)
    """
    if words:
        return standardised(frequencies(inputs, CLASSES), each=False)
    numbers: Floats = inputs.astype(np.float64)
    lengths = list(numbers.shape[1:-1])
    while lengths and np.prod(lengths) * numbers.shape[-1] > _INPUT_VALUES and max(lengths) > 1:
        longest = lengths.index(max(lengths))
        lengths[longest] = (lengths[longest] + 1) // 2
    return standardised(averaged(numbers, lengths).reshape(len(numbers), -1), each=numbers.ndim <= 2)


def _over_steps(numbers: Floats) -> Floats:
    """Return mean and standard deviation over the steps that are present."""
    present = ~np.isnan(numbers)
    count = present.sum(axis=1).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.where(present, numbers, 0.0).sum(axis=1) / count
    deviations = np.where(present, numbers - mean[:, None], 0.0)
    return np.concatenate([mean, np.sqrt(np.square(deviations).sum(axis=1) / count)], axis=1)


_ROUNDING = 1e-10
"""Deviations below this share of the values are rounding, and their column a constant."""


def standardised(values: Floats, *, each: bool = True) -> Floats:
    """Centre columns and bring them to one scale; what is missing becomes the mean, which is 0.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
        NaN where missing.
    each : bool, default True
        Whether each column gets a standard deviation of 1; otherwise all are divided by the same number, which keeps
        the proportions between them.

    Returns
    -------
    ndarray of float64, shape (n, columns that are not constant)
        Without any NaN.

    Examples
    --------
    >>> standardised(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    array([[-1.],
           [ 1.],
           [ 0.]])
    """
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    filled = np.where(present, values, 0.0).astype(np.float64)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    # Divided first, because squares of large numbers overflow and those of small ones vanish.
    filled /= np.where(largest > 0, largest, 1.0)
    filled -= np.where(present, filled.sum(axis=0) / count, 0.0)
    filled *= present
    spread = np.sqrt(np.square(filled).sum(axis=0) / count)
    varied = spread > _ROUNDING
    columns: Floats = filled[:, varied]
    spread, largest = spread[varied], largest[varied]
    if each or not len(spread):
        columns /= spread
        return columns
    sizes = largest / largest.max()
    columns *= sizes / np.sqrt(np.square(sizes * spread).mean())
    return columns


def narrowed(values: Floats, limit: int) -> Floats:
    """Keep the directions along which samples differ most.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
        Centred columns.
    limit : int
        How many columns to keep at most.

    Returns
    -------
    ndarray of float, shape (n, at most limit)
        The very columns, or their principal components by size.

    Examples
    --------
    >>> np.abs(narrowed(np.array([[1.0, -1.0], [-1.0, 1.0]]), 1)).round(3).tolist()
    [[1.414], [1.414]]
    """
    from scipy.linalg import eigh

    n, width = values.shape
    if width <= limit or not n:
        return values
    # The smaller of the two products has the same eigenvalues, apart from zeros, and only the largest are needed.
    product = values.T @ values if width <= n else values @ values.T
    size = len(product)
    found, vectors = eigh(product, subset_by_index=[max(size - limit, 0), size - 1])
    components: Floats = values @ vectors if width <= n else vectors * np.sqrt(np.maximum(found, 0))
    return components[:, ::-1]


def averaged(values: Floats, lengths: Sequence[int]) -> Floats:
    """Shorten axes by averaging neighbours.

    Parameters
    ----------
    values : ndarray of float, shape (n, *axes, channels)
        Samples on a grid.
    lengths : sequence of int
        The length that each axis between the first and the last is to have, at most its own.

    Returns
    -------
    ndarray of float, shape (n, *lengths, channels)
        Means of neighbours; groups differ by one in size where lengths do not divide.

    Examples
    --------
    >>> averaged(np.arange(5.0).reshape(1, 5, 1), [2]).ravel()
    array([0.5, 3. ])
    """
    for axis, length in enumerate(lengths, start=1):
        starts = np.arange(length) * values.shape[axis] // length
        sizes = np.diff(np.append(starts, values.shape[axis]))
        shape = [-1 if other == axis else 1 for other in range(values.ndim)]
        values = np.add.reduceat(values, starts, axis=axis) / sizes.reshape(shape)
    return values


def frequencies(numbers: Array, limit: int) -> Floats:
    """Count how often each class occurs in each sample.

    Parameters
    ----------
    numbers : ndarray of int, shape (n, ...)
        Classes; negative where missing.
    limit : int
        How many of the classes, the most frequent first, get a column.

    Returns
    -------
    ndarray of float, shape (n, at most limit)
        Shares of what is present in a sample; NaN where nothing is.

    Examples
    --------
    >>> frequencies(np.array([[0, 2, 2], [2, 0, -1], [-1, -1, -1]]), 5).round(2).tolist()
    [[0.67, 0.33], [0.5, 0.5], [nan, nan]]
    """
    numbers = numbers.reshape(len(numbers), -1)
    classes, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    chosen = classes[np.argsort(-counts, kind="stable")[:limit]]
    totals = (numbers >= 0).sum(axis=1).astype(np.float64)
    totals[totals == 0] = np.nan
    columns = [(numbers == number).sum(axis=1) / totals for number in chosen]
    return np.stack(columns, axis=1) if columns else np.full((len(numbers), 0), np.nan)


def entropy_of(spec: TargetSpec, target: Array) -> float:
    """Return how evenly the classes of a target occur.

    Parameters
    ----------
    spec : TargetSpec
        The target.
    target : ndarray
        Its values.

    Returns
    -------
    float
        Shannon's entropy over its largest value, ``log(n_classes)``: 0 for a single class, 1 where all are alike. NaN
        for other kinds, and without a value.

    Examples
    --------
    >>> entropy_of(TargetSpec("a", "a", "class", (), n_classes=2), np.array([0, 1, -1, 0, 1]))
    1.0
    """
    if spec.kind not in ("class", "step_class") or spec.n_classes is None or not (target >= 0).any():
        return float("nan")
    counts = np.unique(target[target >= 0], return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(max(spec.n_classes, 2)) + 0.0)


def missing_share(target: Array, lengths: Array | None = None) -> float:
    """Return the share of missing values, NaN or negative classes.

    Parameters
    ----------
    target : ndarray
        The values.
    lengths : ndarray of int, shape (n,), optional
        How many steps of each sample are not padding; what is missing in the padding does not count.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> missing_share(np.array([0, -1])), missing_share(np.array([0.5, -1.0]))
    (0.5, 0.0)
    """
    missing = np.isnan(target) if target.dtype.kind == "f" else target < 0
    if lengths is not None and missing.ndim > 1:
        missing = missing[np.arange(missing.shape[1]) < lengths[:, None]]
    return float(missing.mean()) if missing.size else 0.0


class Inputs(NamedTuple):
    """Inputs, shape (n, ...), and whether they are numbers of words; these are -1 where padded."""

    values: Array
    words: bool


def read_inputs(targets: Mapping[str, Array], inputs: object, n: int, rows: Array) -> Inputs | None:
    """Return the inputs of some samples.

    Parameters
    ----------
    targets : mapping of str to ndarray
        The targets, which may know their inputs.
    inputs : array-like or None
        What the user gave instead.
    n : int
        How many samples there are.
    rows : ndarray of int
        Which of them to return.

    Returns
    -------
    Inputs or None
        None where there are none.

    Raises
    ------
    InvalidTypeError
        If they are not numbers.
    InvalidInputError
        If there are more or fewer than samples.

    Examples
    --------
    >>> read_inputs({}, [1.0, 2.0, 3.0], 3, np.array([0, 2])).values.tolist()
    [[1.0], [3.0]]
    """
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
        return targets.inputs
    except InvalidInputError:
        # Targets may have been saved without them.
        return None


FEWEST = 10
"""With fewer labelled samples nothing can be told."""


class MainLabels(NamedTuple):
    """Main labels, one row for each sample.

    Parameters
    ----------
    kind : {"classes", "flags", "numbers", "steps"}
        One class for each sample, several yes or no, numbers, or a label for each step of a sample.
    values : ndarray
        Shape (n,) for classes, else (n, columns); not to be read where missing.
    present : ndarray of bool, shape (n,)
        Which samples have a label.
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
            return "the main labels are those of single steps, which a linear model of whole samples cannot tell"
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
    """Tell which kind of labels there are, and which are missing.

    Parameters
    ----------
    y : array-like
        The labels, one for each sample.
    problem : {"binary", "multiclass", "multilabel", "regression"}, optional
        What they are for, where it is known. Without it integers are classes; floats are classes if all are 0 and 1 or
        -1 and 1; a matrix of 0 and 1 is one-hot if each row holds a single 1, and else holds flags; all other floats
        are numbers.

    Returns
    -------
    MainLabels
        Missing is NaN in floats and -1 in integers, except where labels are -1 and 1 and known to be binary.

    Raises
    ------
    InvalidTypeError
        If labels are not numbers.
    InvalidInputError
        If they are a single number.

    Examples
    --------
    >>> read_main_labels([0, 1, -1]).kind, read_main_labels([[0, 1], [1, 1]]).kind, read_main_labels([0.5, 1.0]).kind
    ('classes', 'flags', 'numbers')
    """
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
