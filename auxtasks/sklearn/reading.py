"""Reading inputs, weights and given columns as scikit-learn's estimators do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.inputs.arrays import to_array
from auxtasks.typing import Array


def read_inputs(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check inputs that are a table as scikit-learn does; others are left to the generator.

    Parameters
    ----------
    estimator : AuxClassifier or AuxRegressor
        Gets ``n_features_in_`` and ``feature_names_in_`` where X is a table.
    X : array-like
        Samples of its domain.
    reset : bool
        Whether these are the training inputs, and not others that must be like them.

    Returns
    -------
    array-like
        An array for tables, and otherwise X itself.
    """
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
    """Return the weights of samples.

    Parameters
    ----------
    sample_weight : array-like, float or None
        One for each sample, or the same for all.
    n : int
        How many samples there are.

    Returns
    -------
    ndarray of float, shape (n,), or None
        As they are.

    Raises
    ------
    InvalidInputError
        If they have another shape, are negative or not finite, or all zero.
    """
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
    """Return given columns by name.

    Parameters
    ----------
    given : DataFrame, structured ndarray, mapping or None
        The columns.

    Returns
    -------
    dict of str to array-like, or None
        As the generator takes them.

    Raises
    ------
    InvalidTypeError
        If columns have no names.
    """
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
