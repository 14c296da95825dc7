"""Calling the function that builds the model, with what it asks for by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name

if TYPE_CHECKING:
    import keras

    from auxtasks.sklearn.labels import Labels
    from auxtasks.targets.mapping import AuxTargets


_trained: WeakSet[Any] = WeakSet()
"""The models that were handed out to be trained."""


@dataclass(frozen=True)
class Problem:
    """What a builder may need to know; `AuxClassifier` describes each.

    Parameters
    ----------
    input_shape, n_classes, n_outputs, output_activation, target_type, vocabulary_size
        As `AuxClassifier` describes them.
    """

    input_shape: tuple[int, ...]
    n_classes: int | list[int] | None
    n_outputs: int
    output_activation: str
    target_type: str
    vocabulary_size: int | None

    @classmethod
    def of(cls, targets: AuxTargets, labels: Labels) -> Problem:
        """Read it off the targets and the labels.

        Parameters
        ----------
        targets : AuxTargets
            Whose inputs the model reads.
        labels : Labels
            What it is to predict.

        Returns
        -------
        Problem
            The problem.
        """
        return cls(
            input_shape=tuple(targets.inputs.shape[1:]),
            n_classes=labels.n_classes,
            n_outputs=labels.n_outputs,
            output_activation=labels.output_activation,
            target_type=labels.target_type,
            vocabulary_size=None if targets.vocabulary is None else len(targets.vocabulary),
        )


def build_model(builder: Any, problem: Problem, options: Mapping[str, Any]) -> keras.Model:
    """Build the model.

    Parameters
    ----------
    builder : function
        Returns a new Keras model.
    problem : Problem
        Whose fields are passed to arguments of their names, and all together to one named ``meta``.
    options : mapping of str to object
        Arguments that the user set (``model__units``).

    Returns
    -------
    keras.Model
        Compiled or not.

    Raises
    ------
    InvalidTypeError
        If `builder` is no function or does not return a model.
    UnknownNameError
        If it does not take one of the options.
    InvalidInputError
        If it has an argument without a default that nobody fills.
    """
    import keras

    if not callable(builder) or isinstance(builder, keras.Model):
        raise InvalidTypeError(
            f"`model` must be a function that returns a new keras.Model; got {type(builder).__name__}. Of a model that "
            "is there already, pass a function that returns keras.models.clone_model of it."
        )
    arguments = _arguments(builder, {**vars(problem), "meta": dict(vars(problem))}, options)
    model = builder(**arguments)
    if not isinstance(model, keras.Model):
        raise InvalidTypeError(f"`model` must return a keras.Model; it returned {type(model).__name__}.")
    if model in _trained:
        raise InvalidInputError(
            "`model` must return a new model each time it is called; it returned one that was trained before, which "
            "would carry what it learned from one fold into the next. Make it inside the function, or return "
            "keras.models.clone_model of it."
        )
    _trained.add(model)
    return model


def _arguments(builder: Any, known: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(builder).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            if name not in named:
                raise unknown_name(f"model__{name}", name, named, "argument of the function that builds the model")
    filled = {**{name: known[name] for name in named if name in known}, **options}
    for parameter in parameters:
        if parameter.name in named and parameter.default is parameter.empty and parameter.name not in filled:
            raise InvalidInputError(
                f"`model`: its argument {parameter.name!r} has no default and no value; set model__{parameter.name}, "
                f"or use one of the names that are filled in: {', '.join(known)}."
            )
    return filled
