"""What training inputs decide, and computing targets with it: all that memory, disk, clusters and pipelines share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, warn_user
from auxtasks.extractors.text.documents import Documents, FittedTexts, lay_out_labels
from auxtasks.extractors.text.reading import TextSettings, checked_text_settings, read_documents, tagged
from auxtasks.label_columns import LabelColumn, check_names, encode, fit_label_column
from auxtasks.specs import Kind, TargetSpec
from auxtasks.targets.computing import (
    Computed,
    RawTarget,
    check_fitted_shapes,
    check_like_training,
    compute_all,
    empty_target,
    inputs_after,
)
from auxtasks.targets.samples import Dense, InBlocks, Ragged, Samples, block_rows, read_inputs, warn_of_layout
from auxtasks.targets.scaling import Scaling, fit_targets
from auxtasks.targets.statistics import TargetStatistics, see
from auxtasks.targets.tables import Table, TableColumn, count_rows, is_table, read_table
from auxtasks.targets.tasks import (
    Settings,
    Task,
    check_words,
    checked_settings,
    fit_names,
    label_column_task,
    parse_tasks,
)
from auxtasks.teacher import teaching
from auxtasks.teacher.labels import class_names_of, main_of
from auxtasks.teacher.teaching import Course, Teacher, course_of, split_tasks, teachers_of
from auxtasks.typing import Array


@dataclass(frozen=True)
class TargetArrays:
    """The targets of some samples, scaled, and what belongs to them."""

    arrays: dict[str, Array]
    inputs: Any  # what the model reads, an array or columns by name; None where that was not kept
    n_original: int  # how many of the samples are not transformed copies, which come last
    lengths: Array | None = None  # how many steps of each text are not padding; None for other inputs
    main: Mapping[str, Array] | None = None  # the main labels by output, where these were taught from


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a generator is told, and what it learned; `begun` has the parameters and tasks alone.

    An `AuxTargetGenerator` has the same under the same names with an underscore, and describes it.
    """

    params: Mapping[str, Any]  # of an AuxTargetGenerator, as the user passed them
    tasks: tuple[Task, ...]
    label_columns: dict[str, LabelColumn] = field(default_factory=dict)
    specs: dict[str, TargetSpec] = field(default_factory=dict)
    scalings: dict[str, Scaling] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    row_shape: tuple[int, ...] = ()  # of a training sample, channel axis included, before a task shortens it
    channel_added: bool = False  # samples are given without that axis
    length: int | None = None  # that series are padded to where they differ
    texts: FittedTexts | None = None
    columns: tuple[TableColumn, ...] = ()  # of a table; empty for other inputs
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of main labels that were strings
    teachers: tuple[Teacher, ...] = ()  # in memory alone: of a loaded description soft labels are missing

    @classmethod
    def begun(cls, params: Mapping[str, Any], label_columns: Mapping[str, object] | None, y: object = None) -> Fitted:
        """Check parameters and tasks, before inputs are looked at."""
        checked_settings(params)
        check_names(label_columns, None)
        tasks, asked = split_tasks(params["tasks"], has_labels=y is not None)
        only_taught = asked is not None and tasks is not None and not tasks
        parsed = () if only_taught else parse_tasks(params["domain"], tasks, label_columns or ())
        return cls(params, parsed, class_names=class_names_of(y))

    def with_label_columns(self, label_columns: Mapping[str, object], n: int) -> Fitted:
        return replace(
            self, label_columns={name: fit_label_column(name, values, n) for name, values in label_columns.items()}
        )

    @classmethod
    def of(cls, generator: Any) -> Fitted:
        if not hasattr(generator, "specs_"):
            raise InvalidInputError("this AuxTargetGenerator is not fitted yet; call `fit` with training inputs first.")
        return cls(generator.get_params(), **{name: getattr(generator, f"{name}_") for name in LEARNED})

    @property
    def domain(self) -> str:
        domain: str = self.params["domain"]
        return domain

    @cached_property
    def settings(self) -> Settings:
        return checked_settings(self.params)

    @cached_property
    def text_settings(self) -> TextSettings:
        return checked_text_settings(self.params)

    @property
    def named(self) -> tuple[Task, ...]:
        columns = self.label_columns.values()
        return (
            *self.tasks,
            *(label_column_task(each.name, each.kind, each.classes or each.columns) for each in columns),
        )

    @property
    def given_shape(self) -> tuple[int, ...]:
        """The shape of one sample as it was given, without a channel axis that was added."""
        return self.row_shape[:-1] if self.channel_added else self.row_shape

    @property
    def changes_inputs(self) -> bool:
        """Whether the model reads something else than is given: texts numbered, series padded or shortened."""
        if self.domain == "text":
            return bool(self.params["model_inputs"] == "ids")
        return self.length is not None or any(task.extractor.effect == "shortens" for task in self.tasks)

    @property
    def adding(self) -> list[str]:
        """The names of the tasks that add transformed copies to the samples."""
        return [task.name for task in self.tasks if task.extractor.effect == "expands"]

    def missing(self, name: str, n: int = 0) -> Array:
        spec = self.specs[name]
        # Soft labels are shares, also of several labels.
        kind: Kind = "vector" if spec.is_taught else spec.kind
        return empty_target(kind, n, spec.shape, self.settings.dtype)

    def check_adds_none(self, way_out: str) -> None:
        """Refuse what cannot be computed one batch at a time."""
        if self.columns:
            raise InvalidInputError(
                "a map over batches does not support columns by name; compute the targets of all samples, and batch "
                "them with targets.to_tf_dataset(y)."
            )
        if self.adding:
            raise InvalidInputError(
                f"`tasks`: {', '.join(map(repr, self.adding))} adds transformed copies to the samples, but a map over "
                f"batches must return as many samples as it gets; {way_out}"
            )

    def transform(
        self, X: object, label_columns: Mapping[str, object] | None = None, start: int | None = None
    ) -> TargetArrays:
        """Compute targets with the fitted scaling; see `AuxTargetGenerator.transform`.

        These are training samples if `start` is there, the number of the first.
        """
        check_names(label_columns, self.label_columns)
        samples = self._like_training(X)
        columns = self.encoded(laid_out(label_columns, samples), samples.n)
        computed = compute_all(self.tagged(samples), self.tasks, columns, self.settings)
        check_fitted_shapes(computed.targets, self.shapes)
        return self.scaled(computed, self.taught(samples, count_rows(computed.inputs), start))

    def taught(self, samples: Samples | Documents, n: int, start: int | None = None) -> dict[str, Array]:
        """Return what teachers say of samples; missing of copies, which come last, and without a teacher."""
        found = {name: self.missing(name, n) for name, spec in self.specs.items() if spec.is_taught}
        for at, block in InBlocks(samples, teaching.MOST_SAMPLES if start is None else block_rows(samples)):
            for teacher in self.teachers:
                said = teacher.of(block) if start is None else teacher.soft_labels_of(start + at, block)
                found[teacher.name][at : at + block.n] = said
        return found

    def prepare(self, X: object) -> Any:
        return inputs_after(self._like_training(X), self.tasks, self.settings)

    def _like_training(self, X: object) -> Samples | Documents:
        samples = self.read(X)
        check_like_training(samples.row_shape, self.row_shape, self.domain)
        return samples

    def read(self, X: object) -> Samples | Documents:
        """Check inputs and bring them into the layout of the domain's extractors; texts are not tagged yet."""
        settings = self.settings
        if self.columns or (self.domain == "any" and is_table(X)):
            return self._read_table(X)
        if self.domain != "text":
            padding, padding_value = settings.padding, settings.padding_value
            return read_inputs(X, self.domain, padding=padding, padding_value=padding_value, length=self.length)
        return read_documents(X, self.text_settings, self.texts)

    def _read_table(self, X: object) -> Table:
        fitted_on_others = bool(self.row_shape) and not self.columns
        if fitted_on_others or not (isinstance(X, Mapping) or hasattr(X, "columns")):
            known = "one array" if fitted_on_others else f"the columns {[column.name for column in self.columns]}"
            raise InvalidTypeError(
                f"`X` is {abbreviated(X)} of type {type(X).__name__}, but the training inputs were {known}; pass "
                "inputs of the same form."
            )
        return read_table(X, self.columns)

    def encoded(self, label_columns: Mapping[str, object], n: int) -> list[RawTarget]:
        """Turn the label columns of so many samples into targets; those not given are missing throughout."""
        targets = []
        for name, column in self.label_columns.items():
            if name in label_columns:
                array = encode(column, label_columns[name], n)
            else:
                array = empty_target(column.kind, n, self.shapes[name], self.settings.dtype)
            targets.append(RawTarget(name, column.kind, array.shape[1:], array))
        return targets

    def tagged(self, samples: Samples | Documents, *, training: bool = False) -> Samples | Documents:
        """Tag texts as tasks need it; after everything else was checked, because it takes most of the time."""
        if isinstance(samples, (Dense, Ragged)):
            return samples
        needs = {column for task in self.tasks for column in task.needs}
        return tagged(samples, self.text_settings, needs, training=training)

    def scaled(
        self,
        computed: Computed,
        soft: Mapping[str, Array] | None = None,
        main: Mapping[str, Array] | None = None,
        *,
        in_place: bool = True,
    ) -> TargetArrays:
        """Scale what was computed, and put soft labels beside it."""
        arrays: dict[str, Array] = dict(soft or {})
        for name in self.specs.keys() - arrays.keys():
            raw = computed.targets[name].array
            scaling = self.scalings.get(name)
            arrays[name] = raw if scaling is None else scaling.apply(raw, name=name, in_place=in_place)
        arrays = {name: arrays[name] for name in self.specs}
        return TargetArrays(arrays, computed.inputs, computed.n_original, computed.lengths, main)

    def learned(
        self,
        seen: Mapping[str, TargetStatistics],
        compute: np.dtype[np.floating],
        teachers: Sequence[Teacher] = (),
        *,
        lenient: bool = False,
        **of_samples: Any,
    ) -> Fitted:
        """Fit every target to what samples tell of it, wherever that was collected; `lenient` if there may be none."""
        specs: dict[str, TargetSpec] = {}
        scalings: dict[str, Scaling] = {}
        if self.named:
            specs, scalings = fit_targets(self.named, seen, scale=self.settings.scale, compute=compute)
        specs |= {teacher.name: teacher.spec for teacher in teachers}
        if not lenient:
            self._check_any(specs)
        shapes = {name: told.natural for name, told in seen.items()}
        return replace(self, specs=specs, scalings=scalings, shapes=shapes, teachers=tuple(teachers), **of_samples)

    def teaches(self, y: object) -> bool:
        """Tell whether main labels are there, and soft labels asked for."""
        return y is not None and split_tasks(self.params["tasks"], has_labels=True)[1] is not None

    def course(
        self, y: object, n_original: int, n: int, *, lenient: bool = False, complete: bool = False
    ) -> Course | None:
        """Read main labels of samples, of which n counts transformed copies too; None if there is nothing to teach."""
        if not self.teaches(y):
            return None
        found = course_of(y, n_original, n, lenient=lenient, complete=complete)
        if found is not None:
            return found
        if not lenient:
            self._check_any(self.named)
        if self.params["tasks"] is not None and not (isinstance(y, Mapping) and not y):
            why = "so there is no sample to predict soft labels for"
            if lenient:
                why = "or the labels are too few to train a teacher"
            warn_user(f"target 'soft_labels' is left out: every sample has a label, {why}.")
        return None

    @staticmethod
    def _check_any(targets: Sized) -> None:
        if not targets:
            raise InvalidInputError(
                "`y` holds a label of every sample, so there is no sample to predict soft labels for, and "
                "'soft_labels' is the only task; add samples without a label, or name other tasks."
            )

    def for_course(self, course: Course | None) -> Fitted:
        """Return the same without the default tasks if there is something to teach, which then is the default."""
        return replace(self, tasks=()) if course is not None and self.params["tasks"] is None else self

    def taught_by(
        self, course: Course | None, drawn: Samples | Documents, everything: Iterable[tuple[int, Any]]
    ) -> list[Teacher]:
        """Fit teachers on the samples that were drawn; `everything` gives all samples, in blocks of `block_rows`."""
        if course is None:
            return []
        _, asked = split_tasks(self.params["tasks"], has_labels=True)
        settings = self.settings
        how: dict[str, Any] = {"dtype": settings.dtype, "seed": settings.seed, "everything": everything}
        return teachers_of(course, drawn, self.domain, asked or {}, self._of_tasks, **how)

    def _of_tasks(self, names: Sequence[Any]) -> Callable[[Any], Array]:
        """Return a function that computes some tasks for samples, side by side."""
        tasks = [task for task in parse_tasks(self.domain, list(names)) if task.extractor.effect == "none"]
        if not tasks:
            raise InvalidInputError(
                f"`features`: {', '.join(map(repr, names))} only changes the inputs; name a task that computes "
                "numbers from them."
            )
        return Computing(self, tuple(tasks))


