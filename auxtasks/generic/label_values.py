"""What a single label is."""

from __future__ import annotations

from typing import Literal

import numpy as np

Family = Literal["integer", "float", "string", "unknown"]
"""What labels are; booleans count as integers, and what is missing or no label is unknown."""
MISSING_NAMES = frozenset({"NAType", "NaTType"})
"""The types of pandas' own missing values, known by name so that pandas need not be loaded."""


def is_missing(value: object) -> bool:
    """Tell whether an entry stands for a missing label.

    Parameters
    ----------
    value : object
        An entry of an object array.

    Returns
    -------
    bool
        True for None, NaN and pandas' NA and NaT.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    if value is None or type(value).__name__ in MISSING_NAMES:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def family_of(value: object) -> Family:
    """Tell what type of label an entry is.

    Parameters
    ----------
    value : object
        An entry of an object array.

    Returns
    -------
    {"integer", "float", "string", "unknown"}
        Its family.

    Examples
    --------
    >>> family_of(True), family_of(2.0), family_of("2"), family_of(b"2")
    ('integer', 'float', 'string', 'unknown')
    """
    if isinstance(value, str):
        return "string"
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return "integer"
    return "float" if isinstance(value, (float, np.floating)) else "unknown"
