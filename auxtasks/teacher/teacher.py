"""The teacher: what learns the main labels from features, and says soft labels of other samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.specs import SOFT_LABELS, TargetSpec
from auxtasks.teacher.choice import Committee, Fit, Unseen, choose
from auxtasks.teacher.features import FeatureSet, Known
from auxtasks.teacher.labels import MainLabels, same_labels
from auxtasks.typing import Array, Floats


@dataclass(frozen=True, eq=False)
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
    committee: Committee
    unseen: Unseen  # of the samples drawn
    fit: Fit
    said: Array
    dtype: np.dtype[np.floating]
    seed: int
    everything: Iterable[tuple[int, Any]] | None = None  # blocks of samples, each with the number of its first

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
                "n_labelled": evidence.n,
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
        drawn: Array,
        known: Known,
        tried: tuple[Committee, ...],
        dtype: np.dtype[np.floating],
        seed: int,
        everything: Iterable[tuple[int, Any]] | None = None,
    ) -> Teacher:
        """Choose a committee by the labels of the samples drawn, and fit it."""
        own = labels.of(drawn)
        check_teachable(own)
        committee, unseen = choose(tried, own, known, own.rows, seed)
        fit = Fit(committee, own, known, own.rows, unseen.shares)
        said = fit.says(known, own=True).astype(dtype)
        return cls(name, labels, features, drawn, known, tried, committee, unseen, fit, said, dtype, seed, everything)

    def shown(self, main: Array) -> Teacher:
        """Return what this teacher would have become, had it been shown these labels alone.

        The committee is chosen and fitted anew; features, which know of no label, and the samples drawn stay.
        """
        if same_labels(main, self.labels.main):
            return self
        how = self.dtype, self.seed, self.everything
        labels = replace(self.labels, main=main)
        return Teacher.taught(self.name, labels, self.features, self.drawn, self.known, self.tried, *how)

    def taught_anew(self, main: Array) -> Array:
        """Return what this teacher would have said of the training samples, had it been shown these labels alone."""
        return self.shown(main).soft_labels()

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
        """Return soft labels for other samples."""
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
        return replace(self, known={}, everything=())


def check_teachable(labels: MainLabels) -> None:
    """Refuse labels from which nothing can be taught."""
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
