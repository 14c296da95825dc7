"""The loss where the user names none, and what a loss says of the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.labels import Labels

if TYPE_CHECKING:
    import keras

Shapes = Mapping[str, tuple[int, ...]]


def default_losses(model: keras.Model, labels: Labels, shapes: Shapes) -> dict[str, Any]:
    """Choose the loss of each output from the labels.

    Parameters
    ----------
    model : keras.Model
        Whose last layer says whether outputs are probabilities: a linear one gives logits.
    labels : Labels
        The labels.
    shapes : mapping of str to tuple of int
        The shape of each output.

    Returns
    -------
    dict of str to keras.losses.Loss
        Squared error for numbers, else cross-entropy: binary for flags and for a single unit, sparse categorical for
        classes.

    Raises
    ------
    InvalidInputError
        If an output has not as many units as the labels need.
    """
    import keras

    logits = dict(zip(shapes, _are_logits(model, list(shapes)), strict=True))
    single = check_units(labels, shapes)
    losses: dict[str, Any] = {}
    for name in shapes:
        if not labels.classes:
            losses[name] = keras.losses.MeanSquaredError()
        elif single[name] or labels.output_activation == "sigmoid":
            losses[name] = keras.losses.BinaryCrossentropy(from_logits=logits[name])
        else:
            losses[name] = keras.losses.SparseCategoricalCrossentropy(from_logits=logits[name])
    return losses


def check_units(labels: Labels, shapes: Shapes) -> dict[str, bool]:
    """Refuse outputs of another width than the labels; probabilities would be those of other classes.

    Parameters
    ----------
    labels : Labels
        The labels.
    shapes : mapping of str to tuple of int
        The shape of each output.

    Returns
    -------
    dict of str to bool
        Of each output, whether its one unit tells two classes apart.

    Raises
    ------
    InvalidInputError
        If an output has not as many units as the labels need.
    """
    single = {}
    for place, (name, shape) in enumerate(shapes.items()):
        units = shape[-1] if shape else 1
        needed = _units_needed(labels, place, len(shapes))
        single[name] = units == 1 and needed == 2 and labels.output_activation == "softmax"
        if units != needed and not single[name]:
            raise InvalidInputError(
                f"`model`: output {name!r} has {units} units, and {needed} are needed for these labels "
                f"({labels.target_type}); take the number from the argument `n_outputs` or `n_classes` of the function."
            )
    return single


def _units_needed(labels: Labels, place: int, n_outputs: int) -> int:
    if labels.several:
        return len(labels.classes[place])
    return labels.n_outputs if n_outputs == 1 else 1


def _are_logits(model: keras.Model, names: list[str]) -> list[bool]:
    """Tell of each output whether a linear layer gives it; where nothing is known, it is taken for probabilities."""
    layers = getattr(model, "layers", [])
    struct = getattr(model, "_outputs_struct", None)
    if isinstance(struct, Mapping):
        return [_is_linear(struct[name]._keras_history.operation) for name in names]
    outputs = getattr(model, "outputs", None)
    if outputs and len(outputs) == len(names) and hasattr(outputs[0], "_keras_history"):
        return [_is_linear(output._keras_history.operation) for output in outputs]
    return [_is_linear(layers[-1]) if layers and len(names) == 1 and _is_sequential(model) else False] * len(names)


def _is_sequential(model: keras.Model) -> bool:
    import keras

    return isinstance(model, keras.Sequential)


def _is_linear(layer: Any) -> bool:
    import keras

    if isinstance(layer, keras.Sequential):
        return bool(layer.layers) and _is_linear(layer.layers[-1])
    return getattr(layer, "activation", None) is keras.activations.linear
