"""The runs of an audit: those that are not finished yet, with a progress bar."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from auxtasks.audit.experiment import Arm, Experiment, Run, keras_state, parts_name
from auxtasks.audit.records import Records
from auxtasks.audit.splits import Split
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.optional import require


def run_all(
    experiment: Experiment,
    arms: Sequence[Arm],
    splits: Sequence[Split],
    records: Records,
    judged: str,
    n_jobs: int,
    bar: Any,
) -> list[Run]:
    """Train every arm on every split, unless the records hold it; the bar moves with each training."""
    from auxtasks.backend import without_retracing_warnings

    wanted = [(arm, split) for split in splits for arm in arms]
    missing = [(arm, split) for arm, split in wanted if not _is_known(arm, split, records)]
    # Before other processes are asked: what a split knows of soft labels goes with it, and the teachers stay here.
    for arm, split in missing:
        experiment.lessons(split, arm)
    with without_retracing_warnings():
        for run in results_of(replace(experiment, teachers=()).run, missing, n_jobs):
            records.add(run)
            bar.update()
    found = [records[arm, split.seed, split.fold] for arm, split in wanted]
    _check_defined(found, judged)
    return found


def progress_bar(name: str, total: int, done: int = 0, *, progress: bool) -> Any:
    """Return a bar of trainings, with the time left."""
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=done, unit="training", desc=name, disable=not progress)


def _is_known(arm: Arm, split: Split, records: Records) -> bool:
    key = (arm, split.seed, split.fold)
    if key in records and records[key].parts != parts_name(split):
        raise StorageError(
            f"`results` holds runs of other splits; differences: the samples of seed {split.seed}, fold {split.fold}. "
            "Choose another file, or delete this one."
        )
    return key in records


def _check_defined(runs: Sequence[Run], judged: str) -> None:
    lost = [run for run in runs if math.isnan(run.scores.get(judged, math.nan))]
    if lost:
        run = lost[0]
        raise InvalidInputError(
            f"`metrics`: {judged!r} is not defined for {len(lost)} of {len(runs)} runs, such as seed {run.seed}, fold "
            f"{run.fold} of the arm {run.arm.label!r}: a class is missing in the test part, or the model diverged. "
            "Judge by another metric, stratify the split, or make the training stable."
        )


_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def results_of(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    """Call a function with each of several sets of arguments."""
    if n_jobs == 1 or len(calls) < 2:
        for arguments in calls:
            yield function(*arguments)
        return
    joblib: Any = require("joblib", extra="audit")
    with _shared_threads(n_jobs):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        state = keras_state()
        yield from parallel(joblib.delayed(_in_worker)(state, function, arguments) for arguments in calls)


def _in_worker(state: dict[str, Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import keras

    from auxtasks.backend import without_retracing_warnings

    keras.config.set_floatx(state["floatx"])
    keras.config.set_image_data_format(state["image_data_format"])
    keras.config.set_dtype_policy(state["dtype_policy"])
    with without_retracing_warnings():
        return function(*arguments)


@contextlib.contextmanager
def _shared_threads(n_jobs: int) -> Iterator[None]:
    """Share the processors between the TensorFlows of new processes, which read this at their start."""
    before = {name: os.environ.get(name) for name in _THREADS}
    share = str(max((os.cpu_count() or 1) // n_jobs, 1))
    os.environ.update({name: share for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
