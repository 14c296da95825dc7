"""Weightings that say a factor for each loss: by a plan, by how fast losses fall, or by a function of the user's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.validation import check_choice, check_flag, check_int, check_number

Shape = Literal["linear", "cosine"]


class Phase(Weighting):
    """Base of `Delayed` and `Pretrain`: a factor that is 0 for the first steps and 1 afterwards."""

    def __init__(self, steps: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n_steps = check_int("steps", steps, low=0)

    def _over(self, state: State) -> Any:
        return ops.cast(state.step >= self.n_steps, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.n_steps}


@keras.saving.register_keras_serializable("auxtasks")
class Delayed(Phase):
    """Trains the main task alone for the first steps.

    Parameters
    ----------
    steps : int
        So many steps; the factor is 0 during these and 1 afterwards.

    Examples
    --------
    >>> attach = {"delayed": {"steps": 500}}  # attach_heads(base, targets, weighting=attach)
    """

    def factors(self, state: State) -> Factors:
        return Factors(tasks=_everywhere(self._over(state), state))


@keras.saving.register_keras_serializable("auxtasks")
class Ramp(Weighting):
    """Base of `WarmUp` and `Decay`: a factor that goes from one value to another.

    Parameters
    ----------
    steps : int
        How long it takes, in steps of training.
    start : int, default 0
        The step at which it begins.
    shape : {"linear", "cosine"}
        Straight, or half a period of a cosine: slow, fast, slow.
    """

    def __init__(self, steps: int, start: int = 0, shape: Shape = "linear", name: str | None = None) -> None:
        super().__init__(name)
        self.n_steps, self.start = check_int("steps", steps, low=1), check_int("start", start, low=0)
        self.shape = check_choice("shape", shape, get_args(Shape))

    def _done(self, state: State) -> Any:
        done = ops.clip((ops.cast(state.step, "float32") - self.start) / self.n_steps, 0.0, 1.0)
        return (1.0 - ops.cos(math.pi * done)) / 2.0 if self.shape == "cosine" else done

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.n_steps, "start": self.start, "shape": self.shape}


@keras.saving.register_keras_serializable("auxtasks")
class WarmUp(Ramp):
    """Lets the auxiliary weights rise from 0: for the steps t from `start` on, ``(t - start) / steps``, at most 1.

    Parameters
    ----------
    steps, start, shape
        As for `Ramp`; with ``shape="cosine"`` the factor is ``(1 - cos(pi d)) / 2`` of this share d.
    """

    def factors(self, state: State) -> Factors:
        return Factors(tasks=_everywhere(self._done(state), state))


@keras.saving.register_keras_serializable("auxtasks")
class Decay(Ramp):
    """Lets the auxiliary weights fall, from 1 to `to`, so that the last steps belong to the main task.

    Parameters
    ----------
    steps, start, shape
        As for `Ramp`.
    to : float, default 0.0
        The factor at the end.
    """

    def __init__(
        self, steps: int, start: int = 0, shape: Shape = "linear", to: float = 0.0, name: str | None = None
    ) -> None:
        super().__init__(steps, start, shape, name)
        self.to = check_number("to", to, low=0.0)

    def factors(self, state: State) -> Factors:
        return Factors(tasks=_everywhere(1.0 - (1.0 - self.to) * self._done(state), state))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "to": self.to}


@keras.saving.register_keras_serializable("auxtasks")
class Pretrain(Phase):
    """Trains the auxiliary tasks alone for the first steps, and everything together afterwards.

    Parameters
    ----------
    steps : int
        So many steps; the main loss counts 0 during these and 1 afterwards.
    """

    def factors(self, state: State) -> Factors:
        return Factors(main=self._over(state))


def _everywhere(factor: Any, state: State) -> Any:
    return factor * ops.ones_like(state.losses)


@keras.saving.register_keras_serializable("auxtasks")
class DynamicWeightAverage(Weighting):
    """Gives more weight to the auxiliary tasks whose loss falls more slowly (Liu, Johns and Davison, CVPR 2019).

    Parameters
    ----------
    temperature : float, default 2.0
        The larger, the more equal the weights.

    Notes
    -----
    In epoch t, task k of K has the factor ``K exp(r_k / T) / sum_i exp(r_i / T)``, where ``r_k`` is its mean loss in
    epoch t - 1 over that in epoch t - 2; 1 in the first two epochs. The factors of the auxiliary tasks have mean 1, and
    the main task keeps its weight. An epoch is one of ``fit``; in loops of one's own call `end_epoch`. A task without
    any label in an epoch keeps its last losses.
    """

    def __init__(self, temperature: float = 2.0, name: str | None = None) -> None:
        super().__init__(name)
        self.temperature = check_number("temperature", temperature, low=1e-3)

    def setup(self, tasks: Sequence[str]) -> None:
        super().setup(tasks)
        self.last = self._state("last", (len(tasks),), float("nan"))
        self.before = self._state("before", (len(tasks),), float("nan"))

    def factors(self, state: State) -> Factors:
        del state
        last, before = ops.convert_to_tensor(self.last), ops.convert_to_tensor(self.before)
        ratio = ops.divide_no_nan(last, before)
        ratio = ops.where(ops.isnan(ratio), 1.0, ratio)
        # Not Keras's softmax, which warns of a single task.
        powers = ops.exp((ratio - ops.max(ratio)) / self.temperature)
        return Factors(tasks=len(self.tasks) * powers / ops.sum(powers))

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        last, before = (ops.convert_to_numpy(part).copy() for part in (self.last, self.before))
        new = np.array([losses.get(task, np.nan) for task in self.tasks], dtype="float32")
        known = ~np.isnan(new)
        self.before.assign(np.where(known, last, before))
        self.last.assign(np.where(known, new, last))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable("auxtasks")
class Uncertainty(Weighting):
    """Learns how noisy each task is, and trusts it accordingly (Kendall, Gal and Cipolla, CVPR 2018).

    Parameters
    ----------
    main : bool, default False
        Whether the main loss is weighed too; by default it keeps its weight of 1.

    Notes
    -----
    A task with loss L is trained by ``exp(-s) L + s``, where s, the logarithm of its variance, begins at 0 (a factor
    of 1) and is trained by the model's optimizer. This is twice the expression of the paper for squared errors, and is
    used for every kind of loss. For a loss that stays at L, s goes to log L, and the factor to 1 / L. A task without a
    label in a batch gives its s no gradient (an optimizer with momentum goes on moving it a little). The weight that
    the user gave multiplies the whole expression.
    """

    def __init__(self, main: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.weighs_main = check_flag("main", main)

    def setup(self, tasks: Sequence[str]) -> None:
        super().setup(tasks)
        self.log_variance = self.add_weight(name="log_variance", shape=(len(tasks),), initializer="zeros")
        if self.weighs_main:
            self.main_log_variance = self.add_weight(name="main_log_variance", shape=(), initializer="zeros")

    def factors(self, state: State) -> Factors:
        """Return ``exp(-s)`` and s for each task, s only where the batch has a label."""
        s = ops.convert_to_tensor(self.log_variance)
        tasks = Factors(tasks=ops.exp(-s), added_to_tasks=s * state.present)
        if not self.weighs_main:
            return tasks
        main = ops.convert_to_tensor(self.main_log_variance)
        return tasks._replace(main=ops.exp(-main), added_to_main=main)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "main": self.weighs_main}


@keras.saving.register_keras_serializable("auxtasks")
class Custom(Weighting):
    """Asks a function for the factors of every step.

    Parameters
    ----------
    function : callable
        ``function(step, main_loss, losses)`` with a tensor of int64, one of float32 and a mapping of tasks to tensors;
        returns a factor for all tasks or a mapping of factors by name (1 for those left out), as tensors or numbers.
        It is traced as a part of the step. To save the model, register it with
        `keras.saving.register_keras_serializable`.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name)
        if not callable(function):
            raise InvalidTypeError(f"`weighting` must be a name, options or a function; got {abbreviated(function)}.")
        self.function = function

    def factors(self, state: State) -> Factors:
        by_name = dict(zip(self.tasks, ops.unstack(state.losses, len(self.tasks)), strict=True))
        said = self.function(state.step, state.main, by_name)
        if not isinstance(said, Mapping):
            return Factors(tasks=self._checked("all tasks", said) * ops.ones_like(state.losses))
        for task in said:
            if task not in self.tasks:
                raise unknown_name("weighting", task, self.tasks, "auxiliary target")
        return Factors(tasks=ops.stack([self._checked(task, said.get(task, 1.0)) for task in self.tasks]))

    def _checked(self, whose: str, factor: Any) -> Any:
        if factor is None or np.ndim(factor) or isinstance(factor, str):
            raise InvalidInputError(
                f"`weighting`: the function {self.function!r} must return one factor for all tasks, or a mapping of "
                f"tasks to factors; for {whose} it returned {factor!r}."
            )
        return ops.cast(factor, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the function by the name under which it is registered.

        Raises
        ------
        InvalidInputError
            If it is not registered: what is saved holds no code, and the function could not be found again.
        """
        if keras.saving.get_registered_object(keras.saving.get_registered_name(self.function)) is None:
            raise InvalidInputError(
                f"`weighting`: the function {self.function!r} is not registered, so a saved model could not find it. "
                "Decorate it with keras.saving.register_keras_serializable()."
            )
        return {**super().get_config(), "function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Custom:
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
