"""The loss weights of a model: a variable, so that they change without compiling again."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import ops

from auxtasks.keras.plan import Plan
from auxtasks.keras.supervision import with_default
from auxtasks.keras.weights import AUTO, UNCOUNTED, Weight, checked_weights


class LossWeights(keras.Model):
    """The part of `AuxModel` that knows what each loss counts."""

    _plan: Plan
    _loss_weights: keras.Variable
    _automatic: tuple[str, ...] = ()

    def _add_loss_weights(self, weights: Mapping[str, Weight]) -> None:
        self._loss_weights = self.add_weight(
            name="loss_weights", shape=(len(weights),), initializer="zeros", trainable=False, dtype="float32"
        )
        self.set_loss_weights(weights)

    @property
    def loss_weights(self) -> dict[str, float]:
        """The loss weight of each task, automatic ones as the last `fit` set them; `set_loss_weights` changes them."""
        # By way of text, which is the shortest that names a float32: 0.1 and not 0.10000000149011612.
        weights = [float(str(weight)) for weight in ops.convert_to_numpy(self._loss_weights)]
        return dict(zip(self._plan.specs, weights, strict=True))

    def set_loss_weights(self, weights: Weight | Mapping[str, Weight]) -> None:
        """Change loss weights; takes effect at once, without compiling again.

        Parameters
        ----------
        weights : float, "auto" or mapping of str to these
            The weight of all tasks, or new weights by name; tasks left out keep theirs. ``"auto"`` leaves it to the
            next `fit`, and is 0.3 for a target of deep supervision; see `attach_heads`.

        Raises
        ------
        UnknownNameError
            If there is no such task.
        InvalidTypeError, InvalidInputError
            If a weight is no number, negative or not finite.
        """
        found = with_default(checked_weights(weights, self._asked_weights()), self._plan.specs)
        self._automatic = tuple(task for task, weight in found.items() if weight == AUTO)
        self._assign_weights(found, UNCOUNTED)

    def _asked_weights(self) -> dict[str, Weight]:
        return {task: AUTO if task in self._automatic else weight for task, weight in self.loss_weights.items()}

    def _set_automatic_weights(self, weight: float) -> None:
        """Give the tasks of which the weight was left to the data this one."""
        if self._automatic:
            self._assign_weights(self._asked_weights(), weight)

    def _assign_weights(self, asked: Mapping[str, Weight], automatic: float) -> None:
        specs = self._plan.specs
        self._loss_weights.assign(
            [automatic * specs[task].share if weight == AUTO else weight for task, weight in asked.items()]
        )
