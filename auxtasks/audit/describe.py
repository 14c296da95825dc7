"""What a report says of how it was made, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from auxtasks.audit.experiment import Experiment, versions
from auxtasks.audit.fingerprint import named
from auxtasks.audit.splits import Split
from auxtasks.audit.verdicts import Rule


def described(
    experiment: Experiment, splits: Sequence[Split], rule: Rule, factors: Sequence[float], *, controls: bool
) -> dict[str, Any]:
    """Describe an audit.

    Parameters
    ----------
    experiment : Experiment
        What was trained.
    splits : sequence of Split
        On which samples.
    rule : Rule
        When a difference counted.
    factors : sequence of float
        What the weights were multiplied by.
    controls : bool
        Whether there were controls.

    Returns
    -------
    dict
        What JSON can hold. Numbers of samples are those of the first split.
    """
    train, test = experiment.parts(splits[0])
    settings = experiment.settings
    return {
        **rule.__dict__,
        "folds": max(split.fold for split in splits) + 1,
        "n_pairs": len(splits),
        "n_train": len(train.inputs),
        "n_labelled": int(splits[0].shown(experiment.labelled).sum()),
        "n_test": len(test.inputs),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "weights": {"of tasks": dict(settings.weights), "times": list(factors)},
        "controls": controls,
        **{name: named(getattr(settings, name)) for name in ("at", "weighting", "schedule", "fit_options")},
        "versions": versions(),
    }
