"""Choose auxiliary tasks, or none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from auxtasks.audit.audit import check_seeds, experiment_of, made_targets
from auxtasks.audit.comparison import Comparison, compared
from auxtasks.audit.experiment import Arm, Experiment
from auxtasks.audit.records import Records
from auxtasks.audit.running import run_all
from auxtasks.audit.screen import rank_tasks
from auxtasks.audit.screen.ranking import Ranking
from auxtasks.audit.splits import Split, checked_cv, overlap_of
from auxtasks.audit.verdicts import Rule
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError
from auxtasks.files import fingerprint, named
from auxtasks.optional import plain_text
from auxtasks.validation import check_flag, check_int, check_number, check_path, check_processes, is_several

if TYPE_CHECKING:
    import keras
    from rich.console import RenderableType


WEIGHTS = (0.3, 3.0)
DEPTHS = (0.33, 0.66)


def select_tasks(
    build_model: Callable[[], keras.Model],
    X: Any,
    y: Any,
    targets: Any,
    *,
    cv: Any = None,
    groups: Any = None,
    seeds: int | Sequence[int] = 5,
    confirm: int = 10,
    epochs: int = 10,
    batch_size: int = 32,
    max_tasks: int = 3,
    weights: Sequence[float] = WEIGHTS,
    depths: Sequence[float | str] = DEPTHS,
    warm_up: bool = True,
    fit_options: Mapping[str, Any] | None = None,
    metrics: str | Sequence[str] | None = None,
    margin: float = 0.0,
    results: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    progress: bool = True,
) -> Selection:
    """Choose tasks, their weight, depth and warm-up on validation parts; choose none where nothing passes.

    `rank_tasks` leaves out tasks that cannot help. From the single task on, the task that gains most is added as long
    as one gains; then other weights, depths and a slow rise of the weight are tried. What is best then must gain more
    than the margin on seeds, and so on validation parts, that the search has not seen.

    Parameters
    ----------
    build_model, X, y, targets, groups, epochs, batch_size, fit_options, metrics, results, n_jobs, progress
        As for `audit`; `results` is a folder here. Keep the test set back.
    cv : int, scikit-learn splitter or iterable of (train, test), optional
        The validation parts; by default each seed holds a quarter of the labelled samples out. They must depend on the
        seed, as shuffled folds do.
    seeds : int or sequence of int, default 5
        Of the search.
    confirm : int, default 10
        How many other seeds the best must pass on.
    max_tasks : int, default 3
        At most so many.
    weights : sequence of float, default (0.3, 3.0)
        What the automatic weight (see `auxtasks.keras.attach_heads`) is multiplied by, beside 1.
    depths : sequence of float or str, default (0.33, 0.66)
        Tried beside ``"auto"``.
    warm_up : bool, default True
        Whether to try a weight that rises in the first third of the training.
    margin : float, default 0.0
        What the choice must gain in the judged metric.

    Returns
    -------
    Selection
        ``selection.attach(base, targets)`` gives the model to train: with heads, or as it was.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError, StorageError
        As `audit`.

    Notes
    -----
    A choice passes if a one-sided paired t-test at 2.5 % says that it gains more than the margin, corrected for the
    overlap of the training parts. So a task that does nothing is chosen in one of 40 searches at most; in return small
    gains are missed, above all where validation parts are small. Confirming seeds split the same labelled samples:
    that the choice is good for these is shown, for others only as far as they resemble them.

    Examples
    --------
    >>> import auxtasks, keras, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 16, 1)).astype("float32")
    >>> y = rng.integers(0, 2, 60)
    >>> def build_model():
    ...     layers = [keras.layers.Flatten(), keras.layers.Dense(3), keras.layers.Dense(2, activation="softmax")]
    ...     model = keras.Sequential([keras.Input((16, 1)), *layers])
    ...     model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    ...     return model
    >>> targets = auxtasks.make_aux_targets(X, domain="signal", tasks=["std"])
    >>> nothing = {"weights": [], "depths": [], "warm_up": False}
    >>> chosen = select_tasks(build_model, X, y, targets, seeds=2, confirm=2, epochs=1, progress=False, **nothing)
    >>> chosen.tasks, chosen.n_models >= 4
    ((), True)
    """
    from auxtasks.batches.composition import AUTO, automatic_weight

    start, jobs, folder = time.perf_counter(), check_processes("n_jobs", n_jobs), check_folder(results)
    check_int("max_tasks", max_tasks, low=1)
    check_flag("progress", progress)
    factors, rises, way = check_factors(weights), check_flag("warm_up", warm_up), checked_cv(cv)
    searched = check_seeds(seeds)
    unseen = range(max(searched) + 1, max(searched) + 1 + check_int("confirm", confirm, low=2))
    targets = made_targets(targets, X, y)
    taught = tuple(task for task, spec in targets.specs.items() if spec.is_taught)
    shares = {task: AUTO if task in taught else spec.share for task, spec in targets.specs.items()}
    settings = {"epochs": epochs, "batch_size": batch_size, "fit_options": fit_options}
    experiment, _ = experiment_of(build_model, X, y, targets, None, metrics, shares, settings)
    places = check_depths(depths, experiment)
    splits, fresh = experiment.splits(way, groups, searched), experiment.splits(way, groups, unseen)
    check_unseen(splits, fresh)
    labelled, judged = experiment.labelled, experiment.settings.metrics.judged
    rule = Rule.of(judged, margin, 0.95, "none", overlap_of(splits, labelled))
    search = Search(experiment, rule, splits, folder, jobs, progress=progress)
    ranking = rank_tasks(targets, experiment.main if taught else y)
    names, left_out = screened(ranking)
    names = (*taught, *names)
    weight = automatic_weight(int(labelled.sum()), len(labelled))
    while len(search.best.tasks) < max_tasks:
        left = [name for name in names if name not in search.best.tasks]
        if not search.try_all("tasks", [Candidate((*search.best.tasks, name), weight) for name in left]):
            break
    found, proposed = None, search.best
    if proposed.tasks:
        # Other weights, then depths, then a warm-up, each from what is best so far.
        # Soft labels have no head, and their weight is what `fit` decides.
        if set(search.best.tasks) - set(taught):
            search.try_all("weight", [replace(search.best, weight=weight * factor) for factor in factors])
            search.try_all("depth", [replace(search.best, at=place) for place in places])
        rise = n_steps(experiment, splits[0]) // 3 if rises else 0
        search.try_all("warm-up", [replace(search.best, warm_up=rise)] if rise else [])
        proposed = search.best
        (found,) = search.gains([proposed], Candidate(), fresh)
        search.steps.append(Step("confirmation", proposed, found, found.p_above(margin) <= 0.025))
    chosen = proposed if found is not None and search.steps[-1].accepted else Candidate()
    seconds = time.perf_counter() - start
    return Selection(
        chosen, proposed, found, margin, judged, tuple(search.steps), left_out, ranking, search.n_models, seconds
    )


Stage = Literal["tasks", "weight", "depth", "warm-up", "confirmation"]


class Step(NamedTuple):
    """One candidate tried, its gain over the best one before or, in the confirmation, over the single task."""

    stage: Stage
    candidate: Candidate
    gain: Comparison
    accepted: bool


class Search:
    """Trains candidates, keeps their scores, and remembers the best; `results` is a folder of finished runs."""

    def __init__(
        self,
        experiment: Experiment,
        rule: Rule,
        splits: Sequence[Split],
        results: Path | None,
        n_jobs: int,
        *,
        progress: bool,
    ) -> None:
        self._experiment, self._rule, self._splits = experiment, rule, splits
        self._results, self._made_of = results, {} if results is None else experiment.made_of()
        self._n_jobs, self._progress = n_jobs, progress
        self._records: dict[str, Records] = {}
        self._asked: set[tuple[str, Arm, int, int]] = set()
        self.best = Candidate()
        self.steps: list[Step] = []

    @property
    def n_models(self) -> int:
        """How many models the search needed: those of its folder that it asked for included, others not."""
        return len(self._asked)

    def try_all(self, stage: Stage, candidates: Sequence[Candidate]) -> bool:
        """Compare candidates with the best one so far, and take the best of them if it gains.

        The mean gain must exceed its standard error, in the manner of the one-standard-error rule (Breiman et al. 1984,
        Classification and Regression Trees). Taking the best of several is optimistic, which the confirmation on other
        seeds makes up for.
        """
        if not candidates:
            return False
        gains = self.gains(candidates, self.best, self._splits)
        winner, gain = max(zip(candidates, gains, strict=True), key=lambda pair: pair[1].mean)
        accepted = gain.mean > gain.error + gain.rounding
        tried = zip(candidates, gains, strict=True)
        self.steps += [Step(stage, each, found, accepted and each == winner) for each, found in tried]
        if accepted:
            self.best = winner
        return accepted

    def gains(self, candidates: Sequence[Candidate], over: Candidate, splits: Sequence[Split]) -> list[Comparison]:
        """Compare candidates with another one on some splits."""
        before, overlap = self._scores(over, splits), self._rule.overlap
        return [compared(before, self._scores(candidate, splits), overlap=overlap) for candidate in candidates]

    def _scores(self, candidate: Candidate, splits: Sequence[Split]) -> list[float]:
        settings, judged = self._experiment.settings, self._rule.metric
        if candidate.tasks:
            settings = replace(settings, at=candidate.at, weighting=candidate.weighting)
        name = fingerprint(named([settings.at, settings.weighting]))
        if name not in self._records:
            path = None if self._results is None else self._results / f"{name}.jsonl"
            self._records[name] = Records(path, self._made_of)
        experiment, records = replace(self._experiment, settings=settings), self._records[name]
        runs = run_all(experiment, [candidate.arm], splits, records, judged, self._n_jobs, progress=self._progress)
        self._asked |= {(name, run.arm, run.seed, run.fold) for run in runs}
        sign = 1.0 if self._rule.higher_is_better else -1.0
        return [sign * run.scores[judged] for run in runs]


def check_factors(weights: Any) -> list[float]:
    """Return what the weight is multiplied by."""
    factors = [check_number("weights", factor, low=0.0) for factor in _several("weights", weights)]
    if 0.0 in factors:
        raise InvalidInputError("`weights` must be positive: with 0 the model is trained as it is.")
    return factors


def check_depths(depths: Any, experiment: Experiment) -> list[float | str]:
    """Return the depths, each of which heads of all tasks were attached at."""
    from auxtasks.keras.compiling import checked_model

    found = _several("depths", depths)
    for depth in found:
        if isinstance(depth, bool) or not isinstance(depth, (Real, str)):
            raise InvalidTypeError(f"`depths` must hold numbers from 0 to 1 or names of layers; got {depth!r}.")
        placed = replace(experiment, settings=replace(experiment.settings, at=depth))
        placed.attached(checked_model(placed.build_model()), Arm(tuple(placed.specs)), placed.samples)
    return found


def check_folder(results: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of finished runs."""
    folder = None if results is None else check_path("results", results)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StorageError(
            f"`results`: {folder} is a file, and a search keeps its runs in a folder; pass another name."
        )
    return folder


