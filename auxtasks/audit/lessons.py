"""What a teacher of soft labels says in a split: of the training part's labels alone, and once for all arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auxtasks.audit.metrics import Metrics
from auxtasks.audit.splits import Split
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError
from auxtasks.labels import MAIN, without_labels
from auxtasks.specs import TargetSpec
from auxtasks.teacher.teaching import Teacher
from auxtasks.typing import Array, Floats

if TYPE_CHECKING:
    from auxtasks.keras.listening import Opinion


class Lesson(NamedTuple):
    """Soft labels as a split knows them.

    `spec` tells how well the teacher predicts the labels that it was shown, `soft` are the soft labels of all training
    samples, `said` is the teacher's opinion of the test part, by which it is judged, and `unseen` what it says of the
    labelled samples of the training part, in their order, when not shown their labels. `heard` is what networks say, in
    the runs of all arms.
    """

    spec: TargetSpec
    soft: Array
    said: Array
    unseen: Floats
    heard: dict[str, Opinion]


def lessons_of(teachers: Sequence[Teacher], split: Split, n_original: int, said: Mapping[str, Array]) -> None:
    """Have the split know what each teacher says, had it been shown the labels of the training part alone.

    `said` holds opinions of a test set of its own; by default the test part is among the samples that were taught from.
    """
    shown = np.setdiff1d(split.train, split.hidden)
    others = np.setdiff1d(np.arange(n_original), shown)
    for teacher in teachers:
        if teacher.name not in split.lessons:
            anew = teacher.shown(without_labels(teacher.labels.main, others))
            opinions = said[teacher.name] if teacher.name in said else anew.opinions()[split.test]
            labelled = split.train[np.isin(split.train, anew.labels.rows)]
            unseen = anew.said_unseen()[np.searchsorted(anew.labels.rows, labelled)]
            split.lessons[teacher.name] = Lesson(anew.spec, anew.soft_labels(), opinions, unseen, {})


def teachers_among(targets: AuxTargets) -> tuple[Teacher, ...]:
    """Return the teachers of all soft labels, which each split needs."""
    taught = [name for name, spec in targets.specs.items() if spec.is_taught]
    teachers = targets.teachers
    if taught and not teachers:
        raise InvalidInputError(
            f"`targets` hold {taught[0]!r} without the teacher, because they were loaded from disk or made by "
            "transform. Each split needs a new teacher, or held-out labels would leak. Pass the result of "
            "make_aux_targets(X, ..., y=y), or an AuxTargetGenerator; to audit without soft labels, leave them out "
            "of its `tasks`."
        )
    if len(taught) > 1 or any(teacher.labels.output != MAIN for teacher in teachers):
        raise InvalidInputError(
            f"`targets` hold {', '.join(map(repr, taught))} of the output {teachers[0].labels.output!r}, but an audit "
            "has a single unnamed output; compute them with its labels only, y=labels."
        )
    return teachers


def score_of(lesson: Lesson, main: Array, metrics: Metrics) -> dict[str, float]:
    """Score a teacher by itself on the test part."""
    said: Floats = lesson.said
    if lesson.spec.kind == "vector":
        return metrics.score(main, said)
    if metrics.problem == "multiclass":
        # Classes of which the teacher was shown no label; the network has a unit for them.
        width = max(metrics.classes, default=0) + 1
        said = np.pad(said, [(0, 0), (0, max(0, width - said.shape[1]))])
    return replace(metrics, scale="probabilities").score(main, said)
