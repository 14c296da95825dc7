"""Traced models of earlier fits, in which later fits of the same kind train; what an estimator holds is none of them.

TensorFlow traces each model anew, which takes longer than the training of a small one, and a search fits many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from auxtasks.audit.reuse import drawn, likeness_of_wrapper, n_parameters, took_over, variables_of
from auxtasks.labels import missing_entries

if TYPE_CHECKING:
    from auxtasks.keras.model import AuxModel

MOST = 10
"""So many models are kept in a process: of ten folds each may have a form of its own."""
LARGEST = 1_000_000
"""Models of more parameters are not kept: their training takes longer than tracing, and they take memory."""
Result = TypeVar("Result")

_kept: dict[str, AuxModel] = {}


def train(
    fresh: AuxModel, another: Callable[[], AuxModel], work: Callable[[AuxModel], Result], traced_with: Any
) -> tuple[AuxModel, Result]:
    """Train a new model, or one that was traced before in its place; return a model that nobody else holds.

    `another` makes a model like the fresh one, and `traced_with` is what decides besides the model how it is traced.
    """
    from auxtasks.keras.compiling import compile_arguments

    small = n_parameters(fresh) <= LARGEST
    likeness = likeness_of_wrapper(fresh, [fresh.optimizer, compile_arguments(fresh), traced_with]) if small else None
    if likeness is None:
        return fresh, work(fresh)
    # Taken out, so that no other thread trains it meanwhile, and an interrupted training keeps it out.
    known = _kept.pop(likeness, None)
    if known is not None and took_over(known, fresh):
        result = work(known)
        took_over(fresh, known)
        _keep(known, likeness)
        return fresh, result
    before = drawn()
    result = work(fresh)
    # A function that draws numbers while it is traced would draw none the next time.
    return (_given_up(fresh, another, likeness) if before == drawn() else fresh), result


def _given_up(trained: AuxModel, another: Callable[[], AuxModel], likeness: str) -> AuxModel:
    """Keep a trained model, and return another one that has all that it learned."""
    from auxtasks.keras.private import is_state_in

    if not is_state_in(trained, variables_of(trained)):
        return trained
    twin = another()
    if not took_over(twin, trained):
        return trained
    _keep(trained, likeness)
    return twin


def _keep(model: AuxModel, likeness: str) -> None:
    """Keep a model without what it knows of the data."""
    model._listening.begin_anew()
    model.history = None
    _kept[likeness] = model
    while len(_kept) > MOST:
        _kept.pop(next(iter(_kept)), None)


def forms_of(options: Any) -> Any:
    """Return arguments of ``fit`` with shapes, dtypes and numbers of labels in the place of arrays."""
    if isinstance(options, Mapping):
        return {name: forms_of(value) for name, value in options.items()}
    if isinstance(options, (list, tuple)):
        return [forms_of(each) for each in options]
    if not hasattr(options, "shape"):
        return options
    return [tuple(options.shape), str(options.dtype), int((~missing_entries(np.asarray(options))).sum())]
