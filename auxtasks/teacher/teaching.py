"""Teachers: what learns the main labels from features, and says soft labels of samples without a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.specs import SOFT_LABELS, TargetSpec
from auxtasks.teacher.choice import Committee, Fit, Unseen, choose, committees_of, own_committee
from auxtasks.teacher.features import (
    BY_DOMAIN,
    STATISTICS,
    Features,
    FeatureSet,
    Known,
    OwnFeatures,
    RocketFeatures,
)
from auxtasks.teacher.labels import MainLabels, read_main, same_labels
from auxtasks.typing import Array, Floats


@dataclass(eq=False)
class Teacher:
    """What was learned of the labels of one output, and the features of the samples that it was learned from.

    These samples are `drawn` from the training samples, all of them where they are few (`course_of` has the rule);
    `known` are their features and `said` what the teacher says of them, in memory alone. Of the others it says what it
    says of any sample, block by block, as `everything` gives the training samples whenever it is gone through; None
    where all are drawn. `fit` is what says the soft labels, by the committee that was chosen among those `tried`.
    """

    name: str  # of the target
    labels: MainLabels  # of all training samples, transformed copies included
    features: FeatureSet
    drawn: Array  # numbers of samples, sorted
    known: Known
    tried: tuple[Committee, ...]
    dtype: np.dtype[np.floating]
    seed: int
    everything: Iterable[tuple[int, Any]] | None = None  # blocks of samples, each with the number of its first
    committee: Committee = field(init=False)
    unseen: Unseen = field(init=False)  # of the samples drawn
    fit: Fit = field(init=False)
    said: Array = field(init=False)

    def __post_init__(self) -> None:
        own = self.labels.of(self.drawn)
        check_teachable(own)
        self.committee, self.unseen = choose(self.tried, own, self.known, self.seed)
        self.fit = Fit(self.committee, own, self.known, self.unseen.shares)
        self.said = self.fit.says(self.known, own=True).astype(self.dtype)

    @property
    def spec(self) -> TargetSpec:
        labels, (shares, _, evidence) = self.labels, self.unseen
        return TargetSpec(
            name=self.name,
            task=SOFT_LABELS,
            kind=labels.kind,
            shape=(labels.width,),
            columns=labels.names if labels.kind != "distribution" else (),
            classes=labels.names,
            options={
                "output": labels.output,
                "teacher": self.committee.name,
                "shares": tuple(shares.round(3).tolist()),  # as it is read again from a file
                "features": self.features.name,
                "n_labelled": evidence.n,
                "error": evidence.error,
                "guess": evidence.guess,
                "surprise": evidence.surprise,
                "seed": self.seed,
            },
        )

    def shown(self, main: Array) -> Teacher:
        """Return what this teacher would have become, had it been shown these labels alone.

        The committee is chosen and fitted anew; features, which know of no label, and the samples drawn stay.
        """
        return self if same_labels(main, self.labels.main) else replace(self, labels=replace(self.labels, main=main))

    def opinions(self) -> Array:
        """Return what it says of the training samples without copies, also of those with a label of their own."""
        return self.said if self.everything is None else self._said_of_all

    @cached_property
    def _said_of_all(self) -> Array:
        return np.concatenate([self.opinions_of(start, samples) for start, samples in self.everything or ()])

    def soft_labels(self) -> Array:
        """Return soft labels for the training samples, missing where they have a label of their own."""
        said = self.opinions()
        found = np.full((len(self.labels.main), self.labels.width), np.nan, self.dtype)
        found[: len(said)] = said  # transformed copies, which come last, have none
        found[self.labels.rows] = np.nan
        return found

    def opinions_of(self, start: int, samples: Any) -> Array:
        """Return what it says of some consecutive training samples, from a number on."""
        first, last = np.searchsorted(self.drawn, [start, start + samples.n])
        if last - first == samples.n:
            return self.said[first:last]
        found = self.of(samples)
        found[self.drawn[first:last] - start] = self.said[first:last]
        return found

    def soft_labels_of(self, start: int, samples: Any) -> Array:
        """Return soft labels for some consecutive training samples, missing where they have a label of their own."""
        found = self.opinions_of(start, samples).copy()
        found[self.labels.of(slice(start, start + samples.n)).rows] = np.nan
        return found

    def of(self, samples: Any) -> Array:
        return self.fit.says(self.features.of(samples)).astype(self.dtype)

    def said_unseen(self) -> Floats:
        """Return what it says of each labelled sample when it was not shown its label.

        That is known by cross-validation; labels of samples that were not drawn were not shown in any case.
        """
        labelled = self.labels.rows
        drawn = np.isin(labelled, self.drawn)
        if drawn.all():
            return self.unseen.said
        found = self.opinions()[labelled].astype(np.float64)
        found[drawn] = self.unseen.said
        return found

    def light(self) -> Teacher:
        """Return what goes to other processes, which ask it of samples that they have: no features of its own."""
        light = copy(self)
        light.known, light.everything = {}, ()
        vars(light).pop("_said_of_all", None)
        return light


def check_teachable(labels: MainLabels) -> None:
    if trouble := trouble_of(labels):
        raise InvalidInputError(
            f"`y` ({labels.output!r}) holds {trouble}, too little to train a teacher; label more samples, or leave "
            "`y` or the task 'soft_labels' out."
        )


def trouble_of(labels: MainLabels) -> str:
    """Say why labels are too few to teach, and to be predicted from the others; empty where they are not."""
    rows = labels.rows
    if labels.kind != "distribution":
        return "" if len(rows) > 1 else "one label"
    counts = np.unique(labels.answers(rows), return_counts=True)[1]
    if len(counts) < 2:
        return f"one class only among its {len(rows)} labels (-1 stands for a missing one)"
    return "" if (counts > 1).sum() > 1 else f"fewer than two classes of two labels each among its {len(rows)} labels"


def described(spec: TargetSpec) -> str:
    """Say in a sentence what teaches."""
    options = spec.options
    if spec.kind == "vector":
        how = f"explains {100 * (1 - options['error']):.0f} % of the variance of {options['n_labelled']} labels"
    elif spec.kind == "multilabel":
        how = f"has a mean F1 of {1 - options['error']:.2f} over {options['n_labelled']} samples"
    else:
        right, guess = 100 * (1 - options["error"]), 100 * (1 - options["guess"])
        how = f"gets {right:.0f} % of {options['n_labelled']} labels right (guessing: {guess:.0f} %)"
    return f"{spec.name}: {options['teacher']} on {options['features']} {how}, by cross-validation"


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
    names: tuple[str, ...]  # of their targets
    drawn: Array
    is_all: bool  # whether all samples were drawn


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
    names = tuple(f"{SOFT_LABELS}_{labels.output}" if several else SOFT_LABELS for labels in taught)
    return Course(taught, names, drawn, len(drawn) == n_original) if taught else None


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
        teachers.append(Teacher(name, labels, features, course.drawn, known, tuple(tried), *how))
    return teachers


def _features(asked: Any, domain: str, of_tasks: TaskFunction, *, ragged: bool) -> FeatureSet:
    if asked is None:
        others: dict[str, Features] = {}
        if domain == "signal":
            others["statistics"] = OwnFeatures(of_tasks(STATISTICS), "statistics", gaps=True)
        if ragged:
            others["padded"] = RocketFeatures(padded=True)
        return FeatureSet(BY_DOMAIN[domain](), **others)
    if isinstance(asked, (str, dict, list, tuple)):
        names = list(asked) if isinstance(asked, (list, tuple)) else [asked]
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
        return self.function(inputs_of(samples))


def inputs_of(samples: Any) -> Any:
    if hasattr(samples, "texts"):
        return list(samples.texts)
    # A table has its columns by name.
    return list(samples.series) if hasattr(samples, "series") else getattr(samples, "columns", samples.inputs)