def check_unseen(searched: Sequence[Split], fresh: Sequence[Split]) -> None:
    """Refuse a confirmation on nothing but test parts that were searched on."""
    seen = {np.sort(split.test).tobytes() for split in searched}
    if all(np.sort(split.test).tobytes() in seen for split in fresh):
        raise InvalidInputError(
            "`cv` gives the same parts for every seed, and the confirmation needs others than the search; pass "
            "shuffled folds or None, with samples or groups enough to draw other parts."
        )


def _several(argument: str, values: Any) -> list[Any]:
    if not is_several(values):
        raise InvalidTypeError(f"`{argument}` must be a list, which may be empty; got {values!r}.")
    return list(values)


_SAME = 0.99


def screened(ranking: Ranking) -> tuple[tuple[str, ...], dict[str, str]]:
    """Leave out what cannot help."""
    kept: list[str] = []
    left_out: dict[str, str] = {}
    for row in ranking:
        if row.missing == 1.0:
            left_out[row.task] = "all its values are missing."
        elif row.from_label >= _SAME:
            left_out[row.task] = "the main label gives it away."
        elif row.triviality >= _SAME:
            left_out[row.task] = "it is a linear function of the input."
        elif row.redundancy >= _SAME and row.redundant_with in kept:
            left_out[row.task] = f"{row.redundant_with} says the same."
        else:
            kept.append(row.task)
    return tuple(kept), left_out


