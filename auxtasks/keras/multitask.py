"""A model with several tasks on one encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.compiling import checked_optimizer
from auxtasks.keras.layers import layer_at
from auxtasks.keras.private import calls_in_graph
from auxtasks.specs import TargetSpec
from auxtasks.validation import MOST_UNITS, check_choice, check_int, check_keys, check_name, check_number, is_integer


def build_multitask_model(
    encoder: keras.Model,
    tasks: Mapping[str, Any],
    *,
    hidden: int | Sequence[int] = (),
    at: Where | Mapping[str, Where] | None = None,
    optimizer: Any = "adam",
    name: str | None = None,
) -> keras.Model:
    """Build a model with one head for each task on one encoder, compiled and ready to fit.

    Parameters
    ----------
    encoder : keras.Model
        Sequential or functional, built. Its layers are shared, not copied: training the model trains the encoder.
    tasks : mapping of str to int, str, TargetSpec or OutputSpec
        What to predict, by name: a number of classes, ``"regression"`` (one number), ``"binary"`` (one yes or no), the
        spec of a target of kind class, multilabel or vector (as ``targets.specs`` holds), or an `OutputSpec` that says
        it in full.
    hidden : int or sequence of int, default ()
        The units of hidden layers (ReLU) in each head; none by default.
    at : str, int, float or mapping, optional
        Where heads read: a layer of the encoder by name or index, or a fraction of its depth from 0.0 to 1.0, for all
        or by task. By default its output. Feature maps are averaged over their axes.
    optimizer : str or keras.optimizers.Optimizer, or None, default "adam"
        Compiles the model, with the losses, metrics and weights of the tasks; None leaves it as it is built.
    name : str, optional
        The name of the model.

    Returns
    -------
    keras.Model
        A plain functional model with a mapping of outputs, which takes ``fit(x, {"digit": ..., "angle": ...})``. Wrap
        it with `attach_heads` to add auxiliary targets, or where labels of some samples are missing.

    Raises
    ------
    InvalidTypeError
        If the encoder is no Keras model or a task of another type.
    InvalidInputError
        If there is no task, or the encoder is not built or has several outputs.
    UnknownNameError
        If a layer, task or kind does not exist.

    Examples
    --------
    >>> encoder = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, name="conv"), layers.Conv2D(8, 3)])
    >>> model = build_multitask_model(encoder, {"digit": 10, "angle": "regression"}, hidden=16, at={"angle": "conv"})
    >>> {name: output.shape for name, output in model.output.items()}
    {'digit': (None, 10), 'angle': (None, 1)}
    """
    specs = {task: output_spec(task, asked) for task, asked in _checked(encoder, tasks).items()}
    places = at if isinstance(at, Mapping) else dict.fromkeys(specs, at)
    check_keys("at", places, specs, "task")
    if name is not None:
        check_name("name", name)
    outputs = {}
    for task, spec in specs.items():
        where = places.get(task) if spec.at is None else spec.at
        inner = hidden if spec.hidden is None else spec.hidden
        features = encoder.outputs[0] if where is None else _tensor_at(where, encoder)
        outputs[task] = _head(task, spec, features, _widths(inner))
    inputs = encoder.inputs[0] if isinstance(encoder, keras.Sequential) else encoder.input
    model = keras.Model(inputs, outputs, name=name)
    if optimizer is not None:
        model.compile(
            checked_optimizer(optimizer),
            loss={task: spec.loss or TYPES[spec.kind][1] for task, spec in specs.items()},
            metrics={task: _metrics(spec) for task, spec in specs.items()},
            loss_weights={task: spec.weight for task, spec in specs.items()},
        )
    return model


def _checked(encoder: Any, tasks: Any) -> Mapping[str, Any]:
    if not isinstance(encoder, keras.Model):
        raise InvalidTypeError(f"`encoder` must be a keras.Model; got {type(encoder).__name__}.")
    found = len(getattr(encoder, "outputs", None) or [])
    if found != 1:
        raise InvalidInputError(
            f"`encoder` must be a Sequential or functional model that is built and has one output; it has {found}. "
            "Begin it with keras.Input(shape); call a subclassed one on such an input: keras.Model(x, encoder(x))."
        )
    if not isinstance(tasks, Mapping):
        raise InvalidTypeError(f"`tasks` must be a mapping of names to what to predict; got {abbreviated(tasks)}.")
    if not tasks:
        raise InvalidInputError("`tasks` holds no task; name at least one, such as {'digit': 10}.")
    for task in tasks:
        if not isinstance(task, str) or not task or task in {layer.name for layer in encoder.layers}:
            raise InvalidInputError(f"`tasks`: {task!r} must be a name that no layer of the encoder has.")
    return tasks


def _tensor_at(where: Any, encoder: keras.Model) -> Any:
    layer = _layer_at(where, encoder)
    calls = calls_in_graph(encoder, layer)  # not `layer.output`, which for a nested model is a tensor of its own graph
    if len(calls) != 1 or len(calls[0].output_tensors) != 1:
        raise InvalidInputError(
            f"`at`: layer {layer.name!r} is called more than once or has several outputs, so the output to read is "
            "ambiguous; choose another layer."
        )
    return calls[0].output_tensors[0]


def _layer_at(where: Any, encoder: keras.Model) -> keras.Layer:
    known = [layer for layer in encoder.layers if not isinstance(layer, layers.InputLayer)]
    if isinstance(where, str):
        found = {layer.name: layer for layer in known}
        if where not in found:
            raise unknown_name("at", where, found, "layer")
        return found[where]
    if is_integer(where):
        return layer_at(int(where), encoder)
    fraction = check_number("at", where, low=0.0, high=1.0)
    return known[round(fraction * (len(known) - 1))]


def _widths(hidden: Any) -> list[int]:
    listed = hidden if isinstance(hidden, (list, tuple)) else [hidden]
    return [check_int("hidden", units, low=1, high=MOST_UNITS) for units in listed]


def _head(task: str, spec: OutputSpec, features: Any, hidden: Sequence[int]) -> Any:
    rank = len(features.shape)
    if rank > 2:
        pooling = {3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D, 5: layers.GlobalAveragePooling3D}
        features = pooling[rank](name=f"{task}_pooling")(features)
    for number, units in enumerate(hidden, 1):
        features = layers.Dense(units, activation="relu", name=f"{task}_hidden_{number}")(features)
    # float32 also under mixed precision, as Keras advises for last layers.
    return layers.Dense(spec.units, TYPES[spec.kind][0], name=task, dtype="float32")(features)


def _metrics(spec: OutputSpec) -> list[Any]:
    if spec.metrics is None:
        return [TYPES[spec.kind][2]]
    return list(spec.metrics) if isinstance(spec.metrics, (list, tuple)) else [spec.metrics]


Where = str | int | float

TYPES = {
    "class": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "multilabel": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "vector": (None, "mse", "mae"),
}
"""The activation, loss and metric of each kind of output."""
_NAMED = {"binary": ("multilabel", 1), "regression": ("vector", 1)}


@dataclass(frozen=True)
class OutputSpec:
    """What one head of a multi-task model predicts.

    Parameters
    ----------
    units : int, default 1
        How many classes, labels or numbers.
    kind : {"class", "multilabel", "vector"}, default "vector"
        Classes exclude each other and come as integers; labels are each 0 or 1.
    hidden : int or sequence of int, optional
        The units of the hidden layers of this head; by default those of all heads.
    at : str, int or float, optional
        The layer of the encoder that it reads; by default the encoder's output.
    loss, metrics, weight : optional
        As for ``compile``; by default those of the kind, and a weight of 1.

    Examples
    --------
    >>> OutputSpec(10, "class", hidden=64)
    OutputSpec(units=10, kind='class', hidden=64, at=None, loss=None, metrics=None, weight=1.0)
    """

    units: int = 1
    kind: str = "vector"
    hidden: int | Sequence[int] | None = None
    at: Where | None = None
    loss: Any = None
    metrics: Any = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no head can be built from."""
        check_choice("kind", self.kind, TYPES)
        check_int("units", self.units, low=2 if self.kind == "class" else 1, high=MOST_UNITS)
        check_number("weight", self.weight, low=0.0)


def output_spec(task: str, asked: Any) -> OutputSpec:
    if isinstance(asked, OutputSpec):
        return asked
    if isinstance(asked, str):
        check_choice(f"tasks[{task!r}]", asked, _NAMED)
        kind, units = _NAMED[asked]
        return OutputSpec(units, kind)
    if isinstance(asked, TargetSpec):
        if asked.kind not in TYPES:
            raise InvalidInputError(
                f"`tasks`: {task!r} is of kind {asked.kind!r}; only {', '.join(TYPES)} have a head here. Add others "
                "with attach_heads."
            )
        return OutputSpec(asked.size, asked.kind)
    if is_integer(asked):
        return OutputSpec(check_int(f"tasks[{task!r}]", asked, low=2, high=MOST_UNITS), "class")
    raise InvalidTypeError(
        f"`tasks`: {task!r} must be a number of classes, 'regression', 'binary', a TargetSpec or an OutputSpec; got "
        f"{asked!r}."
    )


__all__ = ["OutputSpec", "build_multitask_model"]
