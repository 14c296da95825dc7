"""Training in phases, of which each freezes less than the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import keras
import numpy as np

from auxtasks.batches.forms import as_arrays, is_arrays, is_text
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name, wrong_type
from auxtasks.keras.compiling import compile_arguments, optimizer_like
from auxtasks.keras.layers import direct_layers, walk
from auxtasks.keras.model import AuxModel
from auxtasks.keras.packing import NUMERIC, loss_name
from auxtasks.keras.private import input_struct, is_wired, layers_in
from auxtasks.keras.taps import layer_where, trunk
from auxtasks.keras.trial import Output, Samples, check_shapes, trial_run
from auxtasks.labels import missing_entries
from auxtasks.typing import Array
from auxtasks.validation import MOST_UNITS, check_choice, check_int, check_number


def fine_tune(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    freeze_to: Depth | Sequence[Depth | None] | None = "auto",
    epochs: int | Sequence[int] = (5, 5),
    learning_rate: float | Sequence[float] = (1e-3, 1e-5),
    optimizer: Any = "adam",
    loss: Any = None,
    metrics: Any = None,
    samples: Any = None,
    **fit_options: Any,
) -> list[keras.callbacks.History]:
    """Train the head on a frozen trunk, then all of the model at a lower rate, by plain ``compile`` and ``fit``.

    Parameters
    ----------
    model : keras.Model
        A trained model: what `strip_heads` or `replace_head` returned, or any other. Of an `AuxModel`, also one loaded
        from a file, the base is trained, without auxiliary losses.
    x, y
        As for `keras.Model.fit`: samples with a main label, these alone.
    freeze_to : str, int, float or None, or sequence of these, default "auto"
        What stays frozen in each phase, as `up_to` of `freeze`; None freezes nothing. One value stands for itself and
        then None: the head first, everything after. ``("auto", 0.66, None)`` unfreezes step by step.
    epochs : int or sequence of int, default (5, 5)
        Of all phases, or one for each; the default is for two.
    learning_rate : float or sequence of float, default (1e-3, 1e-5)
        As `epochs`.
    optimizer : str or keras.optimizers.Optimizer, default "adam"
        Each phase has a new one with these settings and its own learning rate.
    loss, metrics
        As for ``compile``; by default, and if `loss` is None, as the model was compiled.
    samples : array or structure of arrays, optional
        Samples for a trial run, for a subclassed model where `x` is no array.
    **fit_options
        Further arguments of ``fit`` for every phase, such as ``validation_data``, ``batch_size`` or ``callbacks``.

    Returns
    -------
    list of keras.callbacks.History
        One for each phase.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If an argument of any phase cannot be used, or labels are missing; before anything is trained.

    Notes
    -----
    All flags are as they were when this returns, also after an error or interruption. The model is left compiled with
    the optimizer of the last phase. Layers that were not trainable before stay so in every phase. Unfreezing from the
    top down, in several phases, is due to Howard and Ruder (2018, Universal language model fine-tuning for text
    classification).

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.random.default_rng(0).normal(size=(8, 5)), np.arange(8) % 2
    >>> layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(2, "softmax")]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> histories = fine_tune(model, x, y, epochs=(2, 1), loss="sparse_categorical_crossentropy", verbose=0)
    >>> [len(each.history["loss"]) for each in histories]
    [2, 1]
    """
    base = _base_of(model)
    compiled = {"loss": loss} if loss is not None else compile_arguments(model)
    if "loss" not in compiled:
        raise InvalidInputError("`loss`: the model is not compiled; pass the loss to train with.")
    if metrics is not None:
        compiled["metrics"] = metrics
    check_labels(y, base, compiled["loss"])
    if samples is None and is_arrays(x):
        samples = x
    depths: list[Any] = list(freeze_to) if isinstance(freeze_to, (list, tuple)) else [freeze_to, None]
    if not depths:
        raise InvalidInputError("`freeze_to` holds no phase; pass at least one depth, or None to freeze no layer.")
    n = len(depths)
    lengths = [check_int("epochs", number, low=1) for number in _for_each("epochs", epochs, n)]
    rates = [check_number("learning_rate", rate, low=0.0) for rate in _for_each("learning_rate", learning_rate, n)]
    outputs = _outputs_of(base, samples) if any(depth is not None for depth in depths) else []
    frozen = [[] if depth is None else _layers_up_to(depth, base, outputs, base) for depth in depths]
    # All are made before the first is used, so that a setting that no optimizer takes stops nothing half way.
    optimizers = [optimizer_like(optimizer, learning_rate=rate) for rate in rates]
    histories = []
    for layers, length, fresh in zip(frozen, lengths, optimizers, strict=True):
        with Frozen(base, layers):
            base.compile(fresh, **compiled)
            histories.append(base.fit(x, y, epochs=length, **fit_options))
    return histories


def _for_each(argument: str, value: Any, n: int) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)):
        raise InvalidTypeError(f"`{argument}` must be a number, or one for each phase; got {abbreviated(value)}.")
    values = list(value) if np.ndim(value) else [value] * n
    if len(values) != n:
        raise InvalidInputError(
            f"`{argument}` must be one number, or have one entry for each of the {n} phases; got {len(values)}."
        )
    return values


class Frozen:
    """Layers made untrainable by `freeze`, until `unfreeze` is called or the ``with`` block ends.

    Parameters
    ----------
    model : keras.Model
        The model.
    layers : iterable of keras.Layer
        Those to freeze, with what is inside them.
    """

    def __init__(self, model: keras.Model, layers: Iterable[keras.Layer]) -> None:
        # Setting the flag of a layer sets those of all inside it, so every flag is kept, and put back outermost first.
        self._flags: list[tuple[Any, bool]] = [(layer, layer.trainable) for layer in layers_in(model, itself=True)]
        self._flags += [(variable, variable.trainable) for variable in model.weights]
        for layer in layers:
            layer.trainable = False

    def unfreeze(self) -> None:
        """Put every flag back as it was before `freeze`; a second call does nothing."""
        for owner, flag in self._flags:
            if owner.trainable != flag:
                owner.trainable = flag
        self._flags = []

    def __enter__(self) -> Frozen:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unfreeze, also after an error."""
        self.unfreeze()


