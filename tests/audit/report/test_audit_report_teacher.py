"""Who is ahead, the network or its teacher, is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_reports import make_report, with_teacher

import auxtasks.audit.report.page as in_text


@pytest.mark.parametrize(
    ("of_teacher", "of_taught", "sentence"),
    [
        (
            0.20,
            0.09,
            "The teacher alone stays ahead of the network it taught (100.3 against 88.7); consider using it: ",
        ),
        (0.05, 0.15, "The network taught is ahead of its teacher ("),
        (-0.10, 0.0, "The network alone is better than the teacher ("),
        (0.10, 0.10, "A difference between the teacher alone and the network it taught is not shown ("),
    ],
)
def test_the_sentence_follows_from_the_intervals(of_teacher: float, of_taught: float, sentence: str) -> None:
    report = with_teacher(make_report({"soft_labels": of_taught, "fft": 0.0}), "soft_labels", of_teacher)
    text = " ".join(repr(report).split())
    assert sentence in text
    for row in ("the network alone", "the teacher alone (ridge)", "the network taught"):
        assert row in text


def test_lower_may_be_better() -> None:
    report = with_teacher(
        make_report({"soft_labels": 0.09}, metric="rmse", higher_is_better=False), "soft_labels", 0.20
    )
    assert "stays ahead of the network it taught" in repr(report)
    assert "targets.transform(X)['soft_labels']" in repr(report)
    frame = report.teacher_frame()
    assert frame.value[0] > frame.value[2] > frame.value[1]
    assert frame.verdict.tolist() == ["no effect", "helps", "helps"]


def test_all_forms_have_the_three_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = with_teacher(make_report({"soft_labels": 0.09}), "soft_labels", 0.20)
    report.save(tmp_path)
    page, data = (tmp_path / "report.html").read_text(), json.loads((tmp_path / "report.json").read_text())
    assert "<h2>The teacher</h2>" in page
    assert "the teacher alone (ridge)" in page
    assert [row["who"] for row in data["teacher"]["rows"]] == report.teacher_frame().who.tolist()
    assert data["teacher"]["said"].startswith("The teacher alone stays ahead")
    monkeypatch.setattr(in_text, "find_spec", lambda _: None)
    assert "the teacher alone (ridge)" in repr(report)


def test_without_soft_labels_nothing_is_said_of_a_teacher() -> None:
    report = make_report({"fft": 0.05})
    assert "teacher" not in repr(report)
    assert "<h2>The teacher" not in report._repr_html_()
    assert len(report.teacher_frame()) == 0
