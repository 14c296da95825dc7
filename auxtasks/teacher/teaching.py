"""From main labels and the options of soft labels to teachers: what is asked, who is taught, from which samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.specs import SOFT_LABELS
from auxtasks.teacher.choice import committees_of, own_committee
from auxtasks.teacher.features import (
    BY_DOMAIN,
    STATISTICS,
    Features,
    FeatureSet,
    OwnFeatures,
    RocketFeatures,
    task_names,
)
from auxtasks.teacher.labels import MainLabels, read_main
from auxtasks.teacher.teacher import Teacher, check_teachable, trouble_of
from auxtasks.typing import Array

OPTIONS = ("teacher", "features")
TaskFunction = Callable[[Any], Callable[[Any], Array]]
"""From the names of tasks to a function that computes them, side by side, for samples."""
MOST_SAMPLES = 20_000
"""So many samples are features and committees fitted on at most; the features of these alone are held."""


def split_tasks(tasks: Any, *, has_labels: bool) -> tuple[Any, dict[str, Any] | None]:
    """Take the task `soft_labels` out of what a user names; return the other tasks, and its options if it is asked."""
    entries = [tasks] if isinstance(tasks, (str, Mapping)) else tasks
    if tasks is None or not isinstance(entries, (list, tuple)):
        return tasks, {} if has_labels and tasks is None else None
    others: list[Any] = []
    asked: dict[str, Any] | None = None
    for entry in entries:
        if isinstance(entry, str) and entry == SOFT_LABELS:
            asked = {}
        elif isinstance(entry, Mapping) and SOFT_LABELS in entry:
            if not isinstance(entry[SOFT_LABELS], Mapping):
                raise InvalidTypeError(
                    f"`tasks`: the options of {SOFT_LABELS!r} must be a mapping, such as {{'teacher': "
                    f"LogisticRegression()}}; got {abbreviated(entry[SOFT_LABELS])}."
                )
            asked = dict(entry[SOFT_LABELS])
            rest = {name: options for name, options in entry.items() if name != SOFT_LABELS}
            others += [rest] if rest else []
        else:
            others.append(entry)
    if asked is not None and not has_labels:
        raise InvalidInputError(
            "`tasks`: 'soft_labels' needs the main labels, but none were given; pass them as `y`, with -1 or NaN for "
            "samples without a label."
        )
    for name in asked or ():
        if name not in OPTIONS:
            raise unknown_name("tasks", name, OPTIONS, f"option of task {SOFT_LABELS!r}")
    return others, asked


@dataclass(frozen=True, eq=False)
class Course:
    """The labels of the outputs that are taught, and the numbers of the samples that teachers are fitted on."""

    outputs: tuple[MainLabels, ...]
    drawn: Array
    several: bool  # whether labels of other outputs were given too
    is_all: bool  # whether all samples were drawn

    @property
    def names(self) -> list[str]:
        """The name of the target of each output."""
        return [f"{SOFT_LABELS}_{labels.output}" if self.several else SOFT_LABELS for labels in self.outputs]


def course_of(y: object, n_original: int, n: int, *, lenient: bool = False, complete: bool = False) -> Course | None:
    """Read main labels; None if every sample has one. The last of n samples are copies, but for `n_original`.

    With `complete` labels of every sample are taught too: some of them are hidden later.

    Up to `MOST_SAMPLES` samples are all drawn. Of more, those with a label are, and as many of the others, at random,
    as there is room for. If more than that have a label, the labelled samples of each output are drawn at random for an
    equal share of the room. The same samples are drawn each time. Too few labels are an error, or, with `lenient`, not
    taught.
    """
    most = n_original if complete else n_original - 1
    partly = [labels for labels in read_main(y, n_original, n) if 0 < len(labels.rows) <= most]
    drawn = _drawn([labels.rows for labels in partly], n_original)
    taught = tuple(labels for labels in partly if not (lenient and trouble_of(labels.of(drawn))))
    for labels in taught:
        check_teachable(labels.of(drawn))
    several = isinstance(y, Mapping) and len(y) > 1
    return Course(taught, drawn, several, len(drawn) == n_original) if taught else None


def _drawn(labelled: Sequence[Array], n: int) -> Array:
    if n <= MOST_SAMPLES:
        return np.arange(n)
    rows = np.unique(np.concatenate([np.empty(0, int), *labelled]))
    if len(rows) > MOST_SAMPLES:
        return np.unique(np.concatenate([_some(each, MOST_SAMPLES // len(labelled)) for each in labelled]))
    others = np.setdiff1d(np.arange(n), rows, assume_unique=True)
    return np.sort(np.concatenate([rows, _some(others, MOST_SAMPLES - len(rows))]))


def _some(numbers: Array, most: int) -> Array:
    """Draw at most so many numbers; not every k-th, because classes and days come in a rhythm too."""
    if len(numbers) <= most:
        return numbers
    return np.random.default_rng(0).choice(numbers, most, replace=False)


def teachers_of(
    course: Course,
    samples: Any,
    domain: str,
    options: Mapping[str, Any],
    of_tasks: TaskFunction,
    *,
    dtype: np.dtype[np.floating],
    seed: int,
    everything: Iterable[tuple[int, Any]] | None,
) -> list[Teacher]:
    """Fit a teacher for each output on the samples that were drawn; see `Teacher` for the others."""
    features = _features(options.get("features"), domain, of_tasks, ragged=hasattr(samples, "series"))
    own = options.get("teacher")
    needs_components = own is None and any(labels.kind == "distribution" for labels in course.outputs)
    known = features.fit(samples, components=needs_components)
    how: Any = dtype, seed, None if course.is_all else everything
    teachers = []
    for name, labels in zip(course.names, course.outputs, strict=True):
        tried = committees_of(domain, labels.kind, known) if own is None else [own_committee(own, labels.kind)]
        teachers.append(Teacher.taught(name, labels, features, course.drawn, known, tuple(tried), *how))
    return teachers


def _features(asked: Any, domain: str, of_tasks: TaskFunction, *, ragged: bool) -> FeatureSet:
    if asked is None:
        others: dict[str, Features] = {}
        if domain == "signal":
            others["statistics"] = OwnFeatures(of_tasks(STATISTICS), "statistics", gaps=True)
        if ragged:
            others["padded"] = RocketFeatures(padded=True)
        return FeatureSet(BY_DOMAIN[domain](), **others)
    names = task_names(asked)
    if names is not None:
        return FeatureSet(OwnFeatures(of_tasks(names), f"the tasks {names}", gaps=True))
    if not callable(asked):
        raise InvalidTypeError(
            f"`features` must be tasks, as `tasks` names them, or a function from samples to numbers; got "
            f"{abbreviated(asked)}."
        )
    name = getattr(asked, "__name__", type(asked).__name__)
    return FeatureSet(OwnFeatures(OfInputs(asked), name))


@dataclass(frozen=True)
class OfInputs:
    """A function of the user's own, for samples."""

    function: Callable[[Any], Any]

    def __call__(self, samples: Any) -> Any:
        """Compute features of samples as the user has them."""
        return self.function(inputs_of(samples))


def inputs_of(samples: Any) -> Any:
    """Return samples as a user has them."""
    if hasattr(samples, "texts"):
        return list(samples.texts)
    # A table has its columns by name.
    return list(samples.series) if hasattr(samples, "series") else getattr(samples, "columns", samples.inputs)
