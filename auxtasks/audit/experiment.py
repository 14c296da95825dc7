"""What the runs of an audit have in common: the model, the samples and how to train."""

from __future__ import annotations

import copy
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.metrics import Metrics
from auxtasks.audit.reuse import Models
from auxtasks.audit.splits import Lesson, Split, check_groups, find_lessons, splits_of
from auxtasks.checksums import fingerprint, named, readable
from auxtasks.errors import InvalidInputError
from auxtasks.labels import MAIN, present_rows, without_labels
from auxtasks.specs import TargetSpec
from auxtasks.teacher.teaching import Teacher
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras


SETTINGS, SETTING = "the settings", "the setting "
"""All together, by which files are told apart that do not hold each; and how the name of each begins."""


@dataclass(frozen=True)
class Experiment:
    """A model, its samples and how it is trained; picklable if `build_model` is.

    In `samples` transformed copies come after the `n_original` originals; `test` is the test set, if there is one. Soft
    labels in `samples` know all labels, so that each split has its own of the `teachers`. Runs make models of their own
    unless there are `models` to share.
    """

    build_model: Callable[[], keras.Model]
    specs: Mapping[str, TargetSpec]
    samples: Data
    n_original: int
    test: Data | None
    settings: Settings
    teachers: tuple[Teacher, ...] = ()
    models: Models = field(default_factory=partial(Models, most=0), compare=False)

    @property
    def main(self) -> Array:
        return self.samples.main[: self.n_original]

    @property
    def labelled(self) -> Array:
        found: Array = present_rows(self.main)
        return found

    def splits(self, cv: Any, groups: Any, seeds: Sequence[int]) -> list[Split]:
        has_test = self.test is not None
        if has_test and (cv is not None or groups is not None):
            raise InvalidInputError(
                "`cv` and `groups` define the samples to hold out, and `test` replaces them; pass one or the other."
            )
        labelled, classes = self.labelled, self.settings.metrics.problem in ("binary", "multiclass")
        grouped = check_groups(groups, labelled)
        return splits_of(self.main, labelled, cv, grouped, seeds, has_test=has_test, stratify=classes)

    def lessons(self, split: Split, arm: Arm) -> dict[str, Lesson]:
        taught = [task for task in arm.of_targets if self.specs[task].is_taught]
        if taught:
            find_lessons(self.teachers, split, self.n_original, {} if self.test is None else self.test.targets)
        return {task: split.lessons[task] for task in taught}

    def parts(self, split: Split) -> tuple[Data, Data]:
        """Return the samples to train and to test on; copies go with their originals."""
        rows = self._with_copies(split)
        whole = len(rows) == len(self.samples.inputs)
        train = self.samples if whole else self.samples.rows(rows)
        if len(split.hidden):
            # Copies, whose numbers come after those of the originals, have no main label anyway.
            train = replace(train, main=without_labels(train.main, np.isin(rows, split.hidden)))
        return train, self.samples.rows(split.test) if self.test is None else self.test

    def _with_copies(self, split: Split) -> Array:
        n_copies = len(self.samples.inputs) // self.n_original
        return np.concatenate([split.train + copy * self.n_original for copy in range(n_copies)])

    def run(self, arm: Arm, split: Split) -> Run:
        seed, (train, test) = split.seed, self.parts(split)
        lessons, rows = self.lessons(split, arm), self._with_copies(split)
        soft = {task: lesson.soft[rows] for task, lesson in lessons.items()}
        train = replace(train, targets={task: {**train.targets, **soft}[task] for task in arm.of_targets})
        options = {"seed": seed, **(_same_steps(train, self.settings) if lessons or arm.agrees else {})}
        options |= copy.deepcopy(dict(self.settings.fit_options))  # because callbacks remember what they saw
        make = partial(self._made, arm, train, seed, lessons)
        data = replace(train, targets={task: _for_arm(train.targets[task], task, arm, seed) for task in arm.of_targets})
        work = partial(self._measured, data=data, test=test, options=options, without_head=lessons)
        scores, learned, seconds, curves = self.models.use(make, work, self._traced_with(train, test, options))
        # An audit has one output, and so one teacher at most.
        teacher = next((lesson.scores(test.main, self.settings.metrics) for lesson in lessons.values()), {})
        return Run(arm, seed, split.fold, scores, learned, seconds, curves, parts_name(split), teacher)

    def _made(self, arm: Arm, train: Data, seed: int, lessons: Mapping[str, Lesson]) -> Any:
        import keras

        from auxtasks.keras.compiling import checked_model

        keras.utils.set_random_seed(seed)
        base = checked_model(self.build_model())
        return self.attached(base, arm, train, seed, lessons)

    def _traced_with(self, train: Data, test: Data, options: Mapping[str, Any]) -> Any:
        """Return what decides, besides the model, how its functions are traced."""
        steps = {name: options.get(name) for name in ("labelled_share", "steps_per_epoch")}
        settings = self.settings
        return [train.form, test.form, steps, settings.weighting, settings.schedule, dict(settings.fit_options)]

    def _measured(
        self, model: Any, data: Data, test: Data, options: Mapping[str, Any], without_head: Mapping[str, Lesson]
    ) -> tuple[dict[str, float], dict[str, float], float, dict[str, list[float]]]:
        """Train a model; return its scores, what its heads learned, the seconds of ``fit`` and the losses."""
        settings = self.settings
        start = time.perf_counter()
        history = model.fit(
            data.inputs,
            {MAIN: data.main, **data.targets},
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            verbose=0,
            **options,
        ).history
        seconds = time.perf_counter() - start
        predicted = model.predict(test.inputs, batch_size=max(settings.batch_size, 256), verbose=0)
        scores = settings.metrics.score(test.main, predicted)
        learned = _learned(model, test, [task for task in data.targets if task not in without_head], settings)
        losses = {
            MAIN: history.get("main_loss", history["loss"]),
            **{task: history[f"{task}_loss"] for task in data.targets},
        }
        return scores, learned, seconds, {name: [float(each) for each in values] for name, values in losses.items()}

    def attached(
        self,
        base: keras.Model,
        arm: Arm,
        train: Data,
        seed: int = 0,
        lessons: Mapping[str, Lesson] | None = None,
    ) -> Any:
        """Wrap the model; without tasks the wrapper trains as the plain model does on the same batches."""
        from auxtasks.keras.attach import TargetArrays, attach_heads
        from auxtasks.keras.model import AuxModel

        settings, at = self.settings, self.settings.at
        if not arm.tasks:
            return AuxModel(base, {}, {}, {}, seed)
        lessons = lessons or {}
        specs = {task: lessons[task].spec if task in lessons else self.specs[task] for task in arm.of_targets}
        model = attach_heads(
            base,
            TargetArrays(train.targets, specs),
            # What is said of other tasks is left out.
            at={task: at[task] for task in arm.of_targets if task in at} if isinstance(at, Mapping) else at,
            weights={task: _weight(settings.weights[task], spec, train, arm) for task, spec in specs.items()},
            samples=train.inputs,
            seed=seed,
            schedule=settings.schedule,
            weighting=settings.weighting,
            agreement=self._agreement(arm),
        )
        # A control learns the soft labels of other samples, whatever the teacher is worth.
        if not arm.shuffled:
            model._listening.unseen.update({task: lesson.unseen for task, lesson in lessons.items()})
            model._listening.heard = next((lesson.heard for lesson in lessons.values()), None)
        return model

    def _agreement(self, arm: Arm) -> Any:
        """Return what an arm agrees under; the control learns the changed copies of labelled samples alone."""
        if not arm.agrees:
            return None
        return {**(self.settings.agreement or {}), **({"weight": 0.0} if arm.shuffled else {})}

    def made_of(self) -> dict[str, str]:
        """Return fingerprints of all that decides the result of a run besides arm, seed and split."""
        from auxtasks.keras.compiling import described_model

        settings = dict(self.settings.__dict__)
        weights, agreement = settings.pop("weights"), settings.pop("agreement")
        test = () if self.test is None else (self.test.inputs, self.test.main)
        targets = {f"the target {task!r}": fingerprint(self.samples.targets[task]) for task in self.specs}
        return {
            "the inputs": fingerprint(self.samples.inputs),
            "the main labels": fingerprint(self.samples.main),
            **targets,
            **{f"the weight of {task!r}": fingerprint(weight) for task, weight in weights.items()},
            **({} if agreement is None else {"the changes of agreement": fingerprint(named(agreement))}),
            "the test part": fingerprint(*test),
            "the model": fingerprint(described_model(self.build_model)),
            SETTINGS: fingerprint(named(settings)),
            **{f"{SETTING}{name}": readable(named(value)) for name, value in settings.items()},
            "the settings of Keras": fingerprint(keras_state()),
            "the version": fingerprint(versions()),
        }


