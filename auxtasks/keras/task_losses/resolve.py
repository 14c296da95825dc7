"""From names and options to losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.task_losses.adapted import CLASS_KINDS
from auxtasks.keras.task_losses.rebalanced import Rebalanced
from auxtasks.specs import Kind, TargetSpec

_FOCAL = {"class": "CategoricalFocalCrossentropy", "step_class": "CategoricalFocalCrossentropy"}
_FOCAL["multilabel"] = "BinaryFocalCrossentropy"
# Others are constant, or mean nothing: of a single label the softmax is 1, and its direction always the same.
_KINDS: dict[str, tuple[Kind, ...]] = {
    "Sparse": CLASS_KINDS,
    "Binary": ("multilabel",),
    "CategoricalFocal": CLASS_KINDS,
    "Categorical": (*CLASS_KINDS, "distribution"),
    "KLDivergence": (*CLASS_KINDS, "distribution"),
    "CosineSimilarity": (*CLASS_KINDS, "distribution", "vector", "step_vector", "image"),
}
"""The kinds of target that a loss is for, by how the name of its class begins."""
_PLAIN = {
    name.lower(): cls
    for name, cls in vars(keras.losses).items()
    if isinstance(cls, type) and issubclass(cls, keras.losses.Loss) and cls is not keras.losses.Loss
}

TaskLoss: TypeAlias = keras.losses.Loss | Rebalanced


def resolve_losses(losses: Mapping[str, Any] | None, specs: Mapping[str, TargetSpec]) -> dict[str, TaskLoss]:
    """Return the losses that an argument stands for.

    Parameters
    ----------
    losses : mapping of str to str, mapping, Loss or Rebalanced, or None
        By target; see `auxtasks.keras.attach_heads`.
    specs : mapping of str to TargetSpec
        The targets.

    Returns
    -------
    dict of str to Loss or Rebalanced
        Of the targets that do not keep the loss of their kind.

    Raises
    ------
    UnknownNameError
        If there is no such target or loss.
    InvalidTypeError
        If a loss is of another type.
    InvalidInputError
        If options are missing or unknown, or a loss is not for targets of this kind.

    Examples
    --------
    >>> specs = {"pose": TargetSpec("pose", "given", "class", (), n_classes=4)}
    >>> type(resolve_losses({"pose": {"focal": {"gamma": 1.0}}}, specs)["pose"]).__name__
    'CategoricalFocalCrossentropy'
    """
    if not isinstance(losses or {}, Mapping):
        raise InvalidTypeError(f"`losses` must be a mapping of targets to losses; got {losses!r}.")
    for name in losses or {}:
        if name not in specs:
            raise unknown_name("losses", name, specs, "auxiliary target")
    return {name: _resolved(specs[name], loss) for name, loss in (losses or {}).items()}


def _resolved(spec: TargetSpec, loss: Any) -> TaskLoss:
    if isinstance(loss, str):
        return _made(spec, loss, {})
    if isinstance(loss, Mapping) and len(loss) == 1:
        (name, options), *_ = loss.items()
        if isinstance(name, str) and isinstance(options, Mapping):
            return _made(spec, name, options)
    if isinstance(loss, Rebalanced):
        return loss.for_target(spec, _inner(spec, loss.loss))
    if isinstance(loss, keras.losses.Loss):
        return _fitting(spec, loss)
    raise InvalidTypeError(
        f"`losses`: that of {spec.name!r} must be a name such as 'focal' or 'huber', a mapping {{name: options}} of "
        f"one entry or a keras.losses.Loss (make one of a function); got {loss!r}."
    )


def _inner(spec: TargetSpec, loss: Any) -> keras.losses.Loss | None:
    inner = None if loss is None else _resolved(spec, loss)
    if isinstance(inner, Rebalanced):
        raise InvalidInputError(f"`losses`: that of {spec.name!r} is rebalanced twice; once is enough.")
    return inner


def _made(spec: TargetSpec, name: str, options: Mapping[str, Any]) -> TaskLoss:
    try:
        if name == "rebalanced":
            return _resolved(spec, Rebalanced(**options))
        return _fitting(spec, _class_of(spec, name)(**options))
    except TypeError as error:  # an option that is missing or not known
        if isinstance(error, InvalidTypeError):
            raise
        raise InvalidInputError(f"`losses`: options of {name!r}: {str(error).split('__init__() ')[-1]}.") from error


def _class_of(spec: TargetSpec, name: str) -> type[keras.losses.Loss]:
    if name == "focal":
        if spec.kind not in _FOCAL:
            raise InvalidInputError(
                f"`losses`: 'focal' is for classes and labels, and target {spec.name!r} is of kind {spec.kind!r}; "
                "leave it out, or take 'huber', say."
            )
        return _PLAIN[_FOCAL[spec.kind].lower()]
    # Keras knows short names such as "mae" by functions.
    try:
        function = keras.losses.get(name)
    except ValueError:
        function = None
    known = getattr(function, "__name__", type(function).__name__).replace("_", "").lower()
    if known not in _PLAIN:
        names = ["focal", "rebalanced", *(cls.__name__ for cls in _PLAIN.values())]
        raise unknown_name("losses", name, names, "loss")
    return _PLAIN[known]


def _fitting(spec: TargetSpec, loss: keras.losses.Loss) -> keras.losses.Loss:
    name = type(loss).__name__
    for word, kinds in _KINDS.items():
        if name.startswith(word) and spec.kind not in kinds:
            raise InvalidInputError(
                f"`losses`: {name} is for targets of kind {' or '.join(map(repr, kinds))}; {spec.name!r} is of kind "
                f"{spec.kind!r}."
            )
    return loss
