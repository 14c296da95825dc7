"""Telling a collection of Dask from what is in memory, without importing Dask."""

from __future__ import annotations


def is_dask(X: object) -> bool:
    """Tell whether something is a collection of Dask, or holds one.

    Parameters
    ----------
    X : object
        What the user gave.

    Returns
    -------
    bool
        True for arrays, bags, data frames and columns of Dask.

    Examples
    --------
    >>> is_dask([[1.0, 2.0]])
    False
    """
    return hasattr(type(X), "__dask_graph__")
