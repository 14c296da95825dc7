"""The page of a report: one file that needs nothing else."""

from __future__ import annotations

from html import escape
from string import Template

from auxtasks._version import __version__
from auxtasks.audit.report.blocks import figure_block, findings_table, reasons_list
from auxtasks.audit.report.report import AuditReport
from auxtasks.audit.report.scores_tables import metrics_table, pairs_table
from auxtasks.audit.report.settings_table import settings_table
from auxtasks.audit.report.units import Units
from auxtasks.audit.report.words import LEGEND, LEGEND_CONTROLS, conclusion, heading

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
    """Write the page.

    Parameters
    ----------
    report : AuditReport
        The report.

    Returns
    -------
    str
        A whole HTML document without scripts or references to other files.
    """
    from auxtasks.audit.report.figures import captions, figure_svg, figures_of

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
