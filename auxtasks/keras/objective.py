"""What is minimised: the main loss and those of the tasks, each times what it counts at this step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from keras import ops

from auxtasks.backend import NAME, n_replicas, over_replicas
from auxtasks.batches.composition import AUTO, UNCOUNTED, Weight, checked_weights
from auxtasks.keras.losses import Total
from auxtasks.keras.metrics import FactorMeans, TaskMeans
from auxtasks.keras.supervision import with_default
from auxtasks.keras.weighting.base import Factors, State, Weighting, combined
from auxtasks.keras.weighting.by_gradient import GradientWeighting
from auxtasks.specs import TargetSpec


class LossWeights:
    """The loss weight of each task, some of which may be left to the data."""

    def __init__(
        self, specs: Mapping[str, TargetSpec], weights: Mapping[str, Weight], add_weight: Callable[..., Any]
    ) -> None:
        self._specs = specs
        self.left_open: tuple[str, ...] = ()
        """The tasks of which the weight was left to the data."""
        self.automatic = UNCOUNTED
        self.variable = add_weight(
            name="loss_weights", shape=(len(specs),), initializer="zeros", trainable=False, dtype="float32"
        )
        self.change(weights)

    def change(self, weights: Weight | Mapping[str, Weight]) -> None:
        found = with_default(checked_weights(weights, self.asked()), self._specs)
        self.left_open = tuple(task for task, weight in found.items() if weight == AUTO)
        self._assign(found, UNCOUNTED, {})

    def numbers(self) -> dict[str, float]:
        # By way of text, which is the shortest that names a float32: 0.1 and not 0.10000000149011612.
        weights = [float(str(weight)) for weight in ops.convert_to_numpy(self.variable)]
        return dict(zip(self._specs, weights, strict=True))

    def asked(self) -> dict[str, Weight]:
        return {task: AUTO if task in self.left_open else weight for task, weight in self.numbers().items()}

    def set_automatic(self, weight: float, of_taught: Mapping[str, float]) -> None:
        """Give the tasks of which the weight was left to the data this one, and soft labels their own."""
        self.automatic = weight
        if self.left_open:
            self._assign(self.asked(), weight, of_taught)

    def _assign(self, asked: Mapping[str, Weight], automatic: float, of_taught: Mapping[str, float]) -> None:
        def found(task: str) -> float:
            if self._specs[task].is_taught:
                return of_taught.get(task, 1.0)
            return automatic * self._specs[task].weight_scale

        self.variable.assign([found(task) if weight == AUTO else weight for task, weight in asked.items()])


class Parts(NamedTuple):
    """What a loss is put together of, for a step that trains its parts by themselves.

    The main loss and its factor (None for 1), the loss of each task without its weight, the weights, of shape (K,), of
    how many labels the main loss and those of the tasks were computed, and what weightings were told.
    """

    main: Any
    main_factor: Any
    losses: list[Any]
    weights: Any
    counts: tuple[Any, Any]
    state: State | None


class Objective:
    """Weighs the losses: by the weights of the tasks, and by what weightings say beside these.

    A plain object: what Keras must track and save is an attribute of the model, too.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        loss_weights: LossWeights,
        weightings: Sequence[Weighting],
        *,
        alternates: bool,
        agrees: bool,
    ) -> None:
        self._tasks, self._loss_weights = frozenset(tasks), loss_weights
        self.weightings = weightings
        self.by_gradient = next((one for one in weightings if isinstance(one, GradientWeighting)), None)
        self.weight_means: Any = TaskMeans(tasks, "weight") if weightings else None
        # Where metrics are computed, JAX knows of no other variables, the loss weights among them.
        self.factor_means: Any = FactorMeans(len(tasks)) if weightings or agrees or NAME == "jax" else None
        self.cosine_means: Any = TaskMeans(tasks, "cosine") if self.by_gradient else None
        self.in_parts = alternates or self.by_gradient is not None
        """Whether a step trains the parts of the loss by themselves."""

    def log(self, *, training: bool) -> None:
        """Say whether weights are known, as in training; the logs of evaluation leave them out."""
        for means in (self.weight_means, self.cosine_means):
            if means is not None:
                means.in_step = self._tasks if training else frozenset()

    def main_alone(self, main: Any, agreement: Any) -> Any:
        """Return the loss of a batch without auxiliary targets: the main one, and that of agreement if there is one."""
        if self.factor_means is not None:
            added = ops.zeros(()) if agreement is None else ops.stop_gradient(agreement)
            self.factor_means.update_state(1.0, ops.convert_to_tensor(self._loss_weights.variable), added)
        return _sum(main, agreement)

    def joined(
        self,
        main: Any,
        n_labels: Any,
        totals: Mapping[str, Total],
        sums: Total,
        *,
        trains_main: bool,
        training: bool,
        agreement: Any = None,
        fading: Any = None,
    ) -> tuple[Any, Parts]:
        """Return the loss of a batch, and what it is put together of where a step or weightings ask for it.

        The loss of agreement goes with the main one. `fading` is a factor for the loss of each task.
        """
        # Keras divides losses by the number of replicas, because it sums their gradients.
        replicas = n_replicas()
        losses = ops.divide_no_nan(*sums)
        state, factors, added = None, Factors(), None
        if self.weightings:
            state = self._state(main, n_labels, losses, sums.count, replicas, trains_main)
            factors = combined(self.weightings, state)
            added = self._added(factors)
        weights = _product(_product(ops.convert_to_tensor(self._loss_weights.variable), factors.tasks), fading)
        auxiliary = ops.sum(weights * losses)
        if added is not None:
            auxiliary += added
        if self.factor_means is not None:
            of_main = ops.ones(()) if factors.main is None else factors.main
            beside = ops.zeros(()) if agreement is None else of_main * ops.cast(agreement, "float32")
            if added is not None:
                beside += added
            self.factor_means.update_state(*map(ops.stop_gradient, (of_main, weights, beside)))
        if self.weightings and training and self.by_gradient is None:
            self.note_weights(weights)
        main = _sum(main, agreement)
        loss = _product(main, factors.main) + ops.cast(auxiliary / replicas, main.dtype)
        if training and not self.in_parts:
            self.advance(state)  # here, where JAX takes what is assigned out of the step
        # One by one: through a stack each loss would seem to depend on what any of them does.
        alone = [ops.divide_no_nan(*total) / replicas for total in totals.values()] if self.in_parts else []
        return loss, Parts(main, factors.main, alone, weights, (n_labels, sums.count), state)

    def alone(self, sums: Total) -> Any:
        """Return the weighted loss of the tasks, for a step that adds it to a loss of its own."""
        replicas = n_replicas()
        return ops.sum(ops.convert_to_tensor(self._loss_weights.variable) * ops.divide_no_nan(*sums)) / replicas

    def advance(self, state: State | None) -> None:
        """Tell weightings of the end of a step of training, once its factors were used."""
        if state is not None:
            for weighting in self.weightings:
                weighting.advance(state)

    def note_weights(self, weights: Any, scales: Any = None) -> None:
        """Put weights into the logs, times how far the gradients of the tasks are let through."""
        weights = ops.stop_gradient(weights if scales is None else weights * scales)
        known = ops.isfinite(weights)
        self.weight_means.update_state(ops.where(known, weights, 0.0), ops.cast(known, "float32"))

    def note_cosines(self, cosines: Any, state: State) -> None:
        """Put cosines into the logs, where they are known and the batch has labels."""
        known = ops.cast(ops.isfinite(cosines), "float32") * state.present * state.main_present
        self.cosine_means.update_state(ops.where(known > 0, cosines, 0.0), known)

    def mean_factors(self) -> tuple[Any, Any, Any]:
        """Return what the main loss and those of the tasks were multiplied by on average, and what was added."""
        if self.factor_means is not None:
            means: tuple[Any, Any, Any] = self.factor_means.means()
            return means
        return 1.0, ops.convert_to_tensor(self._loss_weights.variable), 0.0

    def _state(self, main: Any, n_labels: Any, losses: Any, counts: Any, replicas: int, trains_main: bool) -> State:
        """Return what weightings are told: the same on every device, so that all come to the same weights."""
        main, losses = ops.stop_gradient(ops.cast(main, "float32")), ops.stop_gradient(losses)
        counted = ops.cast(counts, "float32"), ops.cast(n_labels, "float32")
        main, losses, counts, n_labels = over_replicas((main, losses, *counted))
        present, main_present = (ops.cast(count > 0, "float32") for count in (counts, n_labels))
        step = ops.convert_to_tensor(self.weightings[0].steps)
        return State(step, main, losses / replicas, present, main_present * float(trains_main))

    def _added(self, factors: Factors) -> Any:
        added = ops.zeros(()) if factors.added_to_main is None else factors.added_to_main
        if factors.added_to_tasks is not None:
            added += ops.sum(ops.convert_to_tensor(self._loss_weights.variable) * factors.added_to_tasks)
        return added


def _product(value: Any, factor: Any) -> Any:
    return value if factor is None else value * ops.cast(factor, value.dtype)


def _sum(main: Any, agreement: Any) -> Any:
    return main if agreement is None else main + ops.cast(agreement, main.dtype)
