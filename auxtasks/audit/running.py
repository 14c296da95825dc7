"""The runs of an audit: those that are not finished yet, with a progress bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

from auxtasks.audit.arms import Arm
from auxtasks.audit.experiment import Experiment, parts_name
from auxtasks.audit.records import Records
from auxtasks.audit.run import Run
from auxtasks.audit.splits import Split
from auxtasks.audit.workers import results_of
from auxtasks.errors import InvalidInputError, StorageError
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
        If the judged metric of a run is NaN; after all have been trained.
    StorageError
        If the records are of other splits.
    """
    wanted = [(arm, split) for split in splits for arm in arms]
    missing = [(arm, split) for arm, split in wanted if not _is_known(arm, split, records)]
    tqdm = require("tqdm", extra="progress").tqdm
    done = len(wanted) - len(missing)
    bar = tqdm(total=len(wanted), initial=done, unit="run", desc="audit", disable=not progress)
    with bar:
        for run in results_of(experiment.run, missing, n_jobs):
            records.add(run)
            bar.set_postfix_str(f"seed {run.seed}, {run.arm.label}", refresh=False)
            bar.update()
    found = [records[arm, split.seed, split.fold] for arm, split in wanted]
    _check_defined(found, judged)
    return found


def _is_known(arm: Arm, split: Split, records: Records) -> bool:
    key = (arm, split.seed, split.fold)
    if key in records and records[key].parts != parts_name(split):
        raise StorageError(
            f"`results` holds runs of other splits; what differs: the samples of seed {split.seed}, fold {split.fold}. "
            "Choose another file, or delete this one."
        )
    return key in records


def _check_defined(runs: Sequence[Run], judged: str) -> None:
    lost = [run for run in runs if math.isnan(run.scores[judged])]
    if lost:
        run = lost[0]
        raise InvalidInputError(
            f"`metrics`: {judged!r} is not defined for {len(lost)} of {len(runs)} runs, such as seed {run.seed}, fold "
            f"{run.fold} of the arm {run.arm.label!r}: a class is missing in the test part, or the model diverged. "
            "Judge by another metric, stratify the split, or make the training stable."
        )
