"""Train a model with and without auxiliary tasks, and say whether they helped."""

from __future__ import annotations

import copy
import inspect
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.comparison import Design
from auxtasks.audit.experiment import AGREEMENT, Arm, Data, Experiment, Settings, arms_of, versions
from auxtasks.audit.metrics import Metrics
from auxtasks.audit.metrics.problem import about_loss
from auxtasks.audit.records import Records, progress_bar, run_all
from auxtasks.audit.report import AuditReport
from auxtasks.audit.reuse import Models
from auxtasks.audit.splits import Split, overlap_of
from auxtasks.audit.verdicts import Adjust, Rule, findings_of, mean_score, relevance_of
from auxtasks.aux_targets import AuxTargets
from auxtasks.checksums import named
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.generator import AuxTargetGenerator, fitted_targets
from auxtasks.labels import MAIN, are_signed, check_two_classes, main_labels, missing_entries, present_rows, read_labels
from auxtasks.optional import check_installed
from auxtasks.targets.tables import refused_table
from auxtasks.teacher.labels import numbered
from auxtasks.teacher.teaching import Teacher, split_tasks
from auxtasks.typing import Array
from auxtasks.validation import (
    as_array,
    check_flag,
    check_int,
    check_number,
    check_path,
    check_processes,
    count_rows,
    is_several,
)

if TYPE_CHECKING:
    import keras


