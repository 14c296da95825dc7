"""The command and what it consists of, one file a part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from auxtasks._version import __version__
from auxtasks.cli import audit, make
from auxtasks.cli.options import interruptible
from auxtasks.demo import EPOCHS, run_demo
from auxtasks.registry import DOMAINS, Extractor, list_tasks, tasks_of
from auxtasks.specs import SOFT_LABELS

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def list_(
    domain: Annotated[
        str | None,
        typer.Option(help=f"Only the tasks usable in this domain: {', '.join(DOMAINS)}.", show_default="all"),
    ] = None,
) -> None:
    """List the tasks: name, kind, what each computes, its options and where it comes from."""
    console = Console()
    for name in DOMAINS if domain is None else [domain]:
        own = [task for task in tasks_of(name).values() if domain is not None or task.domain == name]
        console.print(task_table(name, own))
    console.print("* default of its domain", highlight=False)


def task_table(domain: str, tasks: Iterable[Extractor]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"domain {domain!r}", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", show_header=False
    )
    # Of one width in the tables of all domains, which stand below each other.
    table.add_column(no_wrap=True, min_width=1 + max(len(each.name) for each in list_tasks()))
    table.add_column(ratio=1)
    for index, task in enumerate(tasks):
        if index:
            table.add_row()
        table.add_row(_name(task, task.default and task.domain == domain), _description(task))
    table.add_row()
    table.add_row(*_soft_labels(domain))
    return table


def _soft_labels(domain: str) -> tuple[Text, str]:
    """Return the row of the task that no extractor computes."""
    from rich.text import Text

    from auxtasks.teacher.features import BY_DOMAIN

    name = Text.assemble((SOFT_LABELS, "bold cyan"), "\n", ("as the main label", "dim"))
    features = BY_DOMAIN[domain]().name
    return (
        name,
        f"What a teacher on {features} predicts for unlabelled samples; the default when some samples have labels.",
    )


def _name(task: Extractor, starred: bool) -> Text:
    from rich.text import Text

    star = "*" if starred else ""
    return Text.assemble((task.name, "bold cyan"), star, "\n", (task.kind or "as the inputs", "dim"))


def _description(task: Extractor) -> Text:
    from rich.text import Text

    text = Text(task.summary)
    if task.options:
        text.append("\noptions: " + ", ".join(f"{name}={value!r}" for name, value in task.options.items()))
    if task.tensor_function is not None:
        text.append("\nalso on the fly, in the training step")
    text.append(f"\nsource: {task.source}", style="dim")
    return text


# Typer keeps the line breaks of a docstring, so a text that should fill the terminal is given without any.
DEMO_HELP = (
    "Measure on real digits whether soft labels help. Takes a minute or two.\n\n"
    "Trains a small network twice for each seed: on a few labelled images alone, and with soft labels of unlabelled "
    "ones, which simple models make of the labelled ones. Prints both accuracies, that of the teacher alone, the mean "
    "difference with its 95 % interval and the verdict, and draws a figure."
)


def demo(
    seeds: Annotated[
        int,
        typer.Option(
            min=2, help="Pairs of runs. Each has its own split and initial weights; more pairs narrow the interval."
        ),
    ] = 6,
    epochs: Annotated[
        int,
        typer.Option(min=1, help="How often each unlabelled image is seen. Both arms take the same number of steps."),
    ] = EPOCHS,
    labelled: Annotated[
        int,
        typer.Option(min=10, max=1000, help="Labelled images out of 1,050. The gain shrinks as this number grows."),
    ] = 50,
    output: Annotated[
        Path, typer.Option(help="File of the figure: .png, .svg or .pdf. Its folder is created if needed.")
    ] = Path("demo/auxtasks_demo.png"),
) -> None:
    with interruptible():
        run_demo(Console(), output, seeds, labelled, epochs)


app = typer.Typer(
    help="Auxiliary targets for Keras models: labels nobody had to write.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Auxiliary targets for Keras models: labels nobody had to write."""
    del version  # its callback has done the work


# In the order in which one needs them.
app.command(help=DEMO_HELP)(demo)
app.command("list")(list_)
app.command(help=make.HELP)(make.make)
app.command(help=audit.RANK_HELP)(audit.rank)
app.command(help=audit.SELECT_HELP)(audit.select)
app.command(help=audit.AUDIT_HELP)(audit.audit)
