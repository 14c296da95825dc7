"""A regressor that trains a Keras model with auxiliary tasks."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin

from auxtasks.sklearn.base import AuxEstimator
from auxtasks.sklearn.label_kinds import fit_numbers
from auxtasks.sklearn.labels import Labels
from auxtasks.sklearn.outputs import as_columns
from auxtasks.typing import Floats


class AuxRegressor(RegressorMixin, AuxEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Predict numbers with a Keras model that is trained with auxiliary tasks.

    See `AuxClassifier`, whose parameters, attributes and notes are these, but for `unlabelled` and `class_weight`: a
    missing number is NaN.

    Parameters
    ----------
    model : function
        Returns a new Keras model, compiled or not. ``n_outputs`` is the number of columns of y.
    domain, tasks, at, weights, weighting, schedule
        See `AuxClassifier`.
    optimizer, loss, metrics, epochs, batch_size, labelled_share, callbacks, verbose, random_state, **routed
        See `AuxClassifier`; the loss ``"auto"`` is the mean squared error.

    Attributes
    ----------
    model_, generator_, history_, n_features_in_, feature_names_in_
        See `AuxClassifier`.

    Notes
    -----
    Numbers are learned in the unit they are given in; ``sklearn.compose.TransformedTargetRegressor`` standardises them
    where they are large, and needs numbers for all samples.

    Examples
    --------
    >>> import keras, numpy as np
    >>> def build(input_shape, n_outputs):
    ...     layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(n_outputs)]
    ...     return keras.Sequential([keras.Input(input_shape), *layers])
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> y = X @ [1.0, -2.0, 0.5, 0.0]
    >>> y[40:] = np.nan  # unlabelled
    >>> regressor = AuxRegressor(build, "any", epochs=30, optimizer__learning_rate=0.1, random_state=0).fit(X, y)
    >>> regressor.predict(X[:2]).shape, regressor.score(X, y) > 0.9
    ((2,), True)
    """

    def __init__(
        self,
        model: Any,
        domain: str,
        tasks: Any = None,
        *,
        at: Any = "auto",
        weights: Any = "auto",
        weighting: Any = "fixed",
        schedule: Any = "joint",
        optimizer: Any = "adam",
        loss: Any = "auto",
        metrics: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        labelled_share: float | None = 0.5,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        **routed: Any,
    ) -> None:
        self.model = model
        self.domain = domain
        self.tasks = tasks
        self.at = at
        self.weights = weights
        self.weighting = weighting
        self.schedule = schedule
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.labelled_share = labelled_share
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
        self.set_params(**routed)

    def _fit_labels(self, y: Any) -> Labels:
        return fit_numbers(y)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, given: Any = None) -> AuxRegressor:
        """Make targets from X, attach heads to a new model, train it and take the heads off.

        Parameters
        ----------
        X : array-like
            Samples of the domain.
        y : array-like, shape (n,) or (n, outputs)
            Numbers; NaN where there is none.
        sample_weight, given
            See `AuxClassifier.fit`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used; the message says which, and what to do.
        """
        return self._fit(X, y, sample_weight, given)

    def predict(self, X: Any) -> Floats:
        """Predict.

        Parameters
        ----------
        X : array-like
            Samples of the domain.

        Returns
        -------
        ndarray of float, shape (n,) or (n, outputs)
            As y was.
        """
        return as_columns(self._outputs(X), self._labels)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination on the samples that have a label.

        Parameters
        ----------
        X : array-like
            Samples of the domain.
        y : array-like
            Numbers; NaN where there is none.
        sample_weight : array-like, optional
            Weights of the samples.

        Returns
        -------
        float
            R², at most 1.
        """
        return float(super().score(*self._labelled(X, y, sample_weight)))