def parts_name(split: Split) -> str:
    # Results of audits that hide nothing stay valid.
    return fingerprint(split.train, split.test, *([split.hidden] if len(split.hidden) else []))


def versions() -> dict[str, str]:
    import keras

    from auxtasks import backend
    from auxtasks._version import __version__

    of_keras = {"keras": keras.__version__, backend.NAME: backend.version()}
    return {"auxtasks": __version__, **of_keras, "numpy": np.__version__}


def keras_state() -> dict[str, Any]:
    """Return the settings of Keras that another process does not know of."""
    import keras

    return {
        "dtype_policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
    }


@dataclass(frozen=True)
class Data:
    """Samples of one model; main labels are -1 or NaN where missing, and test samples may lack some targets."""

    inputs: Array
    main: Array
    targets: Mapping[str, Array]

    def rows(self, rows: Array) -> Data:
        targets = {name: target[rows] for name, target in self.targets.items()}
        return Data(self.inputs[rows], self.main[rows], targets)

    @property
    def form(self) -> Any:
        """How many samples there are and have a main label, and the shapes and dtypes."""
        arrays = [self.inputs, self.main, *self.targets.values()]
        forms = [(array.shape, str(array.dtype)) for array in arrays]
        return list(self.targets), forms, int(present_rows(self.main).sum())