def audit(
    build_model: Callable[[], keras.Model],
    X: Any,
    y: Any,
    targets: Any,
    *,
    test: tuple[Any, Any] | None = None,
    cv: Any = None,
    groups: Any = None,
    seeds: int | Sequence[int] = 10,
    epochs: int = 10,
    batch_size: int = 32,
    weights: Weights = "auto",
    at: Any = "auto",
    weighting: Any = "fixed",
    schedule: Any = "joint",
    fit_options: Mapping[str, Any] | None = None,
    metrics: str | Sequence[str] | None = None,
    margin: float = 0.0,
    confidence: float = 0.95,
    adjust: Adjust = "holm",
    together: bool = True,
    controls: bool = True,
    results: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    progress: bool = True,
    agreement: Any = None,
) -> AuditReport:
    """Measure whether auxiliary tasks help the main one, with paired seeds and controls.

    For each seed, and fold if there are several, these runs start from the same initial weights and see the same
    batches: the model without auxiliary tasks (the baseline), with each task alone, with all tasks together, and each
    of these again with its targets shuffled across samples (the control). The control separates what the targets teach
    from mere regularisation.

    Parameters
    ----------
    build_model : function
        Returns a new compiled Keras model each time it is called. It must draw initial weights from Keras's global
        seed, as layers do by themselves. With several processes it must be picklable; functions of a notebook are.
    X : array-like
        The samples, labelled or not, as for `auxtasks.make_aux_targets`.
    y : array-like
        Main labels: classes in integers, rows of one-hot or several labels, or floats to be predicted. Missing ones are
        -1, NaN, masked or null, or omitted at the end; at least two classes must remain. For a hinge loss with missing
        labels, pass -1 and 1 as floats.
    targets : AuxTargets or AuxTargetGenerator
        The targets of `X`, or the generator that computes them; None for agreement alone.
    test : (X_test, y_test), optional
        A test set. Without one, a part of the labelled samples is held out; see `cv`.
    cv : int, scikit-learn splitter or iterable of (train, test), optional
        How to split the labelled samples if there is no test set; indices count the labelled samples only. By default
        each seed holds out a quarter; an integer is a number of folds for each seed, stratified for classes.
        ``TimeSeriesSplit`` keeps the order of time, and `auxtasks.splits.SemiSupervisedSplit` hides labels of the
        training part, different ones for each seed; with a generator that has the task ``"soft_labels"``, a teacher
        gives those samples soft labels. Unlabelled samples are always used for training.
    groups : array-like, shape (n,), optional
        Samples of one group, such as a person, are never on both sides of a split.
    seeds : int or sequence of int, default 10
        The number of seeds, or the seeds; at least two.
    epochs, batch_size : int
        As in ``fit``. All arms take the same number of steps.
    weights : float, "auto", sequence of float or mapping, default "auto"
        The loss weight of all tasks or of each, as in `auxtasks.keras.attach_heads`; a sequence trains each arm with
        each of its numbers.
    at, weighting, schedule
        As in `auxtasks.keras.attach_heads`.
    fit_options : mapping, optional
        Further arguments of ``fit``, such as ``class_weight``, ``labelled_share`` or ``callbacks``; each run gets a
        copy. Let callbacks watch ``"val_main_loss"``, ``"main_loss"`` or a metric; ``"loss"`` includes the auxiliary
        losses.
    metrics : str or sequence of str, optional
        The metrics of the main task; the first one decides the verdict. See `auxtasks.audit.metrics`. By default
        accuracy for classes, RMSE for numbers, and some more.
    margin : float, default 0.0
        The difference in the judged metric that matters to you; a task must gain more to help. Set it before you look
        at results. "No effect" means that the whole interval lies within the margin. If the margin is 0, the limit is
        one point of a metric that is a share (0.01 of R²), or 2 % of the baseline's error or loss. An effect that is
        shown neither to matter nor to be smaller is "unclear".
    confidence : float, default 0.95
        The confidence level of intervals and verdicts.
    adjust : {"holm", "bonferroni", "none"}, default "holm"
        How verdicts are adjusted for the number of arms. Intervals are not adjusted.
    together : bool, default True
        Whether to train all tasks at once too.
    controls : bool, default True
        Whether to train with shuffled targets too, which doubles the time. Without controls, a task that helps cannot
        be distinguished from one that regularises.
    results : path, optional
        A file (JSON lines) of finished runs. Called again with the same arguments, the audit resumes where it was
        interrupted. Seeds, tasks, controls and numbers in `weights` may be added, also by several processes at a time,
        which wait for each other. Each line has a checksum; a damaged line is refused and named. Files of format 1,
        without checksums, are read without this check. The code of a subclassed model, and files that it reads, are not
        compared.
    n_jobs : int, default 1
        Runs in parallel processes; -1 is one for each processor. Sums over a different number of threads round
        differently, so single runs may differ slightly from those of one process.
    progress : bool, default True
        Whether to print, before training, the smallest effect that would be found, and to show a progress bar with the
        time left.
    agreement : str, list of str or mapping, optional
        Changes under which the main output is to agree with itself, as in `auxtasks.keras.attach_heads`; it is a
        separate arm, and an arm with all tasks. Its control, trained with or without `controls`, is the network that
        learns the changed copies of the labelled samples alone. Agreement helps only if it beats that network too.

    Returns
    -------
    AuditReport
        Prints as a table; ``to_frame()``, ``save(folder)``.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If an argument cannot be used; raised before training.
    StorageError
        If `results` holds the runs of another audit, is damaged, or cannot be written.

    Notes
    -----
    `auxtasks.audit.verdicts.findings_of` explains the verdicts. If pairs are splits of the same samples, their variance
    is corrected for the overlap of the training parts (Nadeau and Bengio 2003), so intervals are wider than with a test
    set and the same number of seeds. With a test set, intervals cover initial weights and batches, but not the choice
    of labelled samples. Targets passed as `AuxTargets` are scaled with the statistics of all of `X`, including held-out
    samples; these samples reach the arms in no other way.

    The teacher of soft labels sees the labels of a split's training part only; its features come from all of `X`. `fit`
    decides the weight of soft labels, unless `weights` has a number. The report also compares the network with the
    teacher, which is often the better of the two.

    Examples
    --------
    >>> import auxtasks, keras, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 16, 1)).astype("float32")
    >>> y = (X.std(axis=1)[:, 0] > 1).astype(int)
    >>> def build_model():
    ...     layers = [keras.layers.Conv1D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling1D()]
    ...     model = keras.Sequential([keras.Input((16, 1)), *layers, keras.layers.Dense(2, activation="softmax")])
    ...     model.compile("adam", "sparse_categorical_crossentropy")
    ...     return model
    >>> targets = auxtasks.make_aux_targets(X, domain="signal", tasks=["std"])
    >>> report = audit(build_model, X, y, targets, seeds=2, epochs=1, progress=False)
    >>> [finding.arm.label for finding in report.findings], len(report.runs)
    (['std'], 6)
    """
    start, jobs = time.perf_counter(), check_processes("n_jobs", n_jobs)
    for name, flag in (("together", together), ("controls", controls), ("progress", progress)):
        check_flag(name, flag)
    settings = {"epochs": epochs, "batch_size": batch_size, "fit_options": fit_options}
    settings |= {"at": at, "weighting": weighting, "schedule": schedule, "agreement": agreement}
    experiment, factors = experiment_of(build_model, X, y, targets, test, metrics, weights, settings, cv)
    chosen = check_seeds(seeds)
    kept = None if results is None else check_path("results", results)
    splits = experiment.splits(cv, groups, chosen)
    judged = experiment.settings.metrics.judged
    rule = Rule.of(judged, margin, confidence, adjust, overlap_of(splits, experiment.labelled))
    tasks = [*experiment.specs, *([] if agreement is None else [AGREEMENT])]
    arms = arms_of(tasks, factors, together=together, controls=controls)
    # Fingerprints read all data and make a model more: only what is kept needs them.
    records = Records(None, {}) if kept is None else Records(kept, experiment.made_of())
    design = design_of(experiment, splits, rule)
    if progress:
        print(f"audit: {len(arms) * len(splits)} trainings, {design}", file=sys.stderr)
    done = sum((arm, split.seed, split.fold) in records for arm in arms for split in splits)
    with progress_bar("audit", len(arms) * len(splits), done, progress=progress) as bar, Models() as models:
        runs = run_all(replace(experiment, models=models), arms, splits, records, judged, jobs, bar)
    relevance = relevance_of(experiment)
    findings = findings_of(runs, rule, relevance)
    score = mean_score(runs, judged)
    settings_used = {
        **described(experiment, splits, rule, design, factors, controls=controls),
        "smallest_effect": rule.smallest(score),
        "detectable_effect": design.in_unit(score),
        "seeds": list(chosen),
        "seconds": time.perf_counter() - start,
    }
    return AuditReport(settings_used, findings, tuple(runs), {task: relevance((task,)) for task in tasks})


