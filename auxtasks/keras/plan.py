"""What is attached where: kept in a plain object, so that Keras does not track the tapped layers twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.layers import walk
from auxtasks.keras.recording import Event
from auxtasks.specs import TargetSpec


class TapPoint(NamedTuple):
    """The tensor that a head reads: a layer, which call of it, and its shape without the batch."""

    path: str
    call: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The targets of a model, and the tap of each.

    Parameters
    ----------
    specs : dict of str to TargetSpec
        The targets.
    taps : dict of str to TapPoint
        The tap of each.
    layers : dict of str to keras.Layer
        The tapped layers by path.
    """

    specs: dict[str, TargetSpec]
    taps: dict[str, TapPoint]
    layers: dict[str, keras.Layer]

    @classmethod
    def make(
        cls, base: keras.Model, specs: Mapping[str, TargetSpec], taps: Mapping[str, tuple[str, int, Iterable[int]]]
    ) -> Plan:
        """Find the layers of the taps in a model; `taps` may come from JSON."""
        points = {task: TapPoint(path, call, tuple(shape)) for task, (path, call, shape) in taps.items()}
        by_path = dict(walk(base))
        return cls(dict(specs), points, {point.path: by_path[point.path] for point in points.values()})

    def event_of(self, task: str, events: Iterable[Event]) -> Event:
        """Return the call that a task's head reads among those of one forward pass."""
        path, call, _ = self.taps[task]
        of_layer = [event for event in events if event.layer is self.layers[path]]
        if call >= len(of_layer):
            raise InvalidInputError(
                f"`at`: layer {path!r}, which the head of {task!r} reads, was called {len(of_layer)} times in this "
                f"forward pass; the head reads call {call}."
            )
        return of_layer[call]

    def to_config(self) -> dict[str, Any]:
        """Return the targets and taps as plain JSON types."""
        return {
            "specs": {name: spec.to_dict() for name, spec in self.specs.items()},
            "taps": {task: [path, call, list(shape)] for task, (path, call, shape) in self.taps.items()},
        }
