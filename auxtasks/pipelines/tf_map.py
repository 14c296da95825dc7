"""Targets inside a `tf.data` pipeline: what `AuxTargetGenerator.as_map` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.pipelines.elements import MAIN, Element, read_element
from auxtasks.pipelines.outside_graph import OutsideGraph
from auxtasks.pipelines.parts import for_batches, with_tasks
from auxtasks.targets.graph_inputs import checked_batch
from auxtasks.targets.graph_targets import graph_targets
from auxtasks.validation import check_flag

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator

_WAY_OUT = (
    "make the targets beforehand, with make_aux_targets(...).to_tf_dataset(y), or leave this task out of the generator."
)


class TargetMap:
    """The function for `tf.data.Dataset.map`; see `AuxTargetGenerator.as_map`.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.
    batched, column, label, in_graph
        As `AuxTargetGenerator.as_map` has them.

    Raises
    ------
    InvalidInputError
        If the generator is not fitted or has a task that adds samples.
    InvalidTypeError
        If a parameter is of the wrong type.
    """

    def __init__(
        self, generator: AuxTargetGenerator, batched: bool, column: str | None, label: str | None, in_graph: bool
    ) -> None:
        for argument, name in (("column", column), ("label", label)):
            if name is not None and not isinstance(name, str):
                raise InvalidTypeError(f"`{argument}` must be the name of a column; got {name!r:.60}.")
        self.generator = for_batches(generator, _WAY_OUT)
        self.batched = check_flag("batched", batched)
        self.column = column
        self.label = label
        dense = generator.domain != "text" and generator.length_ is None
        self.in_graph = check_flag("in_graph", in_graph) and dense

    def __call__(self, *element: Any) -> tuple[Any, ...]:
        """Put targets beside one element or batch."""
        parts = read_element(element, self.column, self.label)
        if MAIN in self.generator.specs_ and MAIN in parts.labels:
            raise InvalidInputError(
                f"`tasks`: a target is named {MAIN!r}, as the main label is; give the task another alias."
            )
        if self.batched:
            return parts.completed(*self._computed(self._checked(parts.x), parts))
        x, targets = self._computed(self._checked(tf.convert_to_tensor(parts.x)[tf.newaxis]), parts)
        return parts.completed(x[0], {name: target[0] for name, target in targets.items()})

    def _computed(self, x: Any, parts: Element) -> tuple[Any, dict[str, Any]]:
        """Return what the model reads, and the targets that the labels do not hold, in the order of the specs."""
        outside = OutsideGraph(with_tasks(self.generator, lambda task: self._is_outside(task, parts)))
        inside = with_tasks(self.generator, lambda task: self._is_inside(task) and task.name not in parts.labels)
        if outside.generator.specs_ or outside.changes_inputs:
            x, found = outside(x)
        else:
            found = {}
        if inside.specs_:
            found |= graph_targets(inside, x, as_transform=True)
        targets = {}
        for name, spec in self.generator.specs_.items():
            if name in self.generator.given_:
                row = tf.constant(outside.empty(spec, 1))
                found[name] = tf.repeat(row, tf.shape(x)[0], axis=0)
                found[name].set_shape((x.shape[0], *spec.shape))
            if name not in parts.labels:
                targets[name] = found[name]
        return x, targets

    def _is_inside(self, task: Task) -> bool:
        return self.in_graph and task.graph is not None and task.effect == "none"

    def _is_outside(self, task: Task, parts: Element) -> bool:
        return task.effect != "none" or not (self._is_inside(task) or task.name in parts.labels)

    def _checked(self, x: Any) -> Any:
        """Return the batch as a tensor, refused before the pipeline runs where that can be told."""
        g = self.generator
        x = x if isinstance(x, tf.RaggedTensor) else tf.convert_to_tensor(x)
        ragged, of_text = isinstance(x, tf.RaggedTensor), g.domain == "text"
        if (x.dtype == tf.string) != of_text:
            raise InvalidTypeError(
                f"`x` must hold {'strings: texts or tokens' if of_text else 'numbers'}, as the training inputs did; "
                f"found a tensor of {x.dtype.name}, shape {x.shape}."
            )
        if not of_text and g.length_ is None and not ragged:
            return checked_batch(g, x)
        if ragged and (x.ragged_rank != 1 or not (of_text or g.length_)):
            raise InvalidInputError(
                f"`x` is a RaggedTensor of shape {x.shape}, and the training inputs were of one shape; make it dense, "
                "such as by x.to_tensor(shape=...)."
            )
        if self.batched and not ragged and len(x.shape) > of_text:
            raise InvalidInputError(
                f"`x` of shape {x.shape} is padded, and nothing tells padding from "
                f"{'tokens' if of_text else 'series'}. Use .map(generator.as_map(batched=False)) before .batch(n), or "
                ".ragged_batch(n) before .map(generator.as_map())."
            )
        return x


def target_map(generator: AuxTargetGenerator, **how: Any) -> Any:
    """Return a `TargetMap` as a function that AutoGraph leaves alone: it would hide the type of an error.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted.
    **how
        The parameters of `TargetMap`.

    Returns
    -------
    callable
        For `tf.data.Dataset.map`.
    """
    return tf.autograph.experimental.do_not_convert(TargetMap(generator, **how).__call__)