_OWN_OPTIONS = {"self", "x", "y", "kwargs", "epochs", "batch_size", "verbose", "sample_weight", "initial_epoch"}
Weights = float | str | Sequence[float] | Mapping[str, float | str]


LARGEST_SEED = 2**32 - 1
"""The largest seed that NumPy's global generator takes."""

MOST_SEEDS = 10_000
"""So many pairs of trainings can be asked for: more are a slip."""


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if not is_several(seeds):
        return tuple(range(check_int("seeds", seeds, low=2, high=MOST_SEEDS)))
    found = tuple(check_int("seeds", seed, low=0, high=LARGEST_SEED) for seed in seeds)
    if len(found) < 2 or len(set(found)) < len(found):
        raise InvalidInputError(f"`seeds` must be two or more different ones; got {list(found)}.")
    return found


def check_weights(weights: Weights, tasks: Sequence[str]) -> tuple[dict[str, float | str], tuple[float, ...]]:
    """Return the weight of each task, a number or ``"auto"``, and what the arms multiply these by."""
    from auxtasks.batches.composition import AUTO, checked_weights

    if isinstance(weights, (str, Mapping)):
        of_each = checked_weights(weights, dict.fromkeys(tasks, AUTO)).items()
        return {task: weight if weight == AUTO else _positive(weight) for task, weight in of_each}, (1.0,)
    several = tuple(weights) if is_several(weights) else (weights,)
    found = tuple(_positive(weight) for weight in several)
    if not found or len(set(found)) < len(found):
        raise InvalidInputError(f"`weights` must be one or more different numbers; got {list(found)}.")
    return dict.fromkeys(tasks, 1.0), found


def _positive(weight: Any) -> float:
    number = check_number("weights", weight, low=0.0)
    if number == 0:
        raise InvalidInputError("`weights` must be positive; an arm with weight 0 equals the baseline.")
    return number


