"""One compiled model for many runs: given what a fresh one begins with, it need not be traced again.

TensorFlow traces each model anew, which takes longer than the training of a small one. Audits, searches and estimators
keep what was traced.
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    most, in_all : int
        How many are kept of the same tasks, and of all tasks; 0 makes every run with a fresh model.
    largest : float
        Models of more parameters are not kept.
    """

    def __init__(self, most: int = MOST, in_all: int = IN_ALL, largest: float = math.inf) -> None:
        self._most, self._in_all, self._largest, self._id = most, in_all, largest, uuid4().hex
        self._kept: dict[tuple[tuple[str, ...], str], AuxModel] = {}  # the last one used comes last

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process keep models of its own, from one run to the next."""
        return _of_this_process, (self._id, self._most, self._in_all, self._largest)

    def use(self, make: Callable[[], AuxModel], work: Callable[[AuxModel], Result], traced_with: Any) -> Result:
        """Work with the model that `make` makes, or with one that trains in the same way, bit for bit.

        `traced_with` is what decides how functions are traced besides the model.
        """
        with _young():
            model = make()
            known, likeness = self._taken_out(model, traced_with)
            model = model if known is None else known
        result, likeness = (work(model), likeness) if known is not None else _first_work(model, work, likeness)
        if likeness is not None:
            self._keep(model, likeness)
            return result
        # TensorFlow's graphs hold each other, so that without this they are kept for long.
        is_light = model.run_eagerly and model.count_params() <= SMALL
        del model
        if not is_light:
            gc.collect()
        return result

    def lend(
        self,
        fresh: AuxModel,
        another: Callable[[], AuxModel | None],
        work: Callable[[AuxModel], Result],
        traced_with: Any,
    ) -> tuple[AuxModel, Result]:
        """Work with a fresh model or one like it, and return one that has learned all, which nobody else holds.

        `another` makes a model like the fresh one, or None where there is no other.
        """
        known, likeness = self._taken_out(fresh, traced_with)
        if known is None:
            result, likeness = _first_work(fresh, work, likeness)
            known, own = fresh, None if likeness is None else another()
        else:
            result, own = work(known), fresh
        if likeness is None or own is None or not took_over(own, known):
            return known, result
        self._keep(known, likeness)
        return own, result

    def __enter__(self) -> Models:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.clear()
        gc.collect()

    def _taken_out(self, fresh: AuxModel, traced_with: Any) -> tuple[AuxModel | None, str | None]:
        """Return a model that takes the place of a fresh one, and the name of what they have in common.

        No other thread can take it meanwhile, and a run that is interrupted does not bring it back.
        """
        if not self._most or fresh.count_params() > self._largest:
            return None, None
        from auxtasks.keras.alike import likeness_of

        likeness = likeness_of(fresh, traced_with)
        known = None if likeness is None else self._kept.pop((tuple(fresh.specs), likeness), None)
        return known if known is not None and took_over(known, fresh) else None, likeness

    def _keep(self, model: AuxModel, likeness: str) -> None:
        """Keep a model without what it knows of the data."""
        model._listening.begin_anew()
        model.history = None
        tasks, kept = tuple(model.specs), list(self._kept)
        of_tasks = [key for key in kept if key[0] == tasks]
        if len(of_tasks) >= self._most or len(kept) >= self._in_all:
            self._kept.pop((of_tasks if len(of_tasks) >= self._most else kept)[0], None)
            gc.collect()
        self._kept[tasks, likeness] = model


_models: dict[str, Models] = {}


def _of_this_process(name: str, *sizes: Any) -> Models:
    """Return what this process keeps for an audit; what it kept for another one is let go."""
    if name not in _models:
        _models.clear()
        _models[name] = Models(*sizes)
    return _models[name]


def _first_work(model: AuxModel, work: Callable[[AuxModel], Result], likeness: str | None) -> tuple[Result, str | None]:
    """Work with a fresh model; its likeness is lost where not all that was traced of it is in variables."""
    if likeness is None:
        return work(model), None
    from auxtasks.keras.private import is_state_in

    before = drawn()
    result = work(model)
    # A function that draws numbers while it is traced would draw none the next time.
    return result, likeness if before == drawn() and is_state_in(model, variables_of(model)) else None


def took_over(kept: AuxModel, fresh: AuxModel) -> bool:
    """Give a model all that a fresh one begins with, if they are indeed two."""
    for model in (kept, fresh):
        model._build_optimizers()
    ours, theirs = variables_of(kept), variables_of(fresh)
    forms = [[(variable.shape, variable.dtype) for variable in some] for some in (ours, theirs)]
    if forms[0] != forms[1] or {id(variable) for variable in ours} & {id(variable) for variable in theirs}:
        return False
    for mine, other in zip(ours, theirs, strict=True):
        mine.assign(other.value)
    kept.reset_metrics()
    kept._plan.specs.update(fresh._plan.specs)
    kept._listening.begin_anew(fresh._listening)
    return True


def variables_of(model: AuxModel) -> list[keras.Variable]:
    """Return all that a model begins with; metrics begin anew by themselves."""
    from auxtasks.keras.apart import states_of

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
