"""What is used of Keras beyond its public interface: all of it, so that another version of Keras breaks one file."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    import tensorflow as tf

DECAY_EXCLUSIONS = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
"""What `exclude_from_weight_decay` sets on an optimizer, whose configuration lacks it."""
_SEEDS = ("global_random_seed", "global_seed_generator")


def layers_in(layer: keras.Layer, *, nested: bool = True, itself: bool = False) -> list[keras.Layer]:
    return list(layer._flatten_layers(include_self=itself, recursive=nested))


def is_wired(model: keras.Model) -> bool:
    """Tell whether a model is a graph of layers that can be wired anew."""
    return isinstance(model, (keras.Sequential, keras.src.models.Functional))


def take_training_as(model: keras.Model, base: keras.Model) -> None:
    """Let the steps of Keras tell a wrapper whether they train if they would tell the model in it.

    They tell only a model whose ``call`` has the argument; the layers of another one keep their own defaults.
    """
    model._call_has_training_arg = base._call_has_training_arg


def run(model: keras.Model, inputs: Any, *, training: bool) -> Any:
    """Call a model as a step of Keras does."""
    return model(inputs, training=training) if model._call_has_training_arg else model(inputs)


def aside() -> keras.StatelessScope:
    """Return a scope that keeps no change of a variable, and in which each has the value that it has outside.

    A scope of Keras does not look at the one around it, which on JAX holds what a step trains.
    """
    scope = keras.StatelessScope()
    outer = keras.src.backend.common.global_state.get_global_attribute("stateless_scope")
    if outer is not None:
        scope.state_mapping.update(outer.state_mapping)
    return scope


@contextmanager
def losses_kept(model: keras.Model) -> Iterator[None]:
    """Give layers back the losses of their last call, which the next one clears."""
    layers = layers_in(model, itself=True)
    before = [(layer._losses[:], set(layer._loss_ids)) for layer in layers]
    try:
        yield
    finally:
        for layer, (losses, ids) in zip(layers, before, strict=True):
            layer._losses[:], layer._loss_ids = losses, ids


def writes_legacy() -> bool:
    return bool(keras.src.backend.common.global_state.get_global_attribute("use_legacy_config", False))


def calls_in_graph(model: keras.Model, layer: keras.Layer) -> list[Any]:
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return [node for nodes in graph._nodes_by_depth.values() for node in nodes if node.operation is layer]


def is_called_in_graph(layer: keras.Layer) -> bool:
    return bool(layer._inbound_nodes)


def input_struct(model: keras.Model) -> Any:
    """Return the symbolic inputs of a functional model in its own structure; None of others."""
    return getattr(model, "_inputs_struct", None)


def output_struct(model: keras.Model) -> Any:
    """Return the symbolic outputs of a functional model in its own structure; None of others."""
    return getattr(model, "_outputs_struct", None)


def maker_of(tensor: Any) -> Any:
    """Return the layer that makes a symbolic tensor; None of one that is not symbolic."""
    return getattr(getattr(tensor, "_keras_history", None), "operation", None)


def mask_of(tensor: Any) -> Any:
    """Return the mask that Keras set on a tensor, or None."""
    return keras.src.backend.get_keras_mask(tensor)


def matrix_in(embedding: keras.Layer) -> Any:
    """Return the vectors of an embedding, adapters (LoRA) added; None of another layer."""
    return getattr(embedding, "embeddings", getattr(embedding, "_embeddings", None))


def compiled_as(model: keras.Model) -> dict[str, Any]:
    """Return the arguments that a model was compiled with, as they were given; none of one that was not."""
    return dict(getattr(getattr(model, "_compile_config", None), "config", {}))


def check_compiled(model: keras.Model, method: str) -> None:
    model._assert_compile_called(method)


def loss_container(model: keras.Model) -> Any:
    """Return the compiled losses of a model; None without a loss."""
    return model._compile_loss


def metrics_container(model: keras.Model) -> Any:
    """Return the compiled metrics of a model; None without metrics."""
    return model._compile_metrics


def loss_tracker(model: keras.Model) -> Any:
    return model._loss_tracker


def flat_labels(metrics: Any, values: Any) -> list[Any]:
    return list(metrics._flatten_y(values))


def flat_metrics(metrics: Any) -> tuple[list[Any], list[Any]]:
    """Return the compiled metrics of each output, and the weighted ones.

    Before Keras 3.14 there are no entries at all where no output has metrics.
    """
    return list(metrics._flat_metrics), list(metrics._flat_weighted_metrics)


def options_of(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the options of a loss, with those that its configuration lacks (the ``delta`` of Huber's)."""
    return {**getattr(loss, "_fn_kwargs", {}), **loss.get_config()}


def generators_of(layer: keras.Layer) -> list[Any]:
    return list(layer._seed_generators)


def trained_in(layer: keras.Layer) -> list[Any]:
    """Return the weights in a layer or model that training changes, those that are frozen at present too."""
    found = (weight for each in layers_in(layer, itself=True) for weight in each._trainable_variables)
    return list({id(weight): weight for weight in found}.values())


def statistics_of(layer: keras.Layer) -> list[Any]:
    return list(layer._non_trainable_variables)


def random_seed() -> int | None:
    """Return what `keras.utils.set_random_seed` was given last; None if it was not called."""
    seed: int | None = keras.src.utils.rng_utils.get_random_seed()
    return seed


def seed_state() -> dict[str, Any]:
    return {name: keras.src.backend.common.global_state.get_global_attribute(name) for name in _SEEDS}


def restore_seed_state(state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        keras.src.backend.common.global_state.set_global_attribute(name, value)


_OF_VARIABLES = ("Assign", "ReadVariable", "VarHandle", "VarIsInitialized", "Resource")
_OF_GRAPHS = (
    "IteratorGetNext",
    "Optional",
    "StatefulPartitionedCall",
    "PartitionedCall",
    "If",
    "While",
    "Case",
    "Assert",
)


def is_state_in(model: keras.Model, variables: Iterable[keras.Variable]) -> bool:
    """Tell whether all that the traced functions of a model remember is in some variables and in its metrics.

    Random numbers that follow from TensorFlow's global seed are not: a trace holds the seed itself.
    """
    handles = {id(variable.value.handle) for variable in (*variables, *model.metrics_variables)}
    for function in (model.train_function, model.test_function, model.predict_function):
        traces = _traces(function)
        if function is not None and not traces:
            return False
        for trace in traces:
            if any(id(captured) not in handles for captured in trace.captured_inputs):
                return False
            if not all(name.startswith((*_OF_VARIABLES, *_OF_GRAPHS)) for name in _stateful_operations(trace.graph)):
                return False
    return True


def _traces(function: Any) -> list[Any]:
    held = inspect.getclosurevars(function).nonlocals.values() if inspect.isfunction(function) else ()
    traced = [each for each in (function, *held) if hasattr(each, "_list_all_concrete_functions")]
    return [trace for each in traced for trace in each._list_all_concrete_functions()]


def _stateful_operations(graph: tf.Graph) -> set[str]:
    from tensorflow.python.framework import op_def_registry

    described = graph.as_graph_def()
    nodes = [described.node, *(function.node_def for function in described.library.function)]
    definitions = {name: op_def_registry.get(name) for name in {node.op for some in nodes for node in some}}
    # What is not registered is a call of a function of the library.
    return {name for name, known in definitions.items() if known is not None and known.is_stateful}