def n_steps(experiment: Experiment, split: Split) -> int:
    """Count the steps of a training, composed batches included."""
    from auxtasks.batches.composition import AUTO, DEFAULT_SHARE
    from auxtasks.batches.planned import n_batches

    settings, options = experiment.settings, experiment.settings.fit_options
    if options.get("steps_per_epoch"):
        return int(options["steps_per_epoch"]) * settings.epochs
    # Transformed copies are trained on without a main label.
    n_copies = len(experiment.samples.inputs) // experiment.n_original - 1
    labelled = np.concatenate([split.shown(experiment.labelled), np.zeros(n_copies * len(split.train), dtype=bool)])
    share = options.get("labelled_share", AUTO) if options.get("shuffle", True) else None
    return n_batches(labelled, settings.batch_size, DEFAULT_SHARE if share == AUTO else share) * settings.epochs


@dataclass(frozen=True)
class Candidate:
    """Which tasks, none for the model as it is, with which weight, where, and in how many steps the weight rises."""

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    at: Any = "auto"
    warm_up: int = 0

    @property
    def arm(self) -> Arm:
        """The tasks and their weight, as an audit has them; the baseline if there are none."""
        return Arm(self.tasks, self.weight) if self.tasks else Arm()

    @property
    def weighting(self) -> Any:
        """What `attach_heads` takes."""
        return {"warm_up": {"steps": self.warm_up}} if self.warm_up else "fixed"

    @property
    def label(self) -> str:
        """What is printed."""
        if not self.tasks:
            return "single task"
        place = "" if self.at == "auto" else f", at {self.at}"
        rise = f", warm-up of {self.warm_up} steps" if self.warm_up else ""
        return f"{' + '.join(self.tasks)}, weight {self.weight:.3g}{place}{rise}"


