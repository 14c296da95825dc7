"""scikit-learn estimators that train a Keras model with auxiliary tasks.

`AuxClassifier` and `AuxRegressor` take a function that builds a Keras model, a domain and tasks. They work in
pipelines, cross-validation and searches as scikit-learn's own estimators do.
"""

from auxtasks.optional import check_installed

check_installed("sklearn", "keras,sklearn")
check_installed("keras", "keras,sklearn")

from auxtasks.sklearn.estimators import AuxClassifier, AuxRegressor  # noqa: E402
from auxtasks.sklearn.scoring import scorer  # noqa: E402

__all__ = ["AuxClassifier", "AuxRegressor", "scorer"]
