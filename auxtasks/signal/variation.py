"""How much a signal varies: standard deviation and absolute sum of changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.registry import extractor
from auxtasks.signal.layout import by_channel, centred, products
from auxtasks.tensors import namespace
from auxtasks.typing import Floats


@extractor(
    "std",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    default=True,
    share=0.1,
    source="population standard deviation; tsfresh standard_deviation",
    graph=True,
)
def std(X: Floats) -> Floats:
    """Spread of each channel: its standard deviation.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; exactly 0 for a constant channel or a single step.

    Notes
    -----
    ``sqrt(mean((x - mean(x))²))`` over time, the population form (``ddof=0``), as `numpy.std` and tsfresh's
    ``standard_deviation`` have it.

    Examples
    --------
    >>> import numpy as np
    >>> std(np.array([[[1.0], [3.0]]]))
    array([[1.]])
    """
    deviations = centred(X)
    variance = products(deviations, deviations)
    variance /= X.shape[1]
    spread: Floats = namespace(X).sqrt(variance)
    return spread


def _changes_of_tensors(X: Any) -> Any:
    xp = namespace(X)
    return xp.sum(xp.abs(X[:, 1:] - X[:, :-1]), axis=1)


@extractor(
    "abs_sum_changes",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    default=True,
    share=0.1,
    source="total variation; tsfresh absolute_sum_of_changes",
    graph=_changes_of_tensors,
)
def abs_sum_changes(X: Floats) -> Floats:
    """Sum of the absolute changes from step to step of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; 0 for a constant channel or a single step. It grows with the length
        of the series.

    Notes
    -----
    ``sum(|x[t + 1] - x[t]|)`` over time, as tsfresh's ``absolute_sum_of_changes`` has it.

    Examples
    --------
    >>> import numpy as np
    >>> abs_sum_changes(np.array([[[1.0], [3.0], [2.0]]]))
    array([[3.]])
    """
    changes = X[:, 1:] - X[:, :-1]
    np.abs(changes, out=changes)
    total: Floats = by_channel(changes).sum(axis=2)
    return total
