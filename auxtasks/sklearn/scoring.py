"""Scorers that leave out samples without a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, make_scorer
from sklearn.utils import _safe_indexing

from auxtasks.errors import InvalidInputError, wrong_type
from auxtasks.sklearn.labels import plain, read_y
from auxtasks.typing import Array


def scorer(scoring: str | Callable[..., Any], *, unlabelled: Any = -1, **kwargs: Any) -> LabelledScorer:
    """Return a scorer that leaves out samples without a label, for cross-validation and searches.

    Parameters
    ----------
    scoring : str or function
        The name of a scorer of scikit-learn, such as ``"accuracy"``; a scorer; or with `kwargs` a metric,
        ``metric(y_true, y_pred)``.
    unlabelled : object, default -1
        What stands for a missing label, beside NaN and None. Pass None where -1 is a class or a number.
    **kwargs
        What ``sklearn.metrics.make_scorer`` takes beside a metric, such as ``greater_is_better=True``.

    Returns
    -------
    LabelledScorer
        Called with an estimator, X and y; also with ``sample_weight``.

    Raises
    ------
    InvalidInputError
        When it is called, if no sample has a label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = np.zeros((12, 1)), np.array([0, 0, -1, -1] * 3)
    >>> always_0 = DummyClassifier(strategy="constant", constant=0)
    >>> cross_val_score(always_0, X, y, scoring="accuracy", cv=3).tolist()
    [0.5, 0.5, 0.5]
    >>> cross_val_score(always_0, X, y, scoring=scorer("accuracy"), cv=3).tolist()
    [1.0, 1.0, 1.0]
    """
    if not isinstance(scoring, str) and not callable(scoring):
        raise wrong_type("scoring", "the name of a scorer, a scorer or a metric", scoring)
    if kwargs and isinstance(scoring, str):
        raise InvalidInputError(f"`scoring`: {', '.join(kwargs)} is for a metric, and {scoring!r} names a scorer.")
    return LabelledScorer(make_scorer(scoring, **kwargs) if kwargs else get_scorer(scoring), unlabelled)


class LabelledScorer:
    """A scorer on the samples that have a label, all of their labels where there are several."""

    def __init__(self, inner: Any, unlabelled: Any) -> None:
        self._inner = inner
        self._unlabelled = unlabelled

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Any:
        X, labels, sample_weight = labelled_part(X, y, sample_weight, self._unlabelled)
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        return self._inner(estimator, X, labels, **params)

    def __repr__(self) -> str:
        return f"labelled {self._inner!r}"

    def get_metadata_routing(self) -> Any:
        return self._inner.get_metadata_routing()

    def set_score_request(self, **requested: Any) -> LabelledScorer:
        """Return a scorer that asks for metadata, such as ``sample_weight=True``."""
        return LabelledScorer(self._inner.set_score_request(**requested), self._unlabelled)


def labelled_part(X: Any, y: Any, sample_weight: Any, unlabelled: Any) -> tuple[Any, Array, Any]:
    """Leave out the samples that lack some of their labels, which no score can judge."""
    array, missing = read_y(y, unlabelled)
    rows = np.flatnonzero(~missing.reshape(len(array), -1).any(axis=1))
    if not len(rows):
        what = "no label at all" if missing.all() else "no sample with all of its labels"
        raise InvalidInputError(f"`y` holds {what} among its {len(array)} samples; nothing can be scored.")
    weights = None if sample_weight is None else _safe_indexing(sample_weight, rows)
    return X if len(rows) == len(array) else _safe_indexing(X, rows), plain(array[rows]), weights
