"""The page and the figures: nothing from outside, nothing unescaped, and every case can be drawn."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from made_reports import make_report
from matplotlib.figure import Figure

from auxtasks.audit.comparison import compared
from auxtasks.audit.report import AuditReport
from auxtasks.audit.report.figures import figure_svg, figures_of, mean_and_spread, short
from auxtasks.audit.report.tables import duration, in_words
from auxtasks.errors import UnknownNameError

HOSTILE = '<script>alert("1")</script>'
CASES = {
    "two equal pairs": make_report({"fft": 0.0}, n_pairs=2, noise=0, epochs=1, controls=False),
    "nothing": make_report({}),
    "no curves": make_report({"fft": 0.01}, epochs=0),
    "twelve": make_report({f"task_{i}": (i - 6) / 200 for i in range(12)}, n_pairs=3),
    "formula": make_report({r"$\frac$": 0.01, "a_$": 0.0}, metric="rmse", higher_is_better=False, n_pairs=3),
    "weights": make_report({"fft": [0, 0.01], "a$\\b$": [0.02, 0.03]}, weights=(0.0, 3.0), n_pairs=3),
}


class Page(HTMLParser):
    """The tags of a page, its text and its attributes; a tag that is not closed, or twice, is an error."""

    VOID = ("meta", "img", "br", "wbr", "!doctype")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def page_of(report: AuditReport, folder: Path) -> Page:
    report.to_html(folder / "a.html")
    return Page((folder / "a.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES)
def test_the_page_needs_nothing_else(case: str, tmp_path: Path) -> None:
    page = page_of(CASES[case], tmp_path)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert len(links) == len(figures_of(CASES[case]))
    assert all(value and value.startswith("data:image/svg+xml;base64,") for value in links)
    assert "http" not in (tmp_path / "a.html").read_text(encoding="utf-8").replace(str(links), "")
    assert "nan" not in re.findall(r"[a-z]+", page.text.lower())


def test_users_text_is_shown_and_not_run(tmp_path: Path) -> None:
    report = make_report({HOSTILE: 0.03, ("a&b", "fft"): 0.0}, at={HOSTILE: "conv&amp;1"}, metric="<b>&'\"")
    findings = tuple(replace(finding, reason=HOSTILE) for finding in report.findings)
    report = replace(report, findings=findings)
    page = page_of(report, tmp_path)
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    # In the conclusion (twice), the table, the reasons, the pairs, the metrics (twice), and the settings (twice).
    assert page.text.count(HOSTILE) == 2 + 1 + 3 + 1 + 2 + 2
    assert "conv&amp;1" in page.text
    assert "a&b + fft" in page.text
    snippet = Page(report._repr_html_())
    assert "script" not in snippet.tags
    assert HOSTILE in snippet.text


def with_unclear(gains: dict[str, float], *tasks: str) -> AuditReport:
    """Make a report in which some tasks are unclear."""
    report = make_report(gains, smallest_effect=0.01)
    return replace(
        report,
        findings=tuple(replace(f, verdict="unclear") if f.arm.tasks[0] in tasks else f for f in report.findings),
    )


def test_verdicts_are_words_and_not_only_colours(tmp_path: Path) -> None:
    page = (
        with_unclear({"a": 0.03, "b": 0.0, "c": -0.03, "d": 0.0}, "d").to_html(tmp_path / "a.html"),
        tmp_path / "a.html",
    )[1]
    rows = re.findall(r'<th scope="row">([a-d])</th><td><b class="([a-z-]+)">([a-z ]+)</b>', page.read_text("utf-8"))
    words = ["helps", "no effect", "hurts", "unclear"]
    assert rows == [(name, word.replace(" ", "-"), word) for name, word in zip("abcd", words, strict=True)]


def test_numbers_get_a_minus_and_names_keep_their_hyphen(tmp_path: Path) -> None:
    text = page_of(make_report({"a -1": -0.03}, noise=0, n_pairs=3, start="2026-01-02"), tmp_path).text
    assert "a -1hurts−3.0 (−3.0 to −3.0)" in text
    assert "2026-01-02" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"of tasks": {"std": 1.0, "fft": 3.0}, "times": [1, 3]}, "of tasks (std 1; fft 3); times 1, 3"),
        (True, "yes"),
        (None, "–"),
        ([], "–"),
    ],
)
def test_settings_in_words(value: object, text: str) -> None:
    assert in_words(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(3725, "1 h 2 min"), (754.2, "12 min 34 s"), (5.2, "5 s")])
def test_times(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("name", "width", "text"),
    [
        ("std + abs_sum_changes + fft", 18, "std + abs_sum_\nchanges + fft"),
        ("a_name_that_does_not_end", 8, "a_name_\nthat_…"),
        ("part_of_speech-of_the_next_word", 24, "part_of_speech-of_the_\nnext_word"),
        ("endlessly_" * 4, 30, "endlessly_endlessly_endlessly_\nendlessly_"),
        ("x" * 30, 12, "x" * 12 + "\n" + "x" * 11 + "…"),
    ],
)
def test_long_names_are_cut_in_figures(name: str, width: int, text: str) -> None:
    assert short(name, width) == text


def test_pairs_are_those_of_the_findings(tmp_path: Path) -> None:
    report = make_report({"fft": 0.03}, n_pairs=3, metric="rmse", higher_is_better=False)
    text = page_of(report, tmp_path).text
    found = [
        float(number.replace("−", "-")) for number in re.findall(r"seed \d, fold 0[\d.]+?(?=[+−])([+−][\d.]+)", text)
    ]
    np.testing.assert_allclose(found, report.findings[0].comparison.differences, rtol=0.01)


@pytest.mark.parametrize("controls", [True, False])
def test_the_page_says_whether_there_were_controls(controls: bool, tmp_path: Path) -> None:
    text = page_of(make_report({"fft": 0.03}, controls=controls), tmp_path).text
    assert ("There were no controls" in text) == (not controls)
    assert ("better than its control" in text) == controls


@pytest.mark.parametrize("case", ["formula", "weights"])
def test_figures_are_the_same_each_time_and_leave_matplotlib_alone(case: str) -> None:
    with matplotlib.rc_context({"font.size": 31, "text.usetex": True, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        first = {name: figure_svg(figure) for name, figure in figures_of(CASES[case]).items()}
        assert dict(matplotlib.rcParams) == before
    assert first == {name: figure_svg(figure) for name, figure in figures_of(CASES[case]).items()}


def _drawn(figure: Figure) -> set[float]:
    (axes,) = figure.axes
    points = [np.ma.getdata(dots.get_offsets())[:, 0] for dots in axes.collections]
    means = [line.get_xdata() for line in axes.lines]
    return {round(float(x), 6) for x in np.concatenate([*points, *means])}


def test_the_figure_of_differences_shows_every_pair_and_mean() -> None:
    report = make_report({"fft": 0.03, "std": 0.0}, n_pairs=5)
    drawn = _drawn(figures_of(report)["differences"])
    for finding in report.findings:
        for found in (finding.comparison, finding.control):
            assert found is not None
            assert {round(100 * float(x), 6) for x in (*found.differences, found.mean)} <= drawn


def test_what_is_not_finite_is_left_out_of_figures() -> None:
    report = make_report({"fft": 0.0}, n_pairs=2)
    wrong = compared([0.5, nan], [0.6, 0.7])
    findings = tuple(replace(f, comparison=wrong, control=wrong) for f in report.findings)
    runs = tuple(replace(run, curves={"main": [inf, nan, 1.0]}) for run in report.runs)
    figures = figures_of(replace(report, findings=findings, runs=runs))
    assert all(np.isfinite(axes.get_xlim()).all() and figure_svg(f) for f in figures.values() for axes in f.axes)


def test_curves_of_different_lengths() -> None:
    mean, spread = mean_and_spread([[4.0, 2.0, 1.0], [2.0, nan], [inf]])
    np.testing.assert_allclose(mean, [3.0, 2.0, 1.0])
    np.testing.assert_allclose(spread, [1.0, 0.0, 0.0])


def test_the_page_says_what_is_unclear_and_what_more_would_take(tmp_path: Path) -> None:
    report = with_unclear({"fft": 0.0}, "fft")
    report.to_html(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '<p class="conclusion open">Unclear whether fft helps: ' in text
    assert "<title>Audit: Unclear whether fft helps" in text
    page = Page(text).text
    assert "no effect: the whole interval lies within ±1 point, the smallest effect of interest" in page
    assert "unclear: the interval of 10 pairs is too wide for a verdict" in page
    assert re.search(r"smallest effect of interest\s*0.01", page)
    assert 'class="unclear"' in report._repr_html_()


def test_all_colours_have_a_dark_counterpart(tmp_path: Path) -> None:
    make_report({"fft": 0.03}).to_html(tmp_path / "a.html")
    style = re.search(r"<style>(.*?)</style>", (tmp_path / "a.html").read_text(encoding="utf-8"), re.S)
    assert style
    light, dark = re.findall(r":root \{(.*?)\}", style[1], re.S)
    assert "@media (prefers-color-scheme: dark)" in style[1]
    names = [set(re.findall(r"--([a-z-]+):", part)) for part in (light, dark)]
    assert names[0] == names[1] == set(re.findall(r"var\(--([a-z-]+)\)", style[1]))
    # Figures have white paper in both.
    assert re.findall(r"#[0-9a-f]+", style[1].replace(light, "").replace(dark, "")) == ["#fff"]


def test_a_narrow_screen_shows_the_verdict_of_each_arm() -> None:
    """In the figure it stands on the left, where nothing is cut off."""
    report = with_unclear({"fft": 0.03, "a$_$": 0.0}, "a$_$")
    (axes,) = figures_of(report)["differences"].axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    means = [f"{100 * finding.comparison.mean:+.1f}".replace("-", "−") for finding in report.findings]
    assert labels == [f"fft\nhelps {means[0]}", f"a$_$\nunclear {means[1]}"]
    assert not axes.texts


def test_no_bar_hides_the_dots_of_the_pairs() -> None:
    (axes,) = figures_of(make_report({"fft": 0.03, "std": 0.0}))["differences"].axes
    dots = np.concatenate(
        [np.ma.getdata(each.get_offsets())[:, 1] for each in axes.collections if len(each.get_offsets()) > 1]
    )
    marks = {float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() not in ("None", "")}
    # A mark has a radius of 4.5 points, and a row a height of some 50.
    assert len(marks) == 4
    assert min(abs(dot - mark) for dot in dots for mark in marks) > 0.09


def test_legends_name_the_arms() -> None:
    for report, names in (
        (make_report({"fft": 0.03, "std": 0.0}), [["fft: helps"], ["std: no effect"]]),
        (
            make_report({"part_of_speech_of_the_next_word": 0.03}, weights=(0.3, 1)),
            [["part_of_speech… ×0.3: helps", "part_of_speech_… ×1: helps"]],
        ),
        (CASES["weights"], [["fft ×0: no effect", "fft ×3: no effect"], [r"a$\b$ ×0: helps", r"a$\b$ ×3: helps"]]),
    ):
        panels = [axes for axes in figures_of(report)["curves"].axes if axes.get_visible()]
        found = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in panels]
        assert found == [["baseline", *each] for each in names]


def test_labels_of_arms_keep_their_weights() -> None:
    report = make_report({"part_of_speech_of_the_next_word_and_the_one_after": 0.03}, weights=(0.3, 1), noise=0)
    (axes,) = figures_of(report)["differences"].axes
    labels = [label.get_text().splitlines() for label in axes.get_yticklabels()]
    assert labels == [["part_of_speech_of_", f"the_next_word_and_… ×{w}", "helps +3.0"] for w in ("0.3", "1")]


def test_names_on_a_page_are_broken_after_underscores(tmp_path: Path) -> None:
    page = page_of(make_report({"abs_sum_changes": 0.03}), tmp_path)
    assert "wbr" in page.tags
    assert "abs_sum_changes" in page.text


def test_a_report_draws_one_figure_at_a_time() -> None:
    report = make_report({"fft": 0.03})
    assert isinstance(report.plot(), Figure)
    assert figure_svg(report.plot("curves")) == figure_svg(figures_of(report)["curves"])
    with pytest.raises(UnknownNameError, match=r"`name`.*'weights'.*differences"):
        report.plot("weights")
