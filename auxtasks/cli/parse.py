"""Options that are more than a name or a number."""

from __future__ import annotations

import json
from typing import Any

import typer


def task_of(text: str) -> str | dict[str, dict[str, Any]]:
    """Read a task, with options or without.

    Parameters
    ----------
    text : str
        ``"fft"``, or ``'fft:{"n_coefficients": 50}'`` with the options as a JSON object.

    Returns
    -------
    str or dict
        An entry of the ``tasks`` of `auxtasks.make_aux_targets`.

    Raises
    ------
    typer.BadParameter
        If there is no name, or what follows the colon is no JSON object.

    Examples
    --------
    >>> task_of("std"), task_of('low:{"task": "fft", "n_coefficients": 5}')
    ('std', {'low': {'task': 'fft', 'n_coefficients': 5}})
    """
    name, colon, options = text.partition(":")
    if not name.strip():
        raise typer.BadParameter(f"{text!r} names no task.")
    if not colon:
        return name.strip()
    example = f"'{name}:{{\"option\": 5}}' (auxtasks list shows the options)"
    try:
        found = json.loads(options)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"what follows {name!r} must be JSON, such as {example}; {error}.") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"what follows {name!r} must be a JSON object, such as {example}; got {options}.")
    return {name.strip(): found}


def option_of(text: str) -> tuple[str, Any]:
    """Read an argument of a function.

    Parameters
    ----------
    text : str
        ``name=value``; the value is JSON, or else a text.

    Returns
    -------
    tuple of str and Any
        Its name and value.

    Raises
    ------
    typer.BadParameter
        If it is not of this form.

    Examples
    --------
    >>> option_of("scale=false"), option_of("pipeline=en_core_web_sm"), option_of('padding="pre"')
    (('scale', False), ('pipeline', 'en_core_web_sm'), ('padding', 'pre'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise typer.BadParameter(f"{text!r} must be name=value, such as seed=3.")
    try:
        return name.strip(), json.loads(value)
    except json.JSONDecodeError:
        return name.strip(), value
