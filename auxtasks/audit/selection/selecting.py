"""Choose auxiliary tasks, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auxtasks.audit.cv import checked_cv
from auxtasks.audit.doors import check_groups, check_seeds, experiment_of, made_targets
from auxtasks.audit.screen import rank_tasks
from auxtasks.audit.selection.candidate import Candidate
from auxtasks.audit.selection.checks import check_depths, check_factors, check_folder, check_unseen
from auxtasks.audit.selection.screening import screened
from auxtasks.audit.selection.search import Search, Step
from auxtasks.audit.selection.selection import Selection
from auxtasks.audit.selection.steps import n_steps
from auxtasks.audit.splits import Split, overlap_of, splits_of
from auxtasks.audit.verdicts import Rule
from auxtasks.validation import check_flag, check_int, check_processes

if TYPE_CHECKING:
    import keras

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
    from auxtasks.keras.weights import automatic_weight

    settings = {
        "epochs": check_int("epochs", epochs, low=1),
        "batch_size": check_int("batch_size", batch_size, low=1),
        "fit_options": dict(fit_options or {}),
    }
    jobs, folder = check_processes("n_jobs", n_jobs), check_folder(results)
    check_int("max_tasks", max_tasks, low=1)
    factors, rises, way = check_factors(weights), check_flag("warm_up", warm_up), checked_cv(cv)
    searched = check_seeds(seeds)
    unseen = tuple(range(max(searched) + 1, max(searched) + 1 + check_int("confirm", confirm, low=2)))
    targets = made_targets(targets, X)
    shares = {task: spec.share for task, spec in targets.specs.items()}
    experiment, _ = experiment_of(build_model, X, y, targets, None, metrics, shares, settings)
    places = check_depths(depths, experiment)
    labelled, classes = experiment.labelled, experiment.settings.metrics.problem in ("binary", "multiclass")
    grouped = check_groups(groups, labelled)

    def split(of: Sequence[int]) -> list[Split]:
        return splits_of(experiment.main, labelled, way, grouped, of, has_test=False, stratify=classes)

    splits, fresh = split(searched), split(unseen)
    check_unseen(splits, fresh)
    overlap = overlap_of(splits, labelled)
    rule = Rule.of(experiment.settings.metrics.judged, margin, 0.95, "none", overlap)
    made_of = {} if folder is None else experiment.made_of()
    search = Search(experiment, rule, made_of, folder, jobs, progress=progress)
    ranking = rank_tasks(targets, y)
    names, left_out = screened(ranking)
    weight = automatic_weight(int(labelled.sum()), len(labelled))
    while len(search.best.tasks) < max_tasks:
        left = [name for name in names if name not in search.best.tasks]
        further = [Candidate((*search.best.tasks, name), weight) for name in left]
        if not search.try_all("tasks", further, splits, overlap):
            break
    rise = n_steps(experiment, splits[0]) // 3 if rises else 0
    _refine(search, [weight * factor for factor in factors], places, rise, splits, overlap)
    found = None
    if search.best.tasks:
        found = search.confirm(fresh, overlap)
        passed = found.p_above(margin) <= 0.025
        search.steps.append(Step("confirmation", search.best, found, passed))
    chosen = search.best if found is not None and search.steps[-1].accepted else Candidate()
    return Selection(
        chosen,
        search.best,
        found,
        margin,
        rule.metric,
        tuple(search.steps),
        left_out,
        ranking,
        search.n_models,
        search.seconds,
    )


def _refine(
    search: Search,
    weights: Sequence[float],
    depths: Sequence[float | str],
    rise: int,
    splits: Sequence[Split],
    overlap: float,
) -> None:
    """Try other weights, then depths, then a warm-up, each from what is best so far."""
    if not search.best.tasks:
        return
    search.try_all("weight", [replace(search.best, weight=weight) for weight in weights], splits, overlap)
    search.try_all("depth", [replace(search.best, at=depth) for depth in depths], splits, overlap)
    if rise:
        search.try_all("warm-up", [replace(search.best, warm_up=rise)], splits, overlap)