def freeze(model: keras.Model, up_to: Depth = "auto", *, samples: Any = None) -> Frozen:
    """Make the layers up to a depth untrainable.

    Parameters
    ----------
    model : keras.Model
        Any Keras model, or an `AuxModel`, of which the base is frozen and the heads are not.
    up_to : str, int or float, default "auto"
        The last layer to freeze, in the words of `attach_heads`: a layer name or path, an index into ``model.layers``,
        or a fraction of the depth from 0.0 (first layer) to 1.0 (last). ``"auto"`` freezes all that lies below the main
        head, which is the last layer with weights.
    samples : array or structure of arrays, optional
        Samples of what the model reads, for a trial run; needed for a subclassed model and for texts.

    Returns
    -------
    Frozen
        Its ``unfreeze()`` puts every flag back as it was; it can be used in a ``with`` statement.

    Raises
    ------
    InvalidInputError
        If nothing up to there can be trained anyway, or nothing would be left to train; if `samples` is needed.
    UnknownNameError, InvalidTypeError
        If there is no such layer, or an argument is of another type.

    Notes
    -----
    Compile the model afterwards, with a new optimizer: Keras reads the flags then. The order is that of the forward
    pass, so that of two branches some layers of both may be frozen. Layers inside nested models are told apart; a layer
    made of layers that is no model, such as a transformer block, is frozen as a whole, unless a layer in it is named.
    A frozen ``BatchNormalization`` uses its moving statistics and leaves them as they are. Weights that a subclassed
    model makes itself, and no layer has, are not frozen.

    Examples
    --------
    >>> layers = [keras.layers.Dense(4, name="one"), keras.layers.Dense(3, name="two"), keras.layers.Dense(2)]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> with freeze(model, "one"):
    ...     [layer.trainable for layer in model.layers], len(model.trainable_weights)
    ([False, True, True], 4)
    >>> len(model.trainable_weights)
    6
    """
    base = _base_of(model)
    return Frozen(base, _layers_up_to(up_to, base, _outputs_of(base, samples), model))


