"""Reports as files and frames: exact round trips, whole files, and what is refused."""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flips import with_flipped_bit
from hypothesis import given
from hypothesis import strategies as st
from made_reports import make_report

from auxtasks.audit.comparison import Comparison
from auxtasks.audit.experiment import Arm, Run
from auxtasks.audit.records import decode, encode
from auxtasks.audit.report import AuditReport, load_report
from auxtasks.audit.report.content import smallest_of
from auxtasks.audit.report.report import from_dict, to_dict
from auxtasks.audit.verdicts import Finding
from auxtasks.checksums import json_document
from auxtasks.errors import InvalidInputError, StorageError

NUMBER = st.floats(width=64)
NUMBERS = st.lists(NUMBER, min_size=2, max_size=4)
ARMS = st.builds(
    Arm, st.lists(st.text(), min_size=1, max_size=3).map(tuple), st.floats(0, allow_infinity=False), st.booleans()
)
ARRAYS = st.lists(NUMBER, min_size=3, max_size=3).map(np.array)
COMPARISONS = st.builds(Comparison, ARRAYS, ARRAYS, NUMBER, NUMBER, NUMBER, NUMBER)
FINDINGS = st.builds(
    Finding, ARMS, st.sampled_from(["helps", "no effect", "hurts"]), st.text(), COMPARISONS,
    st.none() | COMPARISONS, st.none() | COMPARISONS, NUMBER, NUMBER, NUMBER, NUMBER,
)  # fmt: skip
SCORES = st.dictionaries(st.text(), NUMBER, max_size=3)
SECONDS = st.floats(0, exclude_min=True, allow_infinity=False)
JUDGED = st.builds(lambda scores, judged: {**scores, "accuracy": judged}, SCORES, NUMBER)
RUNS = st.builds(
    Run, ARMS, st.integers(0, 9), st.integers(0, 9), JUDGED, SCORES, SECONDS, st.dictionaries(st.text(), NUMBERS)
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


def test_a_report_from_before_there_was_a_smallest_effect_is_read() -> None:
    state = json.loads(json.dumps(to_dict(make_report({"fft": 0.0}, margin=0.02))))
    for finding in state["findings"]:
        for name in ("comparison", "over_control", "control"):
            del finding[name]["smallest_effect"]
    back = from_dict(state)
    assert [finding.comparison.smallest_effect for finding in back.findings] == [0.0]
    assert smallest_of(back) == 0.02


def test_an_unclear_verdict_goes_through_json(tmp_path: Path) -> None:
    report = make_report({"fft": 0.0}, smallest_effect=0.01)
    report = replace(report, findings=(replace(report.findings[0], verdict="unclear"),))
    report.to_json(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["findings"][0]["verdict"] == "unclear"
    back = load_report(tmp_path / "report.json")
    assert (back, back.settings["smallest_effect"], back.to_frame().verdict[0]) == (report, 0.01, "unclear")


def test_what_json_does_not_know_is_written_in_its_types() -> None:
    assert encode({"fft": np.array([0.5, np.nan, np.inf])}) == {"fft": [0.5, None, "inf"]}
    assert same(decode(dict[str, list[float]], {"fft": [0.5, None, "inf"]}), {"fft": [0.5, np.nan, np.inf]})
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


State = dict[str, Any]


def changed(state: State, name: str, key: Any, value: Any) -> State:
    """Put another value into a part of a report."""
    state[name][key] = value
    return state


def in_finding(state: State, key: str, value: Any) -> State:
    return {**state, "findings": [{**state["findings"][0], key: value}]}


def in_comparison(state: State, key: str, value: Any) -> State:
    return in_finding(state, "comparison", {**state["findings"][0]["comparison"], key: value})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda state: state | {"format": 3}, r"format 3, and this version reads format 2\. Read it with"),
        (lambda state: state | {"content": "targets"}, "not the report of an audit"),
        (
            lambda state: {key: part for key, part in state.items() if key != "runs"},
            "its 'runs' must be a list; found None",
        ),
        (lambda state: state | {"settings": {}}, "`settings` must hold 'metric'"),
        (lambda state: changed(state, "settings", "metric", ["a"]), "'metric' must be a name"),
        (lambda state: changed(state, "settings", "margin", "0"), r"`settings\['margin'\]` must be a number"),
        (lambda state: changed(state, "settings", "confidence", 95), r"`settings\['confidence'\]` must be from 0.0 to"),
        (lambda state: changed(state, "settings", "adjust", "hulm"), "Did you mean 'holm'"),
        (lambda state: changed(state, "settings", "overlap", -1), r"`settings\['overlap'\]` must be at least 0.0"),
        (lambda state: changed(state, "settings", "metric", "f1"), "a run of the arm 'baseline' has no 'f1'"),
        (lambda state: state | {"relevance": [1]}, r"relevance must be of type dict\[str, float\]; found \[1\]"),
        (lambda state: state | {"findings": [3]}, r"findings\[0\] must be of type Finding; found 3"),
        (lambda state: changed(state, "findings", 0, {}), r"findings\[0\] has no 'arm'"),
        (lambda state: in_finding(state, "verdict", "good"), r"verdict must be of type .*'no effect'.* found 'good'"),
        (lambda state: in_finding(state, "arm", {}), r"findings\[0\]\.arm has no tasks"),
        (lambda state: in_finding(state, "p", "small"), r"findings\[0\]\.p must be of type float; found 'small'"),
        (lambda state: in_comparison(state, "baseline", []), "must have scores of the same two or more seeds"),
        (lambda state: in_comparison(state, "mean", True), r"findings\[0\]\.comparison\.mean must be of type float"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, change: Callable[[State], State], match: str) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(json_document(change(to_dict(make_report({"fft": 0.03})))))
    with pytest.raises(StorageError, match=match):
        load_report(file)


def test_what_is_no_file_of_ours_is_refused_at_once(tmp_path: Path) -> None:
    for content, match in [
        (b"[1, 2]", "it holds no names"),
        (b"[" * 100_000, "nested too deep"),
        (b"\xff\xfe", "is not a report, is incomplete or was changed"),
        (b'{"content": "audit report", "format": 1, "settings": NaN}', "NaN is not a number"),
    ]:
        (tmp_path / "mine.json").write_bytes(content)
        with pytest.raises(StorageError, match=match):
            load_report(tmp_path / "mine.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="is not a regular file"):
        load_report(tmp_path / "pipe")
    for absent in (tmp_path / "absent", tmp_path / "mine.json" / "below"):
        with pytest.raises(StorageError, match="there is no report at"):
            load_report(absent)
    with pytest.raises(StorageError, match="File name too long"):
        load_report(tmp_path / ("x" * 300))


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    make_report({"fft": 0.03}, n_pairs=2, epochs=2).to_json(tmp_path / "a.json")
    whole = (tmp_path / "a.json").read_bytes()
    for at, place in enumerate([*range(60), *range(60, len(whole), len(whole) // 60)]):
        (tmp_path / "a.json").write_bytes(with_flipped_bit(whole, 8 * place + at % 8))
        with pytest.raises(StorageError, match="is not a report, is incomplete or was changed"):
            load_report(tmp_path / "a.json")


def test_reports_without_a_checksum_are_read(tmp_path: Path) -> None:
    report = make_report({"fft": 0.03})
    (tmp_path / "old.json").write_text(json.dumps({**to_dict(report), "format": 1}))
    assert load_report(tmp_path / "old.json") == report


@pytest.mark.parametrize("verb", ["save", "to_json", "to_html"])
def test_what_cannot_be_written_says_why(tmp_path: Path, verb: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"`(path|folder)`: .*below cannot be written \(.*Not a directory"):
        getattr(make_report({"fft": 0.03}), verb)(tmp_path / "file" / "below")
    with pytest.raises(StorageError, match="File name too long"):
        getattr(make_report({"fft": 0.03}), verb)(tmp_path / ("x" * 300))


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    make_report({"fft": 0.03}).to_json(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StorageError, match=r"is not a report, is incomplete or was changed"):
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

    monkeypatch.setattr("auxtasks.files.sync", fail)
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
