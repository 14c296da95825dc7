"""The runs of an audit: those that are not finished yet, with a progress bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

from auxtasks.audit.arms import Arm
from auxtasks.audit.experiment import Experiment
from auxtasks.audit.records import Records
from auxtasks.audit.run import Run
from auxtasks.audit.splits import Split
from auxtasks.audit.workers import results_of
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require


def run_all(
    experiment: Experiment,
    arms: Sequence[Arm],
    splits: Sequence[Split],
    records: Records,
    judged: str,
    n_jobs: int,
    *,
    progress: bool,
) -> list[Run]:
    """Train every arm on every split, unless the records hold it.

    Parameters
    ----------
    experiment : Experiment
        What is trained.
    arms : sequence of Arm
        With which tasks.
    splits : sequence of Split
        On which samples.
    records : Records
        The finished runs; new ones are added.
    judged : str
        The metric that must be defined.
    n_jobs : int
        The number of processes.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    list of Run
        Split by split, those of the records included.

    Raises
    ------
    InvalidInputError
        If the judged metric of a run is NaN.
    """
    wanted = [(arm, split) for split in splits for arm in arms]
    missing = [(arm, split) for arm, split in wanted if (arm, split.seed, split.fold) not in records]
    tqdm = require("tqdm", extra="progress").tqdm
    done = len(wanted) - len(missing)
    bar = tqdm(total=len(wanted), initial=done, unit="run", desc="audit", disable=not progress)
    with bar:
        for run in results_of(experiment.run, missing, n_jobs):
            _check_defined(run, judged)
            records.add(run)
            bar.set_postfix_str(f"seed {run.seed}, {run.arm.label}", refresh=False)
            bar.update()
    return [records[arm, split.seed, split.fold] for arm, split in wanted]


def _check_defined(run: Run, judged: str) -> None:
    if math.isnan(run.scores[judged]):
        raise InvalidInputError(
            f"`metrics`: {judged!r} is not defined on the test part of seed {run.seed}, fold {run.fold} (arm "
            f"{run.arm.label}), as where a class is missing there or the model diverged. Judge by another metric, or "
            "stratify the split."
        )
