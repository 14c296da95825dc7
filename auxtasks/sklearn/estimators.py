"""`AuxClassifier` and `AuxRegressor`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight

from auxtasks.audit.metrics.problem import as_probabilities
from auxtasks.errors import AuxTasksWarning, InvalidInputError, wrong_type
from auxtasks.sklearn.base import AuxEstimator
from auxtasks.sklearn.labels import Labels, as_columns, check_weighed, fit_classes, fit_numbers, plain, read_y
from auxtasks.typing import Array, Floats


class AuxClassifier(ClassifierMixin, AuxEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Predict classes with a Keras model that is trained with auxiliary tasks.

    `fit` makes targets from the inputs, attaches heads to a new model, trains it and takes the heads off. Everything
    that is learned from data, the scaling of targets and vocabularies included, is learned in `fit` from its own
    arguments, so that in cross-validation nothing of a test fold is seen.

    Parameters
    ----------
    model : function
        Returns a new Keras model, compiled or not. Those of its arguments that have one of these names are filled in:

        - ``input_shape``: the shape of one sample of what the model reads;
        - ``n_classes``: how many classes there are (a list for several columns of classes);
        - ``n_outputs``: how many units the last layer needs; for several columns of classes, how many outputs;
        - ``output_activation``: ``"softmax"``, or ``"sigmoid"`` for labels that do not exclude each other;
        - ``target_type``: what scikit-learn's ``type_of_target`` says of y;
        - ``vocabulary_size``: how many words texts have, padding included; None for other domains;
        - ``meta``: all of these in a dict.

        For the estimator to be pickled, it must be a function of a module.
    domain : {"signal", "image", "video", "text", "any"}
        What X is.
    tasks : str, mapping or sequence of these, optional
        The auxiliary tasks, as `auxtasks.make_aux_targets` takes them. Soft labels are made from the labels that `fit`
        is given, so that in cross-validation each fold has its own teacher; they are left out where every sample has a
        label, or there are too few.
    at, weights, weighting, schedule
        Where heads read, what their losses weigh and how they take part; see `auxtasks.keras.attach_heads`. With
        ``weights=0.0`` the model is trained as it would be without heads, which makes it the baseline of a search.
        A layer that `at` names needs a name in the function that builds the model.
    unlabelled : object, default -1
        What stands for a missing label in y, beside NaN and None. Pass None where -1 is a class.
    class_weight : dict, list of dict, "balanced" or None
        The weights of classes by their labels, as scikit-learn has them.
    optimizer : str, type or keras.optimizers.Optimizer, default "adam"
        Made anew for each fit.
    loss : str, type, keras.losses.Loss or function, default "auto"
        ``"auto"`` is the cross-entropy that fits y and the outputs: sparse categorical, or binary for a single unit and
        for labels that do not exclude each other; from logits where the last layer is linear.
    metrics : list, optional
        As Keras takes them.
    epochs : int or "auto", default "auto"
        How often `fit` goes through the samples. ``"auto"`` is as often as it takes to make 300 steps or more, whatever
        the number of samples.
    batch_size, labelled_share, verbose
        See `auxtasks.keras.AuxModel.fit`.
    callbacks : Callback, type, or list or mapping of these, optional
        Instances are copied for each fit, classes made from ``callbacks__<argument>``, or
        ``callbacks__<place or name>__<argument>`` for one of them.
    random_state : int, numpy.random.RandomState or None
        Decides initial weights, heads, order of batches, dropout, and draws of tasks. An integer gives the same model
        again, and the same initial weights and batches to estimators that differ in `tasks` or `weights` only (with
        soft labels in one of them, pass a number as `labelled_share` to all).
    targets__tokenizer, targets__max_tokens, targets__max_length, targets__tagger, targets__n_jobs
        Arguments of `auxtasks.AuxTargetGenerator`.
    attach__losses, attach__deep_supervision, attach__head_budget, attach__agreement
        Arguments of `auxtasks.keras.attach_heads`.
    optimizer__learning_rate : float or LearningRateSchedule, optional
        The learning rate of `optimizer`; by default its own.
    compile__loss_weights, compile__run_eagerly, compile__jit_compile
        Arguments of ``keras.Model.compile``.
    fit__validation_data, fit__validation_split, fit__class_weight, fit__shuffle, fit__steps_per_epoch
        Arguments of `auxtasks.keras.AuxModel.fit`. ``fit__validation_data=(X_val, y_val)`` takes X and y as `fit` does.
        The keys of `fit__class_weight` are classes of y, as those of `class_weight`, or names of outputs and targets.
    predict__batch_size : int, optional
        How many samples are predicted at once; by default `batch_size`.
    **routed
        Any other argument after one of the prefixes ``targets__``, ``attach__``, ``optimizer__``, ``compile__``,
        ``fit__`` and ``predict__``; ``model__<argument>``, such as ``model__units=8``, of the function that builds the
        model; ``loss__<argument>`` of the class of `loss`; ``callbacks__<argument>``, see `callbacks`. Parameters with
        a prefix outweigh those of the same meaning without one, and searches can vary them. A named one that is left
        at its default is not passed on.

    Attributes
    ----------
    model_ : keras.Model
        The trained model, without heads.
    generator_ : AuxTargetGenerator
        The fitted generator of the targets; ``generator_.specs_`` tells what they are.
    history_ : dict of str to list of float
        What each epoch logged.
    classes_ : ndarray, or list of ndarray for several columns of classes
        The classes.
    n_features_in_, feature_names_in_
        Where X is a table, as in scikit-learn.

    Notes
    -----
    Columns that are given in training become targets too: ``fit(X, y, label_columns=frame)``, in a search or
    cross-validation as a parameter of its ``fit`` (``cross_validate(..., params={"label_columns": frame})``). A
    DataFrame or a structured array is cut with the folds; a mapping of arrays is not.

    A score needs labels: `score` leaves out samples without one, while scorers by name (``scoring="accuracy"``) take
    -1 for a class. Leave `scoring` alone, or pass ``scoring=auxtasks.sklearn.scorer("accuracy")``.

    The pickled model is a ``.keras`` file: layers of your own must be registered with
    ``keras.saving.register_keras_serializable``, and it is not compiled when it comes back. After `fit`, the
    generators of Python, NumPy and Keras are where they were; TensorFlow's global seed is not, because it cannot be
    read. There is no ``partial_fit``, since targets are scaled by the data of one `fit`.

    Of scikit-learn's checks of estimators, those on sample weights do not hold: a sample of weight 0 is not as good as
    none, because it takes part in the auxiliary tasks, and one of weight 2 is not drawn twice.

    Examples
    --------
    >>> import keras, numpy as np
    >>> def build(input_shape, n_classes, units=8):
    ...     layers = [keras.layers.Dense(units, activation="relu"), keras.layers.Dense(n_classes, activation="softmax")]
    ...     return keras.Sequential([keras.Input(input_shape), *layers])
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> y = np.where(X[:, 0] > 0, "up", "down").astype(object)
    >>> y[40:] = -1  # unlabelled
    >>> classifier = AuxClassifier(build, "any", "reconstruction", epochs=5, optimizer__learning_rate=0.2)
    >>> classifier.set_params(model__units=16, random_state=0).fit(X, y).classes_
    array(['down', 'up'], dtype='<U4')
    >>> classifier.predict_proba(X[:3]).shape, classifier.score(X, y) > 0.8
    ((3, 2), True)
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
        unlabelled: Any = -1,
        class_weight: Any = None,
        optimizer: Any = "adam",
        loss: Any = "auto",
        metrics: Any = None,
        epochs: int | str = "auto",
        batch_size: int = 32,
        labelled_share: float | str | None = "auto",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        targets__tokenizer: Any = None,
        targets__max_tokens: int | None = 20_000,
        targets__max_length: int | None = None,
        targets__tagger: Any = "spacy",
        targets__n_jobs: int = 1,
        attach__losses: Any = None,
        attach__deep_supervision: Any = None,
        attach__head_budget: float | None = 0.1,
        attach__agreement: Any = None,
        optimizer__learning_rate: Any = None,
        compile__loss_weights: Any = None,
        compile__run_eagerly: bool = False,
        compile__jit_compile: bool | str = "auto",
        fit__validation_data: Any = None,
        fit__validation_split: float = 0.0,
        fit__class_weight: Any = None,
        fit__shuffle: bool = True,
        fit__steps_per_epoch: int | None = None,
        predict__batch_size: int | None = None,
        **routed: Any,
    ) -> None:
        self._keep(locals())

    @property
    def classes_(self) -> Any:
        """The classes, of each column where there are several columns of classes."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("`classes_` is there once `fit` was called.")
        return list(self._labels.classes) if self._labels.several else self._labels.classes[0]

    def _fit_labels(self, y: Any) -> Labels:
        return fit_classes(y, self.unlabelled)

    def _weigh(self, y: Any, labels: Labels, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        balanced = isinstance(self.class_weight, str) and self.class_weight == "balanced"
        if not balanced and not isinstance(self.class_weight, (dict, list)):
            raise wrong_type("class_weight", "'balanced' or a mapping of classes to weights", self.class_weight)
        check_weighed("class_weight", self.class_weight, labels)
        array, missing = read_y(y, self.unlabelled)
        rows = ~missing.reshape(len(array), -1).any(axis=1)
        found = np.ones(len(array)) if weights is None else weights.copy()
        found[rows] *= compute_sample_weight(self.class_weight, plain(array[rows]))
        return found

    def fit(self, X: Any, y: Any, sample_weight: Any = None, label_columns: Any = None) -> AuxClassifier:
        """Make targets from X, attach heads to a new model, train it and take the heads off.

        Parameters
        ----------
        X : array-like
            Samples of the domain: a table, an array, a list of series, or texts.
        y : array-like, shape (n,) or (n, outputs)
            Classes of any kind, flags of labels that do not exclude each other, or a column of classes for each output
            of the model; -1 (see `unlabelled`), NaN, None, masked or null where there is none.
        sample_weight : array-like, shape (n,), optional
            What each sample weighs in the main loss.
        label_columns : DataFrame, structured array or mapping of str to array-like, optional
            Label columns that exist at training time only; each becomes a target.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used; the message says which, and what to do.
        """
        return self._fit(X, y, sample_weight, label_columns)

    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities.

        Parameters
        ----------
        X : array-like
            Samples of the domain.

        Returns
        -------
        ndarray of float, shape (n, classes), or list of these
            In the order of `classes_`; for labels that do not exclude each other the probability of each; a list for
            several columns of classes.
        """
        outputs = self._outputs(X)
        if self._labels.output_activation == "sigmoid":
            pairs = zip(outputs, self._logits.values(), strict=True)
            return np.concatenate([as_probabilities(each, "multilabel", logits) for each, logits in pairs], axis=1)
        found = [_of_classes(each, logits) for each, logits in zip(outputs, self._logits.values(), strict=True)]
        return found if self._labels.several else found[0]

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array-like
            Samples of the domain.

        Returns
        -------
        ndarray, shape (n,) or (n, outputs)
            The most probable classes; for labels that do not exclude each other 1 where the probability exceeds 0.5.
        """
        found = self.predict_proba(X)
        if self._labels.output_activation == "sigmoid":
            return (np.asarray(found) > 0.5).astype(np.int64)
        columns = found if isinstance(found, list) else [found]
        pairs = zip(self._labels.classes, columns, strict=True)
        chosen: Array = np.stack([classes[each.argmax(axis=1)] for classes, each in pairs], axis=1)
        return chosen if self._labels.several else chosen[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the samples that have a label.

        Parameters
        ----------
        X : array-like
            Samples of the domain.
        y : array-like
            Labels; -1 (see `unlabelled`), NaN or None where there is none.
        sample_weight : array-like, optional
            Weights of the samples.

        Returns
        -------
        float
            The share of samples whose labels are all right.
        """
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        found = self.predict(X)
        if found.shape != y.shape:
            raise InvalidInputError(
                f"`y` must have a row for each sample of `X`, as the predictions: {found.shape}; found {y.shape}."
            )
        right = (y == found).reshape(len(y), -1).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _of_classes(output: Array, logits: bool) -> Floats:
    """Return a column for each class, also where a single unit tells two apart."""
    if output.ndim > 1 and output.shape[1] > 1:
        return as_probabilities(output, "multiclass", logits)
    second = as_probabilities(output, "binary", logits)
    return np.stack([1 - second, second], axis=1)


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
    optimizer, loss, metrics, epochs, batch_size, labelled_share, callbacks, verbose, random_state
        See `AuxClassifier`; the loss ``"auto"`` is the mean squared error.
    targets__tokenizer, targets__max_tokens, targets__max_length, targets__tagger, targets__n_jobs
        Arguments of `auxtasks.AuxTargetGenerator`.
    attach__losses, attach__deep_supervision, attach__head_budget, attach__agreement
        Arguments of `auxtasks.keras.attach_heads`.
    optimizer__learning_rate, compile__loss_weights, compile__run_eagerly, compile__jit_compile
        See `AuxClassifier`.
    fit__validation_data, fit__validation_split, fit__shuffle, fit__steps_per_epoch, predict__batch_size
        See `AuxClassifier`.
    **routed
        See `AuxClassifier`.

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
    >>> regressor = AuxRegressor(build, "any", epochs=8, optimizer__learning_rate=0.3, random_state=0).fit(X, y)
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
        epochs: int | str = "auto",
        batch_size: int = 32,
        labelled_share: float | str | None = "auto",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        targets__tokenizer: Any = None,
        targets__max_tokens: int | None = 20_000,
        targets__max_length: int | None = None,
        targets__tagger: Any = "spacy",
        targets__n_jobs: int = 1,
        attach__losses: Any = None,
        attach__deep_supervision: Any = None,
        attach__head_budget: float | None = 0.1,
        attach__agreement: Any = None,
        optimizer__learning_rate: Any = None,
        compile__loss_weights: Any = None,
        compile__run_eagerly: bool = False,
        compile__jit_compile: bool | str = "auto",
        fit__validation_data: Any = None,
        fit__validation_split: float = 0.0,
        fit__shuffle: bool = True,
        fit__steps_per_epoch: int | None = None,
        predict__batch_size: int | None = None,
        **routed: Any,
    ) -> None:
        self._keep(locals())

    def _fit_labels(self, y: Any) -> Labels:
        return fit_numbers(y)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, label_columns: Any = None) -> AuxRegressor:
        """Make targets from X, attach heads to a new model, train it and take the heads off.

        Parameters
        ----------
        X : array-like
            Samples of the domain.
        y : array-like, shape (n,) or (n, outputs)
            Numbers; NaN where there is none.
        sample_weight, label_columns
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
        return self._fit(X, y, sample_weight, label_columns)

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
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        if len(y) < 2:
            warnings.warn("`y` holds one label, and R² needs two at least: it is NaN.", AuxTasksWarning, stacklevel=2)
            return float("nan")
        return float(super().score(X, y, sample_weight))
