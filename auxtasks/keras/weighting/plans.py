"""Weights that follow a plan: a delayed start, warm-up, decay, and steps on the auxiliary tasks alone."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
from keras import ops

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.validation import check_choice, check_int, check_number

Shape = Literal["linear", "cosine"]


@keras.saving.register_keras_serializable("auxtasks")
class Delayed(Weighting):
    """Trains the main task alone for the first steps.

    Parameters
    ----------
    steps : int
        So many steps; the factor is 0 during these and 1 afterwards.
    name : str, optional
        The layer's name.

    Examples
    --------
    >>> attach = {"delayed": {"steps": 500}}  # attach_heads(base, targets, weighting=attach)
    """

    def __init__(self, steps: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n_steps = check_int("steps", steps, low=0)

    def factors(self, state: State) -> Factors:
        """Return 0 or 1 for all tasks."""
        return Factors(tasks=_everywhere(ops.cast(state.step >= self.n_steps, "float32"), state))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "steps": self.n_steps}


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
    name : str, optional
        The layer's name.
    """

    def __init__(self, steps: int, start: int = 0, shape: Shape = "linear", name: str | None = None) -> None:
        super().__init__(name)
        self.n_steps, self.start = check_int("steps", steps, low=1), check_int("start", start, low=0)
        self.shape = check_choice("shape", shape, get_args(Shape))

    def _done(self, state: State) -> Any:
        """Return how much of the way is done, from 0 to 1."""
        done = ops.clip((ops.cast(state.step, "float32") - self.start) / self.n_steps, 0.0, 1.0)
        return (1.0 - ops.cos(math.pi * done)) / 2.0 if self.shape == "cosine" else done

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "steps": self.n_steps, "start": self.start, "shape": self.shape}


@keras.saving.register_keras_serializable("auxtasks")
class WarmUp(Ramp):
    """Lets the auxiliary weights rise from 0: for the steps t from `start` on, ``(t - start) / steps``, at most 1.

    Parameters
    ----------
    steps, start, shape, name
        As for `Ramp`; with ``shape="cosine"`` the factor is ``(1 - cos(pi d)) / 2`` of this share d.
    """

    def factors(self, state: State) -> Factors:
        """Return the share of the way that is done."""
        return Factors(tasks=_everywhere(self._done(state), state))


@keras.saving.register_keras_serializable("auxtasks")
class Decay(Ramp):
    """Lets the auxiliary weights fall, from 1 to `to`, so that the last steps belong to the main task.

    Parameters
    ----------
    steps, start, shape, name
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
        """Return 1 less the share of the way that is done, or what lies as far on the way to `to`."""
        return Factors(tasks=_everywhere(1.0 - (1.0 - self.to) * self._done(state), state))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "to": self.to}


@keras.saving.register_keras_serializable("auxtasks")
class Pretrain(Weighting):
    """Trains the auxiliary tasks alone for the first steps, and everything together afterwards.

    Parameters
    ----------
    steps : int
        So many steps; the main loss counts 0 during these and 1 afterwards.
    name : str, optional
        The layer's name.
    """

    def __init__(self, steps: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n_steps = check_int("steps", steps, low=0)

    def factors(self, state: State) -> Factors:
        """Return 0 or 1 for the main loss."""
        return Factors(main=ops.cast(state.step >= self.n_steps, "float32"))

    def get_config(self) -> dict[str, Any]:
        """Return the options."""
        return {**super().get_config(), "steps": self.n_steps}


def _everywhere(factor: Any, state: State) -> Any:
    return factor * ops.ones_like(state.losses)
