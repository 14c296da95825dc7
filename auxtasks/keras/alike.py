"""What decides how a model computes, besides the values of its variables: the same text for models that are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.checksums import fingerprint
from auxtasks.keras.compiling import compile_arguments, unscaled, wiring_of
from auxtasks.keras.private import DECAY_EXCLUSIONS, is_wired, layers_in
from auxtasks.specs import TargetSpec

if ON_TENSORFLOW:
    import tensorflow as tf

if TYPE_CHECKING:
    from auxtasks.keras.model import AuxModel

_KNOWN = ("keras.", "tensorflow.", "numpy", "auxtasks.")
"""The packages whose code is the same for all models of a process."""
_CALLBACKS = (
    "EarlyStopping",
    "ReduceLROnPlateau",
    "LearningRateScheduler",
    "TerminateOnNaN",
    "CSVLogger",
    "PruneOpposed",
)
"""Those that change nothing of a model but variables."""
_OF_LAYERS = ("trainable", "dtype_policy", "autocast", "supports_masking", "activity_regularizer")


class UnknownPartError(Exception):
    """Raised for a part of a model that cannot be compared with that of another one."""


def likeness_of(model: AuxModel, traced_with: Any) -> str | None:
    """Return a fingerprint of what decides how a model is traced, and how it trains besides the values of variables.

    None of what cannot be compared. `traced_with` is what else decides. The names of layers, which Keras counts through
    in a process, are left out. What code does is read from the code, from what it closes over and from the globals that
    it names; what layers hold, from their attributes.
    """
    # What other backends keep of a traced function cannot be looked into.
    if model.run_eagerly or not model.compiled or not ON_TENSORFLOW:
        return None
    base, plan, turns = model.base, model._plan, model._alternation
    layers = layers_in(base, itself=True)
    taps = {task: (plan.layers[point.path], point.call, point.shape) for task, point in plan.taps.items()}
    try:
        if any(getattr(unscaled(model.optimizer), name, None) for name in DECAY_EXCLUSIONS):
            raise UnknownPartError("exclusions from weight decay are names and identities of variables")
        described = _Description(layers, base.variables)
        parts = [
            [described.layer(layer) for layer in layers],
            [(tuple(variable.shape), variable.dtype, variable.trainable) for variable in base.variables],
            described.value([model.optimizer, compile_arguments(model)]),
            described.value([_traced_specs(model), taps, model._weights.left_open]),
            described.value(None if turns is None or turns.schedule.kind != "proportional" else turns.seed),
            described.value([traced_with, None if model.agreement is None else model.agreement.described()]),
        ]
    except UnknownPartError:
        return None
    return fingerprint(parts)


def _traced_specs(model: AuxModel) -> list[TargetSpec]:
    """Return targets with what is traced of them.

    What is said of soft labels besides their output is told, and not traced; the chance of a task is, as a number of
    this precision.
    """
    precision = np.dtype(model.compute_dtype if model.compute_dtype == "float64" else "float32").type
    return [
        replace(
            spec,
            options={"output": spec.options["output"]} if spec.is_taught else spec.options,
            baseline_loss=float(precision(spec.baseline_loss)),
        )
        for spec in model._plan.specs.values()
    ]


class _Description:
    """Turn what a model holds into plain values; layers and variables become their numbers."""

    def __init__(self, layers: Sequence[keras.Layer], variables: Sequence[keras.Variable]) -> None:
        self._numbers = {id(layer): f"layer {number}" for number, layer in enumerate(layers)}
        self._numbers |= {id(variable): f"variable {number}" for number, variable in enumerate(variables)}
        self._names = {layer.name: self._numbers[id(layer)] for layer in layers}
        self._seen: dict[int, tuple[str, Any]] = {}

    def layer(self, layer: keras.Layer) -> Any:
        """Describe a layer by its class and by what it has beyond what every layer has."""
        if is_wired(layer):
            if not _is_known(type(layer)):
                raise UnknownPartError(type(layer))
            own: dict[str, Any] = {"wiring": wiring_of(layer, layers_in(layer))}
        else:
            own = {name: value for name, value in vars(layer).items() if name not in _of_every_layer()}
        own |= {name: getattr(layer, name) for name in _OF_LAYERS}
        return [self.value(type(layer)), self.value(own)]

    def value(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, complex, bytes, np.generic, np.dtype, tf.DType)):
            return repr(value)
        if isinstance(value, str):
            return self._names.get(value, repr(value))
        if isinstance(value, np.ndarray) and value.dtype != object:
            return value
        if id(value) in self._numbers:
            return self._numbers[id(value)]
        if id(value) in self._seen:
            return self._seen[id(value)][0]
        # The value too, so that no other one comes to be where it was.
        self._seen[id(value)] = f"seen {len(self._seen)}", value
        return self._composed(value)

    def _composed(self, value: Any) -> Any:
        if isinstance(value, (list, tuple, set, frozenset, Mapping)):
            if not _is_known(type(value)) and getattr(value, "__dict__", None):
                raise UnknownPartError(value)
            return self._parts(value)
        if isinstance(value, tf.Tensor) and not tf.is_symbolic_tensor(value):
            return value.numpy()
        if isinstance(value, keras.KerasTensor):
            return [value.shape, value.dtype]  # how it was made stands in the wiring
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, MethodType):
            return [self.value(value.__self__), self.value(value.__func__)]
        if isinstance(value, (type, FunctionType, BuiltinFunctionType, np.ufunc)):
            return _name(value) if _is_known(value) else self._code(value)
        return self._object(value)

    def _parts(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(self.value(key)): self.value(part) for key, part in value.items()}
        parts = [self.value(part) for part in value]
        return sorted(map(str, parts)) if isinstance(value, (set, frozenset)) else parts

    def _object(self, value: Any) -> Any:
        """Describe an object by its configuration if it is Keras's own, and else by what it holds."""
        if isinstance(value, (keras.Layer, keras.Variable, tf.Variable)):
            raise UnknownPartError(value)  # not one that the model knows as its own
        of_user = not _is_known(type(value))
        if isinstance(value, keras.callbacks.Callback) and (of_user or type(value).__name__ not in _CALLBACKS):
            raise UnknownPartError(value)  # which may do anything with the model
        if of_user and not _is_plain(value):
            raise UnknownPartError(value)
        if of_user or type(value).__module__.startswith("auxtasks.") or isinstance(value, keras.callbacks.Callback):
            return [self.value(type(value)), self.value(vars(value))]
        if not hasattr(value, "get_config"):
            raise UnknownPartError(value)
        config = _without_names(value.get_config())
        if isinstance(value, keras.optimizers.Optimizer) and isinstance(config.get("learning_rate"), float):
            del config["learning_rate"]  # the value of a variable
        return [_name(type(value)), self.value(config)]

    def _code(self, value: Any) -> Any:
        """Describe code of a user: functions by what they read, classes by what they hold."""
        if isinstance(value, type):
            parts = {name: getattr(part, "__func__", getattr(part, "fget", part)) for name, part in vars(value).items()}
            held = {name: part for name, part in parts.items() if isinstance(part, FunctionType) or name[:2] != "__"}
            held.pop("_abc_impl", None)
            # Another class of the same name may be something else; this one lives as long as what is described.
            return [_name(value), id(value), self.value(value.__bases__), self.value(held)]
        if isinstance(value, BuiltinFunctionType):
            return _name(value)
        names = _names_in(value.__code__)
        read = {name: value.__globals__[name] for name in names if name in value.__globals__}
        modules = [each for each in read.values() if isinstance(each, ModuleType)]
        of_user = [each for each in modules if not f"{each.__name__}.".startswith(_KNOWN)]
        of_modules = [{name: getattr(each, name) for name in names if hasattr(each, name)} for each in of_user]
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held_parts = [read, of_modules, cells, value.__defaults__, value.__kwdefaults__]
        return [_name(value), id(value.__code__), self.value(held_parts)]