def experiment_of(
    build_model: Callable[[], keras.Model],
    X: Any,
    y: Any,
    targets: Any,
    test: tuple[Any, Any] | None,
    metrics: str | Sequence[str] | None,
    weights: Weights,
    settings: Mapping[str, Any],
    cv: Any = None,
) -> tuple[Experiment, tuple[float, ...]]:
    """Put an experiment together, and try whether heads can be attached."""
    for package in ("keras", "sklearn"):  # before others name an extra that is not all that is needed
        check_installed(package, "audit")
    from auxtasks.keras.agreement import check_no_copies, options_of_agreement
    from auxtasks.keras.compiling import checked_model, output_shape

    # A model is callable too, but it is one model and not a new one for each run.
    if not callable(build_model) or hasattr(build_model, "fit"):
        raise InvalidTypeError(
            f"`build_model` must be a function that returns a compiled model; got {type(build_model).__name__}. Pass "
            "lambda: make_model(...), so that each run has a new one."
        )
    agreement = options_of_agreement(settings.get("agreement"))
    made = WithoutTargets(X) if targets is None and agreement is not None else made_targets(targets, X, y, cv)
    if agreement is not None:
        check_no_copies(made)
    teachers = () if isinstance(made, WithoutTargets) else teachers_among(made)
    of_tasks, factors = check_weights(weights, list(made.specs))
    counts = {name: check_int(name, settings[name], low=1) for name in ("epochs", "batch_size")}
    options = check_fit_options(settings.get("fit_options"))
    model = checked_model(build_model())
    samples, tested = samples_of(made, y, test, model.loss)
    labels = samples.main if tested is None else np.concatenate([samples.main, tested.main.astype(samples.main.dtype)])
    chosen = Metrics.of(metrics, labels, output_shape(model, made.inputs), loss=model.loss)
    if chosen.problem in ("binary", "multiclass"):
        check_two_classes("y", samples.main, present_rows(samples.main))
    how = Settings(
        metrics=chosen, weights=of_tasks, **{**settings, **counts, "fit_options": options, "agreement": agreement}
    )
    experiment = Experiment(build_model, made.specs, samples, made.n_original, tested, how, teachers)
    experiment.attached(model, Arm((*made.specs, *([] if agreement is None else [AGREEMENT]))), samples)
    return experiment, factors


def check_fit_options(asked: Any) -> dict[str, Any]:
    """Refuse what `fit` does not take, what the audit says itself, and what cannot be copied for each run."""
    import keras

    from auxtasks.keras.model import AuxModel

    if asked is not None and not isinstance(asked, Mapping):
        raise InvalidTypeError(
            f"`fit_options` must map arguments of fit to values, such as {{'class_weight': 'balanced'}}; got {asked!r}."
        )
    options = dict(asked or {})
    known = {*inspect.signature(AuxModel.fit).parameters, *inspect.signature(keras.Model.fit).parameters}
    for name, value in options.items():
        if name in _OWN_OPTIONS:
            raise InvalidInputError(f"`fit_options` must not hold {name!r}, which the audit sets itself; omit it.")
        if name not in known:
            raise unknown_name("fit_options", name, known - _OWN_OPTIONS, "argument of fit")
        try:
            copy.deepcopy(value)
        except TypeError as error:
            raise InvalidTypeError(
                f"`fit_options`: {name!r} cannot be copied, but each run needs its own copy: {error}."
            ) from error
    return options


def samples_of(made: AuxTargets | WithoutTargets, y: Any, test: Any, loss: Any) -> tuple[Data, Data | None]:
    """Put labels beside the samples of both parts.

    Classes that are strings become numbers, by the names of the training samples. Labels of a hinge loss become floats:
    -1 is a class there, and only NaN can stand for none.
    """
    to_floats = about_loss(loss).scale == "margins"
    y, names = numbered("y", y, made.class_names.get(MAIN))
    y = read_labels("y", y).astype(np.float32) if to_floats else y
    samples = Data(made.inputs, made.with_main(y)[MAIN], dict(made))
    if test is None:
        return samples, None
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise InvalidTypeError(f"`test` must be (X_test, y_test); got {type(test).__name__}.")
    labels = read_labels("test", numbered("test", test[1], names)[0])
    labels = labels.astype(np.float32) if to_floats else labels
    found = made.transform(test[0])
    shape = (found.n_samples, *samples.main.shape[1:])
    if labels.shape != shape:
        raise InvalidInputError(f"`test`: labels must be shaped like those of `y`, here {shape}; found {labels.shape}.")
    if missing_entries(labels, signed=are_signed(labels)).all():
        raise InvalidInputError("`test` holds no label; all are missing (-1 or NaN).")
    return samples, Data(found.inputs, labels, dict(found))