class Computing:
    """Computes some tasks for samples, side by side; the first samples, those for training, have the classes."""

    def __init__(self, fitted: Fitted, tasks: tuple[Task, ...]) -> None:
        self.fitted = fitted
        self.tasks = tasks
        self.named: tuple[Task, ...] | None = None

    def __call__(self, samples: Any) -> Array:
        if not isinstance(samples, (Dense, Ragged)):
            needs = {column for task in self.tasks for column in task.needs}
            samples = tagged(samples, self.fitted.text_settings, needs, training=False)
        if self.named is None:
            self.named = fit_names(self.tasks, samples)
        found = compute_all(samples, self.named, (), self.fitted.settings).targets
        return np.concatenate([target.array.reshape(samples.n, -1) for target in found.values()], axis=1)


LEARNED = tuple(each.name for each in fields(Fitted) if each.name != "params")
"""What a generator has under the same names with an underscore."""


class Fit(NamedTuple):
    """What fitting on inputs in memory gives: what was learned, what was computed for it, unscaled, and soft labels."""

    fitted: Fitted
    computed: Computed
    soft: dict[str, Array]
    main: dict[str, Array] | None

    @property
    def made(self) -> TargetArrays:
        """The targets of the training inputs; what was computed is scaled in place."""
        return self.fitted.scaled(self.computed, self.soft, self.main)


