"""The screen: linear models of all tasks, in order of promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from auxtasks.audit.metrics.problem import Problem
from auxtasks.audit.screen.features import (
    FEWEST,
    Features,
    Inputs,
    MainLabels,
    entropy_of,
    missing_share,
    read_inputs,
    read_main_labels,
    target_features,
)
from auxtasks.audit.screen.probe import (
    explained_by_input,
    explained_by_label,
    explained_by_others,
    linear_probe,
    one_thread,
)
from auxtasks.audit.screen.ranking import FROM_LABEL, Ranking, TaskRank, warnings_of
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError, InvalidTypeError, wrong_type
from auxtasks.labels import check_two_classes, main_labels
from auxtasks.specs import TargetSpec
from auxtasks.teacher.labels import numbered
from auxtasks.typing import Array
from auxtasks.validation import check_int

_ROUGH = 100


def rank_tasks(
    targets: AuxTargets | Mapping[str, Array],
    y: object,
    *,
    inputs: object = None,
    specs: Mapping[str, TargetSpec] | None = None,
    problem: Problem | None = None,
    max_samples: int = 2000,
    seed: int = 0,
) -> Ranking:
    """Rank auxiliary tasks with linear models: a screen that takes seconds, not a verdict.

    Parameters
    ----------
    targets : AuxTargets or mapping of str to ndarray
        The targets.
    y : array-like
        Main labels of all samples or of the first of them: classes, numbers, or a matrix of several labels. Missing is
        -1 in integers and NaN in floats.
    inputs : array-like, optional
        The inputs of the model; by default those of the targets.
    specs : mapping of str to TargetSpec, optional
        The specs of the targets; needed if they are not `AuxTargets`.
    problem : {"binary", "multiclass", "multilabel", "regression"}, optional
        The problem that the labels belong to, if it is ambiguous: integers are read as classes.
    max_samples : int, default 2000
        The number of samples to draw at random, and of labelled samples.
    seed : int, default 0
        The seed of the draw and of the folds.

    Returns
    -------
    Ranking
        A row for each task, the most promising first. It prints as a table and lists objections to tasks.

    Raises
    ------
    InvalidTypeError
        If targets, labels or inputs are of a type that cannot be used.
    InvalidInputError
        If they differ in length, a spec is missing, or labels hold one class only, as -1 and 1 in integers do: -1 is a
        missing label.
    UnknownNameError
        If `problem` is none of those named.

    Notes
    -----
    With r the relevance of a task, t its triviality and s the largest share of its variance that a single task of
    greater ``max(r, 0) (1 - t)`` explains, its promise is ``max(r, 0) (1 - t) (1 - s)``, where an unknown t or s counts
    as 0. Of two redundant tasks, one thus keeps its promise. A target that the main label explains (95 % or more) has a
    promise of 0. All values are held-out, from five-fold cross-validation with random folds or from leaving one sample
    out at a time. They are too large if samples of one source resemble each other.

    Soft labels are left out, because they are computed from the main label.

    A relevant target does not necessarily improve a network, and some tasks help that no linear model would rank high.
    Use the order to choose what to audit first.

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(200) % 2
    >>> X = rng.normal(size=(200, 32, 1)) * (1 + 2 * y[:, None, None])
    >>> rank_tasks(auxtasks.make_aux_targets(X, "signal", ["mean", "std"]), y).names
    ('std', 'mean')
    """
    limit = check_int("max_samples", max_samples, low=FEWEST)
    given = read_given(targets, y, inputs, specs, problem, limit, check_int("seed", seed, low=0))
    left_out = [
        f"{name}: not ranked, because soft labels are computed from the main label, and labelled samples have none."
        for name, spec in given.specs.items()
        if spec.is_taught
    ]
    n_labelled = int(given.labels.present.sum())
    if not given.arrays:
        return Ranking([], left_out, int(given.anywhere.sum()), n_labelled)
    with one_thread():
        rows = _measured(given, seed)
        others = explained_by_others(given.anywhere, given.features)
    rows = [_beside_others(row, rows, others[row.task]) for row in rows]
    trouble = given.labels.trouble
    said = [replace(row, warnings=_warned(row, given, unlabelled=bool(trouble))) for row in rows]
    # What has no promise to compare comes last; the name decides between equals, so that the order given does not.
    said.sort(key=lambda row: (isnan(row.promise), 0.0 if isnan(row.promise) else -row.promise, row.task))
    notes = [f"Relevance is unknown: {trouble}."] if trouble else []
    if not trouble and n_labelled < _ROUGH:
        notes.append(f"Relevance rests on only {n_labelled} labelled samples and is rough.")
    if given.inputs is None:
        notes.append("Triviality is unknown: there are no inputs; pass `inputs`.")
    return Ranking(said, [*notes, *left_out], int(given.anywhere.sum()), n_labelled)


def _measured(given: Given, seed: int) -> list[TaskRank]:
    labels, drawn = given.labels, given.anywhere
    trivial = explained_by_input(given.inputs, given.arrays, given.features, given.specs, drawn, seed)
    by_label = explained_by_label(labels, given.features)
    rows = []
    for name, task in given.features.items():
        usable = labels._replace(present=labels.present & task.present)
        chosen = usable.present
        relevance = float("nan")
        if not usable.trouble and task.values.shape[1]:
            relevance = linear_probe(task.values[chosen], labels.values[chosen], problem=labels.problem, seed=seed)
        array = given.arrays[name][drawn]
        spec = given.specs[name]
        lengths = given.lengths[drawn] if given.lengths is not None and spec.kind.startswith("step") else None
        entropy, missing = entropy_of(spec, array), missing_share(array, lengths)
        rows.append(TaskRank(name, 0.0, relevance, 0.0, "", trivial[name], by_label[name], entropy, missing, ()))
    return rows


def _beside_others(row: TaskRank, rows: list[TaskRank], shares: Mapping[str, float]) -> TaskRank:
    """Complete a row with what other tasks explain of it."""
    found = {other: share for other, share in shares.items() if not isnan(share)}
    # Without another task there is nothing to be redundant with; with others that say nothing it is not known.
    redundancy = max(found.values(), default=float("nan") if shares else 0.0)
    # Less than this is printed as 0, and may be nothing but the choice of a penalty.
    redundant_with = min((other for other in found if found[other] == redundancy >= 0.005), default="")
    ahead = [other.task for other in rows if (-_merit(other), other.task) < (-_merit(row), row.task)]
    covered = max((found[other] for other in ahead if other in found), default=0.0)
    promise = _merit(row) * (1 - covered) if not isnan(row.relevance) else float("nan")
    return replace(row, promise=promise, redundancy=redundancy, redundant_with=redundant_with)


def _merit(row: TaskRank) -> float:
    """Return the promise of a task that has no others beside it."""
    if row.from_label >= FROM_LABEL:
        return 0.0
    relevance = 0.0 if isnan(row.relevance) else max(row.relevance, 0.0)
    return relevance * (1 - (0.0 if isnan(row.triviality) else row.triviality))


def _warned(row: TaskRank, given: Given, *, unlabelled: bool) -> tuple[str, ...]:
    task = given.features[row.task]
    values = task.values[given.anywhere & task.present]
    varies = values.size > 0 and bool((np.ptp(values, axis=0) > 0).any())
    return warnings_of(row, varies=varies, unlabelled=unlabelled)


class Given(NamedTuple):
    """The drawn samples as linear models take them.

    Where targets per step have lengths, `lengths` counts the steps that are not padding. Main labels are present only
    in samples drawn for being labelled; `anywhere` tells which were drawn from all, labelled or not.
    """

    specs: Mapping[str, TargetSpec]
    arrays: dict[str, Array]
    features: dict[str, Features]
    lengths: Array | None
    inputs: Inputs | None
    labels: MainLabels
    anywhere: Array


def read_given(
    targets: Mapping[str, Array],
    y: object,
    inputs: object,
    specs: Mapping[str, TargetSpec] | None,
    problem: Any,
    max_samples: int,
    seed: int,
) -> Given:
    known = _specs(targets, specs)
    n = _count(targets)
    if isinstance(y, Mapping):
        raise InvalidTypeError(
            f"`y` must hold the labels of one main output; got a mapping of {', '.join(map(str, y))}."
        )
    # Only the user's own samples, which come first, can have a label; transformed copies cannot.
    n_original = targets.n_original if isinstance(targets, AuxTargets) else n
    numbers, _ = numbered("y", y)
    labels = read_main_labels(main_labels(numbers, "main", n_original, n)["main"], problem)
    if labels.kind == "classes":
        check_two_classes("y", labels.values, labels.present)
    rng = np.random.default_rng(seed)
    everyone, labelled = np.arange(n), np.flatnonzero(labels.present)
    drawn = rng.choice(everyone, min(n, max_samples), replace=False)
    drawn_labelled = rng.choice(labelled, min(len(labelled), max_samples), replace=False)
    rows = np.union1d(drawn, drawn_labelled)
    present = np.isin(rows, drawn_labelled)
    arrays = {name: np.asarray(target[rows]) for name, target in targets.items() if not known[name].is_taught}
    return Given(
        known,
        arrays,
        {name: target_features(known[name], array) for name, array in arrays.items()},
        lengths[rows] if isinstance(targets, AuxTargets) and (lengths := targets.lengths) is not None else None,
        read_inputs(targets, inputs, n, rows),
        MainLabels(labels.kind, labels.values[rows], present),
        np.isin(rows, drawn),
    )


def _specs(targets: object, specs: Mapping[str, TargetSpec] | None) -> Mapping[str, TargetSpec]:
    if not isinstance(targets, Mapping):
        raise InvalidTypeError(
            f"`targets` must be AuxTargets, or a mapping of names to arrays with `specs`; got {type(targets).__name__}."
        )
    if specs is None and isinstance(targets, AuxTargets):
        specs = targets.specs
    if specs is not None and not isinstance(specs, Mapping):
        raise wrong_type("specs", "a mapping of names to TargetSpec", specs)
    without = [str(name) for name in targets if specs is None or not isinstance(specs.get(name), TargetSpec)]
    if without or specs is None:
        raise InvalidInputError(
            f"`specs` must hold the TargetSpec of each target; there is none of: {', '.join(without) or 'any'}."
        )
    return specs


def _count(targets: Mapping[str, Array]) -> int:
    if not targets:
        raise InvalidInputError("`targets` must hold at least one target; got none.")
    shapes = {name: np.shape(target) for name, target in targets.items()}
    lengths = {shape[0] if shape else 0 for shape in shapes.values()}
    if len(lengths) != 1 or 0 in lengths:
        found = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items())
        raise InvalidInputError(f"`targets` must all have one row for each of the same samples; found shapes {found}.")
    return lengths.pop()
