"""How much a signal varies: standard deviation and absolute sum of changes."""

from __future__ import annotations

import numpy as np

from auxtasks.registry import extractor
from auxtasks.typing import Floats


@extractor(
    "std",
    domain="signal",
    kind="vector",
    log1p=True,
    axes=["channel"],
    default=True,
    source="population standard deviation; tsfresh standard_deviation",
)
def std(X: Floats) -> Floats:
    """Standard deviation of each channel.

    Parameters
    ----------
    X : ndarray of float, shape (n, time, channels)
        The signals, in any unit.

    Returns
    -------
    ndarray of float, shape (n, channels)
        Non-negative, in the unit of the signal; 0 for a constant channel or a single step.

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
    result: Floats = np.std(X, axis=1)
    return result
