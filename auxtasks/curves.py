"""ROC and precision-recall curves and confusion matrices of every task, as figures."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auxtasks.audit.metrics import Metrics
from auxtasks.audit.metrics.problem import Evidence, Problem, gather, to_numbers, without_last_one
from auxtasks.audit.report.figures import BASELINE, INK, WIDTH, house_style, save_figure, short
from auxtasks.checksums import digest
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.labels import MAIN, missing_entries, read_labels
from auxtasks.optional import require
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int, check_path, is_listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["plot_curves"]


def plot_curves(
    y_true: Any,
    y_pred: Any,
    *,
    x: Any = None,
    folder: str | os.PathLike[str] | None = None,
    classes: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    problem: Problem | None = None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
) -> dict[str, Figure]:
    """Draw the ROC and precision-recall curves and the confusion matrix of one task, or of every task of a model.

    Parameters
    ----------
    y_true : array-like, or mapping of str to array-like
        The labels of the main task, or by task, such as what ``with_main`` returned: class numbers, one-hot rows, or 0
        and 1 for each of several labels; -1 (integers) or NaN (floats) where missing.
    y_pred : array-like, mapping of str to array-like, or keras.Model
        The predictions of the main task, or by task: probabilities, or logits. Or a model, which predicts `x`; of an
        `AuxModel` auxiliary classes and labels are drawn too. Tasks that `y_true` does not hold are left out.
    x : array or structure of arrays, optional
        The inputs of the model.
    folder : path-like, optional
        Where to write each figure as PNG, under its name; made if need be. Files of the same names are replaced, each
        as a whole. Where the name of a task cannot be that of a file, or two differ in case alone, the file has a name
        of its own that ends in eight digits.
    classes : sequence of str, or mapping of str to these, optional
        The names of the main classes or labels, or by task; by default those that the targets of an `AuxModel` know,
        and else numbers.
    problem : {"binary", "multiclass", "multilabel"}, optional
        What is decided, where labels and predictions leave it open. The targets of an `AuxModel` know theirs.
    from_logits : bool, optional
        Whether predictions are logits; by default what the loss of the model says, and else that they are
        probabilities. The heads of an `AuxModel` give probabilities.
    batch_size : int, optional
        For the prediction of the model.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"main_curves"``, ``"main_confusion"`` and the same for each other task of classes or labels. Numbers, which
        have no such curves, are left out.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If labels and predictions do not fit each other, or labels are of a task that the model does not have. Nothing
        is written then.

    Warns
    -----
    AuxTasksWarning
        If a task has no label at all, or no class that has both samples of it and others, so that it has no curves.

    Notes
    -----
    Of several classes each is drawn against the rest, and beside them the mean of the classes (macro: the mean of the
    curves and of the areas) and all decisions pooled (micro). The area under precision and recall is the average
    precision. Classes that none or all of the samples are of have no curve; the figure names them, and the mean of the
    classes leaves them out. Of more than 14 classes the five with the lowest average precision are named and the others
    grey. The dotted lines are what guessing gives.

    Examples
    --------
    >>> sorted(plot_curves([0, 1, 1, 0], [0.2, 0.7, 0.4, 0.6]))
    ['main_confusion', 'main_curves']

    Of a model, with a file of each figure:

    >>> import keras, numpy as np, os, tempfile
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     figures = plot_curves([0, 1, 0], model, x=np.eye(3), folder=folder)
    ...     sorted(os.listdir(folder))
    ['main_confusion.png', 'main_curves.png']
    """
    into = None if folder is None else check_path("folder", folder)
    tasks = tasks_of(
        y_true, y_pred, x, classes=classes, problem=problem, from_logits=from_logits, batch_size=batch_size
    )
    figures: dict[str, dict[str, Figure]] = {}
    for name, options in tasks.items():  # no comprehension: it is a frame of its own before Python 3.12
        figures[name] = _drawn(name, options)
    if into is not None:
        stems = file_stems(list(tasks))
        for name, kinds in figures.items():
            for kind, figure in kinds.items():
                save_figure(figure, into / f"{stems[name]}_{kind}.png")
    return {f"{name}_{kind}": figure for name, kinds in figures.items() for kind, figure in kinds.items()}


def _drawn(task: str, options: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw the figures of one task by their kind; none of numbers, or where no label is known."""
    if missing_entries(options["y_true"]).all():
        warnings.warn(f"{task!r} has no label in `y_true`, and so no figures.", AuxTasksWarning, stacklevel=3)
        return {}
    found = decisions_of(**options)
    if found is None:
        return {}
    with house_style():
        if any(map(has_curve, found.classes)):
            return {"curves": draw_both(task, found), "confusion": draw_confusion(task, found)}
        confusion = draw_confusion(task, found)
    warnings.warn(
        f"{task!r} has no curves: no class has samples of it and others among those with a label.",
        AuxTasksWarning,
        stacklevel=3,
    )
    return {"confusion": confusion}


