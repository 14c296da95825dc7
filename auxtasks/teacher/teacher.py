"""The teacher: what learns the main labels from features, and says soft labels of other samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
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
    task_names,
)
from auxtasks.teacher.labels import MainLabels, read_main, same_labels
from auxtasks.typing import Array

OPTIONS = ("teacher", "features")
TaskFunction = Callable[[Any], Callable[[Any], Array]]
"""From the names of tasks to a function that computes them, side by side, for samples."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """What was learned of the labels of one output, and the features of the samples that it was learned from.

    `known` are those of the training samples, in memory alone; `fit` is what says the soft labels, by the committee
    that was chosen among those `tried`.
    """

    name: str  # of the target
    labels: MainLabels
    features: FeatureSet
    known: Known
    tried: tuple[Committee, ...]
    committee: Committee
    unseen: Unseen
    fit: Fit
    dtype: np.dtype[np.floating]
    seed: int

    @property
    def spec(self) -> TargetSpec:
        """What is known of the soft labels."""
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
                "n_labelled": len(labels.rows),
                "error": evidence.error,
                "guess": evidence.guess,
                "surprise": evidence.surprise,
                "seed": self.seed,
            },
        )

    @classmethod
    def taught(
        cls,
        name: str,
        labels: MainLabels,
        features: FeatureSet,
        known: Known,
        tried: tuple[Committee, ...],
        dtype: np.dtype[np.floating],
        seed: int,
    ) -> Teacher:
        """Choose a committee by the labels, and fit it."""
        if trouble := _trouble(labels):
            raise InvalidInputError(
                f"`y` ({labels.output!r}) holds {trouble}, from which nothing can be taught; label more samples, or "
                "leave `y` or the task 'soft_labels' out."
            )
        committee, unseen = choose(tried, labels, known, labels.rows, seed)
        fit = Fit(committee, labels, known, labels.rows, unseen.shares)
        return cls(name, labels, features, known, tried, committee, unseen, fit, dtype, seed)

    def shown(self, main: Array) -> Teacher:
        """Return what this teacher would have become, had it been shown these labels alone.

        The committee is chosen and fitted anew; features, which know of no label, stay.
        """
        if same_labels(main, self.labels.main):
            return self
        labels = replace(self.labels, main=main)
        return Teacher.taught(self.name, labels, self.features, self.known, self.tried, self.dtype, self.seed)

    def taught_anew(self, main: Array) -> Array:
        """Return what this teacher would have said of the training samples, had it been shown these labels alone."""
        return self.shown(main).soft_labels()

    def opinions(self) -> Array:
        """Return what it says of the training samples without copies, also of those with a label of their own."""
        return self.fit.says(self.known, own=True).astype(self.dtype)

    def soft_labels(self) -> Array:
        """Return soft labels for the training samples, missing where they have a label of their own."""
        said = self.opinions()
        found = np.full((len(self.labels.main), self.labels.width), np.nan, self.dtype)
        found[: len(said)] = said  # transformed copies, which come last, have none
        found[self.labels.rows] = np.nan
        return found

    def of(self, samples: Any) -> Array:
        """Return soft labels for other samples."""
        return self.fit.says(self.features.of(samples)).astype(self.dtype)


def split_tasks(tasks: Any, *, has_labels: bool) -> tuple[Any, dict[str, Any] | None]:
    """Take the task `soft_labels` out of what a user names; return the other tasks, and its options if it is asked."""
    entries = [tasks] if isinstance(tasks, (str, Mapping)) else tasks
    if tasks is None or not isinstance(entries, (list, tuple)):
        return tasks, {} if has_labels and tasks is None else None
    others: list[Any] = []
    asked: dict[str, Any] | None = None
    for entry in entries:
        if entry == SOFT_LABELS:
            asked = {}
        elif isinstance(entry, Mapping) and SOFT_LABELS in entry:
            if not isinstance(entry[SOFT_LABELS], Mapping):
                raise InvalidTypeError(
                    f"`tasks`: the options of {SOFT_LABELS!r} must be a mapping, such as {{'teacher': "
                    f"LogisticRegression()}}; got {entry[SOFT_LABELS]!r}."
                )
            asked = dict(entry[SOFT_LABELS])
            rest = {name: options for name, options in entry.items() if name != SOFT_LABELS}
            others += [rest] if rest else []
        else:
            others.append(entry)
    if asked is not None and not has_labels:
        raise InvalidInputError(
            "`tasks`: 'soft_labels' is what a teacher makes of the main labels, and none were given; pass them as `y`, "
            "with -1 or NaN for samples without a label."
        )
    for name in asked or ():
        if name not in OPTIONS:
            raise unknown_name("tasks", name, OPTIONS, f"option of task {SOFT_LABELS!r}")
    return others, asked


def teachers_of(
    samples: Any,
    domain: str,
    y: object,
    n: int,
    options: Mapping[str, Any],
    of_tasks: TaskFunction,
    *,
    dtype: np.dtype[np.floating],
    seed: int,
    lenient: bool = False,
) -> list[Teacher]:
    """Fit a teacher for each output of which some samples have no label; n counts transformed copies too.

    Too few labels are an error, or, with `lenient`, no teacher.
    """
    several = isinstance(y, Mapping) and len(y) > 1
    found = read_main(y, samples.n, n)
    learned = [labels for labels in found if 0 < len(labels.rows) < samples.n and not (lenient and _trouble(labels))]
    if not learned:
        return []
    features = _features(options.get("features"), domain, of_tasks, ragged=hasattr(samples, "series"))
    own = options.get("teacher")
    needs_components = own is None and any(labels.kind == "distribution" for labels in learned)
    known = features.fit(samples, components=needs_components)
    teachers = []
    for labels in learned:
        tried = committees_of(domain, labels.kind, known) if own is None else [own_committee(own, labels.kind)]
        name = f"{SOFT_LABELS}_{labels.output}" if several else SOFT_LABELS
        teachers.append(Teacher.taught(name, labels, features, known, tuple(tried), dtype, seed))
    return teachers


def _trouble(labels: MainLabels) -> str:
    """Say why labels are too few to teach, and to be predicted from the others; empty where they are not."""
    rows = labels.rows
    if labels.kind != "distribution":
        return "" if len(rows) > 1 else "one label"
    counts = np.unique(labels.answers(rows), return_counts=True)[1]
    if len(counts) < 2:
        return f"one class only among its {len(rows)} labels"
    return "" if (counts > 1).sum() > 1 else f"fewer than two classes of two labels each among its {len(rows)} labels"


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
            f"`features` must be tasks, as `tasks` names them, or a function from samples to numbers; got {asked!r}."
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
    return list(samples.series) if hasattr(samples, "series") else samples.inputs


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
