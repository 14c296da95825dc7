"""Parameters that an estimator sends on: ``fit__epochs`` to ``fit``, ``model__units`` to the builder."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from auxtasks.errors import unknown_name

Self = TypeVar("Self", bound="Routing")

ROUTES = {
    "model": "the function that builds the model",
    "targets": "AuxTargetGenerator",
    "attach": "attach_heads",
    "optimizer": "the optimizer",
    "loss": "the loss",
    "callbacks": "callbacks given as classes",
    "compile": "compile",
    "fit": "fit of the Keras model",
    "predict": "predict of the Keras model",
}
"""The prefixes, and where what follows them goes."""


class Routing(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Base of an estimator that takes, beside its own parameters, any of the form ``prefix__name``.

    The base class of scikit-learn reads its own parameters off ``__init__``; those sent on are kept as attributes of
    their full names, so that `clone` and searches see them.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool
            Whether to include those of parameters that are estimators.

        Returns
        -------
        dict of str to object
            Its own parameters, then those sent on.
        """
        return {**super().get_params(deep), **{name: value for name, value in vars(self).items() if _is_routed(name)}}

    def set_params(self: Self, **params: Any) -> Self:
        """Change parameters.

        Parameters
        ----------
        **params
            New values by name.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        UnknownNameError
            If there is no such parameter and no such prefix; then none is changed.
        """
        own = self._get_param_names()
        for name in params:
            if name not in own and not _is_routed(name):
                valid = [*own, *(f"{prefix}__<name>" for prefix in ROUTES)]
                raise unknown_name("set_params", name, valid, f"parameter of {type(self).__name__}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def routed(self, prefix: str) -> dict[str, Any]:
        """Return what is sent on by a prefix.

        Parameters
        ----------
        prefix : str
            One of `ROUTES`.

        Returns
        -------
        dict of str to object
            Without the prefix.
        """
        start = f"{prefix}__"
        return {name[len(start) :]: value for name, value in vars(self).items() if name.startswith(start)}


def _is_routed(name: str) -> bool:
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTES
