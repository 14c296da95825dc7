"""Train a model with and without auxiliary tasks, and say whether they helped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auxtasks.audit.arms import arms_of
from auxtasks.audit.describe import described
from auxtasks.audit.doors import Weights, check_groups, check_seeds, experiment_of
from auxtasks.audit.records import Records
from auxtasks.audit.relevance import Relevance
from auxtasks.audit.report import AuditReport
from auxtasks.audit.running import run_all
from auxtasks.audit.splits import overlap_of, splits_of
from auxtasks.audit.verdicts import Adjust, Rule, findings_of
from auxtasks.errors import InvalidInputError
from auxtasks.validation import check_int, check_processes

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
) -> AuditReport:
    """Measure whether auxiliary tasks help the main one, with paired seeds and controls.

    For each seed, and fold if there are several, these start from the same initial weights and see the same batches:
    the model without auxiliary tasks (the baseline), with each task alone, with all together, and with each of these
    once more, its targets shuffled across samples (the control), which tells what the targets say from mere
    regularisation.

    Parameters
    ----------
    build_model : function
        Returns a new compiled Keras model each time it is called. It must draw initial weights from Keras's global
        seed, as layers do by themselves. With several processes it must be picklable; functions of a notebook are.
    X : array-like
        The samples, labelled or not, as for `auxtasks.make_aux_targets`.
    y : array-like
        Main labels: classes in integers, rows of one-hot or several labels, or floats to be predicted. Missing ones are
        -1 or NaN, or left out at the end.
    targets : AuxTargets or AuxTargetGenerator
        The targets of `X`, or what computes them.
    test : (X_test, y_test), optional
        A test set. Without, a part of the labelled samples is held out; see `cv`.
    cv : int, scikit-learn splitter or iterable of (train, test), optional
        How to split the labelled samples, whose numbers alone count, where there is no test set. By default each seed
        holds out a quarter; an integer is a number of folds for each seed, stratified for classes. ``TimeSeriesSplit``
        keeps the order of time, and `auxtasks.splits.SemiSupervisedSplit` hides labels of the training part, others for
        each seed. Samples without a label are always trained on.
    groups : array-like, shape (n,), optional
        Samples of one group, such as a person, are never on both sides of a split.
    seeds : int or sequence of int, default 10
        How many seeds, or which; two at least.
    epochs, batch_size : int
        As in ``fit``. All arms take the same number of steps.
    weights : float, "auto", sequence of float or mapping, default "auto"
        The loss weight of all tasks or of each, as in `auxtasks.keras.attach_heads`; a sequence trains each arm with
        each of its numbers.
    at, weighting, schedule
        As in `auxtasks.keras.attach_heads`.
    fit_options : mapping, optional
        Further arguments of ``fit``, such as ``class_weight``, ``labelled_share`` or ``callbacks``, of which each run
        gets a copy. Let callbacks watch ``"val_loss"``, ``"main_loss"`` or a metric; ``"loss"`` holds auxiliary ones.
    metrics : str or sequence of str, optional
        The metrics of the main task, the judged one first; see `auxtasks.audit.metrics`. By default accuracy for
        classes, RMSE for numbers, and some more.
    margin : float, default 0.0
        The difference in the judged metric that matters to you. Set it before you look at results.
    confidence : float, default 0.95
        Of intervals and verdicts.
    adjust : {"holm", "bonferroni", "none"}, default "holm"
        How verdicts allow for the number of arms. Intervals are those of each arm alone.
    together : bool, default True
        Whether to train all tasks at once too.
    controls : bool, default True
        Whether to train with shuffled targets too, which doubles the time. Without, nothing tells a task that helps
        from one that regularises.
    results : path, optional
        A file (JSON lines) of finished runs. Called again with the same arguments the audit goes on where it was
        interrupted; seeds, tasks, controls and numbers in `weights` may be added. What a subclassed model does in its
        code, and files it reads, are not compared.
    n_jobs : int, default 1
        Runs in parallel processes; -1 is one for each processor. Sums in another number of threads round otherwise, so
        that single runs may differ a little from those of one process.
    progress : bool, default True
        Whether to show a bar with the time left.

    Returns
    -------
    AuditReport
        Prints as a table; ``to_frame()``, ``save(folder)``.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If an argument cannot be used; before anything is trained.
    StorageError
        If `results` holds the runs of another audit.

    Notes
    -----
    Verdicts are explained at `auxtasks.audit.verdicts.findings_of`. Where pairs are splits of the same samples, their
    variance is corrected for the overlap of the training parts (Nadeau and Bengio 2003), so that intervals are wider
    than with a test set of as many seeds. With a test set they cover initial weights and batches, and not which samples
    are labelled. Targets passed as `AuxTargets` are scaled with the statistics of all of `X`, those held out included,
    which reach no arm otherwise.

    Examples
    --------
    >>> import auxtasks, keras, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 16, 1)).astype("float32")
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
    start = time.perf_counter()
    jobs = check_processes("n_jobs", n_jobs)
    settings = {"at": at, "weighting": weighting, "schedule": schedule, "fit_options": dict(fit_options or {})}
    settings |= {"epochs": check_int("epochs", epochs, low=1), "batch_size": check_int("batch_size", batch_size, low=1)}
    experiment, factors = experiment_of(build_model, X, y, targets, test, metrics, weights, settings)
    if test is not None and (cv is not None or groups is not None):
        raise InvalidInputError("`cv` and `groups` say how to hold samples out, and `test` that none are; pass either.")
    labelled, chosen = experiment.labelled, check_seeds(seeds)
    grouped = check_groups(groups, labelled)
    stratify = experiment.settings.metrics.problem in ("binary", "multiclass")
    splits = splits_of(experiment.main, labelled, cv, grouped, chosen, has_test=test is not None, stratify=stratify)
    rule = Rule.of(experiment.settings.metrics.judged, margin, confidence, adjust, overlap_of(splits, labelled))
    arms = arms_of(list(experiment.specs), factors, together=together, controls=controls)
    # Fingerprints read all data and make a model more: only what is kept needs them.
    records = Records(None, {}) if results is None else Records(Path(results), experiment.made_of())
    runs = run_all(experiment, arms, splits, records, rule.metric, jobs, progress=progress)
    relevance = Relevance(experiment)
    findings = findings_of(runs, rule, relevance)
    settings_used = described(experiment, splits, rule, factors, controls=controls)
    settings_used |= {"seeds": list(chosen), "seconds": time.perf_counter() - start}
    return AuditReport(settings_used, findings, tuple(runs), relevance.by_task)
