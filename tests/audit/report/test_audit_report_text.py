"""Reports as text: one pinned as a whole, and what is special about others."""

import re
from dataclasses import replace
from io import StringIO
from math import nan
from typing import Any

import numpy as np
import pytest
from made_reports import make_report
from rich.console import Console

from auxtasks.audit.comparison import compared
from auxtasks.audit.experiment import BASELINE, Arm
from auxtasks.audit.metrics import is_share
from auxtasks.audit.report import AuditReport, page
from auxtasks.audit.report.content import Units, baseline_mean, conclusion, number_text
from auxtasks.audit.verdicts import Finding

PINNED = """\
accuracy over 3 pairs: baseline 81.0 %, margin 0.5 points, 95 % intervals, verdicts Holm-adjusted

task  verdict     difference, points  worse in  control  relevance  aux loss  time ratio
────────────────────────────────────────────────────────────────────────────────────────
fft   helps      +4.0 (+1.5 to +6.5)    0 of 3     +1.0       0.84      0.41       ×1.07
[b]   no effect   0.0 (-2.5 to +2.5)    1 of 3     -1.0          –         –           –

difference  from the baseline, mean and 95 % interval; above 0 is better
worse in    how many pairs lost
control     the difference with targets that are shuffled across samples
relevance   how well the targets predict the main label: 0 like a guess, 1 without error
aux loss    the test loss over that of a constant guess; below 1, the head has learned something
time ratio  the training time over that of the baseline
no effect   the interval lies within ±0.5 points, or shuffled targets gain as much
unclear     the interval is too wide for a verdict

fft  Better.
[b]  Chance.

Use fft: +4.0 points (+1.5 to +6.5)."""


def by_hand() -> AuditReport:
    """The scores are those of the example of `paired_comparison`, whose interval is found there."""
    base = [0.80, 0.82, 0.81]
    good, none = compared(base, [0.84, 0.85, 0.86]), compared(base, [0.80, 0.81, 0.82])
    up, down = compared(base, [0.81, 0.83, 0.82]), compared(base, [0.79, 0.81, 0.80])
    findings = (
        Finding(Arm(("fft",)), "helps", "Better.", good, good, up, 0.02, 0.84, 0.41, 1.07),
        Finding(Arm(("[b]",)), "no effect", "Chance.", none, none, down, 0.9, nan, nan, nan),
    )
    return AuditReport({**make_report({}).settings, "n_pairs": 3, "margin": 0.005}, findings, (), {})


def test_a_small_report_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "dumb", "TTY_COMPATIBLE": "1"}.items():
        monkeypatch.setenv(name, value)
    assert str(by_hand()) == repr(by_hand()) == PINNED


MANY = {"fft": 0.03, "abs_sum_changes": -0.02, "a_name_" * 12: 0.0, ("x", "y" * 40): -0.0}


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_every_cell_is_whole_at_every_width(width: int, metric: str) -> None:
    report = make_report(MANY, metric=metric)
    console = Console(file=StringIO(), width=width)
    with console.capture() as captured:
        console.print(report)
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in captured.get()
    for heading in ("verdict", "relevance", "×1.07", "10 of 10"):
        assert any(heading in line for line in lines)


