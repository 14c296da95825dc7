"""Parameters that an estimator sends on: ``fit__epochs`` to ``fit``, ``model__units`` to the builder."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.targets.reading import to_array
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras


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
        """Return the parameters."""
        return {**super().get_params(deep), **{name: value for name, value in vars(self).items() if _is_routed(name)}}

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

    def routed(self, prefix: str) -> dict[str, Any]:
        """Return what is sent on by a prefix."""
        start = f"{prefix}__"
        return {name[len(start) :]: value for name, value in vars(self).items() if name.startswith(start)}


def _is_routed(name: str) -> bool:
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTES


def read_inputs(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check inputs that are a table as scikit-learn does; others are left to the generator."""
    # What is an array only on demand has no shape to be looked at before.
    X = np.asarray(X) if hasattr(X, "__array__") and not hasattr(X, "shape") else X
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    return validate_data(estimator, X, reset=reset, ensure_min_samples=1 + reset) if _is_table(estimator, X) else X


def _is_table(estimator: Any, X: Any) -> bool:
    if estimator.domain == "any":
        return not hasattr(X, "shape") or len(X.shape) < 3
    if estimator.domain != "signal":
        return False
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    lengths = {np.size(row) for row in X} if isinstance(X, (list, tuple)) else set()
    return len(lengths) == 1 and np.ndim(X[0]) == 1


def read_weights(sample_weight: Any, n: int) -> Array | None:
    """Return the weights of samples."""
    if sample_weight is None:
        return None
    weights = to_array(sample_weight, "sample_weight").astype(np.float64)
    weights = np.full(n, weights) if weights.ndim == 0 else weights
    if weights.shape != (n,):
        raise InvalidInputError(f"`sample_weight` must have shape ({n},); got shape {weights.shape}.")
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise InvalidInputError("`sample_weight` must hold finite numbers of 0 or more.")
    if not weights.any():
        raise InvalidInputError("Sample weights must contain at least one non-zero number; `sample_weight` has none.")
    return weights


def read_given(given: Any) -> dict[str, Array] | None:
    """Return given columns by name."""
    if given is None:
        return None
    names = getattr(getattr(given, "dtype", None), "names", None)
    names = names or (list(given) if isinstance(given, Mapping) else getattr(given, "columns", None))
    if names is None:
        raise InvalidTypeError(
            "`given` must have named columns: a DataFrame or a structured array, which searches and cross-validation "
            f"cut with the folds, or a mapping of names to arrays; got {type(given).__name__}."
        )
    return {str(name): given[name] for name in names}


_FILE = "model.keras"


def to_bytes(model: keras.Model) -> bytes:
    """Write a model in Keras's own format."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        model.save(path)
        return path.read_bytes()


def from_bytes(content: bytes) -> keras.Model:
    """Read what `to_bytes` wrote."""
    import keras

    with TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False)


_BELOW = 2**31 - 1
_STATES = ("global_random_seed", "global_seed_generator")
"""What Keras keeps of its seed."""


def seed_of(random_state: Any) -> int:
    """Draw a seed."""
    return int(check_random_state(random_state).randint(_BELOW))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy, Keras and TensorFlow, and give all but TensorFlow its state back afterwards."""
    from keras.src.backend.common import global_state

    from auxtasks.keras.seeds import set_seed

    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - Keras draws from it
    of_keras = {name: global_state.get_global_attribute(name) for name in _STATES}
    set_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        for name, value in of_keras.items():
            global_state.set_global_attribute(name, value)
