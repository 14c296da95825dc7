"""The report as one page that needs nothing else, in a notebook and in a console."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from importlib.util import find_spec
from string import Template
from typing import TYPE_CHECKING, Any, get_args

from auxtasks._version import __version__
from auxtasks.audit.comparison import Verdict
from auxtasks.audit.report.content import (
    Content,
    Units,
    arm_name,
    conclusion,
    controls_of,
    heading,
    legend,
    smallest_of,
)
from auxtasks.audit.report.figures import captions, figure_svg, figures_of
from auxtasks.audit.report.tables import (
    Table,
    findings_table,
    metrics_table,
    pairs_table,
    settings_table,
    teacher_sentence,
    teacher_table,
)
from auxtasks.audit.verdicts import COPIES, SHUFFLED
from auxtasks.notebook import html_legend, legend_grid, plain_text, rich_table
from auxtasks.optional import require

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderResult
    from rich.table import Table as RichTable

_TITLES = {"differences": "Differences", "curves": "Learning curves", "weights": "Weights"}

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #22272d; --quiet: #4a525b; --line: #e3e6e9; --rule: #aab1b9;
  --good: #00795a; --good-paper: #f2f7f5; --bad: #b54500; --open: #7d4a94; --none: #4a525b; --none-paper: #f4f5f6; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16191d; --ink: #e4e7ea; --quiet: #a9b1ba; --line: #2e343b; --rule: #5b6470; --good: #4cc79f;
    --good-paper: #182722; --bad: #f08a4b; --open: #c79bdd; --none: #b3bac2; --none-paper: #21262c; }
}
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 58rem; margin: 0 auto; padding: 1.2rem 1rem 3rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.conclusion { font-size: 1.15rem; font-weight: 600; border-left: .3rem solid var(--good); padding: .4rem .8rem;
  background: var(--good-paper); margin: .8rem 0; }
.conclusion.nothing { border-color: var(--none); background: var(--none-paper); }
.conclusion.open { border-color: var(--open); background: var(--none-paper); }
.small, figcaption { font-size: .88rem; color: var(--quiet); }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1rem .3rem 0; text-align: right; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody th { font-weight: 500; }
thead th { border-bottom: 2px solid var(--rule); font-weight: 600; vertical-align: bottom; }
th:first-child { text-align: left; white-space: normal; min-width: 7rem; max-width: 16rem; }
.findings td:nth-child(2), .findings thead th:nth-child(2), .settings td, .settings thead th { text-align: left; }
.settings td { white-space: normal; }
.helps { color: var(--good); } .hurts { color: var(--bad); } .unclear { color: var(--open); }
.no-effect { color: var(--none); font-weight: 500; }
.reasons { padding-left: 1.1rem; } .reasons li { margin: .2rem 0; }
figure { margin: .6rem 0 1.6rem; } figure img { display: block; width: 100%; min-width: 34rem; max-width: 52rem;
  background: #fff; border-radius: .3rem; }
summary { cursor: pointer; font-weight: 600; padding: .4rem 0; }
@media (max-width: 40rem) {
  th, td { padding-right: .7rem; }
  th:first-child { min-width: 5rem; max-width: 8rem; }
  .findings th:first-child { position: sticky; left: 0; background: var(--paper); }
}
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
$legend
<h2>Why</h2>
<ul class="reasons">
$reasons</ul>
$teacher$figures
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
<b class="no-effect">no effect</b>: the whole interval lies within ±$smallest, the smallest effect of \
interest, or the task gains as much as its control. <b class="unclear">unclear</b>: the interval of $pairs \
pairs is too wide for a verdict; more seeds or test samples would narrow it.</p>
<p>The runs of a pair have the same initial weights, batches and test part, so they differ only in the auxiliary \
task; the baseline is the same model with the weights of the auxiliary losses at 0. The intervals cover seeds and \
splits of these data, not other data. The best of several arms tends to look better than it is.</p>
$controls""")
_CONTROLS = {
    SHUFFLED: (
        "<p>The control trains on the same targets shuffled across samples: it has the cost and the disturbance of an "
        "auxiliary task, but no information. A task that helps no more than its control regularises; its content adds "
        "nothing, and dropout or weight decay may do the same.</p>"
    ),
    COPIES: (
        "<p>The control of agreement trains on changed copies of the labelled samples alone: it has the changes, but "
        "no answers for samples without a label.</p>"
    ),
}
_NO_CONTROLS = (
    "<p>There were no controls (<code>controls=True</code>), so a gain may be mere regularisation: the audit "
    "does not show whether the content of the targets matters.</p>"
)


def as_page(content: Content) -> str:
    controls, said = controls_of(content), captions(content)
    figures = {name: figure_svg(figure) for name, figure in figures_of(content).items()}
    verdicts = {finding.verdict for finding in content.findings}
    look = "" if "helps" in verdicts else " open" if "unclear" in verdicts else " nothing"
    guide = _GUIDE.substitute(
        margin=escape(Units.of(content).size(content.settings["margin"])),
        smallest=escape(Units.of(content).size(smallest_of(content))),
        control=", and better than its control" if controls else "",
        pairs=escape(str(content.settings["n_pairs"])),
        controls="\n".join(_CONTROLS[name] for name in controls) or _NO_CONTROLS,
    )
    return _PAGE.substitute(
        style=_STYLE,
        class_name=f"conclusion{look}",
        conclusion=escape(conclusion(content)),
        heading=escape(heading(content)),
        findings=_table(findings_table(content)),
        legend=html_legend(legend(content)),
        reasons=_reasons(content),
        teacher=_of_teacher(content, "<h2>The teacher</h2>\n"),
        figures="".join(_figure(_TITLES[name], svg, said[name]) for name, svg in figures.items()),
        guide=guide,
        pairs=_table(pairs_table(content)),
        metrics=_table(metrics_table(content)),
        settings=_table(settings_table(content)),
        version=escape(__version__),
    )


