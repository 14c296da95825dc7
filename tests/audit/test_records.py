from __future__ import annotations

import json
import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from flips import with_flipped_bit
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.audit.experiment import Arm, Run, arms_of
from auxtasks.audit.records import Records
from auxtasks.checksums import fingerprint, json_record, named
from auxtasks.errors import StorageError

MADE_OF = {"the inputs": "1", "the model": "2"}
RUNS = [
    Run(Arm(), 0, 0, {"accuracy": 0.1 + 0.2}, {}, 1.5, {"main": [0.7, 1 / 3]}),
    Run(Arm(("a", "b"), 3.0), 0, 1, {"accuracy": 1.0}, {"a": math.nan, "b": math.inf}, 2.5, {"main": [math.nan]}),
    Run(Arm(("a",), 1.0, True), 4, 0, {"accuracy": math.nan}, {"a": 0.5}, 0.1, {}),
]


def written(path: Path, runs: Any = RUNS) -> Path:
    records = Records(path, MADE_OF)
    for run in runs:
        records.add(run)
    return path


def test_runs_come_back_as_they_were(tmp_path: Path) -> None:
    records = Records(written(tmp_path / "folder" / "runs.jsonl"), MADE_OF)
    assert len(records) == 3
    for run in RUNS:
        assert (run.arm, run.seed, run.fold) in records
        assert repr(records[run.arm, run.seed, run.fold]) == repr(run)  # NaN equals nothing
    assert (Arm(), 1, 0) not in records


def test_a_file_cut_anywhere_loses_the_last_run_at_most(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for length in [*range(0, len(whole), 7), *ends]:
        path = tmp_path / "cut.jsonl"
        path.write_bytes(whole[:length])
        records = Records(path, MADE_OF)
        assert len(records) == max(sum(end <= length for end in ends) - 1, 0)
        records.add(RUNS[-1])
        assert (RUNS[-1].arm, 4, 0) in Records(path, MADE_OF)


def test_runs_of_another_audit_are_refused_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.jsonl")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="differences: the model"):
        Records(path, {**MADE_OF, "the model": "3"})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"label,score\n1,2\n", b"half a line", b"\xff\xfe\n", b"[1, 2]\n"])
def test_other_files_are_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="is not a file of an audit"):
        Records(path, MADE_OF)
    assert path.read_bytes() == content


def test_other_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(json_record({"auxtasks": "audit", "format": 99, "made_of": {}}) + b"\n")
    with pytest.raises(StorageError, match="has format 99"):
        Records(path, MADE_OF)


@given(st.lists(st.floats(allow_nan=False) | st.integers() | st.text(), max_size=4))
def test_a_fingerprint_tells_contents_and_their_places(values: list[Any]) -> None:
    assert fingerprint(values) == fingerprint(list(values))
    assert fingerprint(values) != fingerprint([*values, 0])
    assert fingerprint({"a": values}) != fingerprint({"b": values})


def test_a_fingerprint_tells_arrays_apart() -> None:
    arrays = [
        np.zeros(4),
        np.zeros((2, 2)),
        np.zeros(4, "float32"),
        np.array(["a", "b"]),
        np.array(["ab", ""]),
        np.array([]),
    ]
    assert len({fingerprint(array) for array in arrays}) == len(arrays)
    strided = np.arange(8)[::2]
    assert fingerprint(strided) == fingerprint(strided.copy())


def test_settings_are_named_alike_in_every_process() -> None:
    assert named(keras.optimizers.Adam(name="one")) == named(keras.optimizers.Adam(name="two"))
    assert named(keras.optimizers.Adam(0.1)) != named(keras.optimizers.Adam(0.2))
    assert "0x" not in repr(named([lambda step: step, object(), keras.losses.mean_squared_error]))


def test_every_arm_comes_with_its_control() -> None:
    labels = [arm.label for arm in arms_of(["a", "b"], [1.0, 3.0], together=True, controls=True)]
    assert labels[:3] == ["baseline", "a", "a, shuffled"]
    assert len(labels) == len(set(labels)) == 13
    assert labels[-2:] == ["a + b ×3", "a + b ×3, shuffled"]
    assert [arm.label for arm in arms_of(["a"], [1.0], together=True, controls=False)] == ["baseline", "a"]


def test_tasks_may_be_added(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.jsonl")
    assert len(Records(path, {**MADE_OF, "the target 'c'": "3"})) == 3
    assert len(Records(path, MADE_OF)) == 3
    with pytest.raises(StorageError, match="differences: the target 'c'"):
        Records(path, {**MADE_OF, "the target 'c'": "4"})


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "", *lines[2:]]) + "\n")
    with pytest.raises(StorageError, match=r"line 3 of .* is not a run: .*\. Delete the line"):
        Records(path, MADE_OF)
    with pytest.raises(StorageError, match=r"must be a file, but .* is a folder"):
        Records(tmp_path, MADE_OF)


