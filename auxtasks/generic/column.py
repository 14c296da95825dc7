"""What is learnt of a label column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from auxtasks.specs import Kind


@dataclass(frozen=True)
class GivenColumn:
    """What was learnt of a label column from the training data.

    Parameters
    ----------
    name : str
        The name of the column and of its target.
    kind : str
        The kind of the target, as in `auxtasks.specs.KINDS`.
    shape : tuple of int
        The shape of one sample's target, ``()`` for a class.
    classes : tuple of str, int or bool
        The label of each class, in the order of the class numbers.
    columns : tuple of str
        The names of the columns of a data frame; empty if there were none.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    classes: tuple[str | int | bool, ...] = ()
    columns: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the column as plain JSON types; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> GivenColumn:
        """Make a column from what `to_dict` returned, also after a round trip through JSON."""
        tuples = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        plain: dict[str, Any] = {**fields, **tuples}
        return cls(**plain)
