"""The runs of an audit: trained unless they are known, and kept in a file that several processes may add to."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from auxtasks.audit.experiment import SETTING, SETTINGS, Arm, Experiment, Run, keras_state, parts_name
from auxtasks.audit.splits import Split
from auxtasks.checksums import difference, json_record, parsed_document
from auxtasks.errors import InvalidInputError, StorageError
from auxtasks.files import locked, open_regular, read_regular, told_as_storage_error, write_through
from auxtasks.optional import require
from auxtasks.typing import Floats


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
        for run in results_of(dataclasses.replace(experiment, teachers=()).run, missing, n_jobs):
            records.add(run)
            bar.update()
    found = [records[arm, split.seed, split.fold] for arm, split in wanted]
    _check_defined(found, judged)
    return found


def progress_bar(name: str, total: int, done: int = 0, *, progress: bool) -> Any:
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
    unset = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, str(max((os.cpu_count() or 1) // n_jobs, 1))))
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


FORMAT = 2
_UNCHECKED = (1, None)
"""Headers of format 1 have no checksum, and neither have the runs after such a header."""
_START = b'{"checksum"', b'{"auxtasks"'


class Records(dict[tuple[Arm, int, int], Run]):
    """Finished runs by arm, seed and fold: one line of JSON each, after a line that says what they were made of.

    Each line holds a checksum of itself. One that was not written to its end, as when the process was killed, is cut
    off before the next is added. Without a path the runs are kept in memory. `made_of` is what decides the result of a
    run besides arm, seed and fold, by name: see `fingerprint`.
    """

    def __init__(self, path: Path | None, made_of: Mapping[str, str]) -> None:
        super().__init__()
        self._path = path
        self._header = json_record({"auxtasks": "audit", "format": FORMAT, "made_of": dict(made_of)}) + b"\n"
        if path is None:
            return
        known = self._read(path)
        changed = [name for name, value in made_of.items() if known.get(name, value) != value]
        if any(name.startswith(SETTING) for name in changed):
            changed = [name for name in changed if name != SETTINGS]
        if changed:
            raise StorageError(
                f"`results`: {path} holds runs of another audit; differences: "
                f"{', '.join(difference(name, known[name], made_of[name]) for name in changed)}. Choose another file, "
                "or delete this one."
            )
        # Tasks that were added later have a header of their own.
        if set(made_of) - set(known):
            self._append(path, self._header)

    def add(self, run: Run) -> None:
        """Keep a run; it is on the disk when this returns."""
        if self._path is not None:
            self._append(self._path, json_record(encode(run)) + b"\n")
        self[run.arm, run.seed, run.fold] = run

    def _append(self, path: Path, line: bytes) -> None:
        kept = "Finished runs are kept: free some space and repeat the same call to resume."
        lock = path.with_name(f".{path.name}.lock")
        with told_as_storage_error("results", path, kept), locked(lock, argument="results"):
            # The file may have been deleted since it was read.
            new = not _cut_off_torn_line(path) and line != self._header
            write_through(path, self._header + line if new else line, append=True)

    def _read(self, path: Path) -> dict[str, str]:
        made_of: dict[str, str] = {}
        unchecked: tuple[int | None, ...] = _UNCHECKED
        number = 1
        try:
            for number, line in enumerate(_whole_lines(path), start=1):
                fields = parsed_document(line, unchecked)
                if number == 1 or "auxtasks" in fields:
                    unchecked = _UNCHECKED if _format_of(path, fields) in unchecked else ()
                    made_of.update(decode(dict[str, str], fields.get("made_of"), "made_of"))
                else:
                    run = decode_run(fields)
                    self[run.arm, run.seed, run.fold] = run
        except ValueError as error:
            if number == 1:
                raise _not_of_an_audit(path, error) from None
            raise StorageError(
                f"`results`: line {number} of {path} is not a run: {error}. Delete the line to have it trained again."
            ) from None
        return made_of


def _cut_off_torn_line(path: Path) -> bool:
    """Cut off what follows the last end of a line, and tell whether there is a line."""
    if not path.exists():
        return False
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if file.read(1) == b"\n":
            return True
    whole = read_regular(path).rfind(b"\n") + 1
    if whole < size:
        os.truncate(path, whole)
    return whole > 0


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines that end; a last one that does not was not written whole, or is being written."""
    if os.path.isdir(path) or path.name == "":  # noqa: PTH112 (Path.is_dir raises where a folder may not be read)
        raise StorageError(f"`results` must be a file, but {path} is a folder; name a file in it.")
    try:
        *lines, rest = read_regular(path).split(b"\n")
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise StorageError(f"`results`: {path} cannot be read ({error.strerror}); choose another name.") from error
    if rest and not lines and not any(start.startswith(rest[: len(start)]) for start in _START):
        raise _not_of_an_audit(path, "it has no complete line")
    return lines


