"""Reports as files and frames: exact round trips, whole files, and what is refused."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reports import make_report

from auxtasks.audit.experiment import Arm, Run
from auxtasks.audit.report import AuditReport, load_report
from auxtasks.audit.report.storage import decode, encode, from_dict, to_dict
from auxtasks.audit.verdicts import Comparison, Finding
from auxtasks.errors import InvalidInputError, StorageError

NUMBER = st.floats(width=64)
NUMBERS = st.lists(NUMBER, min_size=2, max_size=4)
ARMS = st.builds(Arm, st.lists(st.text(), max_size=3).map(tuple), NUMBER.filter(np.isfinite), st.booleans())
ARRAYS = NUMBERS.map(np.array)
COMPARISONS = st.builds(Comparison, ARRAYS, ARRAYS, NUMBER, NUMBER, NUMBER, NUMBER)
FINDINGS = st.builds(
    Finding, ARMS, st.sampled_from(["helps", "no effect", "hurts"]), st.text(), COMPARISONS,
    st.none() | COMPARISONS, st.none() | COMPARISONS, NUMBER, NUMBER, NUMBER, NUMBER,
)  # fmt: skip
SCORES = st.dictionaries(st.text(), NUMBER, max_size=3)
RUNS = st.builds(
    Run, ARMS, st.integers(0, 9), st.integers(0, 9), SCORES, SCORES, NUMBER, st.dictionaries(st.text(), NUMBERS)
)
SETTINGS = make_report({}).settings


def same(a: object, b: object) -> bool:
    """Compare by types and values, NaN being equal to NaN."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, float):
        return isinstance(b, float) and (a == b or (a != a and b != b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (Arm, Comparison, Finding, Run)):
        return type(a) is type(b) and same(vars(a), vars(b))
    return type(a) is type(b) and a == b


@given(st.lists(FINDINGS, max_size=2), st.lists(RUNS, max_size=2), SCORES)
def test_the_way_through_json_changes_nothing(
    findings: list[Finding], runs: list[Run], relevance: dict[str, float]
) -> None:
    report = AuditReport(SETTINGS, tuple(findings), tuple(runs), relevance)
    back = from_dict(json.loads(json.dumps(to_dict(report), allow_nan=False)))
    assert all(
        same(getattr(report, name), getattr(back, name)) for name in ("settings", "findings", "runs", "relevance")
    )
    assert to_dict(back) == to_dict(report)


def test_what_json_does_not_know_is_written_in_its_types() -> None:
    assert encode({"fft": np.array([0.5, np.nan, np.inf])}) == {"fft": [0.5, None, "inf"]}
    assert same(decode({"fft": [0.5, None, "inf"]}), {"fft": [0.5, np.nan, np.inf]})
    assert encode(Arm(("fft",))) == {"tasks": ["fft"], "weight": 1.0, "shuffled": False}


def test_reports_are_copied_and_changed_as_what_they_are() -> None:
    report = make_report({"fft": 0.03})
    for other in (copy.deepcopy(report), replace(report, runs=report.runs)):
        assert type(other) is AuditReport
        assert other == report


def test_file_and_folder_are_read_alike(tmp_path: Path) -> None:
    report = make_report({"fft": 0.03, "std": -0.02})
    report.to_json(tmp_path / "new" / "a.json")
    report.save(tmp_path / "folder")
    assert report == load_report(tmp_path / "new" / "a.json") == load_report(tmp_path / "folder")
    assert report != make_report({"fft": 0.03, "std": -0.021})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda state: state | {"format": 2}, r"format 2, and this version reads format 1\. Read it with"),
        (lambda state: state | {"content": "targets"}, "not the report of an audit"),
        (lambda state: {key: part for key, part in state.items() if key != "runs"}, "incomplete.*'runs'"),
        (lambda state: state | {"settings": {}}, "`settings` must hold 'metric'"),
        (lambda state: [state], "not the report of an audit"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, change: Callable[[dict[str, object]], object], match: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(change(to_dict(make_report({"fft": 0.03})))))
    with pytest.raises(StorageError, match=match):
        load_report(file)


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    make_report({"fft": 0.03}).to_json(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StorageError, match=r"is not JSON .* cut off"):
        load_report(file)