def fit(
    params: Mapping[str, Any],
    X: object,
    label_columns: Mapping[str, object] | None,
    y: object = None,
    *,
    lenient: bool = False,
    complete: bool = False,
) -> Fit:
    """Fit on inputs in memory.

    If `lenient`, soft labels that cannot be made are left out, were it the only target. With `complete` a teacher is
    made where every sample has a label too: some labels are hidden later.
    """
    draft = Fitted.begun(params, label_columns, y)
    samples = draft.read(X)
    if isinstance(samples, Dense):
        warn_of_layout(samples.inputs.shape, draft.domain)
    columns = laid_out(label_columns, samples)
    draft = draft.with_label_columns(columns, samples.n)
    encoded = draft.encoded(columns, samples.n)
    n = samples.n * (1 + len(draft.adding))
    course = draft.course(y, samples.n, n, lenient=lenient, complete=complete)
    drawn = samples if course is None or course.is_all else samples.take(course.drawn)
    teachers = draft.taught_by(course, drawn, InBlocks(samples, block_rows(samples)))
    draft = draft.for_course(course)
    if isinstance(samples, Documents):
        check_words(draft.tasks, samples)
    samples = draft.tagged(samples, training=True)
    draft = replace(draft, tasks=named_by_columns(fit_names(draft.tasks, samples), samples))
    computed = compute_all(samples, draft.tasks, encoded, draft.settings)
    fitted = draft.learned(
        {task.name: see(task, computed.targets[task.name], scale=draft.settings.scale) for task in draft.named},
        samples.compute,
        teachers,
        lenient=lenient,
        row_shape=samples.row_shape,
        channel_added=getattr(samples, "add_channel", False),
        length=samples.length if isinstance(samples, Ragged) else None,
        texts=getattr(samples, "fitted", None),
        columns=getattr(samples, "kinds", ()),
    )
    soft = {teacher.name: teacher.soft_labels() for teacher in teachers}
    main = None if y is None else main_of(y, samples.n, n)
    return Fit(fitted, computed, soft, main)


def named_by_columns(tasks: Sequence[Task], samples: Samples | Documents) -> tuple[Task, ...]:
    """Give the columns of a target that is a table's own the names that they have there."""
    if not isinstance(samples, Table):
        return tuple(tasks)
    names = tuple(name for kind in samples.kinds for name in kind.names)
    return tuple(replace(task, names=names) if task.extractor.name == "reconstruction" else task for task in tasks)


def laid_out(label_columns: Mapping[str, object] | None, samples: Samples | Documents) -> dict[str, object]:
    """Return label columns as arrays; of texts, those with a label for each token follow the model's tokens."""
    if isinstance(samples, (Dense, Ragged)):
        return dict(label_columns or {})
    return lay_out_labels(label_columns or {}, samples)
