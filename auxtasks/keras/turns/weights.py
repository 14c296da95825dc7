"""The weights of the losses in a step that trains one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from keras import ops

from auxtasks.errors import InvalidInputError
from auxtasks.keras.losses import Total
from auxtasks.keras.objective import stacked
from auxtasks.keras.weighting.base import State, Weighting, combined
from auxtasks.keras.weighting.conflicts import GradientWeighting


class TurnWeights(NamedTuple):
    """The weight of the main loss, of shape (), those of the tasks, of shape (K,), and what weightings were told."""

    main: Any
    tasks: Any
    state: State | None = None


def check_weightings(weightings: Iterable[Weighting]) -> None:
    """Refuse weightings that need the losses of several tasks to be trained at once.

    Parameters
    ----------
    weightings : iterable of Weighting
        Those of the model.

    Raises
    ------
    InvalidInputError
        If one looks at the gradients of several tasks, or is itself trained.
    """
    for weighting in weightings:
        if isinstance(weighting, GradientWeighting) or weighting.trainable_variables:
            raise InvalidInputError(
                f"`weighting`: {type(weighting).__name__} needs several tasks in a step and cannot go with a "
                "`schedule` that trains one; use schedule='joint', or a weighting that follows a plan or the losses."
            )


def turn_weights(model: Any, main: Any, totals: Mapping[str, Total]) -> TurnWeights:
    """Return the weights of a step of training, and note them for the logs.

    Parameters
    ----------
    model : AuxModel
        In a running step.
    main : tensor, shape ()
        The main loss.
    totals : mapping of str to Total
        The losses of the tasks over their chance.

    Returns
    -------
    TurnWeights
        The loss weights times what the weightings say.
    """
    tasks = ops.convert_to_tensor(model._loss_weights)
    if not model.weightings:
        return TurnWeights(ops.ones(()), tasks)
    sums = stacked(totals)
    state = State(
        ops.convert_to_tensor(model.weightings[0].steps),
        ops.stop_gradient(ops.cast(main, "float32")),
        ops.stop_gradient(ops.divide_no_nan(*sums)),
        ops.cast(sums.count > 0, "float32"),
    )
    factors = combined(model.weightings, state)
    if factors.tasks is not None:
        tasks = tasks * factors.tasks
    model._log_weights_of(totals)
    model._note_weights(tasks, None)
    return TurnWeights(ops.ones(()) if factors.main is None else ops.cast(factors.main, "float32"), tasks, state)