@dataclass(frozen=True, repr=False)
class Selection:
    """The tasks to train with, or none.

    Parameters
    ----------
    chosen : Candidate
        What passed, or the single task.
    proposed : Candidate
        The best of the search, before it had to pass.
    confirmation : Comparison or None
        Of the proposed one with the single task, on seeds the search did not see; None if nothing was proposed.
    margin : float
        What it had to gain.
    metric : str
        The judged metric.
    steps : tuple of Step
        All that was tried.
    left_out : dict of str to str
        Tasks that the screen left out, and why.
    ranking : Ranking
        The screen.
    n_models : int
        How many models it needed, those included that a folder of results held already.
    seconds : float
        How long it took.
    """

    chosen: Candidate
    proposed: Candidate
    confirmation: Comparison | None
    margin: float
    metric: str
    steps: tuple[Step, ...]
    left_out: dict[str, str]
    ranking: Ranking
    n_models: int
    seconds: float

    @property
    def tasks(self) -> tuple[str, ...]:
        """The chosen tasks; empty where nothing passed."""
        return self.chosen.tasks

    def attach(self, base: keras.Model, targets: Any) -> keras.Model:
        """Attach heads as chosen.

        Parameters
        ----------
        base : keras.Model
            A model of the kind that was searched with.
        targets : AuxTargets
            The targets that were searched among.

        Returns
        -------
        keras.Model
            An `AuxModel` to be compiled, or the very model passed in where no task was chosen.
        """
        from auxtasks.batches.composition import AUTO
        from auxtasks.keras.attach import attach_heads

        if not self.tasks:
            return base
        specs = {task: targets.specs[task] for task in self.tasks}
        return attach_heads(
            base,
            specs,
            at=self.chosen.at,
            weights={task: AUTO if spec.is_taught else self.chosen.weight * spec.share for task, spec in specs.items()},
            weighting=self.chosen.weighting,
            inputs=targets.inputs,
        )

    def __rich__(self) -> RenderableType:
        """Lay the search out for a console of rich."""
        return selection_table(self)

    def __repr__(self) -> str:
        """Show the choice and what was tried."""
        return plain_text(self.__rich__())


def selection_table(selection: Selection) -> RenderableType:
    """Lay a selection out: what was tried, what was left out, the choice and its cost."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=f"search, judged by {selection.metric}", title_justify="left")
    for name in ("looked for", "tried"):
        table.add_column(name)
    for name in ("gain", "± error"):
        table.add_column(name, justify="right")
    table.add_column("")
    for step in selection.steps:
        numbers = (f"{step.gain.mean:+.4g}", f"{step.gain.error:.2g}")
        table.add_row(step.stage, step.candidate.label, *numbers, "taken" if step.accepted else "")
    left_out = [Text(f"{task} was left out: {why}") for task, why in selection.left_out.items()]
    closing = Text(f"{conclusion(selection)}\nThe choice cost {cost(selection)}.")
    return Group(*([table] if selection.steps else []), *left_out, closing)


def conclusion(selection: Selection) -> str:
    """Say what was chosen and why."""
    found = selection.confirmation
    if found is None:
        return "Nothing gained in the search: train the model as it is."
    share = f"{found.mean:+.4g} ({found.low:+.4g} to {found.high:+.4g}) on {len(found.baseline)} pairs not searched on"
    if selection.tasks:
        return f"Use {selection.chosen.label}: {share}."
    margin = f" of {selection.margin:g}" if selection.margin else ""
    return f"Train the model as it is: {selection.proposed.label} did not pass the margin{margin}, {share}."


def cost(selection: Selection) -> str:
    """Say how many models were trained, and how long it took."""
    minutes = selection.seconds / 60
    time = f"{selection.seconds:.0f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
    return f"{selection.n_models} trained models, {time}"


__all__ = ["Selection", "select_tasks"]
