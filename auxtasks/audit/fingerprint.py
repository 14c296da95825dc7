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
    return _named_object(value, ())


def _named_object(value: Any, within: tuple[int, ...]) -> Any:
    """Name a function by its code, and another object by what it holds."""
    if id(value) in within:
        return "itself"
    if hasattr(value, "get_config") and not isinstance(value, type):
        return [type(value).__name__, named(_without_name(value.get_config()))]
    if hasattr(value, "__code__"):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [_named_part(part, (*within, id(value))) for part in (*cells, value.__defaults__, value.__kwdefaults__)]
        return [f"{value.__module__}.{value.__qualname__}", _code(value.__code__), held]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    parts = {name: _named_part(part, (*within, id(value))) for name, part in getattr(value, "__dict__", {}).items()}
    return [type(value).__name__, parts if parts or " at 0x" in repr(value) else repr(value)]


def _named_part(value: Any, within: tuple[int, ...]) -> Any:
    return _named_object(value, within) if hasattr(value, "__dict__") else named(value)


def _code(code: Any) -> Any:
    """Name compiled code; functions defined in it are among its constants."""
    constants = [_code(part) if hasattr(part, "co_code") else repr(part) for part in code.co_consts]
    return [hashlib.sha256(code.co_code).hexdigest()[:16], constants, list(code.co_names)]


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
