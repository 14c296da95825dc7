"""One compiled model for many runs: given what a fresh one begins with, it need not be traced again."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    import keras

    from auxtasks.keras.model import AuxModel

MOST, IN_ALL = 4, 16
"""So many models are kept of the same tasks, whose parts of a split may differ in size, and so many of all tasks."""
SMALL = 1_000_000
"""An eager model of so many parameters at most, which has no graphs, waits for Python to collect it."""
Result = TypeVar("Result")


class Models:
    """The models of finished runs, each of which takes the place of fresh ones that are alike in all that decides.

    Parameters
    ----------
    most : int
        How many are kept of the same tasks; 0 makes every run with a fresh model.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._id = most, uuid4().hex
        self._kept: dict[tuple[tuple[str, ...], str], AuxModel] = {}  # the last one used comes last

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process keep models of its own, from one run to the next."""
        return _of_this_process, (self._id, self._most)

    def use(self, make: Callable[[], AuxModel], work: Callable[[AuxModel], Result], traced_with: Any) -> Result:
        """Work with the model that `make` makes, or with one that trains in the same way, bit for bit.

        `traced_with` is what decides how functions are traced besides the model.
        """
        with _young():
            model, likeness, is_fresh = self._found(make, traced_with)
        before = drawn()
        result = work(model)
        # A function that draws numbers while it is traced would draw none the next time.
        if is_fresh and (likeness is None or before != drawn() or not self._keep(model, likeness)):
            # TensorFlow's graphs hold each other, so that without this they are kept for long.
            is_light = model.run_eagerly and n_parameters(model) <= SMALL
            del model
            if not is_light:
                gc.collect()
        return result

    def __enter__(self) -> Models:
        """Keep models until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Keep nothing any more."""
        self._kept.clear()
        gc.collect()

    def _found(self, make: Callable[[], AuxModel], traced_with: Any) -> tuple[AuxModel, str | None, bool]:
        fresh = make()
        likeness = likeness_of_wrapper(fresh, traced_with) if self._most else None
        if likeness is None:
            return fresh, None, True
        known = self._kept.pop((tuple(fresh.specs), likeness), None)
        if known is None or not took_over(known, fresh):
            return fresh, likeness, True
        self._kept[tuple(fresh.specs), likeness] = known
        return known, likeness, False

    def _keep(self, model: AuxModel, likeness: str) -> bool:
        from auxtasks.keras.private import is_state_in

        if not is_state_in(model, variables_of(model)):
            return False
        tasks = tuple(model.specs)
        for kept, most in ([key for key in self._kept if key[0] == tasks], self._most), (list(self._kept), IN_ALL):
            if len(kept) >= most:
                self._kept.pop(kept[0], None)
                gc.collect()
        self._kept[tasks, likeness] = model
        return True


_models: dict[str, Models] = {}


def _of_this_process(name: str, most: int) -> Models:
    """Return what this process keeps for an audit; what it kept for another one is let go."""
    if name not in _models:
        _models.clear()
        _models[name] = Models(most)
    return _models[name]


def likeness_of_wrapper(fresh: AuxModel, traced_with: Any) -> str | None:
    """Name what decides how a wrapper is traced, and how it trains besides the values of variables."""
    from auxtasks.backend import ON_TENSORFLOW

    # What other backends keep of a traced function cannot be looked into.
    if fresh.run_eagerly or not ON_TENSORFLOW:
        return None
    from auxtasks.keras.alike import likeness_of

    plan, turns = fresh._plan, fresh._alternation
    taps = {task: (plan.layers[point.path], point.call, point.shape) for task, point in plan.taps.items()}
    # What else is said of soft labels is told, and not traced; the chance of a task is, as a number of this precision.
    precision = np.dtype(fresh.compute_dtype if fresh.compute_dtype == "float64" else "float32").type
    specs = [
        replace(
            spec,
            options={"output": spec.options["output"]} if spec.is_taught else spec.options,
            baseline_loss=float(precision(spec.baseline_loss)),
        )
        for spec in plan.specs.values()
    ]
    agreement = None if fresh.agreement is None else fresh.agreement.described()
    order = None if turns is None or turns.schedule.kind != "proportional" else turns.seed
    return likeness_of(fresh.base, specs, taps, fresh._weights.left_open, order, [traced_with, agreement])


def took_over(kept: AuxModel, fresh: AuxModel) -> bool:
    """Give a model all that a fresh one begins with, if they are indeed two."""
    for model in (kept, fresh):
        model._build_optimizers()
    pairs = list(zip(variables_of(kept), variables_of(fresh), strict=False))
    alike = len(variables_of(kept)) == len(variables_of(fresh)) and all(
        ours.shape == theirs.shape and ours.dtype == theirs.dtype for ours, theirs in pairs
    )
    if not alike or {id(ours) for ours, _ in pairs} & {id(theirs) for _, theirs in pairs}:
        return False
    kept.set_loss_weights(fresh._weights.asked())
    for ours, theirs in pairs:
        ours.assign(theirs.value)
    kept.reset_metrics()
    kept._plan.specs.update(fresh._plan.specs)
    kept._listening.begin_anew(fresh._listening)
    return True


def n_parameters(model: AuxModel) -> int:
    """Count the numbers in the variables of a model."""
    return sum(prod(variable.shape) for variable in model.variables)


def variables_of(model: AuxModel) -> list[keras.Variable]:
    """Return all that a model begins with; metrics begin anew by themselves."""
    from auxtasks.keras.random_states import states_of

    optimizers = [model.optimizer, *model._task_optimizers]
    found = [*model.variables, *states_of(model), *(each for one in optimizers for each in one.variables)]
    return list({id(variable): variable for variable in found}.values())


@contextmanager
def _young() -> Iterator[None]:
    """Free a fresh model that was not needed at once.

    Its parts hold each other. While nothing is collected, no part grows old, and looking through the young is quick.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if was_enabled:
            gc.enable()


def drawn() -> Any:
    """Return how far the generators of Python and NumPy have come."""
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - what users' layers may draw from
    return random.getstate(), name, np.asarray(keys).tobytes(), rest