@dataclass(frozen=True)
class Settings:
    """How to attach heads, train and judge; the weight of each task is multiplied by that of the arm."""

    epochs: int
    batch_size: int
    weights: Mapping[str, float | str]
    metrics: Metrics
    at: Any = "auto"
    weighting: Any = "fixed"
    schedule: Any = "joint"
    fit_options: Mapping[str, Any] = field(default_factory=dict)
    agreement: Mapping[str, Any] | None = None


def _weight(weight: float | str, spec: TargetSpec, train: Data, arm: Arm) -> float | str:
    """Return a weight as `fit` would find it, but the same for data of all forms; of soft labels `fit` decides."""
    from auxtasks.batches.composition import automatic_weight

    if not isinstance(weight, str):
        return arm.weight * weight
    if spec.is_taught:
        return weight
    return arm.weight * spec.weight_scale * automatic_weight(int(present_rows(train.main).sum()), len(train.main))


def _same_steps(train: Data, settings: Settings) -> dict[str, Any]:
    """Return with which arguments `fit` takes as many steps with soft labels as without.

    With soft labels its batches hold more samples without a label, so that an epoch would have fewer of them.
    """
    from auxtasks.batches.composition import AUTO, DEFAULT_SHARE, SHARE_WITH_SOFT_LABELS
    from auxtasks.batches.planned import n_batches

    options = settings.fit_options
    if options.get("labelled_share", AUTO) != AUTO or "steps_per_epoch" in options or not options.get("shuffle", True):
        return {}
    labelled = present_rows(train.main)
    if labelled.mean() >= SHARE_WITH_SOFT_LABELS or settings.batch_size < 2:
        return {"labelled_share": DEFAULT_SHARE}
    return {"steps_per_epoch": n_batches(labelled, settings.batch_size, DEFAULT_SHARE)}


