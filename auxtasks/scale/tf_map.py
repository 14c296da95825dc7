"""Targets inside a `tf.data` pipeline: what `AuxTargetGenerator.as_map` returns."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.labels import MAIN
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.graph import checked_batch, graph_targets
from auxtasks.typing import Array
from auxtasks.validation import check_flag

_WAY_OUT = (
    "make the targets beforehand, with make_aux_targets(...).to_tf_dataset(y), or leave this task out of the generator."
)


class TargetMap:
    """The function for `tf.data.Dataset.map`; see `AuxTargetGenerator.as_map`, which has the same arguments."""

    def __init__(self, fitted: Fitted, batched: bool, column: str | None, label: str | None, in_graph: bool) -> None:
        for argument, name in (("column", column), ("label", label)):
            if name is not None and not isinstance(name, str):
                raise InvalidTypeError(f"`{argument}` must be the name of a column; got {abbreviated(name)}.")
        fitted.check_adds_none(_WAY_OUT)
        self.fitted = fitted
        self.batched = check_flag("batched", batched)
        self.column = column
        self.label = label
        dense = fitted.domain != "text" and fitted.length is None
        self.in_graph = check_flag("in_graph", in_graph) and dense
        inside = [task.name for task in fitted.tasks if self.in_graph and task.extractor.tensor_function is not None]
        if inside:
            _check_backend(inside)

    def __call__(self, *element: Any) -> tuple[Any, ...]:
        parts = read_element(element, self.column, self.label)
        if MAIN in self.fitted.specs and MAIN in parts.labels:
            raise InvalidInputError(
                f"`tasks`: a target is named {MAIN!r}, as the main label is; give the task another alias."
            )
        if self.batched:
            return parts.completed(*self._computed(self._checked(parts.x), parts))
        x, targets = self._computed(self._checked(tf.convert_to_tensor(parts.x)[tf.newaxis]), parts)
        return parts.completed(x[0], {name: target[0] for name, target in targets.items()})

    def _computed(self, x: Any, parts: Element) -> tuple[Any, dict[str, Any]]:
        """Return what the model reads, and the targets that the labels do not hold, in the order of the specs."""
        fitted = self.fitted
        wanted = [task for task in fitted.tasks if task.name in fitted.specs and task.name not in parts.labels]
        inside = {task.name for task in wanted if self.in_graph and task.extractor.tensor_function is not None}
        changing = {task.name for task in fitted.tasks if task.extractor.effect != "none"}
        x, found = _outside_graph(_with_tasks(fitted, {task.name for task in wanted} - inside | changing), x)
        if inside - changing:
            found |= graph_targets(_with_tasks(fitted, inside - changing), x, as_transform=True)
        # A teacher says nothing inside a pipeline.
        taught = [name for name, spec in fitted.specs.items() if spec.is_taught]
        for name in (name for name in (*fitted.label_columns, *taught) if name in fitted.specs):
            found[name] = tf.repeat(tf.constant(fitted.missing(name, 1)), tf.shape(x)[0], axis=0)
            found[name].set_shape((x.shape[0], *fitted.specs[name].shape))
        return x, {name: found[name] for name in fitted.specs if name not in parts.labels}

    def _checked(self, x: Any) -> Any:
        """Return the batch as a tensor, refused before the pipeline runs where that can be told."""
        fitted = self.fitted
        x = x if isinstance(x, tf.RaggedTensor) else tf.convert_to_tensor(x)
        ragged, of_text = isinstance(x, tf.RaggedTensor), fitted.domain == "text"
        if (x.dtype == tf.string) != of_text:
            raise InvalidTypeError(
                f"`x` must hold {'strings: texts or tokens' if of_text else 'numbers'}, as the training inputs did; "
                f"found a tensor of {x.dtype.name}, shape {x.shape}."
            )
        if x.shape.rank == 0:
            raise InvalidInputError(
                "`x` is one sample, but must be a batch; use .batch(n) before .map(generator.as_map()), or "
                ".map(generator.as_map(batched=False))."
            )
        if not of_text and fitted.length is None and not ragged:
            return checked_batch(fitted, x)
        if ragged and (x.ragged_rank != 1 or not (of_text or fitted.length)):
            raise InvalidInputError(
                f"`x` is a RaggedTensor of shape {x.shape}, but the training inputs were of one shape; make it dense, "
                "such as by x.to_tensor(shape=...)."
            )
        if self.batched and not ragged and len(x.shape) > of_text:
            raise InvalidInputError(
                f"`x` of shape {x.shape} is padded, and padding cannot be told from "
                f"{'tokens' if of_text else 'series'}. Use .map(generator.as_map(batched=False)) before .batch(n), or "
                ".ragged_batch(n) before .map(generator.as_map())."
            )
        return x


def _check_backend(inside: list[str]) -> None:
    """Refuse tasks that are to be computed by operations which a pipeline of TensorFlow cannot hold."""
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise InvalidInputError(
            f"`in_graph`: Keras runs on {backend!r}, whose operations a tf.data pipeline cannot hold, but these tasks "
            f"need them: {', '.join(map(repr, inside))}. Pass in_graph=False, which calls NumPy from the pipeline; "
            "make the targets beforehand, with make_aux_targets; or attach the heads to the generator itself, "
            "attach_heads(model, generator), and train on arrays or a keras.utils.PyDataset."
        )


def target_map(fitted: Fitted, **how: Any) -> Any:
    """Return a `TargetMap` as a function that AutoGraph leaves alone: it would hide the type of an error."""
    return tf.autograph.experimental.do_not_convert(TargetMap(fitted, **how).__call__)


@dataclass(frozen=True)
class Element:
    """One element of a data set, or one batch of them."""

    inputs: Any  # what the model reads: a tensor, or several by name
    column: str | None  # which of several the targets are computed from
    labels: dict[str, Any]  # the main label as "main", or what the labels hold by name
    weights: tuple[Any, ...]  # the sample weights, or nothing

    @property
    def x(self) -> Any:
        return self.inputs if self.column is None else self.inputs[self.column]

    def completed(self, x: Any, targets: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return ``(x, labels and targets[, weights])``, with `x` in the place of what the targets came from."""
        inputs = x if self.column is None else {**self.inputs, self.column: x}
        return inputs, {**self.labels, **targets}, *self.weights


