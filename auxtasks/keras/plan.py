"""What is attached where: kept in a plain object, so that Keras does not track the tapped layers twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.layers import walk
from auxtasks.keras.recording import Event
from auxtasks.keras.ties import Tie
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec


class TapPoint(NamedTuple):
    """The tensor that a head reads: a layer, which call of it, and its shape without the batch.

    A time axis that varies from batch to batch is None.
    """

    path: str
    call: int
    shape: Shape


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
    ties : dict of str to (Tie, keras.Layer)
        The embedding of each target whose head is tied to one.
    """

    specs: dict[str, TargetSpec]
    taps: dict[str, TapPoint]
    layers: dict[str, keras.Layer]
    ties: dict[str, tuple[Tie, keras.Layer]]

    @classmethod
    def make(
        cls,
        base: keras.Model,
        specs: Mapping[str, TargetSpec],
        taps: Mapping[str, tuple[str, int, Iterable[int | None]]],
        ties: Mapping[str, tuple[str, Iterable[int], int]],
    ) -> Plan:
        """Find the layers of the taps and of the tied embeddings in a model; both may come from JSON."""
        points = {task: TapPoint(path, call, tuple(shape)) for task, (path, call, shape) in taps.items()}
        layers = {point.path: _the_layer(base, point.path, "at") for point in points.values()}
        tied = {
            task: (Tie(path, tuple(rows), width), _the_layer(base, path, "tie"))
            for task, (path, rows, width) in ties.items()
        }
        return cls(dict(specs), points, layers, tied)

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

    def to_config(self, base: keras.Model) -> dict[str, Any]:
        """Return the targets and taps as plain JSON types; a layer is told by its place among all layers of the model.

        The names of the layers of a subclassed model are counted up anew when it is made again.
        """
        layers = [id(layer) for _, layer in walk(base)]
        return {
            "specs": {name: spec.to_dict() for name, spec in self.specs.items()},
            "taps": {
                task: [layers.index(id(self.layers[path])), call, list(shape)]
                for task, (path, call, shape) in self.taps.items()
            },
            "ties": {
                task: [layers.index(id(layer)), list(tie.rows), tie.width] for task, (tie, layer) in self.ties.items()
            },
        }

    @staticmethod
    def by_path(base: keras.Model, described: Mapping[str, tuple[int, Any, Any]]) -> dict[str, Any]:
        """Return the taps, or ties, that `to_config` described, by path in this model."""
        paths = [path for path, _ in walk(base)]
        return {task: (paths[index], *rest) for task, (index, *rest) in described.items()}


def _the_layer(base: keras.Model, path: str, argument: str) -> keras.Layer:
    found = {id(layer): layer for known, layer in walk(base) if known == path}
    if len(found) > 1:
        raise InvalidInputError(
            f"`{argument}`: {len(found)} layers have the path {path!r}, so that a saved model could not tell them "
            "apart; give them different names."
        )
    return next(iter(found.values()))