def _for_arm(target: Array, task: str, arm: Arm, seed: int) -> Array:
    """Return the targets, for a control in another order; samples without a target stay without."""
    if not arm.shuffled:
        return target
    present = np.flatnonzero(present_rows(target))
    rng = np.random.default_rng([seed, zlib.crc32(task.encode())])
    shuffled = target.copy()
    shuffled[present] = target[rng.permutation(present)]
    return shuffled


def _learned(model: Any, test: Data, tasks: Sequence[str], settings: Settings) -> dict[str, float]:
    """Return the losses of tasks with heads on the test part; what has no targets there is NaN."""
    known = {task: test.targets[task] for task in tasks if task in test.targets}
    found: Mapping[str, float] = {}
    if known:
        found = model.evaluate(
            test.inputs,
            {MAIN: test.main, **known},
            batch_size=max(settings.batch_size, 256),
            verbose=0,
            return_dict=True,
        )
    return {task: float(found.get(f"{task}_loss", np.nan)) for task in tasks}


AGREEMENT = "agreement"
"""The task of an arm that has no targets: the model's own answers on changed copies."""


@dataclass(frozen=True)
class Arm:
    """One way of training the model: with which tasks, none for the baseline, and what their weights are multiplied by.

    If it is shuffled, the control, each task's targets are those of other samples, and of changed copies those of
    labelled samples alone are learned.
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    shuffled: bool = False

    @property
    def of_targets(self) -> tuple[str, ...]:
        return tuple(task for task in self.tasks if task != AGREEMENT)

    @property
    def agrees(self) -> bool:
        return AGREEMENT in self.tasks

    @property
    def label(self) -> str:
        if not self.tasks:
            return "baseline"
        times = "" if self.weight == 1.0 else f" ×{self.weight:g}"
        return self.named(" + ".join(self.tasks)) + times + (", shuffled" if self.shuffled and self.of_targets else "")

    def named(self, tasks: str) -> str:
        return tasks.replace(AGREEMENT, "changed copies") if self.shuffled and self.agrees else tasks

    @property
    def control(self) -> Arm:
        """The same with shuffled targets, and without agreement on samples that have no label."""
        return Arm(self.tasks, self.weight, shuffled=True)


BASELINE = Arm()


def arms_of(tasks: Sequence[str], weights: Sequence[float], *, together: bool, controls: bool) -> list[Arm]:
    """List the arms of an audit, the baseline first.

    Agreement always has its control, which tells what the changes gain without it.
    """
    groups = [(task,) for task in tasks] + ([tuple(tasks)] if together and len(tasks) > 1 else [])
    arms = [Arm(group, weight) for group in groups for weight in (weights if group != (AGREEMENT,) else (1.0,))]
    return [BASELINE, *(each for arm in arms for each in ((arm, arm.control) if controls or arm.agrees else (arm,)))]


@dataclass(frozen=True)
class Run:
    """One model, trained and tested; runs of the same seed and fold are a pair.

    `scores` are the metrics of the main task on the test part, NaN where not defined; `learned` each task's loss there
    over its chance (below 1 its head learned something), NaN without targets. `seconds` is the time of `fit`, `curves`
    are the losses of each epoch, and `parts` is a fingerprint of the samples that it was trained and tested on. Of arms
    with soft labels, which have no head, `teacher` are the scores of the teacher alone on the same test part.
    """

    arm: Arm
    seed: int
    fold: int
    scores: dict[str, float]
    learned: dict[str, float]
    seconds: float
    curves: dict[str, list[float]]
    parts: str = ""
    teacher: dict[str, float] = field(default_factory=dict)

    @property
    def pair(self) -> tuple[int, int]:
        """What it has in common with the runs it is compared to."""
        return self.seed, self.fold