def read_element(element: tuple[Any, ...], column: str | None, label: str | None) -> Element:
    """Take apart what `tf.data.Dataset.map` calls its function with."""
    if len(element) > 3:
        raise InvalidTypeError(
            f"the map takes x, (x, y), (x, y, sample_weight) or a mapping of columns; got {len(element)} entries. "
            "Bring the elements into one of these forms by a map before this one."
        )
    x, *rest = element
    if not rest and isinstance(x, Mapping):
        named = _known("column", column, x), label if label is None else _known("label", label, x)
        return Element(x[named[0]], None, {} if named[1] is None else {MAIN: x[named[1]]}, ())
    if label is not None:
        raise InvalidInputError(
            f"`label` applies to elements that are mappings of columns; these elements have {len(element)} parts, and "
            "the second is the label. Omit `label`."
        )
    labels = {} if not rest else dict(rest[0]) if isinstance(rest[0], Mapping) else {MAIN: rest[0]}
    if isinstance(x, Mapping):
        return Element(dict(x), _known("column", column, x), labels, tuple(rest[1:]))
    if isinstance(x, (list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, or a mapping of names to tensors of which `column` names one; got a "
            f"{type(x).__name__} of {len(x)}. Turn it into a mapping by a map before this one."
        )
    if column is not None:
        raise InvalidInputError(f"`column` is {column!r}, and the inputs are one tensor without columns; leave it out.")
    return Element(x, None, labels, tuple(rest[1:]))


def _known(argument: str, name: str | None, columns: Mapping[str, Any]) -> str:
    if name is None:
        raise InvalidInputError(
            f"`{argument}` must name what the targets are computed from, where elements are mappings; found the names "
            f"{', '.join(map(repr, columns))}."
        )
    if name not in columns:
        raise unknown_name(argument, name, columns, "column")
    return name


# Taggers promise nothing of threads, and a pipeline calls from several.
_tagging = threading.Lock()


def _outside_graph(fitted: Fitted, x: Any) -> tuple[Any, dict[str, Any]]:
    """Return what the model reads, and the targets, of a batch, by `Fitted.transform` called from within a graph."""
    n, of_text = x.shape[0], fitted.domain == "text"
    like = _prepared_like(fitted, x) if fitted.changes_inputs else None
    nothing = [*([] if like is None else [like[:0]]), *map(fitted.missing, fitted.specs)]
    if not nothing:
        return x, {}

    def compute(x: Array, row_splits: Array | None = None) -> list[Array]:
        samples = _samples(x, row_splits) if of_text or row_splits is not None or fitted.length else x
        if not len(samples):
            # Distributed training fills up with empty batches, which the door would refuse.
            return nothing
        with _tagging if of_text else nullcontext():
            made = fitted.transform(samples)
        return [*([] if like is None else [np.asarray(made.inputs)]), *made.arrays.values()]

    arguments = [x.values, x.row_splits] if isinstance(x, tf.RaggedTensor) else [x]
    dtypes = [tf.as_dtype(array.dtype) for array in nothing]
    # Outside a graph TensorFlow takes a single result out of its list.
    found = tf.nest.flatten(tf.numpy_function(compute, arguments, dtypes, stateful=False))
    if like is not None:
        x = tf.ensure_shape(found.pop(0), (n, *like.shape[1:]))
    # Set, not ensured: `transform` itself has compared the shapes with the specs'.
    for tensor, spec in zip(found, fitted.specs.values(), strict=True):
        tensor.set_shape((n, *spec.shape))
    return x, dict(zip(fitted.specs, found, strict=True))


def _prepared_like(fitted: Fitted, x: Any) -> Any:
    """Return the form in which the model reads such a batch, of one sample that holds nothing."""
    if fitted.domain == "text":
        tokens = isinstance(x, tf.RaggedTensor) or len(x.shape) > 1
        with tf.init_scope():  # a tokenizer that is a layer answers in numbers outside of the pipeline's graph alone
            return fitted.prepare([["a"]] if tokens else ["a"])
    if fitted.length is None:
        return fitted.prepare(np.zeros((1, *x.shape[1:]), x.dtype.as_numpy_dtype))
    return fitted.prepare([np.zeros(fitted.given_shape, x.dtype.as_numpy_dtype)])


def _samples(x: Array, row_splits: Array | None) -> Any:
    """Return series or texts as a list; texts come as bytes."""
    parts: Any = list(x) if row_splits is None else np.split(x, row_splits[1:-1]) if len(row_splits) > 1 else []
    return parts if x.dtype != object else [_decoded(part) for part in parts]


def _decoded(part: Any) -> Any:
    return part.decode("utf-8") if isinstance(part, bytes) else [token.decode("utf-8") for token in part]


def _with_tasks(fitted: Fitted, names: Set[str]) -> Fitted:
    tasks = tuple(task for task in fitted.tasks if task.name in names)
    return replace(
        fitted, tasks=tasks, label_columns={}, specs={n: spec for n, spec in fitted.specs.items() if n in names}
    )
