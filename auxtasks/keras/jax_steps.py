"""A step by parts of the loss on JAX, which differentiates functions where others record runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from auxtasks.keras.jax_sources import sources_in
from auxtasks.keras.training import Trainer, train_parts


def step_in_parts(model: Any, train: Trainer, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    """Do what Keras does in a step, but for how the loss, and what it is put together of, is trained."""
    import jax

    trained, others, of_optimizer, of_metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

    def losses_of(values: Any) -> tuple[list[Any], Any]:
        model._step.events.clear()  # of another run of the same step
        _, (loss, y_pred, *updated) = model.compute_loss_and_updates(
            values, others, of_metrics, x, y, sample_weight, training=True, optimizer_variables=of_optimizer
        )
        parts = model._step.parts
        told = keras.tree.map_structure(_as_tensor, parts._replace(main=None, losses=[]))
        return [loss, parts.main, *parts.losses], (y_pred, updated, told)

    # A variable that a loss does not depend on has no gradient, and not a gradient of 0.
    reached = sources_in(lambda values: losses_of(values)[0], trained)
    losses, pull, (y_pred, (others, of_metrics), told) = jax.vjp(losses_of, trained, has_aux=True)
    model._step.parts = told._replace(main=losses[1], losses=losses[2:])
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    values = (trained, others, of_optimizer, of_metrics)
    pairs = [pair for some in zip(variables, values, strict=True) for pair in zip(*some, strict=True)]
    with keras.StatelessScope(pairs) as scope:
        train_parts(model, train, Pullback(pull, losses, trained, reached), losses[0])
        *updated, of_metrics = ([scope.get_current_value(each) for each in some] for some in variables)
    logs, of_metrics = model._update_metrics_variables(of_metrics, losses[0], x, y, y_pred, sample_weight)
    return logs, (*updated, of_metrics)


def _as_tensor(part: Any) -> Any:
    return None if part is None else keras.ops.convert_to_tensor(part)


class Pullback:
    """The gradients of some losses by some variables, under the interface of `tf.GradientTape`.

    Parameters
    ----------
    pull : callable
        What `jax.vjp` returned for the function that makes the losses.
    losses : sequence of array
        The losses.
    values : sequence of array
        The values of the variables, by which they are asked for.
    reached : sequence of frozenset of int
        Which of these each loss depends on.
    """

    def __init__(
        self, pull: Any, losses: Sequence[Any], values: Sequence[Any], reached: Sequence[frozenset[int]]
    ) -> None:
        self._pull, self._summands, self._reached = pull, list(losses), reached
        self._places = {id(value): place for place, value in enumerate(values)}

    def gradient(self, target: Any, sources: Sequence[Any], output_gradients: Any) -> list[Any]:
        """Return the gradients of one loss times a factor; None of variables that it does not depend on."""
        number = [loss is target for loss in self._summands].index(True)
        upstream = [keras.ops.zeros_like(loss) for loss in self._summands]
        upstream[number] = keras.ops.cast(output_gradients, target.dtype)
        (found,) = self._pull(upstream)
        places = [self._places[id(source)] for source in sources]
        return [found[place] if place in self._reached[number] else None for place in places]
