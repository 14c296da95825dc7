"""The parameters of an estimator, read and changed the way scikit-learn does, without needing it."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from auxtasks.errors import unknown_name
from auxtasks.optional import require

Self = TypeVar("Self", bound="Parametrised")


class Parametrised:
    """Base of an estimator whose ``__init__`` stores each of its parameters under the parameter's name."""

    domain: str

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 (scikit-learn passes it)
        """Return the parameters.

        Parameters
        ----------
        deep : bool
            Accepted for scikit-learn's sake; no parameter has parameters of its own.

        Returns
        -------
        dict of str to object
            The very objects that were passed in.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self: Self, **params: Any) -> Self:
        """Change parameters.

        Parameters
        ----------
        **params
            New values by name; nothing is checked before `fit`.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        UnknownNameError
            If there is no such parameter; then none is changed.
        """
        for name in params:
            if name not in self._defaults():
                raise unknown_name("set_params", name, self._defaults(), f"parameter of {type(self).__name__}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which is the only caller and therefore there."""
        utils = require("sklearn.utils", extra="sklearn")
        return utils.Tags(
            estimator_type="transformer",
            target_tags=utils.TargetTags(required=False),
            transformer_tags=utils.TransformerTags(preserves_dtype=[]),  # `dtype` decides
            input_tags=utils.InputTags(**input_tags(self.domain)),
        )

    def __repr__(self) -> str:
        """Show the parameters that differ from their defaults."""
        default = self._defaults()
        shown = [f"{name}={value!r}" for name, value in self.get_params().items() if _differs(value, default[name])]
        return f"{type(self).__name__}({', '.join(shown)})"


def input_tags(domain: object) -> dict[str, bool]:
    """Say in scikit-learn's words which inputs a domain has.

    Parameters
    ----------
    domain : str
        The domain.

    Returns
    -------
    dict of str to bool
        What differs from the defaults of ``sklearn.utils.InputTags``.

    Examples
    --------
    >>> input_tags("text")
    {'one_d_array': True, 'two_d_array': False, 'three_d_array': False, 'string': True}
    """
    text = domain == "text"
    tables = domain in ("any", "signal")
    return {"one_d_array": text, "two_d_array": tables, "three_d_array": not text, "string": text}


def _differs(value: object, default: object) -> bool:
    return type(value) is not type(default) or value != default