def _base_of(model: Any) -> keras.Model:
    if not isinstance(model, keras.Model):
        raise InvalidTypeError(
            f"`model` must be a keras.Model; got {abbreviated(model)} of type {type(model).__name__}."
        )
    return model.base if isinstance(model, AuxModel) else model


Depth = str | int | float
"""``"auto"``, a layer name or path, an index into ``model.layers``, or a fraction of the depth."""


def _layers_up_to(depth: Depth, base: keras.Model, outputs: Sequence[Output], model: keras.Model) -> list[keras.Layer]:
    """Return the layers whose output is made at or before a depth; refuse it if no weight, or all, would be frozen."""
    is_auto = isinstance(depth, str) and depth == "auto"
    layer = _last_below_head(outputs) if is_auto else layer_where(depth, base, outputs, "up_to")
    calls = [number for number, output in enumerate(outputs) if output.layer is layer]
    if not calls:
        raise InvalidInputError(
            f"`up_to`: layer {layer.name!r} is not called when the model runs, or only inside a tf.function, which "
            "cannot be inspected; choose another layer."
        )
    layers = [output.layer for output in outputs[: calls[-1] + 1]]
    frozen = {id(weight) for layer in layers for weight in layer.trainable_weights}
    if not frozen:
        raise InvalidInputError(f"`up_to`: {depth!r} holds no weight that could be trained; go deeper.")
    if all(id(weight) in frozen for weight in model.trainable_weights):
        raise InvalidInputError(f"`up_to`: {depth!r} freezes all weights, so no weight is left to train; go less deep.")
    return layers


def _last_below_head(outputs: Sequence[Output]) -> keras.Layer:
    try:
        return trunk(outputs)[-1].layer
    except InvalidInputError as error:
        raise InvalidInputError(
            "`up_to`: below its last layer with weights the model has none that could be frozen; train it as it is, or "
            "name a layer."
        ) from error


_LENGTH = 8
"""An axis that is left open has so many entries in a trial run on nothing."""


def _outputs_of(model: keras.Model, inputs: Any) -> list[Output]:
    few = Samples.of(_zeros(model) if inputs is None else inputs, model).inputs
    try:
        return trial_run(model, few)[0]
    except ValueError:
        check_shapes(few, model)
        raise


def _zeros(model: keras.Model) -> Any:
    declared = getattr(model, "inputs", None)
    if not declared:
        known = ", ".join(repr(path) for path, _ in walk(model))
        raise InvalidInputError(
            f"`samples`: {type(model).__name__} does not declare its inputs and must run once to find the order of "
            f"its layers ({known or 'none made yet'}); pass a few samples."
        )
    if any(is_text(tensor) for tensor in declared):
        raise InvalidInputError("`samples`: the model reads texts; pass a few of them.")
    return keras.tree.map_structure(
        lambda tensor: np.zeros(
            [length or _LENGTH for length in (tensor.shape[0] or 2, *tensor.shape[1:])], tensor.dtype
        ),
        declared[0] if input_struct(model) is None else input_struct(model),
    )


_SIZES = ("units", "filters")
"""What layers call the number of their outputs."""


