"""One run: a model built, trained with the tasks of an arm, and tested."""

from __future__ import annotations

import copy
import gc
import time
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.model import checked_model, compile_like
from auxtasks.audit.run import Run
from auxtasks.audit.settings import Data, Settings
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras

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
    """Train and test one model.

    Parameters
    ----------
    build_model : function
        Returns a new compiled model.
    specs : mapping of str to TargetSpec
        The specs of all tasks.
    train, test : Data
        The samples.
    settings : Settings
        How to train.
    arm : Arm
        With which tasks.
    seed, fold : int
        What pairs the run with others; initial weights and batches follow from the seed alone.

    Returns
    -------
    Run
        With its scores, losses and time.
    """
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
    """Wrap the model; without tasks the wrapper trains as the plain model does on the same batches.

    Parameters
    ----------
    base : keras.Model
        The model.
    specs : mapping of str to TargetSpec
        The specs of all tasks.
    train : Data
        Whose inputs the heads are tried with.
    settings : Settings
        How to attach heads.
    tasks : tuple of str
        Which.
    factor : float
        What the weights are multiplied by.
    seed : int
        Of the heads.

    Returns
    -------
    AuxModel
        Not compiled.
    """
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
    from auxtasks.keras.labels import present_rows
    from auxtasks.keras.weights import automatic_weight

    if not isinstance(weight, str):
        return weight
    return spec.share * automatic_weight(int(present_rows(train.main).sum()), len(train.main))


def _for_arm(target: Array, task: str, arm: Arm, seed: int) -> Array:
    """Return the targets, for a control in another order; samples without a target stay without."""
    if not arm.shuffled:
        return target
    from auxtasks.keras.labels import present_rows

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