def test_consoles_colour_the_verdicts() -> None:
    console = Console(file=StringIO(), width=100, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(make_report({"fft": 0.03, "std": -0.03}))
    assert "\x1b[1;32mhelps" in captured.get()
    assert "\x1b[1;31mhurts" in captured.get()


def test_without_rich_all_is_said_but_for_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    assert str(by_hand()).splitlines() == [
        PINNED.splitlines()[0],
        "fft: helps, +4.0 (+1.5 to +6.5). Better.",
        "[b]: no effect, 0.0 (-2.5 to +2.5). Chance.",
        PINNED.splitlines()[-1],
    ]


@pytest.mark.parametrize(
    ("report", "last"),
    [
        (make_report({"fft": -0.03}), "No task helped: train without auxiliary tasks."),
        (make_report({}), "No task helped: train without auxiliary tasks."),
        (
            make_report({"fft": 0}, margin=0.005),
            "No task helped by more than the margin of 0.5 points: train without auxiliary tasks.",
        ),
        (
            make_report({"fft": [0.02, 0.03], "std": 0.015}, weights=(1, 3), noise=0),
            "Use fft (weight 3): +3.0 points (+3.0 to +3.0).",
        ),
        (
            make_report({"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, ("a", "b", "c", "d"): 0.05}, noise=0),
            "Use all 4 tasks: +5.0 points (+5.0 to +5.0).",
        ),
        (
            make_report({"fft": 0.05}, metric="rmse", higher_is_better=False, noise=0),
            "Use fft: rmse better by 0.0500 (0.0500 to 0.0500).",
        ),
    ],
)
def test_what_follows(report: AuditReport, last: str) -> None:
    assert str(report).splitlines()[-1] == last


def unclear(gains: dict[str, float], noise: float, **settings: Any) -> AuditReport:
    """Make a report of which no interval says anything."""
    report = make_report(gains, noise=noise, smallest_effect=0.01, **settings)
    return replace(report, findings=tuple(replace(finding, verdict="unclear") for finding in report.findings))


@pytest.mark.parametrize(
    ("report", "last"),
    [
        (
            unclear({"fft": 0.0}, 0.02),
            r"Unclear whether fft helps: -0.90 points \(-2.21 to \+0.41\)\. To find an effect of 1 point takes about "
            r"29 seeds \(now 10\), or about 1,700 test samples in each pair \(now 500\)\.",
        ),
        (
            unclear({"fft": 0.0, "std": 0.01}, 0.02, overlap=1 / 3, n_test=15),
            r"Unclear whether fft or std helps: std .* More seeds alone cannot find an effect of 1 point; about 31 "
            r"test samples in each pair \(now 15\) can\.",
        ),
        (unclear(dict.fromkeys("abcd", 0.0), 0.02), r"Unclear whether 4 of 4 arms help: [abcd] .*"),
        (unclear({"fft": 0.008}, 0.003), r".* The design can detect .* a few more seeds would decide\."),
        (unclear({"fft": 0.0}, 0.0), r"Unclear whether fft helps: 0\.0+ points \(0\.0+ to 0\.0+\)\."),
    ],
)
def test_the_headline_says_what_more_would_take(report: AuditReport, last: str) -> None:
    assert re.fullmatch(last, conclusion(report))


def test_an_error_metric_keeps_its_unit_and_its_sign() -> None:
    report = make_report({"fft": 0.05}, metric="rmse", higher_is_better=False, noise=0, adjust="none", margin=0.0125)
    assert baseline_mean(report) == pytest.approx(np.mean([r.scores["rmse"] for r in report.runs if r.arm == BASELINE]))
    # The comparisons hold errors with a minus.
    assert baseline_mean(replace(report, runs=())) == pytest.approx(baseline_mean(report))
    assert "margin 0.0125, 95 % intervals, verdicts not adjusted" in " ".join(str(report).split())
    assert "lower is better" in str(report)


def test_small_differences_get_a_second_decimal() -> None:
    assert "+0.30 (+0.30 to +0.30)" in str(make_report({"fft": 0.003}, noise=0))


def test_scores_that_are_not_defined_are_dashes() -> None:
    report = make_report({"fft": 0.03}, n_pairs=2)
    (finding,) = report.findings
    undefined = compared([nan, 0.5], [0.5, 0.6])
    row = str(replace(report, findings=(replace(finding, comparison=undefined, control=undefined),))).splitlines()[4]
    assert row.split() == ["fft", "helps", "–", "0", "of", "1", "–", "0.84", "0.41", "×1.07"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(1234567.0, "1234567"), (1234.5, "1234"), (0.0, "0"), (-0.000123, "-0.000123"), (float("inf"), "–")],
)
def test_numbers_in_their_own_unit(number: float, text: str) -> None:
    assert Units(False).value(number) == text


def test_differences_in_points_and_in_their_own_unit() -> None:
    found = compared([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    assert Units(True).interval(found) == "+4.0 (+1.5 to +6.5)"
    assert Units(False).interval(found) == "+0.0400 (+0.0152 to +0.0648)"
    assert (Units(True).value(0.81), Units(True).difference(nan)) == ("81.0 %", "–")
    assert [Units(True).size(0.01), Units(True).size(-0.005), Units(False).size(0.5)] == [
        "1 point",
        "0.5 points",
        "0.5",
    ]
    assert [number_text(1.25, 1, "+"), number_text(-0.01, 1, "+"), number_text(nan, 1)] == ["+1.2", "0.0", "–"]


def test_shares_are_known_by_their_names() -> None:
    names = ("f1", "precision_weighted", "recall[3]", "rmse", "r2", "f10")
    assert [is_share(name) for name in names] == [True, True, True, False, False, False]