def test_a_flipped_bit_is_refused_or_costs_the_last_run_at_most(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.jsonl").read_bytes()
    path = tmp_path / "flipped.jsonl"
    for place in [*range(len(whole) - 20, len(whole)), *range(0, len(whole), 5)]:
        path.write_bytes(with_flipped_bit(whole, 8 * place + place % 8))
        if place == len(whole) - 1:
            assert list(map(repr, Records(path, MADE_OF).values())) == list(map(repr, RUNS[:-1]))
            continue
        with pytest.raises(StorageError, match=r"its first line is damaged|Delete the line to have it"):
            Records(path, MADE_OF)


def test_files_without_checksums_are_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    old = {**vars(RUNS[1]), "arm": vars(RUNS[1].arm), "learned": {"a": "nan", "b": "inf"}, "curves": {"main": ["nan"]}}
    header = {"auxtasks": "audit", "format": 1, "made_of": MADE_OF}
    path.write_text(f"{json.dumps(header)}\n{json.dumps(old)}\n")
    Records(path, MADE_OF).add(RUNS[0])
    assert list(map(repr, Records(path, MADE_OF).values())) == [repr(RUNS[1]), repr(RUNS[0])]
    path.write_bytes(path.read_bytes().replace(b'"seconds": 1.5', b'"seconds": 2.5'))
    with pytest.raises(StorageError, match=r"line 3 of .* does not have the checksum it was written with"):
        Records(path, MADE_OF)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 0.5}, r"run\.seed must be of type int; found 0\.5"),
        ({"seed": True}, r"run\.seed must be of type int; found True"),
        ({"fold": -1}, r"run\.seed and fold must not be negative"),
        ({"seconds": 0}, r"run\.seconds must be positive; found 0\.0"),
        ({"seconds": 10**400}, r"run\.seconds is too large for a float"),
        ({"scores": {"accuracy": "high"}}, r"run\.scores\['accuracy'\] must be of type float; found 'high'"),
        ({"curves": {"main": 3}}, r"run\.curves\['main'\] must be of type list\[float\]; found 3"),
        ({"arm": 3}, r"run\.arm must be of type Arm; found 3"),
        ({"arm": {"tasks": ["a"], "weight": -1.0}}, r"run\.arm\.weight must not be negative"),
        ({"arm": {"tasks": "a"}}, r"run\.arm\.tasks must be of type tuple\[str, \.\.\.\]; found 'a'"),
        ({"colour": "red"}, r"run holds 'colour', which is unknown"),
    ],
)
def test_every_value_of_a_run_is_checked(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    path = written(tmp_path / "runs.jsonl", [])
    fields = {**vars(RUNS[0]), "arm": {"tasks": []}, **change}
    path.write_bytes(path.read_bytes() + json_record(fields) + b"\n")
    with pytest.raises(StorageError, match=match):
        Records(path, MADE_OF)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="is not a regular file"):
        Records(tmp_path / "pipe", MADE_OF)
    (tmp_path / "deep.jsonl").write_text("[" * 100_000 + "\n")
    with pytest.raises(StorageError, match="nested too deep"):
        Records(tmp_path / "deep.jsonl", MADE_OF)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"`results`: .* cannot be read \(Not a directory\)"):
        Records(tmp_path / "file" / "runs.jsonl", MADE_OF)
    with pytest.raises(StorageError, match="File name too long"):
        Records(tmp_path / ("x" * 300), MADE_OF)


def test_several_at_a_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"

    def add(fold: int) -> None:
        records = Records(path, MADE_OF)
        for seed in range(20):
            records.add(replace(RUNS[0], seed=seed, fold=fold))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(3)))
    assert len(Records(path, MADE_OF)) == 60
    assert [file.name for file in tmp_path.iterdir()] == ["runs.jsonl"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_killed_process_loses_no_finished_run_and_leaves_no_lock(tmp_path: Path) -> None:
    path = written(tmp_path / "runs.jsonl", [])
    done = 0
    for fold in range(5):
        child = os.fork()
        if not child:
            records = Records(path, MADE_OF)
            for seed in range(10_000):
                records.add(replace(RUNS[0], seed=seed, fold=fold))
            os._exit(0)
        while len(path.read_bytes().splitlines()) < done + 4:
            time.sleep(0.001)
        time.sleep(0.0007 * fold)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        records = Records(path, MADE_OF)
        seeds = sorted(run.seed for run in records.values() if run.fold == fold)
        assert seeds == list(range(len(seeds)))
        assert len(records) >= done + 2
        done = len(records)
    records.add(RUNS[1])
    assert len(Records(path, MADE_OF)) == done + 1
    assert [file.name for file in tmp_path.iterdir()] == ["runs.jsonl"]


class Patient(keras.callbacks.Callback):
    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience


def test_what_a_setting_holds_counts() -> None:
    def loss(factor: float) -> Any:
        return lambda y_true, y_pred: factor * (y_true - y_pred)

    assert named(loss(1.0)) == named(loss(1.0)) != named(loss(2.0))
    assert named(lambda x: x + 1) != named(lambda x: x + 2)
    assert named(keras.callbacks.EarlyStopping(patience=1)) != named(keras.callbacks.EarlyStopping(patience=50))
    assert fingerprint(named(Patient(1))) == fingerprint(named(Patient(1))) != fingerprint(named(Patient(2)))
    itself = Patient(1)
    itself.patience = itself  # type: ignore[assignment]
    assert "itself" in repr(named(itself))