def replace_head(model: keras.Model, n_outputs: int, *, activation: Any = None, head: str | None = None) -> keras.Model:
    """Return a model with a new main head for another number of classes, and all other layers shared.

    Parameters
    ----------
    model : keras.Model
        A functional or Sequential model, or an `AuxModel` around one, whose auxiliary heads are left behind.
    n_outputs : int
        The number of units of the new head.
    activation : str or callable, optional
        Its activation; that of the old head by default. Going from one unit to several classes takes ``"softmax"``,
        and back ``"sigmoid"``.
    head : str, optional
        The name of the layer to replace; the last one with weights by default. Needed with several outputs.

    Returns
    -------
    keras.Model
        The head is of the same class, settings and name as the old one, with new weights; what follows it (an
        activation, pooling) is kept. The layers below are the very same objects, so that training the new model trains
        those of the old one too.

    Raises
    ------
    InvalidInputError
        If the model is subclassed or not built, or the head is no layer of units or filters, or inside a nested model;
        for a softmax of one unit.
    UnknownNameError, InvalidTypeError
        If there is no such layer, or an argument is of another type.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(2, "softmax")])
    >>> other = replace_head(model, 7)
    >>> other.output_shape, other.layers[0] is model.layers[0]
    ((None, 7), True)
    """
    base = _base_of(model)
    n_outputs = check_int("n_outputs", n_outputs, low=1, high=MOST_UNITS)
    if not is_wired(base):
        raise InvalidInputError(
            f"`model` must be functional or Sequential, so that its layers can be rewired; got {type(base).__name__}. "
            "Make a new head in the code of that class."
        )
    if not base.built or not base.inputs:
        raise InvalidInputError("`model` was never built; call it on samples, or give it a keras.Input, first.")
    old = _head_of(base, head)
    config = old.get_config()
    size = next((name for name in _SIZES if name in config), None)
    if size is None:
        raise InvalidInputError(
            f"`head`: layer {old.name!r} is a {type(old).__name__}, and only the units of Dense and the filters of "
            "Conv layers can be changed; name the layer that makes the outputs."
        )
    config[size] = n_outputs
    if activation is not None:
        config["activation"] = keras.activations.serialize(_checked_activation(activation))
    if n_outputs == 1 and config.get("activation") == "softmax":
        raise InvalidInputError("`activation`: the softmax of one unit is always 1; pass 'sigmoid' or 'linear'.")
    new = type(old).from_config(config)
    # Keras wires the layers that this function returns, which are the same ones but for the head.
    return keras.models.clone_model(base, clone_function=lambda layer: new if layer is old else layer)


def _checked_activation(activation: Any) -> Any:
    if callable(activation) and not isinstance(activation, type):
        return activation
    if not isinstance(activation, str):
        raise wrong_type("activation", "a name or a function", activation)
    try:
        return keras.activations.get(activation)
    except ValueError:
        names = [name for name, found in vars(keras.activations).items() if callable(found)]
        raise unknown_name("activation", activation, names, "activation") from None


def _head_of(base: keras.Model, name: str | None) -> keras.Layer:
    layers = direct_layers(base)
    if name is not None:
        by_name = {layer.name: layer for layer in layers}
        return by_name[check_choice("head", name, by_name, "layer of the model itself")]
    if len(base.outputs) > 1:
        raise InvalidInputError(f"`head`: the model has {len(base.outputs)} outputs; name the layer to replace.")
    weighted = [layer for layer in layers if layer.weights]
    if not weighted:
        raise InvalidInputError("`model` has no layer with weights, and so no head to replace.")
    if isinstance(weighted[-1], keras.Model):
        raise InvalidInputError(
            f"`model`: its last weights are inside the nested model {weighted[-1].name!r}; replace the head of "
            "that one."
        )
    return weighted[-1]


def check_labels(y: Any, base: keras.Model, loss: Any) -> None:
    """Refuse labels of auxiliary targets, none at all, and missing ones, which plain Keras would train on."""
    if isinstance(y, Mapping) and len(getattr(base, "outputs", None) or []) == 1:
        raise InvalidTypeError(
            f"`y` must be the labels of the one output, without auxiliary targets; got a mapping of {list(y)}."
        )
    names = [loss_name(part).lower() for part in keras.tree.flatten(loss) if part is not None]
    signed = all(NUMERIC.search(name) or "hinge" in name for name in names)
    for labels in keras.tree.flatten(as_arrays(y)) if y is not None else ():
        found = np.asarray(labels)
        if found.ndim and not len(found):
            raise InvalidInputError(f"`y` holds no label; found shape {found.shape}.")
        missing = missing_entries(found, signed=signed)
        if missing.any():
            raise InvalidInputError(
                f"`y`: {int(missing.sum())} of {missing.size} labels are missing (-1 or NaN), and plain `fit` would "
                f"train on them. Fine-tune on the labelled samples alone: keep = {_kept(found)}; x[keep], y[keep]."
            )


def _kept(labels: Array) -> str:
    """Write how to tell which samples have their label."""
    present = "~np.isnan(y)" if labels.dtype.kind == "f" else "y != -1"
    if labels.ndim == 1:
        return present
    return f"({present}).all(axis={1 if labels.ndim == 2 else tuple(range(1, labels.ndim))})"


__all__ = ["Frozen", "fine_tune", "freeze", "replace_head"]