def made_targets(targets: Any, X: Any, y: Any, cv: Any = None) -> AuxTargets:
    """Return the targets of the samples, computed if need be; labels are asked for by soft labels alone."""
    if isinstance(targets, AuxTargetGenerator):
        _, asked = split_tasks(targets.tasks, has_labels=True)
        new = AuxTargetGenerator(**targets.get_params())
        if asked is not None and hasattr(cv, "split_three"):
            made = fitted_targets(new, X, y, complete=True)
        else:
            made = new.fit_transform(X, **({} if asked is None else {"y": y}))
    elif isinstance(targets, AuxTargets):
        made = targets
    else:
        raise InvalidTypeError(
            "`targets` must be AuxTargets, as from auxtasks.make_aux_targets(X, ...), or an AuxTargetGenerator; got "
            f"{type(targets).__name__}."
        )
    if made.generator.columns_:
        raise refused_table("an audit")
    if not len(made):
        raise InvalidInputError("`targets` holds no target; pass at least one.")
    n = count_rows("X", X)
    if n != made.n_original:
        raise InvalidInputError(
            f"`X` has {n} samples and `targets` were made of {made.n_original}; pass the same samples to both."
        )
    return made


def teachers_among(targets: AuxTargets) -> tuple[Teacher, ...]:
    taught = [name for name, spec in targets.specs.items() if spec.is_taught]
    teachers = targets.teachers
    if taught and not teachers:
        raise InvalidInputError(
            f"`targets` hold {taught[0]!r} without the teacher, because they were loaded from disk or made by "
            "transform. Each split needs a new teacher, or held-out labels would leak. Pass the result of "
            "make_aux_targets(X, ..., y=y), or an AuxTargetGenerator; to audit without soft labels, leave them out "
            "of its `tasks`."
        )
    if len(taught) > 1 or any(teacher.labels.output != MAIN for teacher in teachers):
        raise InvalidInputError(
            f"`targets` hold {', '.join(map(repr, taught))} of the output {teachers[0].labels.output!r}, but an audit "
            "has a single unnamed output; compute them with its labels only, y=labels."
        )
    return teachers


class WithoutTargets(dict[str, Any]):
    """Samples for agreement alone: no targets, and the inputs as they are."""

    def __init__(self, X: Any) -> None:
        super().__init__()
        self.inputs: Array = as_array("X", X)
        self.specs: dict[str, Any] = {}
        self.class_names: dict[str, tuple[str, ...]] = {}
        self.n_samples = self.n_original = len(self.inputs)

    def with_main(self, y: Any) -> dict[str, Array]:
        return main_labels(y, MAIN, self.n_samples, self.n_samples)

    def transform(self, X: Any) -> WithoutTargets:
        return WithoutTargets(X)


def design_of(experiment: Experiment, splits: Sequence[Split], rule: Rule) -> Design:
    """Say how many pairs judge an arm, and on how many samples with a label each, in the mean over the splits."""
    if experiment.test is None:
        n_test = float(np.mean([len(split.test) for split in splits]))
    else:
        n_test = float(present_rows(experiment.test.main).sum())
    folds = max(split.fold for split in splits) + 1
    return Design(rule.metric, len(splits), n_test, rule.overlap, rule.confidence, folds)


def described(
    experiment: Experiment,
    splits: Sequence[Split],
    rule: Rule,
    design: Design,
    factors: Sequence[float],
    *,
    controls: bool,
) -> dict[str, Any]:
    train, _ = experiment.parts(splits[0])
    settings = experiment.settings
    taught = {"teacher": experiment.teachers[0].spec.options["teacher"]} if experiment.teachers else {}
    return {
        **rule.__dict__,
        "folds": design.folds,
        "n_pairs": design.n_pairs,
        "n_train": len(train.inputs),
        "n_labelled": int(splits[0].shown(experiment.labelled).sum()),
        "n_test": design.n_test,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "weights": {"of tasks": dict(settings.weights), "times": list(factors)},
        "controls": controls,
        **{name: named(getattr(settings, name)) for name in ("at", "weighting", "schedule", "fit_options")},
        **({} if settings.agreement is None else {"agreement": named(settings.agreement)}),
        **taught,
        "versions": versions(),
    }
