"""How many steps one training of a search makes."""

from __future__ import annotations

from math import ceil

import numpy as np

from auxtasks.audit.experiment import Experiment
from auxtasks.audit.splits import Split


def n_steps(experiment: Experiment, split: Split) -> int:
    """Count the steps of a training, composed batches included.

    Parameters
    ----------
    experiment : Experiment
        What is trained.
    split : Split
        On which samples.

    Returns
    -------
    int
        The steps of all epochs.
    """
    from auxtasks.keras.composition import DEFAULT_SHARE, compose

    settings, options = experiment.settings, experiment.settings.fit_options
    if options.get("steps_per_epoch"):
        return int(options["steps_per_epoch"]) * settings.epochs
    # Transformed copies are trained on without a main label.
    n_copies = len(experiment.samples.inputs) // experiment.n_original - 1
    labelled = np.concatenate([split.shown(experiment.labelled), np.zeros(n_copies * len(split.train), dtype=bool)])
    share = options.get("labelled_share", DEFAULT_SHARE)
    composed = None
    if share is not None and options.get("shuffle", True) and not labelled.all():
        composed = compose(labelled, settings.batch_size, share, seed=0)
    of_epoch = composed.n_batches if composed else ceil(len(labelled) / settings.batch_size)
    return of_epoch * settings.epochs
