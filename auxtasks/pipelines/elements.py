"""What a data set yields, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name

MAIN = "main"


@dataclass(frozen=True)
class Element:
    """One element of a data set, or one batch of them.

    Parameters
    ----------
    inputs : tensor or mapping of str to tensor
        What the model reads.
    column : str or None
        Which of several inputs the targets are computed from.
    labels : dict
        The main label as ``"main"``, or what the labels hold by name.
    weights : tuple
        The sample weights, or nothing.
    """

    inputs: Any
    column: str | None
    labels: dict[str, Any]
    weights: tuple[Any, ...]

    @property
    def x(self) -> Any:
        """What the targets are computed from."""
        return self.inputs if self.column is None else self.inputs[self.column]

    def completed(self, x: Any, targets: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return ``(x, labels and targets[, weights])``, with `x` in the place of what the targets came from."""
        inputs = x if self.column is None else {**self.inputs, self.column: x}
        return inputs, {**self.labels, **targets}, *self.weights


def read_element(element: tuple[Any, ...], column: str | None, label: str | None) -> Element:
    """Take apart what `tf.data.Dataset.map` calls its function with.

    Parameters
    ----------
    element : tuple
        ``(x,)``, ``(x, y)``, ``(x, y, sample_weight)``, or a mapping of columns as its only entry.
    column : str or None
        The column of the inputs, or which of several inputs.
    label : str or None
        The column of the main label, for a mapping of columns.

    Returns
    -------
    Element
        The parts.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If it is of another form, or of one that needs a `column`.

    Examples
    --------
    >>> read_element(({"image": 1, "label": 2, "id": 3},), "image", "label")
    Element(inputs=1, column=None, labels={'main': 2}, weights=())
    """
    if len(element) > 3:
        raise InvalidTypeError(
            f"the map takes x, (x, y), (x, y, sample_weight) or a mapping of columns; got {len(element)} entries. "
            "Bring the elements into one of these forms by a map before this one."
        )
    x, *rest = element
    if not rest and isinstance(x, Mapping):
        named = _known("column", column, x), label if label is None else _known("label", label, x)
        return Element(x[named[0]], None, {} if named[1] is None else {MAIN: x[named[1]]}, ())
    if label is not None:
        raise InvalidInputError(
            f"`label` names the column of the main label where elements are mappings of columns; here they are of "
            f"{len(element)} parts, the second of which is the label. Leave `label` out."
        )
    labels = {} if not rest else dict(rest[0]) if isinstance(rest[0], Mapping) else {MAIN: rest[0]}
    if isinstance(x, Mapping):
        return Element(dict(x), _known("column", column, x), labels, tuple(rest[1:]))
    if isinstance(x, (list, tuple)):
        raise InvalidTypeError(
            f"`x` must be one tensor, or a mapping of names to tensors of which `column` names one; got a "
            f"{type(x).__name__} of {len(x)}. Turn it into a mapping by a map before this one."
        )
    if column is not None:
        raise InvalidInputError(f"`column` is {column!r}, and the inputs are one tensor without columns; leave it out.")
    return Element(x, None, labels, tuple(rest[1:]))


def _known(argument: str, name: str | None, columns: Mapping[str, Any]) -> str:
    if name is None:
        raise InvalidInputError(
            f"`{argument}` must name what the targets are computed from, where elements are mappings; found the names "
            f"{', '.join(map(repr, columns))}."
        )
    if name not in columns:
        raise unknown_name(argument, name, columns, "column")
    return name
