"""The outputs of a model and the labels that belong to them, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

MAIN = "main"
"""The name of the one label of a model whose output has no name."""


def label_names(base: keras.Model) -> list[str] | None:
    """Return the names that the labels of a model's outputs have, in the order in which Keras flattens the outputs.

    Parameters
    ----------
    base : keras.Model
        The model.

    Returns
    -------
    list of str or None
        None if only a run would tell, as for a subclassed model.

    Examples
    --------
    >>> x = keras.Input((2,))
    >>> label_names(keras.Model(x, {"b": x, "a": x})), label_names(keras.Model(x, x))
    (['a', 'b'], ['main'])
    """
    if isinstance(base, keras.Sequential):
        return [MAIN]
    outputs = getattr(base, "outputs", None)
    if not outputs:
        return None
    struct = base._outputs_struct
    if isinstance(struct, dict):
        return sorted(struct)
    return [MAIN] if len(outputs) == 1 else list(base.output_names)


def by_label(main: Any, names: Sequence[str] | None) -> Mapping[str, Any]:
    """Return main labels by the name of their output.

    Parameters
    ----------
    main : array, sequence of array, mapping of str to array, or None
        The labels of one output or of several.
    names : sequence of str or None
        The names of the outputs, in order; None if they are not known.

    Returns
    -------
    mapping of str to array
        Empty where there are none, or where it is not known which output each of a sequence belongs to.

    Examples
    --------
    >>> by_label([0, 1], ["a", "b"]), by_label(0, None), by_label([0, 1], None)
    ({'a': 0, 'b': 1}, {'main': 0}, {})
    """
    if isinstance(main, Mapping):
        return main
    if isinstance(main, (list, tuple)):
        return dict(zip(names, main, strict=True)) if names and len(names) == len(main) else {}
    return {} if main is None else {names[0] if names and len(names) == 1 else MAIN: main}
