"""What the runs of an audit have in common: the model, the samples and how to train."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.splits import Split
from auxtasks.files import fingerprint, named
from auxtasks.keras.compiling import checked_model, compile_like, described_model
from auxtasks.labels import present_rows, without_labels
from auxtasks.optional import require
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

    from auxtasks.audit.metrics import Metrics


@dataclass(frozen=True)
class Experiment:
    """A model, its samples and how it is trained; picklable if `build_model` is.

    Parameters
    ----------
    build_model : function
        Returns a new compiled model.
    specs : mapping of str to TargetSpec
        The specs of all tasks.
    samples : Data
        The samples, transformed copies after the originals.
    n_original : int
        How many are originals.
    test : Data or None
        The test set, if there is one.
    settings : Settings
        How to train.
    """

    build_model: Callable[[], keras.Model]
    specs: Mapping[str, TargetSpec]
    samples: Data
    n_original: int
    test: Data | None
    settings: Settings

    @property
    def main(self) -> Array:
        """The main labels of the original samples."""
        return self.samples.main[: self.n_original]

    @property
    def labelled(self) -> Array:
        """Which original samples have a main label."""
        found: Array = present_rows(self.main)
        return found

    def parts(self, split: Split) -> tuple[Data, Data]:
        """Return the samples to train and to test on; copies go with their originals."""
        n_copies = len(self.samples.inputs) // self.n_original
        rows = np.concatenate([split.train + copy * self.n_original for copy in range(n_copies)])
        whole = len(rows) == len(self.samples.inputs)
        train = self.samples if whole else self.samples.rows(rows)
        if len(split.hidden):
            # Copies, whose numbers come after those of the originals, have no main label anyway.
            train = replace(train, main=without_labels(train.main, np.isin(rows, split.hidden)))
        return train, self.samples.rows(split.test) if self.test is None else self.test

    def run(self, arm: Arm, split: Split) -> Run:
        """Train and test one model."""
        train, test = self.parts(split)
        run = train_run(self.build_model, self.specs, train, test, self.settings, arm, split.seed, split.fold)
        return replace(run, parts=parts_name(split))

    def made_of(self) -> dict[str, str]:
        """Return fingerprints of all that decides the result of a run besides arm, seed and split."""
        settings = dict(self.settings.__dict__)
        weights = settings.pop("weights")
        test = () if self.test is None else (self.test.inputs, self.test.main)
        targets = {f"the target {task!r}": fingerprint(self.samples.targets[task]) for task in self.specs}
        return {
            "the inputs": fingerprint(self.samples.inputs),
            "the main labels": fingerprint(self.samples.main),
            **targets,
            **{f"the weight of {task!r}": fingerprint(weight) for task, weight in weights.items()},
            "the test part": fingerprint(*test),
            "the model": fingerprint(described_model(self.build_model)),
            "the settings": fingerprint(named(settings)),
            "the settings of Keras": fingerprint(keras_state()),
            "the version": fingerprint(versions()),
        }


def parts_name(split: Split) -> str:
    """Return a fingerprint of the samples on both sides of a split."""
    # Results of audits that hide nothing stay valid.
    return fingerprint(split.train, split.test, *([split.hidden] if len(split.hidden) else []))


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    import keras
    import tensorflow as tf

    from auxtasks._version import __version__

    return {"auxtasks": __version__, "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}


@dataclass(frozen=True)
class Data:
    """Samples of one model.

    Parameters
    ----------
    inputs : ndarray
        What the model reads, shape (n, ...).
    main : ndarray
        The main labels, -1 or NaN where missing.
    targets : dict of str to ndarray
        The auxiliary targets; some may be missing for test samples.
    """

    inputs: Array
    main: Array
    targets: Mapping[str, Array]

    def rows(self, rows: Array) -> Data:
        """Return some of the samples."""
        targets = {name: target[rows] for name, target in self.targets.items()}
        return Data(self.inputs[rows], self.main[rows], targets)


@dataclass(frozen=True)
class Settings:
    """How to attach heads and train.

    Parameters
    ----------
    epochs, batch_size : int
        As in ``fit``.
    weights : mapping of str to float or "auto"
        The loss weight of each task, multiplied by that of the arm.
    at, weighting, schedule
        As in `auxtasks.keras.attach_heads`.
    metrics : Metrics
        The metrics of the main task, the judged one first.
    fit_options : mapping
        Further arguments of ``fit``.
    """

    epochs: int
    batch_size: int
    weights: Mapping[str, float | str]
    metrics: Metrics
    at: Any = "auto"
    weighting: Any = "fixed"
    schedule: Any = "joint"
    fit_options: Mapping[str, Any] = field(default_factory=dict)

    def at_of(self, tasks: tuple[str, ...]) -> Any:
        """Return where the heads of some of the tasks go: what is said of others is left out."""
        at = self.at
        return {task: at[task] for task in tasks if task in at} if isinstance(at, Mapping) else at


MAIN = "main"


def train_run(
    build_model: Callable[[], keras.Model],
    specs: Mapping[str, TargetSpec],
    train: Data,
    test: Data,
    settings: Settings,
    arm: Arm,
    seed: int,
    fold: int,
) -> Run:
    """Train and test one model."""
    from auxtasks.keras.seeds import set_seed

    set_seed(seed)
    base = checked_model(build_model())
    model = attached(base, specs, train, settings, arm.tasks, arm.weight, seed)
    compile_like(model, base)
    targets = {task: _for_arm(train.targets[task], task, arm, seed) for task in arm.tasks}
    start = time.perf_counter()
    history = model.fit(
        train.inputs,
        {MAIN: train.main, **targets},
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        verbose=0,
        # A copy, because callbacks remember what they saw.
        **{"seed": seed, **copy.deepcopy(dict(settings.fit_options))},
    )
    seconds = time.perf_counter() - start
    run = Run(
        arm,
        seed,
        fold,
        scores=_scores(model, test, settings),
        learned=_learned(model, test, arm, settings),
        seconds=seconds,
        curves=_curves(history.history, arm),
    )
    # TensorFlow's graphs hold each other, so that without this they are kept for long.
    del model, base, history
    gc.collect()
    return run


def attached(
    base: keras.Model,
    specs: Mapping[str, TargetSpec],
    train: Data,
    settings: Settings,
    tasks: tuple[str, ...],
    factor: float = 1.0,
    seed: int = 0,
) -> Any:
    """Wrap the model; without tasks the wrapper trains as the plain model does on the same batches."""
    from auxtasks.keras.attach import attach_heads
    from auxtasks.keras.model import AuxModel

    if not tasks:
        return AuxModel(base, {}, {}, {}, seed)
    return attach_heads(
        base,
        {task: specs[task] for task in tasks},
        at=settings.at_of(tasks),
        weights={task: factor * _number(settings.weights[task], specs[task], train) for task in tasks},
        inputs=train.inputs,
        seed=seed,
        schedule=settings.schedule,
        weighting=settings.weighting,
    )


def _number(weight: float | str, spec: TargetSpec, train: Data) -> float:
    """Return a weight as `fit` would find it, but the same for data of all forms."""
    from auxtasks.batches.composition import automatic_weight

    if not isinstance(weight, str):
        return weight
    return spec.share * automatic_weight(int(present_rows(train.main).sum()), len(train.main))


def _for_arm(target: Array, task: str, arm: Arm, seed: int) -> Array:
    """Return the targets, for a control in another order; samples without a target stay without."""
    if not arm.shuffled:
        return target
    present = np.flatnonzero(present_rows(target))
    rng = np.random.default_rng([seed, zlib.crc32(task.encode())])
    shuffled = target.copy()
    shuffled[present] = target[rng.permutation(present)]
    return shuffled


def _scores(model: Any, test: Data, settings: Settings) -> dict[str, float]:
    predicted = model.predict(test.inputs, batch_size=max(settings.batch_size, 256), verbose=0)
    return settings.metrics.score(test.main, predicted)


def _learned(model: Any, test: Data, arm: Arm, settings: Settings) -> dict[str, float]:
    """Return the losses of the tasks on the test part; what has no targets there is NaN."""
    known = {task: test.targets[task] for task in arm.tasks if task in test.targets}
    found: Mapping[str, float] = {}
    if known:
        found = model.evaluate(
            test.inputs,
            {MAIN: test.main, **known},
            batch_size=max(settings.batch_size, 256),
            verbose=0,
            return_dict=True,
        )
    return {task: float(found.get(f"{task}_loss", np.nan)) for task in arm.tasks}


def _curves(history: Mapping[str, Any], arm: Arm) -> dict[str, list[float]]:
    main = history.get("main_loss", history["loss"])
    curves = {MAIN: main, **{task: history[f"{task}_loss"] for task in arm.tasks}}
    return {name: [float(value) for value in values] for name, values in curves.items()}


@dataclass(frozen=True)
class Arm:
    """One way of training the model.

    Parameters
    ----------
    tasks : tuple of str
        The auxiliary tasks; none for the baseline.
    weight : float
        What the loss weights of the tasks are multiplied by.
    shuffled : bool
        Whether each task's targets are those of other samples: the control.
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    shuffled: bool = False

    @property
    def label(self) -> str:
        """What reports call it."""
        if not self.tasks:
            return "baseline"
        times = "" if self.weight == 1.0 else f" ×{self.weight:g}"
        return " + ".join(self.tasks) + times + (", shuffled" if self.shuffled else "")

    @property
    def control(self) -> Arm:
        """The same with shuffled targets."""
        return Arm(self.tasks, self.weight, shuffled=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; `from_dict` is the inverse."""
        return {**asdict(self), "tasks": list(self.tasks)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Arm:
        """Make an arm from what `to_dict` returned."""
        return cls(**{**fields, "tasks": tuple(fields["tasks"])})


BASELINE = Arm()


def arms_of(tasks: Sequence[str], weights: Sequence[float], *, together: bool, controls: bool) -> list[Arm]:
    """List the arms of an audit, the baseline first."""
    groups = [(task,) for task in tasks] + ([tuple(tasks)] if together and len(tasks) > 1 else [])
    arms = [Arm(group, weight) for group in groups for weight in weights]
    return [BASELINE, *(each for arm in arms for each in ((arm, arm.control) if controls else (arm,)))]


@dataclass(frozen=True)
class Run:
    """One model, trained and tested.

    Parameters
    ----------
    arm : Arm
        How it was trained.
    seed : int
        Of its initial weights, batches and split; runs of the same seed and fold are a pair.
    fold : int
        The number of the test part; 0 where there is one.
    scores : dict of str to float
        The metrics of the main task on the test part. NaN where one is not defined.
    learned : dict of str to float
        For each auxiliary task its loss on the test part over its chance: below 1 the head learned something. NaN where
        the test part has no targets.
    seconds : float
        The time of `fit`.
    curves : dict of str to list of float
        The losses of each epoch, ``"main"`` and one for each task.
    parts : str
        A fingerprint of the samples that it was trained and tested on.
    """

    arm: Arm
    seed: int
    fold: int
    scores: dict[str, float]
    learned: dict[str, float]
    seconds: float
    curves: dict[str, list[float]]
    parts: str = ""

    @property
    def pair(self) -> tuple[int, int]:
        """What it has in common with the runs it is compared to."""
        return self.seed, self.fold

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; `from_dict` is the inverse."""
        return {**self.__dict__, "arm": self.arm.to_dict()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Run:
        """Make a run from what `to_dict` returned."""
        return cls(**{**fields, "arm": Arm.from_dict(fields["arm"])})


_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def results_of(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    """Call a function with each of several sets of arguments."""
    if n_jobs == 1 or len(calls) < 2:
        for arguments in calls:
            yield function(*arguments)
        return
    joblib: Any = require("joblib", extra="parallel")
    with _shared_threads(n_jobs):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        state = keras_state()
        yield from parallel(joblib.delayed(_in_worker)(state, function, arguments) for arguments in calls)


def keras_state() -> dict[str, Any]:
    """Return the settings of Keras that another process does not know of."""
    import keras

    return {
        "dtype_policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
    }


def _in_worker(state: dict[str, Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import keras

    keras.config.set_floatx(state["floatx"])
    keras.config.set_image_data_format(state["image_data_format"])
    keras.config.set_dtype_policy(state["dtype_policy"])
    return function(*arguments)


@contextlib.contextmanager
def _shared_threads(n_jobs: int) -> Iterator[None]:
    """Share the processors between the TensorFlows of new processes, which read this at their start."""
    before = {name: os.environ.get(name) for name in _THREADS}
    share = str(max((os.cpu_count() or 1) // n_jobs, 1))
    os.environ.update({name: share for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
