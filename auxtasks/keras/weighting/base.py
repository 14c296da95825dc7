"""What a weighting is: how much each auxiliary task counts at a step of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import keras
from keras import ops

from auxtasks.validation import check_name


class State(NamedTuple):
    """What is known at a step.

    `step` counts the steps trained before, shape (); `main` is the main loss, shape (); `losses` are the losses of the
    tasks over their chance and `present` whether the batch holds a label of each (0.0 or 1.0), both of shape (K,);
    `main_present` says the same of the main loss, shape ().
    """

    step: Any
    main: Any
    losses: Any
    present: Any
    main_present: Any = 1.0


class Factors(NamedTuple):
    """What the losses are multiplied by and what is added to them, `main` of shape () and `tasks` of shape (K,).

    What is added to the loss of a task is multiplied by its loss weight. None leaves a loss as it is.
    """

    main: Any = None
    tasks: Any = None
    added_to_main: Any = None
    added_to_tasks: Any = None


class Weighting(keras.layers.Layer):
    """Base of the weightings: state that is saved with the model, and factors beside the loss weights.

    The weight at which a task is trained is its loss weight (`AuxModel.loss_weights`) times its factor, so that a
    weight of 0 switches a task off under every weighting. The main loss keeps its weight of 1 unless a weighting says
    otherwise.

    Parameters
    ----------
    name : str, optional
        The name of the layer that holds the state.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=None if name is None else check_name("name", name), dtype="float32")
        self.tasks: tuple[str, ...] = ()

    def setup(self, tasks: Sequence[str]) -> None:
        """Create the state for these tasks; called once, when heads are attached."""
        self.tasks = tuple(tasks)
        self.steps = self._state("steps", (), dtype="int")
        self.built = True

    def _state(self, name: str, shape: tuple[int, ...], value: float = 0.0, dtype: str = "float32") -> Any:
        """Return a variable that is saved with the model and that no optimizer changes.

        ``"int"`` is what the backend counts in: JAX has no int64.
        """
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            dtype=dtype,
            # Several devices see different parts of a batch, and the same number of it.
            aggregation="only_first_replica" if dtype == "int" else "mean",
        )

    def factors(self, state: State) -> Factors:
        """Return the factors of a step; in evaluation those of the last step of training."""
        del state
        return Factors()

    def advance(self, state: State) -> None:
        """Take note of a step of training, after its factors were used."""
        del state
        self.steps.assign_add(1)

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        """Take note of the mean loss of each task in an epoch; tasks without a label are missing from it."""

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def combined(weightings: Sequence[Weighting], state: State) -> Factors:
    """Return the factors of several weightings together: products of what they multiply by, sums of what they add."""
    found = [weighting.factors(state) for weighting in weightings]
    return Factors(
        main=_joined(ops.multiply, [one.main for one in found]),
        tasks=_joined(ops.multiply, [one.tasks for one in found]),
        added_to_main=_joined(ops.add, [one.added_to_main for one in found]),
        added_to_tasks=_joined(ops.add, [one.added_to_tasks for one in found]),
    )


def _joined(join: Callable[[Any, Any], Any], values: Sequence[Any]) -> Any:
    said = [value for value in values if value is not None]
    return reduce(join, said) if said else None
