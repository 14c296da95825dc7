"""Parameters of the form ``prefix__name``, which are sent on: to the model's function, to Keras, to `attach_heads`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from auxtasks.errors import unknown_name
from auxtasks.generator import AuxTargetGenerator

Self = TypeVar("Self", bound="SendsOn")

ROUTES = ("model", "targets", "attach", "optimizer", "loss", "callbacks", "compile", "fit", "predict")
"""The prefixes of parameters that are sent on."""


class SendsOn(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator that takes any parameter of the form ``prefix__name`` beside those that ``__init__`` names.

    Some of this form are named there too, for the eye and for tools that read signatures. All are kept as attributes
    of their full names, so that `clone` and searches see them.
    """

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        """Keep the parameters of ``__init__``, which are its local variables, under their names."""
        for name, value in parameters.items():
            if name not in ("self", "routed"):
                setattr(self, name, value)
        self.set_params(**parameters["routed"])

    def routed(self, prefix: str) -> dict[str, Any]:
        """Return what is sent on by a prefix; a parameter that is left at its default is not."""
        start = f"{prefix}__"
        return {name[len(start) :]: value for name, value in self._set_here().items() if name.startswith(start)}

    def _set_here(self) -> dict[str, Any]:
        """Return the parameters to be sent on that are not at their defaults."""
        # A subclass may name fewer parameters; the others keep the defaults that they have in its base.
        classes = [each for each in reversed(type(self).__mro__) if issubclass(each, SendsOn)]
        signatures = [inspect.signature(vars(each)["__init__"]) for each in classes if "__init__" in vars(each)]
        defaults = {name: each.default for signature in signatures for name, each in signature.parameters.items()}
        return {
            name: value
            for name, value in vars(self).items()
            if _is_routed(name) and not (name in defaults and _is_same(value, defaults[name]))
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters."""
        return {**super().get_params(deep), **self._set_here()}

    def set_params(self: Self, **params: Any) -> Self:
        """Change parameters."""
        own = self._get_param_names()
        for name in params:
            if name not in own and not _is_routed(name):
                valid = [*own, *(f"{prefix}__<name>" for prefix in ROUTES)]
                raise unknown_name("set_params", name, valid, f"parameter of {type(self).__name__}")
        for name, value in params.items():
            setattr(self, name, value)
        return self


def check_names(estimator: SendsOn) -> None:
    """Refuse arguments that nothing takes; the function that builds the model and `compile` refuse their own."""
    import keras

    from auxtasks.keras import AuxModel, attach_heads

    takers: dict[str, tuple[str, list[Callable[..., Any]]]] = {
        "targets": ("AuxTargetGenerator", [AuxTargetGenerator]),
        "attach": ("attach_heads", [attach_heads]),
        "fit": ("AuxModel.fit", [AuxModel.fit, keras.Model.fit]),
        "predict": ("keras.Model.predict", [keras.Model.predict]),
    }
    for prefix, (taker, functions) in takers.items():
        known = {name for each in functions for name in inspect.signature(each).parameters} - {"self", "kwargs"}
        for name in estimator.routed(prefix):
            if name not in known:
                raise unknown_name(f"{prefix}__{name}", name, known, f"argument of {taker}")


def _is_routed(name: str) -> bool:
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTES


def _is_same(value: Any, default: Any) -> bool:
    """Tell whether a value is a default; what is no plain value may not be comparable."""
    plain = type(value) is type(default) and isinstance(value, (str, int, float))
    return value is default or (plain and bool(value == default))