def _not_of_an_audit(path: Path, why: object) -> StorageError:
    return StorageError(
        f"`results`: {path} is not a file of an audit, or its first line is damaged ({why}); choose another name."
    )


def _format_of(path: Path, fields: Mapping[str, Any]) -> int:
    if fields.get("auxtasks") != "audit":
        raise ValueError("it lacks the header of an audit")
    found = fields.get("format")
    if found not in (1, FORMAT):
        raise StorageError(f"`results`: {path} has format {found}, and this version reads {FORMAT}.")
    return int(found)


def encode(value: Any) -> Any:
    """Turn numbers, arrays, mappings and data classes into plain JSON types."""
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(part) for key, part in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return encode(value.tolist())
    if isinstance(value, (list, tuple)):
        return [encode(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def decode(kind: Any, value: Any, where: str = "") -> Any:
    """Make a value of a type from what `encode` made of it; a ValueError says what is wrong, and where."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, value, where)
    if kind == Floats:
        return np.array(decode(list[float], value, where), dtype=float)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (other,) = (each for each in arguments if each is not NoneType)
        return None if value is None else decode(other, value, where)
    if origin is Literal:
        return _checked(value, value in arguments if isinstance(value, str) else False, kind, where)
    if origin is dict:
        entries = _checked(value, isinstance(value, dict), kind, where).items()
        return {key: decode(arguments[1], part, f"{where}[{key!r}]") for key, part in entries}
    if origin in (list, tuple):
        entries = enumerate(_checked(value, isinstance(value, list), kind, where))
        return origin(decode(arguments[0], part, f"{where}[{at}]") for at, part in entries)
    return _decode_float(value, where) if kind is float else _checked(value, type(value) is kind, kind, where)


def decode_run(state: Any, where: str = "run") -> Run:
    """Make a run, with numbers that can be those of one."""
    run: Run = decode(Run, state, where)
    check_arm(run.arm, f"{where}.arm")
    _check(run.seed >= 0 and run.fold >= 0, f"{where}.seed and fold must not be negative")
    _check(0 < run.seconds < math.inf, f"{where}.seconds must be positive; found {run.seconds}")
    return run


def check_arm(arm: Arm, where: str) -> None:
    _check(0 <= arm.weight < math.inf, f"{where}.weight must not be negative; found {arm.weight}")


def _check(holds: bool, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)


def _decode_fields(kind: type, state: Any, where: str) -> Any:
    kinds, fields = get_type_hints(kind), {field.name: field for field in dataclasses.fields(kind)}
    _checked(state, isinstance(state, dict), kind, where)
    if unknown := state.keys() - fields.keys():
        raise ValueError(f"{where} holds {min(unknown)!r}, which is unknown")
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in state and not optional:
            raise ValueError(f"{where} has no {name!r}")
    return kind(**{name: decode(kinds[name], part, f"{where}.{name}") for name, part in state.items()})


_SPECIAL = {None: math.nan, "nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _decode_float(value: Any, where: str) -> float:
    if value is None or isinstance(value, str):
        return _SPECIAL[_checked(value, value in _SPECIAL, float, where)]
    try:
        found = float(_checked(value, type(value) in (int, float), float, where))
    except OverflowError:
        found = math.inf
    _check(math.isfinite(found), f"{where} is too large for a float")
    return found


def _checked(value: Any, holds: bool, kind: Any, where: str) -> Any:
    if not holds:
        name = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(f"{where} must be of type {name}; found {repr(value)[:60]}")
    return value
