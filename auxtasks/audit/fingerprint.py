"""Short names of contents, by which it is seen that data or settings are no longer the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def fingerprint(*values: Any) -> str:
    """Return a short name of what arrays, texts and plain values hold: equal for equal contents.

    Parameters
    ----------
    *values : ndarray, bytes, or what JSON can hold; lists and mappings of these
        What to name.

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> fingerprint(np.arange(3)) == fingerprint(np.array([0, 1, 2])), fingerprint([1, "a"]) == fingerprint([1, "b"])
    (True, False)
    """
    digest = hashlib.sha256()
    for value in values:
        _feed(digest, value)
    return digest.hexdigest()[:16]


def named(value: Any) -> Any:
    """Turn a setting into plain values that are the same in every process, as `repr` of a function is not.

    Parameters
    ----------
    value : Any
        A setting: plain values, arrays, functions, objects with a ``get_config``, others by their `repr`.

    Returns
    -------
    Any
        What `fingerprint` takes.

    Examples
    --------
    >>> named({"at": "auto", "steps": (1, 2), "score": sorted})
    {'at': 'auto', 'steps': [1, 2], 'score': 'builtins.sorted'}
    """
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {str(key): named(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(part) for part in value]
    if hasattr(value, "get_config") and not isinstance(value, type):
        return [type(value).__name__, named(_without_name(value.get_config()))]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__name__} {'' if ' at 0x' in repr(value) else repr(value)}".strip()


def _without_name(config: Any) -> Any:
    """Leave out names, also in nested configurations: Keras numbers them through in a process."""
    if isinstance(config, Mapping):
        return {key: _without_name(part) for key, part in config.items() if key not in ("name", "registered_name")}
    return [_without_name(part) for part in config] if isinstance(config, (list, tuple)) else config


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in value:
            _feed(digest, [str(key), value[key]])
    elif isinstance(value, (list, tuple)):
        digest.update(f"{len(value)}[".encode())
        for part in value:
            _feed(digest, part)
    elif isinstance(value, np.ndarray) and value.dtype.kind not in "OU":
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif isinstance(value, np.ndarray):
        _feed(digest, value.tolist())
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
