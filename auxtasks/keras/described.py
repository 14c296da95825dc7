"""A wrapper is described by the model in it: its layers by name, its inputs and outputs, its summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from auxtasks.keras.heads import Head
from auxtasks.keras.plan import Plan
from auxtasks.keras.private import is_called_in_graph


class DescribedByBase(keras.Model):
    """Answers for a model with heads what the base answers; what a subclassed base lacks is lacking here."""

    base: keras.Model
    heads: Sequence[Head]
    _plan: Plan

    @property
    def taps(self) -> dict[str, str]:
        """The path of the layer that each task's head reads."""
        return {task: point.path for task, point in self._plan.taps.items()}

    @property
    def input(self) -> Any:
        """The symbolic input of the base, or the structure of several; as a layer of another model, the one there."""
        return super().input if is_called_in_graph(self) else self.base.input

    @property
    def output(self) -> Any:
        """The symbolic output of the base, or the structure of several; as a layer of another model, the one there."""
        return super().output if is_called_in_graph(self) else self.base.output

    @property
    def inputs(self) -> Any:
        """The symbolic inputs of the base, as a list."""
        return self.base.inputs

    @property
    def outputs(self) -> Any:
        """The symbolic outputs of the base, as a list."""
        return self.base.outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input of the base, or those of several."""
        return self.base.input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output of the base, or those of several."""
        return self.base.output_shape

    @property
    def output_names(self) -> list[str] | None:
        """The names of the base's outputs, by which Keras matches labels, losses and metrics; None if it has none."""
        return getattr(self.base, "output_names", None)

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.Layer:
        """Return a layer of the base, or by its name the base itself or a head; see `keras.Model.get_layer`.

        Parameters
        ----------
        name : str, optional
            The name of the layer.
        index : int, optional
            Its place among ``base.layers``.

        Returns
        -------
        keras.Layer
            The layer.
        """
        own = {layer.name: layer for layer in (self.base, *self.heads)}
        if index is None and name in own and all(layer.name != name for layer in self.base.layers):
            return own[name]
        return self.base.get_layer(name, index)

    def summary(self, *args: Any, print_fn: Callable[..., Any] | None = None, **kwargs: Any) -> None:
        """Print the summary of the base, and the heads by their targets.

        Parameters
        ----------
        *args, print_fn, **kwargs
            As for `keras.Model.summary`.
        """
        self.base.summary(*args, print_fn=print_fn, **kwargs)
        n_base, n_heads = self.base.count_params(), sum(head.n_trained for head in self.heads)
        lines = [f"   {line}" for line in self._heads_in_words()]
        (print_fn or print)(
            "\n".join([f" Auxiliary heads, removed by strip_heads: {n_heads:,} params (base: {n_base:,})", *lines])
        )

    def _heads_in_words(self) -> list[str]:
        """Say of each head what it predicts, where it reads, and how many parameters of it are trained."""
        return [
            f"{' + '.join(spec.name for spec in head.specs)} at {self.taps[head.specs[0].name]!r} "
            f"with {head.n_trained:,}"
            for head in self.heads
        ]
