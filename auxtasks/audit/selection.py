"""Choose auxiliary tasks, or none."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.audit import check_seeds, design_of, experiment_of, made_targets
from auxtasks.audit.comparison import CONFIDENCE
from auxtasks.audit.experiment import AGREEMENT, Arm, Experiment, Settings
from auxtasks.audit.records import progress_bar
from auxtasks.audit.reuse import Models
from auxtasks.audit.screen import Ranking, rank_tasks
from auxtasks.audit.search import Search, Space, agreeing, named_agreements
from auxtasks.audit.selected import Selection
from auxtasks.audit.splits import Split, check_groups, checked_cv, overlap_of, strata_of
from auxtasks.audit.verdicts import Rule
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError
from auxtasks.validation import check_flag, check_int, check_number, check_path, check_processes, is_several

if TYPE_CHECKING:
    import keras


WEIGHTS = (0.3, 3.0)
DEPTHS = (0.33, 0.66)
FOLDS, FEWEST_FOLDS = 5, 3
SEEDS, CONFIRM = {True: 2, False: 5}, {True: 3, False: 10}
"""Of the search and of its confirmation, where each seed has several folds, and where it is one pair."""


def select_tasks(
    build_model: Callable[[], keras.Model],
    X: Any,
    y: Any,
    targets: Any,
    *,
    agreement: Sequence[Any] = (),
    validation: tuple[Any, Any] | None = None,
    cv: Any = None,
    groups: Any = None,
    seeds: int | Sequence[int] | None = None,
    confirm: int | None = None,
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
    """Choose tasks, soft labels and agreement, with weight, depth and warm-up; choose none if no candidate passes.

    `rank_tasks` leaves out tasks that cannot help. The search starts from the model alone, or from soft labels if
    `targets` hold them and they do not lose. It adds the candidate that gains most, as long as one gains: a task or an
    agreement. Then it tries other weights, depths and a warm-up of the weight. The best candidate must pass on seeds,
    and therefore on splits, that the search did not use.

    Parameters
    ----------
    build_model, X, y, targets, groups, epochs, batch_size, fit_options, metrics, results, n_jobs
        As for `audit`; `results` is a folder here. Keep the test set back.
    agreement : sequence, default ()
        Values for the argument `agreement` of `auxtasks.keras.attach_heads`; each entry is tried.
    validation : (X, y), optional
        Labelled samples to judge candidates on; they are not used for training. By default, candidates are
        cross-validated on the labelled samples.
    cv : int, scikit-learn splitter or iterable of (train, test), optional
        Splits of the labelled samples. By default 5 folds for each seed (3 or 4 if a class has fewer samples). They
        must depend on the seed, as shuffled folds do.
    seeds : int or sequence of int, optional
        The seeds of the search; by default 2 if each has several folds, else 5. The first half of the seeds judges all
        candidates; the other half judges only the better half of the candidates.
    confirm : int, optional
        The number of further seeds on which the best candidate must pass; by default 3 if each has several folds, else
        10.
    max_tasks : int, default 3
        The maximum number of tasks beside soft labels.
    weights : sequence of float, default (0.3, 3.0)
        Factors of the automatic weight (see `auxtasks.keras.attach_heads`) to try besides 1. Soft labels have the
        weight that ``fit`` finds.
    depths : sequence of float or str, default (0.33, 0.66)
        Depths to try besides ``"auto"``.
    warm_up : bool, default True
        Whether to try a weight that rises in the first third of the training.
    margin : float, default 0.0
        The gain in the judged metric that the choice must exceed.
    progress : bool, default True
        Whether to print, before training, the maximum number of trainings and the smallest effect that they can
        confirm, and to show a progress bar with the time left.

    Returns
    -------
    Selection
        ``selection.attach(base, targets)`` returns the model to train, with heads or unchanged, and
        ``selection.with_main(targets, labels)`` what to train it with.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError, StorageError
        As `audit`.

    Notes
    -----
    As in ForkMerge (Jiang et al. 2023, NeurIPS), the plain model is among the candidates, weights are searched on
    validation parts, and gradients are not used to compare tasks. Unlike ForkMerge, the search does not interpolate
    between the weights of the model without and with a task: along the way from one to the other the score rose, and
    was at most 0.1 points above the better end (`benchmarks/interpolation.py`).

    Tasks with heads pass if a one-sided paired t-test at 2.5 %, corrected for the overlap of the training parts, shows
    a gain above the margin. Most tasks change little; a task without effect is chosen in at most one of 40 searches.
    Agreement must gain one standard error (a test at 16 %).

    Soft labels pass unless they lose one standard error or change nothing, because each `fit` decides whether to learn
    them. With that safeguard and few labels, they gained for certain on 24 of 36 data sets and lost for certain on none
    (`benchmarks/results/gain.csv`). With 50 labels the standard error of a difference is about 6 points. So a search
    that asked for a gain of one standard error would turn down every second gain of 6 points
    (`benchmarks/confirmation.py`). `Selection.confirmation` holds the interval; its verdict may be "unclear" for the
    chosen candidate.

    The confirming seeds split the same labelled samples. They show that the choice is good for these samples, and for
    others only if they are similar. With `validation`, intervals do not cover the choice of validation samples.

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
    >>> chosen = select_tasks(build_model, X, y, targets, seeds=2, confirm=2, cv=2, epochs=1, progress=False, **nothing)
    >>> chosen.tasks, chosen.n_models >= 4
    ((), True)
    """
    from auxtasks.batches.composition import AUTO, automatic_weight

    start, jobs, folder = time.perf_counter(), check_processes("n_jobs", n_jobs), check_folder(results)
    check_int("max_tasks", max_tasks, low=1)
    check_flag("progress", progress)
    factors, rises, way = check_factors(weights), check_flag("warm_up", warm_up), checked_cv(cv)
    searched = None if seeds is None else check_seeds(seeds)
    n_confirm = None if confirm is None else check_int("confirm", confirm, low=2)
    agreements = named_agreements(agreement)
    if validation is not None and (cv is not None or groups is not None):
        raise InvalidInputError(
            "`validation` holds the samples that candidates are judged on, and `cv` and `groups` draw them from the "
            "labelled samples; pass one or the other."
        )
    targets = made_targets(targets, X, y, way)
    taught = tuple(task for task, spec in targets.specs.items() if spec.is_taught)
    shares = {task: AUTO if task in taught else spec.weight_scale for task, spec in targets.specs.items()}
    settings = {"epochs": epochs, "batch_size": batch_size, "fit_options": fit_options}
    experiment, _ = experiment_of(build_model, X, y, targets, validation, metrics, shares, settings)
    places = check_depths(depths, experiment)
    for value in agreements.values():
        check_attaches(experiment, Arm((AGREEMENT,)), agreeing(experiment.settings, value))

    splits, fresh = splits_of_search(experiment, way, groups, searched, n_confirm)
    labelled, judged = experiment.labelled, experiment.settings.metrics.judged
    rule = Rule.of(judged, margin, CONFIDENCE, "none", overlap_of(splits, labelled))
    ranking = rank_tasks(targets, experiment.main if taught else y)
    names, left_out = screened(ranking)
    weight = automatic_weight(int(labelled.sum()), len(labelled))
    rise = n_steps(experiment, splits[0]) // 3 if rises else 0
    space = Space(taught, names, agreements, max_tasks, weight, factors, places, rise)

    plan, design = space.plan(splits, fresh), design_of(experiment, fresh, rule)
    if progress:
        print(f"select_tasks: {plan.total} trainings at most. To confirm: {design}", file=sys.stderr)
    with progress_bar("select_tasks", plan.total, progress=progress) as bar, Models() as models:
        search = Search(replace(experiment, models=models), rule, plan, folder, jobs, bar, agreements)
        search.explore(space)
        chosen, found = search.confirm(margin, taught)
        search.finished("confirmation")
    return Selection(
        chosen=chosen,
        proposed=search.best,
        confirmation=found,
        margin=margin,
        metric=judged,
        steps=tuple(search.steps),
        left_out=left_out,
        ranking=ranking,
        n_models=search.n_models,
        seconds=time.perf_counter() - start,
        agreements=agreements,
        design=design,
    )


def check_factors(weights: Any) -> list[float]:
    factors = [check_number("weights", factor, low=0.0) for factor in _several("weights", weights)]
    if 0.0 in factors:
        raise InvalidInputError("`weights` must be positive; with 0 the model trains as it is.")
    return factors


def check_depths(depths: Any, experiment: Experiment) -> list[float | str]:
    """Return the depths, each of which heads of all tasks were attached at."""
    found = _several("depths", depths)
    for depth in found:
        if isinstance(depth, bool) or not isinstance(depth, (Real, str)):
            raise InvalidTypeError(f"`depths` must hold numbers from 0 to 1 or names of layers; got {depth!r}.")
        check_attaches(experiment, Arm(tuple(experiment.specs)), replace(experiment.settings, at=depth))
    return found


def check_attaches(experiment: Experiment, arm: Arm, settings: Settings) -> None:
    from auxtasks.keras.compiling import checked_model

    tried = replace(experiment, settings=settings)
    tried.attached(checked_model(tried.build_model()), arm, tried.samples)


def splits_of_search(
    experiment: Experiment, cv: Any, groups: Any, seeds: Sequence[int] | None, confirm: int | None
) -> tuple[list[Split], list[Split]]:
    """Return the splits of a search, and those of its confirmation on the next seeds, some of which must be new."""
    has_test = experiment.test is not None
    if cv is None and not has_test:
        cv = default_folds(experiment, groups)
    by_folds = not has_test and len(experiment.splits(cv, groups, [0])) > 1
    seeds = seeds or range(SEEDS[by_folds])
    first = max(seeds) + 1
    splits = experiment.splits(cv, groups, seeds)
    fresh = experiment.splits(cv, groups, range(first, first + (confirm or CONFIRM[by_folds])))
    seen = {np.sort(split.test).tobytes() for split in splits}
    if not has_test and all(np.sort(split.test).tobytes() in seen for split in fresh):
        raise InvalidInputError(
            "`cv` gives the same parts for every seed, but the confirmation needs parts that the search did not use; "
            "pass shuffled folds or None, with enough samples or groups to draw other parts."
        )
    return splits, fresh


def default_folds(experiment: Experiment, groups: Any) -> int | None:
    """Return how many folds the labels allow; None where they allow none, for a quarter of them.

    Five, or as many as the rarest class has samples, but three at least where any class has so many.
    """
    labelled, main = experiment.labelled, experiment.main
    grouped = check_groups(groups, labelled)
    most = int(labelled.sum()) // 2 if grouped is None else len(np.unique(grouped[labelled]))
    strata = strata_of(main[labelled], classes=True)
    if experiment.settings.metrics.problem in ("binary", "multiclass") and strata.ndim == 1:
        counts = np.unique(strata, return_counts=True)[1]
        most = min(most, int(counts.max()), max(FEWEST_FOLDS, int(counts.min())))
    return min(FOLDS, most) if most > 1 else None


def check_folder(results: str | os.PathLike[str] | None) -> Path | None:
    folder = None if results is None else check_path("results", results)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StorageError(
            f"`results`: {folder} is a file, but a search keeps its runs in a folder; pass another name."
        )
    return folder


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
            left_out[row.task] = "it follows from the main label."
        elif row.triviality >= _SAME:
            left_out[row.task] = "it is a linear function of the input."
        elif row.redundancy >= _SAME and row.redundant_with in kept:
            left_out[row.task] = f"{row.redundant_with} already covers it."
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