def _names_in(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names_in(part)]
    return sorted({*code.co_names, *inner})


def _is_known(value: Any) -> bool:
    return isinstance(value, np.ufunc) or value.__module__ == "builtins" or str(value.__module__).startswith(_KNOWN)


def _is_plain(value: Any) -> bool:
    """Tell whether all that an object holds is in its attributes: it says nothing else of how to pickle it."""
    said = {name for kind in type(value).__mro__[:-1] for name, part in vars(kind).items() if part != ()}
    return hasattr(value, "__dict__") and not said & {"__reduce__", "__reduce_ex__", "__slots__"}


def _name(value: Any) -> str:
    return value.__name__ if isinstance(value, np.ufunc) else f"{value.__module__}.{value.__qualname__}"


def _without_names(config: Any) -> Any:
    """Leave names out of a configuration, and refuse one that names code of others."""
    if isinstance(config, Mapping):
        if "class_name" in config and not str(config.get("module") or "keras.").startswith(_KNOWN):
            raise UnknownPartError(config)
        return {key: _without_names(part) for key, part in config.items() if key != "name"}
    return [_without_names(part) for part in config] if isinstance(config, (list, tuple)) else config


@cache
def _of_every_layer() -> frozenset[str]:
    """Return the attributes that Keras gives to every layer and compiled model."""
    model = keras.Model()
    model.compile("sgd", "mse")
    return frozenset([*vars(keras.layers.Layer()), *vars(model)])
