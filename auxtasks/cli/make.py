"""``auxtasks make``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from auxtasks.cli import options
from auxtasks.cli.data import Data, check_new, read_data, read_labels, with_gaps
from auxtasks.errors import unknown_name
from auxtasks.image_files import check_size
from auxtasks.registry import DOMAINS
from auxtasks.specs import SOFT_LABELS
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.aux_targets import AuxTargets


HELP = (
    "Compute auxiliary targets of samples and save them.\n\n"
    "Prints a table of the targets: their kind, shape, chance (the loss of the best constant guess), share of missing "
    "values, and the columns left out because they are constant, copies or without any value (a series of 64 steps has "
    "33 Fourier coefficients, whatever number is asked for). The folder holds the arrays, the inputs to train on and "
    "the scaling; auxtasks.load_targets reads it.\n\n"
    "With --labels for some of the samples, a teacher predicts soft labels for the others. The teacher is printed, and "
    "how well it predicts labels that it was not shown. The labels are saved too. Pass training samples only.\n\n"
    "Example: auxtasks make signals.npz --domain signal --task std --task fft:n_coefficients=50 --output targets"
)


def make(
    input_: options.Input,
    domain: options.Domain,
    output: Annotated[Path, options.of_output(metavar="DIR", help="The folder to create.", show_default=False)],
    task: options.Tasks = None,
    option: options.Options = None,
    label_columns: options.LabelColumns = None,
    labels: options.OptionalLabels = None,
    image_size: options.ImageSize = None,
    overwrite: options.Overwrite = False,
) -> None:
    from auxtasks.storage import DESCRIPTION

    wanted = Wanted(domain, task, option, label_columns, image_size=image_size)
    if labels is None:
        wanted.refuse_soft_labels("are computed from main labels; pass --labels too.")
    check_new(output, overwrite=overwrite, marker=DESCRIPTION)
    data = wanted.read(input_)
    with options.interruptible():
        targets = wanted.make(data, None if labels is None else with_gaps(read_labels(labels, data)))
        targets.save(output, overwrite=overwrite)
    console = Console(highlight=False, soft_wrap=True)
    console.print(repr(targets), markup=False)
    console.print(f"\nTargets: {output}", markup=False)


_ELSEWHERE = ("X", "domain", "tasks", "y", "label_columns", "image_size")
_WRITING = ("save_to", "overwrite")


@dataclass(frozen=True)
class Wanted:
    """What targets are to be made, or in which directory they are saved, which leaves no need for the rest."""

    domain: str | None
    tasks: Sequence[Any] | None = None
    options: Sequence[tuple[str, Any]] | None = None
    label_columns: Sequence[str] | None = None
    saved: Path | None = None
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        rest = {
            "domain": self.domain,
            "task": self.tasks,
            "option": self.options,
            "label-column": self.label_columns,
            "image-size": self.image_size,
        }
        if self.saved is not None:
            if there := next((name for name, value in rest.items() if value), None):
                raise typer.BadParameter(
                    "saved targets cannot be changed; pass one or the other.", param_hint=f"--{there}, --targets"
                )
        elif self.domain is None:
            raise typer.BadParameter("pass the domain of the samples, or --targets DIR.", param_hint="--domain")
        else:
            self._check_names(self.domain)

    def _check_names(self, domain: str) -> None:
        from auxtasks.generator import make_aux_targets
        from auxtasks.targets.tasks import parse_tasks

        if domain not in DOMAINS:
            raise unknown_name("--domain", domain, DOMAINS, "domain")
        others, _ = self._split()
        if others is None or others:
            parse_tasks(domain, others, self.label_columns or ())
        valid = [name for name in inspect.signature(make_aux_targets).parameters if name not in _ELSEWHERE]
        names = [name for name, _ in self.options or ()]
        for name in names:
            if name in _WRITING:
                raise typer.BadParameter(
                    f"{name!r} is not available here. Write targets with auxtasks make --output DIR (and "
                    "--overwrite); other commands read them with --targets DIR.",
                    param_hint="--option",
                )
            if name not in valid:
                raise unknown_name("--option", name, valid, "argument")
            if names.count(name) > 1:
                raise typer.BadParameter(f"{name!r} is given twice.", param_hint="--option")

    def _split(self) -> tuple[Any, dict[str, Any] | None]:
        """Return the other tasks, and the options of soft labels if these are named."""
        from auxtasks.teacher.teaching import split_tasks

        tasks, asked = split_tasks(list(self.tasks) if self.tasks else None, has_labels=True)
        return tasks, asked if self.tasks else None

    @property
    def has_soft_labels(self) -> bool:
        return self._split()[1] is not None

    def refuse_soft_labels(self, why: str) -> None:
        if self.has_soft_labels:
            raise typer.BadParameter(f"{SOFT_LABELS!r} {why}", param_hint="--task")

    def read(self, path: Path) -> Data:
        """Read the samples; for saved targets in the domain of these."""
        if self.saved is None:
            return read_data(path, self.domain or "", self.image_size)
        generator = self.load().generator
        return read_data(path, generator.domain, check_size("image_size", generator.image_size))

    def load(self) -> AuxTargets:
        from auxtasks.generator import load_targets

        return load_targets(str(self.saved))

    def make(self, data: Data | None, y: Array | None = None) -> AuxTargets:
        """Make the targets of samples, or load them; with main labels soft labels too."""
        from auxtasks.cluster import LazyAuxTargets
        from auxtasks.generator import make_aux_targets

        if self.saved is not None:
            targets = self.load()
            return targets.compute() if isinstance(targets, LazyAuxTargets) else targets
        if data is None or self.domain is None:
            raise typer.BadParameter("pass samples, or --targets DIR.", param_hint="INPUT")
        columns = data.columns(self.label_columns or ())
        tasks = list(self.tasks) if self.tasks else None
        options = {"image_size": self.image_size, **dict(self.options or ())}
        return make_aux_targets(data.X, self.domain, tasks, y=y, label_columns=columns, **options)
