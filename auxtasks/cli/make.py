"""``auxtasks make``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from auxtasks.cli.data import Data, check_new, read_data
from auxtasks.cli.options import OUTPUT, Domain, Given, Input, Options, Overwrite, Tasks
from auxtasks.errors import unknown_name
from auxtasks.registry import DOMAINS

if TYPE_CHECKING:
    from auxtasks.aux_targets import AuxTargets


HELP = (
    "Compute auxiliary targets of samples and save them.\n\n"
    "Prints a table of the targets: their kind, shape, chance (the loss of the best constant guess), share of missing "
    "values, and the columns left out because they are constant or copies. The folder holds the arrays, the inputs to "
    "train on and the scaling; auxtasks.load_targets reads it.\n\n"
    "Example: auxtasks make signals.npz --domain signal --task std --task 'fft:{\"n_coefficients\": 50}' "
    "--output targets"
)


def make(
    input_: Input,
    domain: Domain,
    output: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The folder to be made.", show_default=False, rich_help_panel=OUTPUT),
    ],
    task: Tasks = None,
    option: Options = None,
    given: Given = None,
    overwrite: Overwrite = False,
) -> None:
    """Make targets; the help of the command says more."""
    from auxtasks.storage import DESCRIPTION

    wanted = Wanted(domain, task, option, given)
    check_new(output, overwrite=overwrite, marker=DESCRIPTION)
    targets = wanted.make(wanted.read(input_))
    targets.save(output, overwrite=overwrite)
    console = Console(highlight=False, soft_wrap=True)
    console.print(repr(targets), markup=False)
    console.print(f"\nTargets: {output}", markup=False)


_ELSEWHERE = ("X", "domain", "tasks", "given")


@dataclass(frozen=True)
class Wanted:
    """What targets are to be made, or in which directory they are saved, which leaves no need for the rest."""

    domain: str | None
    tasks: Sequence[Any] | None = None
    options: Sequence[tuple[str, Any]] | None = None
    given: Sequence[str] | None = None
    saved: Path | None = None

    def __post_init__(self) -> None:
        """Check the options against each other."""
        rest = {"domain": self.domain, "task": self.tasks, "option": self.options, "given": self.given}
        if self.saved is not None:
            if there := next((name for name, value in rest.items() if value), None):
                raise typer.BadParameter(
                    "the saved targets are what they are; leave out either.", param_hint=f"--{there}, --targets"
                )
        elif self.domain is None:
            raise typer.BadParameter("say what the samples are, or pass --targets DIR.", param_hint="--domain")
        else:
            self._check_names(self.domain)

    def _check_names(self, domain: str) -> None:
        from auxtasks.generator import make_aux_targets
        from auxtasks.targets.tasks import parse_tasks

        if domain not in DOMAINS:
            raise unknown_name("--domain", domain, DOMAINS, "domain")
        parse_tasks(domain, list(self.tasks) if self.tasks else None, self.given or ())
        valid = [name for name in inspect.signature(make_aux_targets).parameters if name not in _ELSEWHERE]
        names = [name for name, _ in self.options or ()]
        for name in names:
            if name not in valid:
                raise unknown_name("--option", name, valid, "argument")
            if names.count(name) > 1:
                raise typer.BadParameter(f"{name!r} is there twice.", param_hint="--option")

    def read(self, path: Path) -> Data:
        """Read the samples; for saved targets in the domain of these."""
        return read_data(path, self.domain or self.load().generator.domain)

    def load(self) -> AuxTargets:
        """Load the saved targets."""
        from auxtasks.generator import load_targets

        return load_targets(str(self.saved))

    def make(self, data: Data | None) -> AuxTargets:
        """Make the targets of samples, or load them."""
        from auxtasks.generator import make_aux_targets

        if self.saved is not None:
            return self.load()
        if data is None or self.domain is None:
            raise typer.BadParameter("pass samples, or --targets DIR.", param_hint="INPUT")
        given = data.columns(self.given or ())
        return make_aux_targets(
            data.X, self.domain, list(self.tasks) if self.tasks else None, given=given, **dict(self.options or ())
        )
