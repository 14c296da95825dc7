"""The runs of an audit: those that are not finished yet, with a progress bar."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auxtasks.audit.experiment import Arm, Experiment, Run, parts_name, results_of
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


_FORMAT = 1


class Records:
    """Finished runs, one line of JSON each, after a line that says what they were made of.

    A line that was not written to its end, as when the process was killed, is cut off.

    Parameters
    ----------
    path : Path or None
        The file; made if need be. None keeps the runs in memory.
    made_of : mapping of str to str
        What decides the result of a run besides arm, seed and fold, by name: see `fingerprint`.
    """

    def __init__(self, path: Path | None, made_of: Mapping[str, str]) -> None:
        self._path = path
        self._runs: dict[Any, Run] = {}
        header = {"auxtasks": "audit", "format": _FORMAT, "made_of": dict(made_of)}
        if path is None:
            return
        if path.is_dir() or path.name == "":
            raise StorageError(f"`results` must be a file, and {path} is a folder; name a file in it.")
        if path.exists() and path.stat().st_size:
            lines = _whole_lines(path)
            if lines:
                found = _read(path, lines)
                _check_made_of(path, found.made_of, made_of)
                self._keep(found.runs)
                if set(made_of) - set(found.made_of):
                    self._append(header)
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._append(header)

    def __contains__(self, key: Any) -> bool:
        """Tell whether the run of an arm, a seed and a fold is finished."""
        return key in self._runs

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._runs)

    def __getitem__(self, key: Any) -> Run:
        """Return the run of an arm, a seed and a fold."""
        return self._runs[key]

    def add(self, run: Run) -> None:
        """Keep a run; it is on the disk when this returns."""
        self._append(_without_nan(run.to_dict()))
        self._keep([run])

    def _keep(self, runs: Iterable[Run]) -> None:
        self._runs.update(((run.arm, run.seed, run.fold), run) for run in runs)

    def _append(self, fields: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        write_through(self._path, f"{json.dumps(fields, allow_nan=False)}\n".encode(), append=True)


def _whole_lines(path: Path) -> list[str]:
    """Return the lines that end, and cut off what follows them."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        if not content.startswith(b'{"auxtasks"'[: len(content)]):
            raise StorageError(f"`results`: {path} is not a file of an audit; choose another name.")
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        return whole.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise StorageError(f"`results`: {path} is not a file of an audit; choose another name.") from None


class _Contents(NamedTuple):
    """What a file says: what its runs were made of, and the runs."""

    made_of: dict[str, str]
    runs: list[Run]


def _read(path: Path, lines: Sequence[str]) -> _Contents:
    contents = _Contents({}, [])
    for number, line in enumerate(lines, start=1):
        _read_line(path, number, line, contents)
    return contents


def _read_line(path: Path, number: int, line: str, contents: _Contents) -> None:
    try:
        fields = json.loads(line)
        if number == 1 or "auxtasks" in fields:
            _check_format(path, fields)
            # Tasks that were added later have a header of their own.
            contents.made_of.update(fields["made_of"])
        else:
            contents.runs.append(Run.from_dict(_with_nan(fields)))
    except (ValueError, KeyError, TypeError, AttributeError):
        if number == 1:
            raise StorageError(f"`results`: {path} is not a file of an audit; choose another name.") from None
        raise StorageError(
            f"`results`: line {number} of {path} is not a run; delete the line to have it trained again."
        ) from None


def _check_format(path: Path, fields: Mapping[str, Any]) -> None:
    if fields["auxtasks"] != "audit":
        raise KeyError("auxtasks")
    if fields["format"] != _FORMAT:
        raise StorageError(f"`results`: {path} has format {fields['format']}, and this version reads {_FORMAT}.")


def _check_made_of(path: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    changed = [name for name, value in wanted.items() if found.get(name, value) != value]
    if changed:
        raise StorageError(
            f"`results`: {path} holds runs of another audit; what differs: {', '.join(changed)}. Choose another file, "
            "or delete this one."
        )


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
    for name in ("scores", "learned"):
        fields[name] = {key: _NOT_FINITE.get(part, part) for key, part in fields[name].items()}
    fields["curves"] = {key: [_NOT_FINITE.get(part, part) for part in parts] for key, parts in fields["curves"].items()}
    return fields