def test_settings_are_plain_json_and_a_copy() -> None:
    settings = {**SETTINGS, "seeds": (np.int64(3), 4)}
    report = AuditReport(settings, (), (), {})
    settings["seeds"] = ()
    assert report.settings["seeds"] == [3, 4]
    with pytest.raises(InvalidInputError, match=r"`settings` must hold 'margin'"):
        AuditReport({key: part for key, part in SETTINGS.items() if key != "margin"}, (), (), {})


ALWAYS = {"report.json", "report.html", "differences.png", "curves.png"}


def test_a_folder_holds_the_figures_there_are(tmp_path: Path) -> None:
    make_report({"fft": [0.01, 0.03]}, weights=(1.0, 3.0)).save(tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == ALWAYS | {"weights.png"}
    make_report({"fft": 0.03}).save(tmp_path / "a" / "b", overwrite=True)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == ALWAYS


def test_saving_spares_other_files_and_replaces_only_when_told(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("mine")
    make_report({"fft": 0.03}).save(tmp_path)
    with pytest.raises(StorageError, match=r"`folder`: .* holds report\.html, .* pass overwrite=True"):
        make_report({"std": 0.03}).save(tmp_path)
    assert load_report(tmp_path) == make_report({"fft": 0.03})
    assert {path.name for path in tmp_path.iterdir()} == ALWAYS | {"runs.jsonl"}
    with pytest.raises(StorageError, match=r"`folder`: .*runs\.jsonl is a file"):
        make_report({"std": 0.03}).save(tmp_path / "runs.jsonl", overwrite=True)


@pytest.mark.parametrize("verb", ["save", "to_json", "to_html"])
def test_what_was_there_survives_a_failure(tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    options = {"overwrite": True} if verb == "save" else {}
    getattr(make_report({"fft": 0.03}), verb)(place, **options)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        getattr(make_report({"std": 0.03}), verb)(place, **options)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_frames() -> None:
    report = make_report({"fft": [0.0, 0.03], ("fft", "std"): [0.0, -0.02]}, weights=(1.0, 3.0), n_pairs=4)
    frame = report.to_frame()
    assert frame[["arm", "tasks", "weight", "verdict", "pairs"]].to_numpy().tolist() == [
        ["fft", "fft", 1.0, "no effect", 4],
        ["fft ×3", "fft", 3.0, "helps", 4],
        ["fft + std", "fft + std", 1.0, "no effect", 4],
        ["fft + std ×3", "fft + std", 3.0, "hurts", 4],
    ]
    runs = report.runs_frame()
    assert len(runs) == (1 + 2 * 4) * 4 * 2
    assert set(runs[runs.tasks == ""].weight) == {0.0}
    # What the findings say can be found again from the runs.
    scores = runs[runs.metric == "accuracy"].pivot_table(index=["seed", "fold"], columns="arm", values="value")
    np.testing.assert_allclose(frame.difference, [(scores[arm] - scores.baseline).mean() for arm in frame.arm])
    np.testing.assert_allclose(frame.control, [(scores[f"{a}, shuffled"] - scores.baseline).mean() for a in frame.arm])


def test_frames_of_nothing_have_their_columns() -> None:
    report = AuditReport(SETTINGS, (), (), {})
    assert list(report.to_frame().columns) == list(make_report({"fft": 0.0}).to_frame().columns)
    assert list(report.runs_frame().columns)[:3] == ["arm", "tasks", "weight"]


def test_without_controls_their_columns_are_nan() -> None:
    frame = make_report({"fft": 0.03}, controls=False).to_frame()
    assert frame[["over_control", "control_low", "control_high"]].isna().all(axis=None)
