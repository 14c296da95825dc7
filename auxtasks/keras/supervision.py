"""Deep supervision: the main label as a task of its own at earlier layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.batches.composition import AUTO, Weight
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.keras.outputs import label_names
from auxtasks.keras.private import maker_of
from auxtasks.keras.taps import Tap, Where
from auxtasks.keras.trial import Output
from auxtasks.labels import MAIN, find_missing
from auxtasks.specs import Kind, TargetSpec
from auxtasks.validation import check_choice, is_number

TASK = "main_label"
"""The task of the specs made here; their options say which output's label they take."""
DEFAULT_WEIGHT = 0.3
KINDS: tuple[Kind, ...] = ("class", "multilabel", "vector", "distribution")


def supervised_specs(
    asked: Any, base: keras.Model, outputs: Sequence[Output], taken: Iterable[str]
) -> tuple[dict[str, TargetSpec], dict[str, Where]]:
    """Return the specs of early heads for the main label, and where they read."""
    specs: dict[str, TargetSpec] = {}
    at: dict[str, Where] = {}
    for where, kind in _listed(asked).items():
        tap = where if isinstance(where, Tap) else Tap(where)
        place = tap.layer.name if isinstance(tap.layer, keras.Layer) else tap.layer
        label = place if tap.call is None else f"{place}:{tap.call}"
        for output, units, activation in _outputs_of(base, outputs):
            name = f"{output}_at_{label}"
            if name in specs or name in taken:
                raise InvalidInputError(f"`deep_supervision`: there are two targets named {name!r}; leave one out.")
            specs[name] = _spec(name, output, units, kind or _kind_of(activation, where))
            at[name] = where
    return specs, at


def _listed(asked: Any) -> dict[Where, Kind | None]:
    if asked is None:
        return {}
    if _is_layer(asked):
        asked = [asked]
    if not isinstance(asked, (Sequence, Mapping)) or not all(map(_is_layer, asked)):
        raise InvalidTypeError(
            "`deep_supervision` must be a layer, a list of layers (or their names, indices, fractions of the depth or "
            f"Taps), or a mapping of these to the kind of the main label; got {abbreviated(asked)}."
        )
    kinds = asked if isinstance(asked, Mapping) else dict.fromkeys(asked)
    for kind in kinds.values():
        if kind is not None:
            check_choice("deep_supervision", kind, KINDS)
    return dict(kinds)


def _is_layer(asked: object) -> bool:
    return isinstance(asked, (str, Tap, keras.Layer)) or is_number(asked)


def _outputs_of(base: keras.Model, outputs: Sequence[Output]) -> list[tuple[str, int, Any]]:
    several = getattr(base, "outputs", None) or []
    if len(several) > 1:
        found = [
            (name, tuple(tensor.shape[1:]), maker_of(tensor))
            for name, tensor in zip(label_names(base) or (), several, strict=True)
        ]
    else:
        # A nested model returns the very tensor of its last layer.
        last = [each for each in outputs if each.is_model_output and not isinstance(each.layer, keras.Model)]
        name = (label_names(base) or [MAIN])[0]
        found = [(name, each.shape, each.layer) for each in last[-1:]]
        if len({(each.path, each.call) for each in last}) != 1:
            raise InvalidInputError(
                "`deep_supervision`: the labels cannot be matched with the outputs of this model; pass the early "
                "labels as targets of their own, with make_aux_targets(..., label_columns={'early': y})."
            )
    for name, shape, _ in found:
        if len(shape) != 1 or shape[0] is None:
            raise InvalidInputError(
                f"`deep_supervision` is for outputs of shape (n, units); that of {name!r} has shape {('n', *shape)}. "
                "Give the early labels as targets of their own, with make_aux_targets(..., label_columns={'early': y})."
            )
    return [(name, int(shape[0]), layer) for name, shape, layer in found]


def _kind_of(layer: Any, where: Where) -> Kind:
    name = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__).lower()
    if name in ("softmax", "log_softmax"):
        return "class"
    if name == "sigmoid":
        return "multilabel"
    raise InvalidInputError(
        f"`deep_supervision`: the activation of the output ({name}) does not show whether labels are classes or "
        f"numbers; specify it, as in deep_supervision={{{where!r}: 'class'}} or 'vector' (one of {', '.join(KINDS)})."
    )


def _spec(name: str, output: str, units: int, kind: Kind) -> TargetSpec:
    if kind == "class" and units < 2:
        raise InvalidInputError(
            "`deep_supervision`: an output of one unit cannot be a class; its kind is 'multilabel'."
        )
    chance = {"class": log(units), "distribution": log(max(units, 2)), "multilabel": log(2.0)}.get(kind, 1.0)
    shape = () if kind == "class" else (units,)
    n_classes = units if kind == "class" else None
    # A label depends on where things are: the average of a whole early map tells little of it.
    options = {"output": output}
    return TargetSpec(
        name, TASK, kind, shape, n_classes=n_classes, baseline_loss=chance, spatial="grid", options=options
    )


def with_default(weights: Mapping[str, Weight], specs: Mapping[str, TargetSpec]) -> dict[str, Weight]:
    """Return weights in which those of early targets that were left open are `DEFAULT_WEIGHT`.

    What the automatic weight is about, samples without a label, teaches these nothing.
    """
    left_open = [name for name, one in weights.items() if one == AUTO and is_supervised(specs[name])]
    return {**weights, **dict.fromkeys(left_open, DEFAULT_WEIGHT)}


def is_supervised(spec: TargetSpec) -> bool:
    return spec.task == TASK


def supervised_targets(
    specs: Mapping[str, TargetSpec], main: Mapping[str, Any], known: Iterable[str], *, negative: bool = False
) -> dict[str, Any]:
    """Return the main label in the form of each early target."""
    found = {}
    for name, spec in specs.items():
        if is_supervised(spec) and name not in known:
            labels = main.get(spec.options["output"])
            if labels is not None and not keras.tree.is_nested(labels):
                found[name] = _as_target(spec, labels, negative)
    return found


def _as_target(spec: TargetSpec, labels: Any, negative: bool) -> Any:
    xp: Any = np if isinstance(labels, np.ndarray) else ops
    missing = find_missing(labels, signed=negative)
    if negative and spec.kind == "multilabel":
        labels = xp.where(labels < 0, xp.zeros_like(labels), labels)
    if spec.kind == "class":
        if len(labels.shape) > 1 and labels.shape[-1] != 1:
            classes = xp.argmax(labels, axis=-1)
            missing = None if missing is None else xp.any(missing, axis=-1)
        else:
            labels, missing = (None if part is None else xp.reshape(part, (-1,)) for part in (labels, missing))
            classes = labels if missing is None else xp.where(missing, xp.zeros_like(labels), labels)
        classes = _cast(xp, classes, "int64")
        return classes if missing is None else xp.where(missing, _cast(xp, -1, "int64"), classes)
    rows = _cast(xp, xp.reshape(labels, (-1, *spec.shape)), "float32")
    if missing is None:
        return rows
    filler = -1.0 if spec.kind == "multilabel" else float("nan")
    return xp.where(xp.reshape(missing, (-1, *spec.shape)), _cast(xp, filler, "float32"), rows)


def _cast(xp: Any, values: Any, dtype: str) -> Any:
    return np.asarray(values, dtype) if xp is np else ops.cast(values, dtype)
