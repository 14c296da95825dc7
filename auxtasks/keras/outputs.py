"""The outputs of a model and the labels that belong to them, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from auxtasks.keras.private import output_struct
from auxtasks.labels import MAIN


def label_names(base: keras.Model) -> list[str] | None:
    """Return the names that the labels of a model's outputs have, in the order in which Keras flattens the outputs."""
    if isinstance(base, keras.Sequential):
        return [MAIN]
    outputs = getattr(base, "outputs", None)
    if not outputs:
        return None
    struct = output_struct(base)
    if isinstance(struct, dict):
        return sorted(struct)
    return [MAIN] if len(outputs) == 1 else list(base.output_names)


def returned_names(returned: Any) -> list[str]:
    """Return the names that labels have by what a model returned: those of a mapping, and of a tuple the places."""
    if isinstance(returned, Mapping):
        return sorted(returned)
    if isinstance(returned, (list, tuple)):
        return [str(place) for place in range(len(returned))]
    return [MAIN]


def by_place(values: Any, names: Sequence[str] | None) -> Any:
    """Return labels or weights that are named by their place as the list in which Keras takes them."""
    places = [str(place) for place in range(len(names or ()))]
    return [values.get(name) for name in places] if isinstance(values, Mapping) and names == places else values


def by_label(main: Any, names: Sequence[str] | None) -> Mapping[str, Any]:
    """Return main labels by the name of their output."""
    if isinstance(main, Mapping):
        return main
    if isinstance(main, (list, tuple)):
        return dict(zip(names, main, strict=True)) if names and len(names) == len(main) else {}
    return {} if main is None else {names[0] if names and len(names) == 1 else MAIN: main}
