"""The runs of an audit: those that are not finished yet, with a progress bar."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auxtasks.audit.experiment import Arm, Experiment, Run, keras_state, parts_name
from auxtasks.audit.reuse import Models
from auxtasks.audit.splits import Split
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.files import write_through
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
    """Train every arm on every split, unless the records hold it."""
    wanted = [(arm, split) for split in splits for arm in arms]
    missing = [(arm, split) for arm, split in wanted if not _is_known(arm, split, records)]
    tqdm = require("tqdm", extra="progress").tqdm
    done = len(wanted) - len(missing)
    bar = tqdm(total=len(wanted), initial=done, unit="run", desc="audit", disable=not progress)
    # Before other processes are asked: what a split knows of soft labels goes with it, and the teachers stay here.
    for arm, split in missing:
        experiment.lessons(split, arm)
    with bar, Models() as models, without_alarm():
        for run in results_of(replace(experiment, teachers=(), models=models).run, missing, n_jobs):
            records.add(run)
            bar.set_postfix_str(f"seed {run.seed}, {run.arm.label}", refresh=False)
            bar.update()
    found = [records[arm, split.seed, split.fold] for arm, split in wanted]
    _check_defined(found, judged)
    return found


@contextlib.contextmanager
def without_alarm() -> Iterator[None]:
    """Silence TensorFlow's warning of functions that are traced again and again.

    It takes the functions that Keras makes for each model for one and the same, because their code is.
    """
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


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


_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def results_of(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    """Call a function with each of several sets of arguments."""
    if n_jobs == 1 or len(calls) < 2:
        for arguments in calls:
            yield function(*arguments)
        return
    joblib: Any = require("joblib", extra="parallel")
    with _shared_threads(n_jobs):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        state = keras_state()
        yield from parallel(joblib.delayed(_in_worker)(state, function, arguments) for arguments in calls)


def _in_worker(state: dict[str, Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import keras

    keras.config.set_floatx(state["floatx"])
    keras.config.set_image_data_format(state["image_data_format"])
    keras.config.set_dtype_policy(state["dtype_policy"])
    with without_alarm():
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


_FORMAT = 1


class Records(dict[tuple[Arm, int, int], Run]):
    """Finished runs by arm, seed and fold: one line of JSON each, after a line that says what they were made of.

    A line that was not written to its end, as when the process was killed, is cut off. Without a path the runs are kept
    in memory. `made_of` is what decides the result of a run besides arm, seed and fold, by name: see `fingerprint`.
    """

    def __init__(self, path: Path | None, made_of: Mapping[str, str]) -> None:
        super().__init__()
        self._path = path
        if path is None:
            return
        if path.is_dir() or path.name == "":
            raise StorageError(f"`results` must be a file, and {path} is a folder; name a file in it.")
        lines = _whole_lines(path)
        known = self._read(path, lines)
        changed = [name for name, value in made_of.items() if known.get(name, value) != value]
        if changed:
            raise StorageError(
                f"`results`: {path} holds runs of another audit; what differs: {', '.join(changed)}. Choose another "
                "file, or delete this one."
            )
        # Tasks that were added later have a header of their own.
        if not lines or set(made_of) - set(known):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append({"auxtasks": "audit", "format": _FORMAT, "made_of": dict(made_of)})

    def add(self, run: Run) -> None:
        """Keep a run; it is on the disk when this returns."""
        self._append(_without_nan(run.to_dict()))
        self[run.arm, run.seed, run.fold] = run

    def _append(self, fields: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        write_through(self._path, f"{json.dumps(fields, allow_nan=False)}\n".encode(), append=True)

    def _read(self, path: Path, lines: Sequence[str]) -> dict[str, str]:
        """Take the runs of a file, and return what they were made of."""
        made_of: dict[str, str] = {}
        number = 1
        try:
            for number, line in enumerate(lines, start=1):
                fields = json.loads(line)
                if number == 1 or "auxtasks" in fields:
                    _check_format(path, fields)
                    made_of.update(fields["made_of"])
                else:
                    run = Run.from_dict(_with_nan(fields))
                    self[run.arm, run.seed, run.fold] = run
        except (ValueError, KeyError, TypeError, AttributeError):
            if number == 1:
                raise _not_of_an_audit(path) from None
            raise StorageError(
                f"`results`: line {number} of {path} is not a run; delete the line to have it trained again."
            ) from None
        return made_of


def _whole_lines(path: Path) -> list[str]:
    """Return the lines that end, and cut off what follows them."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        if not content.startswith(b'{"auxtasks"'[: len(content)]):
            raise _not_of_an_audit(path)
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        return whole.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise _not_of_an_audit(path) from None


def _not_of_an_audit(path: Path) -> StorageError:
    return StorageError(f"`results`: {path} is not a file of an audit; choose another name.")


def _check_format(path: Path, fields: Mapping[str, Any]) -> None:
    if fields["auxtasks"] != "audit":
        raise KeyError("auxtasks")
    if fields["format"] != _FORMAT:
        raise StorageError(f"`results`: {path} has format {fields['format']}, and this version reads {_FORMAT}.")


def _without_nan(value: Any) -> Any:
    """Write what is not finite as JSON can: as texts."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _with_nan(fields: dict[str, Any]) -> dict[str, Any]:
    """Undo `_without_nan` in the numbers of a run."""
    for name in {"scores", "learned", "teacher"} & fields.keys():
        fields[name] = {key: _NOT_FINITE.get(part, part) for key, part in fields[name].items()}
    fields["curves"] = {key: [_NOT_FINITE.get(part, part) for part in parts] for key, parts in fields["curves"].items()}
    return fields