_LONGEST = 40


def file_stems(names: Sequence[str]) -> dict[str, str]:
    """Give each name the start of a file's name, different from the others on any file system."""
    stems = {name: re.sub(r"[^\w.-]+", "_", name)[:_LONGEST] for name in names}
    # Some file systems take upper and lower case, or two ways to write an accent, for the same.
    folded = {name: unicodedata.normalize("NFKC", stem).casefold() for name, stem in stems.items()}
    count = Counter(folded.values())
    return {
        name: stem if stem == name and count[folded[name]] == 1 else f"{stem}-{digest([name.encode()])[:8]}"
        for name, stem in stems.items()
    }


# The palette of Okabe and Ito, darkened for white paper; line styles tell apart what shares a colour.
_COLOURS = ("#0a5fa0", "#c04a00", "#00795a", "#b0407a", "#8a6d00", "#2f9bd6", "#7a4fb5")
_STYLES: tuple[Any, ...] = ("-", (0, (3, 1.5)))
_NAMED = len(_COLOURS) * len(_STYLES)
_SINGLED_OUT = 5
"""Of more classes than can be told apart, so many are named: those that the model ranks worst."""


def draw_both(task: str, found: Decisions) -> Figure:
    from matplotlib.figure import Figure

    drawn = [each for each in found.classes if has_curve(each)]
    curves = [(roc(each), precision_recall(each)) for each in drawn]
    said = f"{task}: {max(len(each.members) for each in found.classes)} samples"
    absent = [each.name for each in found.classes if not has_curve(each)]
    said += few("no curve, since none or all of the samples are of it", absent)
    named, title = list(range(len(drawn))), "areas: ROC, PR"
    if len(drawn) > _NAMED:
        named = np.argsort([second.area for _, second in curves], kind="stable")[:_SINGLED_OUT].tolist()
        title += f"\n(the lowest {_SINGLED_OUT} of {len(drawn)} classes)"
    figure = Figure(figsize=(1.2 * WIDTH, max(3.7, 1.8 + 0.19 * len(named))), layout="constrained")
    figure.suptitle(said, fontsize=10, x=0.01, ha="left", parse_math=False)
    left, right = figure.subplots(1, 2)
    for at, (each, pair) in enumerate(zip(drawn, curves, strict=True)):
        if at in named:
            number = named.index(at)
            look = {"color": _COLOURS[number % len(_COLOURS)], "linestyle": _STYLES[number // len(_COLOURS)]}
            _draw(left, right, short(each.name, 18, 1), *pair, linewidth=1.3, zorder=3, **look)
        else:
            _draw(left, right, None, *pair, color="0.78", linewidth=0.7)
    if len(found.classes) > 1:
        rocs, precisions = zip(*curves, strict=True)
        means, micro = (mean_roc(rocs), mean_precision_recall(precisions)), pooled(found.classes)
        _draw(left, right, "mean of classes", *means, color=INK, linewidth=2.2, zorder=5)
        _draw(left, right, "all pooled", roc(micro), precision_recall(micro), color=INK, linestyle=":", zorder=5)
    left.plot([0, 1], [0, 1], color=BASELINE, linewidth=0.8, linestyle=":")
    if found.problem == "binary":
        right.axhline(drawn[0].members.mean(), color=BASELINE, linewidth=0.8, linestyle=":")
    for axes, heading in ((left, "ROC"), (right, "precision and recall")):
        axes.set_title(heading, loc="left")
        axes.grid()
        axes.set_axisbelow(True)
    handles, _ = right.get_legend_handles_labels()
    legend = figure.legend(handles=handles, loc="outside right upper", title=title, fontsize=8, title_fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def few(why: str, names: Sequence[str]) -> str:
    """Return a line that names the first classes of some, nothing for none."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"\n{why}: {', '.join(names[:6])}{more}" if names else ""


def _draw(left: Axes, right: Axes, name: str | None, first: Curve, second: Curve, **look: Any) -> None:
    """Draw both curves of a class; without a name they are not in the legend."""
    metrics = require("sklearn.metrics", extra="plot")
    label = None if name is None else f"{name}: {first.area:.3f}, {second.area:.3f}"
    displays = (
        metrics.RocCurveDisplay(fpr=first.x, tpr=first.y),
        metrics.PrecisionRecallDisplay(precision=second.y, recall=second.x),
    )
    for display, axes in zip(displays, (left, right), strict=True):
        # How `plot` takes the look, and when it adds a legend, differs between releases.
        display.plot(ax=axes, name="curve").line_.set(label=label, **look)
        if legend := axes.get_legend():
            legend.remove()


_COLUMNS = 5
_MOST_LABELS = 30
"""So many small matrices are drawn of several labels."""
_WRITTEN = 20
"""Counts are written into matrices of so many classes."""


def draw_confusion(task: str, found: Decisions) -> Figure:
    """Draw how many samples of each class were taken for which; of several labels a small matrix each."""
    from matplotlib.figure import Figure

    if found.problem != "multilabel":
        (part,) = found.parts
        size = min(max(3.0, 1.6 + 0.42 * len(found.names)), 9.0)
        figure = Figure(figsize=(size + 0.8, size), layout="constrained")
        axes = figure.subplots()
        absent = [name for at, name in enumerate(found.names) if not (part.truth == at).any()]
        said = f"{task}: {len(part.truth)} samples, {100 * np.mean(part.truth == part.predicted):.1f} % right"
        _matrix(axes, part, found.names)
        axes.set_title(said + few("no sample of", absent), loc="left", parse_math=False)
        return figure
    shown = found.parts[:_MOST_LABELS]
    columns = min(_COLUMNS, len(shown))
    rows = ceil(len(shown) / columns)
    figure = Figure(figsize=(max(WIDTH * columns / _COLUMNS, 3.4), 0.7 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, part, name in zip(grid.flat, shown, found.names, strict=False):
        _matrix(axes, part, ("no", "yes"))
        axes.set(xlabel="", ylabel="")
        axes.set_title(short(name, 16, 2), fontsize=8, parse_math=False)
    left_out = len(found.parts) - len(shown)
    said = f"{task}: true (rows) and predicted (columns)" + (f"; {left_out} more labels" if left_out else "")
    figure.suptitle(said, fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


def _matrix(axes: Axes, part: Evidence, names: Sequence[str]) -> None:
    metrics, n = require("sklearn.metrics", extra="plot"), len(names)
    # A label may have no sample, which scikit-learn's function refuses.
    counts = np.bincount(n * part.truth.astype(np.int64) + part.predicted, minlength=n * n).reshape(n, n)
    # Coloured by the share of each true class, so that rare ones are seen too; counts are what is written.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    display = metrics.ConfusionMatrixDisplay(shares).plot(
        ax=axes, cmap="Blues", colorbar=False, include_values=n <= _WRITTEN, im_kw={"vmin": 0, "vmax": 1},
        text_kw={"fontsize": 9 if n <= 8 else 7},
    )  # fmt: skip
    for where, text in np.ndenumerate(np.empty((0, 0)) if display.text_ is None else display.text_):
        text.set(text=str(counts[where] or ""), color="white" if shares[where] > 0.55 else INK)
    ticks, labels = np.arange(0, n, ceil(n / 40)), [short(name, 18, 1) for name in names]
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(ticks, [labels[at] for at in ticks], fontsize=9 if n <= _WRITTEN else 7, parse_math=False)
    if n > 2 and max(map(len, labels)) > 2:
        axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


_TOLERANCE = 0.01
"""How far outside 0 to 1 a rounded probability may lie."""


class ClassDecisions(NamedTuple):
    """One class or label against the rest: which samples are of it, and what the model says of them."""

    name: str
    members: Array
    scores: Floats


class Decisions(NamedTuple):
    """One task: all classes by name, and its samples, those of several labels label by label."""

    problem: Problem
    names: tuple[str, ...]
    parts: list[Evidence]

    @property
    def classes(self) -> list[ClassDecisions]:
        """Each class against the rest; class 1 alone of a binary problem."""
        columns = [pair for part in self.parts for pair in zip(part.members.T, part.scores.T, strict=True)]
        return [ClassDecisions(name, *pair) for name, pair in zip(self.names[-len(columns) :], columns, strict=True)]


def decisions_of(
    y_true: Any,
    y_pred: Any,
    *,
    problem: Problem | None = None,
    from_logits: bool | None = None,
    loss: Any = None,
    names: Sequence[str] | None = None,
) -> Decisions | None:
    """Lay the labels and predictions of one task out, without what is missing."""
    if names is not None and not is_listed(names):
        raise InvalidTypeError(f"`classes` must be the names of the classes, as a list; got {names!r}.")
    labels, outputs = without_last_one(read_labels("y_true", y_true)), to_numbers(y_pred)
    chosen = Metrics.of(None, labels, outputs.shape, loss=loss, from_logits=from_logits, problem=problem)
    if chosen.problem == "regression":
        return None
    if chosen.scale == "probabilities" and np.isfinite(outputs).any():
        low, high = np.nanmin(outputs), np.nanmax(outputs)
        if low < -_TOLERANCE or high > 1 + _TOLERANCE:
            raise InvalidInputError(
                f"`y_pred` must be probabilities, and goes from {low:.3g} to {high:.3g}; for logits pass "
                "from_logits=True."
            )
    n_classes = 2 if chosen.problem == "binary" else outputs.shape[-1]
    known = tuple(map(str, range(n_classes) if names is None else names))
    if len(known) != n_classes:
        raise InvalidInputError(f"`classes` must name the {n_classes} classes; got {len(known)} names.")
    if chosen.problem == "multilabel":
        if labels.size != outputs.size:
            raise InvalidInputError(
                f"`y_true` must have 0 or 1 for each output of several labels; found shape {labels.shape} and outputs "
                f"of shape {outputs.shape}."
            )
        columns = zip(labels.reshape(-1, n_classes).T, outputs.reshape(-1, n_classes).T, strict=True)
        # One by one, since a sample of which some labels are missing has the others.
        parts = [_gathered(label, output, "binary", chosen) for label, output in columns]
    else:
        parts = [_gathered(labels, outputs, chosen.problem, chosen)]
    if not any(len(part.truth) for part in parts):
        raise InvalidInputError("`y_pred` has no finite prediction for any sample that has a label.")
    return Decisions(chosen.problem, known, parts)


def _gathered(labels: Array, outputs: Array, problem: Problem, chosen: Metrics) -> Evidence:
    found = gather(labels, outputs, problem, scale=chosen.scale, signed=chosen.signed, classes=())
    # Steps beyond the end of a text are predicted as NaN.
    finite = np.isfinite(found.scores).all(axis=1)
    return replace(found, truth=found.truth[finite], predicted=found.predicted[finite], scores=found.scores[finite])


def has_curve(found: ClassDecisions) -> bool:
    return bool(found.members.any() and not found.members.all())


class Curve(NamedTuple):
    """Points, and the area that is told beside them."""

    x: Floats
    y: Floats
    area: float


def roc(found: ClassDecisions) -> Curve:
    """Return the true positive rate over the false positive rate, and the area under it."""
    metrics = require("sklearn.metrics", extra="plot")
    x, y, _ = metrics.roc_curve(found.members, found.scores)
    return Curve(x, y, float(metrics.auc(x, y)))


def precision_recall(found: ClassDecisions) -> Curve:
    """Return precision over recall, which falls from 1 to 0, and the average precision."""
    metrics = require("sklearn.metrics", extra="plot")
    precision, recall, _ = metrics.precision_recall_curve(found.members, found.scores)
    return Curve(recall, precision, float(metrics.average_precision_score(found.members, found.scores)))


def pooled(classes: Sequence[ClassDecisions]) -> ClassDecisions:
    """Return the decisions on all classes as if they were of one: the micro mean."""
    _, members, scores = zip(*classes, strict=True)
    return ClassDecisions("micro", np.concatenate(members), np.concatenate(scores))


def mean_roc(curves: Sequence[Curve]) -> Curve:
    """Return the mean of ROC curves at each false positive rate, and the mean of the areas: the macro mean."""
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    # Curves rise upright in places: from the value on the left to that on the right, which is the later point.
    right = np.mean([np.interp(x, curve.x, curve.y) for curve in curves], axis=0)
    left = np.mean([np.interp(-x, -curve.x[::-1], curve.y[::-1]) for curve in curves], axis=0)
    y = np.stack([left, right], axis=1).ravel()
    return Curve(np.repeat(x, 2), y, float(np.mean([curve.area for curve in curves])))


def mean_precision_recall(curves: Sequence[Curve]) -> Curve:
    """Return the mean precision at each recall, and the mean of the average precisions: the macro mean.

    The precision at a recall between two points is that of the point above, as average precision has it.
    """
    recall = np.unique(np.concatenate([curve.x for curve in curves]))
    # Points come with falling recall; of those with equal recall the one of the highest threshold counts.
    precision = np.mean([curve.y[::-1][np.searchsorted(curve.x[::-1], recall)] for curve in curves], axis=0)
    return Curve(recall[::-1], precision[::-1], float(np.mean([curve.area for curve in curves])))


def tasks_of(
    y_true: Any, y_pred: Any, x: Any = None, *, classes: Any = None, batch_size: int | None = None, **how: Any
) -> dict[str, dict[str, Any]]:
    """Return the labels and predictions of each task, as arguments of `decisions_of`; a model predicts its own."""
    if batch_size is not None:
        check_int("batch_size", batch_size, low=1)
    if isinstance(y_true, Mapping):
        labels = {name: read_labels(f"y_true[{name!r}]", values) for name, values in y_true.items()}
    else:
        labels = {MAIN: read_labels("y_true", y_true)}
    if hasattr(y_pred, "predict"):
        return _of_model(y_pred, x, labels, classes, batch_size, **how)
    if x is not None:
        raise InvalidInputError("`x` is what a model reads, and `y_pred` holds predictions; leave out `x`.")
    outputs = y_pred if isinstance(y_pred, Mapping) else {MAIN: y_pred}
    for name in outputs:
        if name not in labels:
            raise unknown_name("y_pred", name, labels, "task in `y_true`")
    named = _names(classes, outputs, {})
    return {
        name: {"y_true": labels[name], "y_pred": output, "names": named.get(name), **how}
        for name, output in outputs.items()
    }


def _of_model(
    model: Any, x: Any, labels: Mapping[str, Array], classes: Any, batch_size: int | None, **how: Any
) -> dict[str, dict[str, Any]]:
    from auxtasks.keras.model import AuxModel

    main = _main_outputs(model, x, batch_size)
    specs = model.specs if isinstance(model, AuxModel) else {}
    for name in labels:
        if name not in main and name not in specs:
            raise unknown_name("y_true", name, [*main, *specs], "task")
    named, losses = _names(classes, main, specs), _by_output(model.loss, main)
    found = {
        name: {"y_true": labels[name], "y_pred": output, "loss": losses.get(name), "names": named.get(name), **how}
        for name, output in main.items()
        if name in labels
    }
    wanted = {name: spec for name, spec in specs.items() if name in labels and _problem(spec)}
    auxiliary = model.predict_auxiliary(x, batch_size=batch_size, verbose=0) if wanted else {}
    for name, spec in wanted.items():
        found[name] = {
            # -1 may be a class of main labels, and never of a target.
            "y_true": np.where(labels[name] < 0, np.nan, labels[name]),
            "y_pred": auxiliary[name],
            "from_logits": False,
            "problem": _problem(spec),
            "names": named.get(name, spec.classes or spec.columns or None),
        }
    return found


def _main_outputs(model: Any, x: Any, batch_size: int | None) -> Mapping[str, Any]:
    import keras

    from auxtasks.keras.compiling import last_words
    from auxtasks.keras.outputs import by_label

    if not isinstance(model, keras.Model):
        raise InvalidTypeError(
            f"`y_pred` must be predictions or a keras.Model; got {type(model).__name__}. Pass what it predicts."
        )
    if x is None:
        raise InvalidInputError("`x` must be the inputs that the model in `y_pred` predicts from; got None.")
    try:
        outputs = model.predict(x, batch_size=batch_size, verbose=0)
    except ValueError as error:
        raise InvalidInputError(f"`x` does not fit the model: {last_words(error)}") from error
    names = None
    if isinstance(outputs, (list, tuple)):
        names = getattr(model, "output_names", None) or [str(at) for at in range(len(outputs))]
    return by_label(outputs, names)


def _by_output(loss: Any, main: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(loss, (list, tuple)) and len(loss) == len(main):
        return dict(zip(main, loss, strict=True))
    return loss if isinstance(loss, Mapping) else dict.fromkeys(main, loss)


def _names(classes: Any, main: Mapping[str, Any], specs: Mapping[str, TargetSpec]) -> dict[str, Sequence[str]]:
    if classes is None:
        return {}
    if isinstance(classes, Mapping):
        for name in classes:
            if name not in main and name not in specs:
                raise unknown_name("classes", name, [*main, *specs], "task")
        return dict(classes)
    if len(main) > 1:
        raise InvalidInputError(f"`classes`: there are {len(main)} outputs; give the names by task.")
    return dict.fromkeys(main, classes)


def _problem(spec: TargetSpec) -> Problem | None:
    """Return what an auxiliary task decides, None for numbers and distributions."""
    if spec.kind == "multilabel":
        return "multilabel"
    if spec.kind in CLASS_KINDS:
        return "binary" if spec.n_classes == 2 else "multiclass"
    return None
