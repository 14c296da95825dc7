"""The page of a report: one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from string import Template
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.audit.experiment import Arm
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.words import (
    LEGEND,
    LEGEND_CONTROLS,
    Units,
    all_tasks,
    arm_name,
    columns,
    conclusion,
    heading,
    is_share,
    rows,
)

_TITLES = {"differences": "Differences", "curves": "Learning curves", "weights": "Weights"}

_STYLE = """
html { background: #fff; color: #22272d; color-scheme: light; -webkit-text-size-adjust: 100%; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 58rem; margin: 0 auto; padding: 1.2rem 1rem 3rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.conclusion { font-size: 1.15rem; font-weight: 600; border-left: .3rem solid #00795a; padding: .4rem .8rem;
  background: #f2f7f5; margin: .8rem 0; }
.conclusion.nothing { border-color: #5b6470; background: #f4f5f6; }
.small, figcaption { font-size: .88rem; color: #4a525b; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1rem .3rem 0; text-align: right; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid #e3e6e9; }
tbody th { font-weight: 500; }
thead th { border-bottom: 2px solid #aab1b9; font-weight: 600; vertical-align: bottom; }
th:first-child { text-align: left; white-space: normal; min-width: 7rem; max-width: 16rem; }
.findings td:nth-child(2), .findings thead th:nth-child(2), .settings td, .settings thead th { text-align: left; }
.settings td { white-space: normal; }
.helps { color: #00795a; } .hurts { color: #b54500; } .no-effect { color: #4a525b; font-weight: 500; }
.reasons { padding-left: 1.1rem; } .reasons li { margin: .2rem 0; }
figure { margin: .6rem 0 1.6rem; } figure img { display: block; width: 100%; min-width: 34rem; max-width: 52rem; }
summary { cursor: pointer; font-weight: 600; padding: .4rem 0; }
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit: $conclusion</title>
<style>$style</style>
</head>
<body>
<h1>Did the auxiliary tasks help?</h1>
<p class="$class_name">$conclusion</p>
<p>$heading.</p>
<div class="findings">$findings</div>
<p class="small">$legend</p>
<h2>Why</h2>
<ul class="reasons">
$reasons</ul>
$figures
<h2>How to read it</h2>
$guide
<details><summary>Single pairs</summary>
<p class="small">The score of the baseline, and the difference of each arm; above 0 is better.</p>
$pairs</details>
<details><summary>All metrics</summary>
<p class="small">Means over the pairs.</p>
$metrics</details>
<details><summary>Settings</summary>
<div class="settings">$settings</div></details>
<p class="small">Written by auxtasks $version.</p>
</body>
</html>
""")

_GUIDE = Template("""<p><b class="helps">helps</b>: better than the baseline by more than the margin of \
$margin$control. <b class="hurts">hurts</b>: worse than the baseline by more than the margin. \
<b class="no-effect">no effect</b>: neither could be shown with $pairs pairs; a smaller effect may \
exist, and more seeds would narrow the interval.</p>
<p>The runs of a pair have the same initial weights, batches and test part, so that they differ by the auxiliary task \
alone; the baseline is the same model with the weights of the auxiliary losses at 0. The intervals cover seeds and \
splits of these data, not other data. The best of several arms tends to look better than it is.</p>
$controls""")
_CONTROLS = (
    "<p>The control trains on the same targets shuffled across samples: it has the cost and the disturbance of an "
    "auxiliary task, and no information. A task that helps no more than its control regularises; its content adds "
    "nothing, and dropout or weight decay may do the same.</p>"
)
_NO_CONTROLS = (
    "<p>There were no controls (<code>controls=True</code>), so that a gain may be mere regularisation: whether the "
    "content of the targets matters is not known.</p>"
)


def as_page(report: AuditReport) -> str:
    """Write the page."""
    from auxtasks.audit.report.figures import captions, figures_of
    from auxtasks.audit.report.style import figure_svg

    texts = captions(report)
    figures = "".join(
        f"<h2>{_TITLES[name]}</h2>\n" + figure_block(figure_svg(figure), _TITLES[name], texts[name])
        for name, figure in figures_of(report).items()
    )
    controlled = any(finding.control for finding in report.findings)
    helpful = any(finding.verdict == "helps" for finding in report.findings)
    return _PAGE.substitute(
        style=_STYLE,
        class_name="conclusion" if helpful else "conclusion nothing",
        conclusion=escape(conclusion(report)),
        heading=escape(heading(report)),
        findings=findings_table(report),
        legend=escape((LEGEND_CONTROLS if controlled else "") + LEGEND),
        reasons=reasons_list(report),
        figures=figures,
        guide=_guide(report, controlled),
        pairs=pairs_table(report),
        metrics=metrics_table(report),
        settings=settings_table(report),
        version=escape(__version__),
    )


def _guide(report: AuditReport, controlled: bool) -> str:
    return _GUIDE.substitute(
        margin=escape(Units.of(report).size(report.settings["margin"])),
        control=", and better than its control" if controlled else "",
        pairs=escape(str(report.settings["n_pairs"])),
        controls=_CONTROLS if controlled else _NO_CONTROLS,
    )


def verdict_word(verdict: str) -> str:
    """Write a verdict in its colour."""
    return f'<b class="{escape(verdict.replace(" ", "-"))}">{escape(verdict)}</b>'


def html_table(names: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    r"""Lay out a table in a box of its own, which scrolls where it is too wide."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>\n'
        for first, *others in cells
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    # With a tabindex, so that it scrolls by the keyboard too.
    return f'<div class="scroll" tabindex="0">{table}</div>'


def findings_table(report: AuditReport) -> str:
    """Lay out the findings."""
    cells = [[escape(task), verdict_word(verdict), *map(typeset, numbers)] for task, verdict, *numbers in rows(report)]
    return html_table(columns(report), cells)


def reasons_list(report: AuditReport) -> str:
    """List why each verdict is what it is."""
    return "".join(
        f"<li><i>{escape(arm_name(report, finding.arm))}</i>: {verdict_word(finding.verdict)}. "
        f"{escape(finding.because)}</li>\n"
        for finding in report.findings
    )


def typeset(number: str) -> str:
    """Write a number with a minus sign in place of a hyphen."""
    return escape(number).replace("-", "−")


def figure_block(svg: str, alternative: str, caption: str) -> str:
    """Put a figure with its caption into the page itself."""
    data = b64encode(svg.encode()).decode()
    image = f'<img alt="{escape(alternative)}" src="data:image/svg+xml;base64,{data}">'
    return f'<figure><div class="scroll">{image}</div><figcaption>{escape(caption)}</figcaption></figure>\n'


# Only colours that can be read on light and dark paper alike.
_STYLE_SNIPPET = (
    ".auxtasks-audit .helps{color:#0a9a72}.auxtasks-audit .hurts{color:#d9650f}"
    ".auxtasks-audit th,.auxtasks-audit td{text-align:right;padding:.2em .8em .2em 0}"
    ".auxtasks-audit th:first-child,.auxtasks-audit th:nth-child(2),.auxtasks-audit td:nth-child(2){text-align:left}"
    ".auxtasks-audit .no-effect{font-weight:500}.auxtasks-audit .scroll{overflow-x:auto}"
)


def as_snippet(report: AuditReport) -> str:
    """Write heading, table, reasons and what follows."""
    return (
        f'<div class="auxtasks-audit"><style>{_STYLE_SNIPPET}</style><p>{escape(heading(report))}</p>'
        f"{findings_table(report)}<ul>{reasons_list(report)}</ul><p><b>{escape(conclusion(report))}</b></p></div>"
    )


def pairs_table(report: AuditReport) -> str:
    """Lay out the score of the baseline and the difference of each arm, pair by pair; above 0 is better."""
    units, metric = Units.of(report), report.settings["metric"]
    sign = 1 if report.settings["higher_is_better"] else -1
    scores = {(run.arm, run.pair): run.scores.get(metric, float("nan")) for run in report.runs}
    baselines = {run.pair: run.scores.get(metric, float("nan")) for run in report.runs if not run.arm.tasks}
    arms = [finding.arm for finding in report.findings]
    cells = [
        [
            f"seed {pair[0]}, fold {pair[1]}",
            units.value(score),
            *(typeset(units.difference(sign * (scores.get((arm, pair), float("nan")) - score))) for arm in arms),
        ]
        for pair, score in sorted(baselines.items())
    ]
    return html_table(["pair", "baseline", *(arm_name(report, arm) for arm in arms)], cells)


def metrics_table(report: AuditReport) -> str:
    """Lay out the mean of each metric over the pairs, one row an arm, controls too."""
    scores: dict[Arm, dict[str, list[float]]] = {}
    for run in report.runs:
        for metric, value in run.scores.items():
            scores.setdefault(run.arm, {}).setdefault(metric, []).append(value)
    metrics = list(dict.fromkeys(metric for found in scores.values() for metric in found))
    cells = [
        [
            escape(arm_name(report, arm) + (", shuffled" if arm.shuffled else "")),
            *(_mean(metric, found.get(metric, [])) for metric in metrics),
        ]
        for arm, found in scores.items()
    ]
    return html_table(["arm", *metrics], cells)


def _mean(metric: str, values: list[float]) -> str:
    return Units(is_share(metric)).value(float(np.mean(values)) if values else float("nan"))


_NAMES = {
    "metric": "judged metric",
    "higher_is_better": "higher is better",
    "adjust": "adjustment for several arms",
    "n_pairs": "pairs",
    "n_train": "training samples",
    "n_labelled": "of these labelled",
    "n_test": "test samples",
    "overlap": "test over training samples where these overlap",
    "at": "heads at",
    "controls": "controls (shuffled targets)",
    "seconds": "time in all",
}
_MINUTE, _HOUR = 60, 3600


def settings_table(report: AuditReport) -> str:
    """Lay out the settings."""
    said = dict(report.settings)
    if isinstance(said.get("seconds"), (int, float)):
        said["seconds"] = duration(said["seconds"])
    cells = [
        [escape(_NAMES.get(name, name.replace("_", " "))), escape(in_words(value))] for name, value in said.items()
    ]
    return html_table(["setting", "value"], [["tasks", escape(", ".join(sorted(all_tasks(report))))], *cells])


def in_words(value: Any) -> str:
    """Write a value of JSON as people would."""
    if isinstance(value, dict):
        parts = {
            key: f"({in_words(part)})" if isinstance(part, dict) else in_words(part) for key, part in value.items()
        }
        return "; ".join(f"{key} {part}" for key, part in parts.items()) or "–"
    if isinstance(value, list):
        return ", ".join(map(in_words, value)) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Write a time."""
    whole = round(seconds)
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole >= _MINUTE else f"{whole} s"