# Only colours that can be read on light and dark paper alike.
_STYLE_SNIPPET = (
    ".auxtasks-audit .helps{color:#0a9a72}.auxtasks-audit .hurts{color:#d9650f}.auxtasks-audit .unclear{color:#a06bb8}"
    ".auxtasks-audit th,.auxtasks-audit td{text-align:right;padding:.2em .8em .2em 0}"
    ".auxtasks-audit th:first-child,.auxtasks-audit th:nth-child(2),.auxtasks-audit td:nth-child(2){text-align:left}"
    ".auxtasks-audit .no-effect{font-weight:500}.auxtasks-audit .scroll{overflow-x:auto}"
)


def as_snippet(content: Content) -> str:
    return (
        f'<div class="auxtasks-audit"><style>{_STYLE_SNIPPET}</style><p>{escape(heading(content))}</p>'
        f"{_table(findings_table(content))}{html_legend(legend(content))}<ul>{_reasons(content)}</ul>{_of_teacher(content)}<p><b>{escape(conclusion(content))}</b></p>"
        "</div>"
    )


def _table(table: Table) -> str:
    """Lay out a table in a box of its own, which scrolls where it is too wide."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    body = "".join(
        f'<tr><th scope="row">{_name(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in others)}</tr>\n'
        for first, *others in table.rows
    )
    # With a tabindex, so that it scrolls by the keyboard too.
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'
    )


def _name(text: str) -> str:
    """Write a name that may be broken after underscores, rather than anywhere."""
    return escape(text).replace("_", "_<wbr>")


def _cell(text: str) -> str:
    """Write a verdict in its colour, and a number with a minus sign in place of a hyphen."""
    if text in get_args(Verdict):
        return f'<b class="{text.replace(" ", "-")}">{text}</b>'
    return re.sub(r"(?<![^ (])-(?=\d)", "−", escape(text))


def _reasons(content: Content) -> str:
    return "".join(
        f"<li><i>{escape(arm_name(content, each.arm))}</i>: {_cell(each.verdict)}. {escape(each.reason)}</li>\n"
        for each in content.findings
    )


def _of_teacher(content: Content, heading: str = "") -> str:
    taught = teacher_table(content)
    return "" if taught is None else f"{heading}{_table(taught)}<p>{escape(teacher_sentence(content))}</p>\n"


def _figure(title: str, svg: str, caption: str) -> str:
    data = b64encode(svg.encode()).decode()
    image = f'<img alt="{title}" src="data:image/svg+xml;base64,{data}">'
    return (
        f'<h2>{title}</h2>\n<figure><div class="scroll">{image}</div><figcaption>{escape(caption)}</figcaption>'
        "</figure>\n"
    )


_WIDEST_TASK = 28
_STYLES = {"helps": "bold green", "no effect": "", "unclear": "yellow", "hurts": "bold red"}


def as_renderable(content: Content) -> Group:
    require("rich", extra="audit")
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    reasons = RichTable.grid(padding=(0, 2, 0, 0))
    reasons.add_column(overflow="fold", max_width=_WIDEST_TASK)
    for finding in content.findings:
        reasons.add_row(Text(arm_name(content, finding.arm)), Text(finding.reason))
    empty = Text("")
    taught = teacher_table(content)
    of_teacher: list[Any] = []
    if taught is not None:
        table = rich_table([taught.columns, *taught.rows], [""], show_edge=False, pad_edge=False)
        of_teacher = [table, empty, Text(teacher_sentence(content)), empty]
    return Group(
        Text(heading(content), style="bold"), empty,
        _Findings(content), empty,
        legend_grid(legend(content)), empty,
        reasons, empty,
        *of_teacher,
        Text(conclusion(content), style="bold"),
    )  # fmt: skip


def as_text(content: Content) -> str:
    """Return the same as plain text, without the table where rich is not installed."""
    # What shows an object must not fail for want of an optional dependency.
    if find_spec("rich") is None:
        rows = zip(findings_table(content).rows, content.findings, strict=True)
        reasons = [f"{task}: {verdict}, {gain}. {finding.reason}" for (task, verdict, gain, *_), finding in rows]
        taught = teacher_table(content)
        of_teacher = [] if taught is None else [*map(" ".join, taught.rows), teacher_sentence(content)]
        return "\n".join([heading(content), *reasons, *of_teacher, conclusion(content)])
    return plain_text(as_renderable(content))


class _Findings:
    """The table, laid out for the width it is printed at."""

    def __init__(self, content: Content) -> None:
        self.columns, self.rows = findings_table(content)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        widths[0] = min(widths[0], _WIDEST_TASK)
        room, gaps = options.max_width - sum(widths), len(widths) - 1
        # The box itself leaves one column between cells.
        yield self._table(padding=1 if room >= 2 * gaps else 0, two_lines=room < gaps)

    def _table(self, *, padding: int, two_lines: bool) -> RichTable:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding, 0, 0))
        for at, name in enumerate(self.columns):
            heading = name.replace(" ", "\n") if two_lines else name
            if at == 0:
                table.add_column(heading, overflow="fold", max_width=_WIDEST_TASK)
            else:
                table.add_column(heading, justify="left" if at == 1 else "right", no_wrap=True)
        for task, verdict, difference, *numbers in self.rows:
            interval = difference.replace(" (", "\n(") if two_lines else difference
            # Texts, because a name in square brackets would be taken for markup.
            table.add_row(Text(task), Text(verdict, style=_STYLES[verdict]), *map(Text, (interval, *numbers)))
        return table
