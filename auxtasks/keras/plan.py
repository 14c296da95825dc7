"""What is attached where: found, kept, and told by the wrapper of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.keras.heads import Head, Tie, matrix_of
from auxtasks.keras.layers import Event, find_layer, first_paths, walk
from auxtasks.keras.private import is_called_in_graph
from auxtasks.keras.trial import Shape
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.validation import check_keys


class TapPoint(NamedTuple):
    """The tensor that a head reads: a layer, which call of it, and its shape without the batch.

    A time axis that varies from batch to batch is None.
    """

    path: str
    call: int
    shape: Shape


@dataclass(frozen=True)
class Plan:
    """The targets of a model, and the tap of each; a plain object, so that Keras does not track tapped layers twice."""

    specs: dict[str, TargetSpec]
    taps: dict[str, TapPoint]
    layers: dict[str, keras.Layer]
    """The tapped layers by path."""
    ties: dict[str, tuple[Tie, keras.Layer]]
    """The embedding of each target whose head is tied to one."""

    @classmethod
    def make(
        cls,
        base: keras.Model,
        specs: Mapping[str, TargetSpec],
        taps: Mapping[str, tuple[str, int, Iterable[int | None]]],
        ties: Mapping[str, tuple[str, Iterable[int], int]],
    ) -> Plan:
        points = {task: TapPoint(path, call, tuple(shape)) for task, (path, call, shape) in taps.items()}
        layers = {point.path: _the_layer(base, point.path, "at") for point in points.values()}
        tied = {
            task: (Tie(path, tuple(rows), width), _the_layer(base, path, "tie"))
            for task, (path, rows, width) in ties.items()
        }
        return cls(dict(specs), points, layers, tied)

    def event_of(self, task: str, events: Iterable[Event]) -> Event:
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


def make_ties(
    tie: Mapping[str, str] | None,
    specs: Mapping[str, TargetSpec],
    base: keras.Model,
    vocabulary: Sequence[str] | None,
    *,
    numbered: bool = False,
) -> dict[str, Tie]:
    asked = {} if tie is None else tie
    if not isinstance(asked, Mapping) or not all(isinstance(name, str) for name in asked.values()):
        raise InvalidTypeError(
            f"`tie` must be a mapping of targets to names of embedding layers; got {abbreviated(tie)}."
        )
    paths = first_paths(base)
    found = {}
    for task, name in check_keys("tie", asked, specs, "auxiliary target").items():
        layer = find_layer(name, base, "tie")
        n_rows, width = matrix_of(layer).shape
        found[task] = Tie(paths[id(layer)], _rows_of(specs[task], vocabulary, int(n_rows), name), int(width))
        if numbered:
            _check_numbering(base, vocabulary or ())
    return found


def _check_numbering(base: keras.Model, vocabulary: Sequence[str]) -> None:
    """Refuse a model that makes tokens, if none of its tokenizers has the vocabulary of the targets."""
    layers = [layer for _, layer in walk(base) if isinstance(layer, keras.layers.TextVectorization)]
    known = {layer.name: tuple(map(str, layer.get_vocabulary())) for layer in layers}
    if not known or tuple(vocabulary) in known.values():
        return
    name, words = next(iter(known.items()))
    pairs = enumerate(zip_longest(words, vocabulary))
    number, (word, other) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    raise InvalidInputError(
        f"`tie`: layer {name!r} numbers words differently from `targets`: {number} is {word!r} in the layer and "
        f"{other!r} in `targets`, so classes would be tied to the vectors of other words. Compute the targets with "
        "make_aux_targets(..., tokenizer=layer)."
    )


def _rows_of(spec: TargetSpec, vocabulary: Sequence[str] | None, n_rows: int, layer: str) -> tuple[int, ...]:
    if spec.kind not in CLASS_KINDS:
        raise InvalidInputError(
            f"`tie`: target {spec.name!r} is of kind {spec.kind!r}; only classes can be tied to an embedding."
        )
    if vocabulary is None:
        raise InvalidInputError(
            f"`tie`: `targets` have no vocabulary, so which row of {layer!r} stands for which class of {spec.name!r} "
            "is not known. Compute them with the model's tokenizer."
        )
    numbers = {word: number for number, word in reversed(list(enumerate(vocabulary)))}
    missing = [word for word in spec.classes if word not in numbers]
    if missing or len(spec.classes) != spec.n_classes:
        raise InvalidInputError(
            f"`tie`: {spec.n_classes} classes of {spec.name!r} must be words of the vocabulary; {len(spec.classes)} "
            f"have a name, and these are no words of it: {missing[:5]}."
        )
    rows = tuple(numbers[word] for word in spec.classes)
    if max(rows) >= n_rows:
        raise InvalidInputError(
            f"`tie`: the word {vocabulary[max(rows)]!r} has number {max(rows)}, and {layer!r} has {n_rows} rows. Use "
            "the tokenizer that the embedding was made for."
        )
    return rows


class DescribedByBase(keras.Model):
    """Answers for a model with heads what the base answers; what a subclassed base lacks is lacking here."""

    base: keras.Model
    heads: Sequence[Head]
    _plan: Plan

    @property
    def taps(self) -> dict[str, str]:
        """The path of the layer that each task's head reads."""
        return {task: point.path for task, point in self._plan.taps.items()}

    @property
    def input(self) -> Any:
        """The symbolic input of the base, or the structure of several; as a layer of another model, the one there."""
        return super().input if is_called_in_graph(self) else self.base.input

    @property
    def output(self) -> Any:
        """The symbolic output of the base, or the structure of several; as a layer of another model, the one there."""
        return super().output if is_called_in_graph(self) else self.base.output

    @property
    def inputs(self) -> Any:
        """The symbolic inputs of the base, as a list."""
        return self.base.inputs

    @property
    def outputs(self) -> Any:
        """The symbolic outputs of the base, as a list."""
        return self.base.outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input of the base, or those of several."""
        return self.base.input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output of the base, or those of several."""
        return self.base.output_shape

    @property
    def output_names(self) -> list[str] | None:
        """The names of the base's outputs, by which Keras matches labels, losses and metrics; None if it has none."""
        return getattr(self.base, "output_names", None)

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.Layer:
        """Return a layer of the base, or by its name the base itself or a head; see `keras.Model.get_layer`.

        Parameters
        ----------
        name : str, optional
            The name of the layer.
        index : int, optional
            Its place among ``base.layers``.

        Returns
        -------
        keras.Layer
            The layer.
        """
        own = {layer.name: layer for layer in (self.base, *self.heads)}
        if index is None and name in own and all(layer.name != name for layer in self.base.layers):
            return own[name]
        return self.base.get_layer(name, index)

    def summary(self, *args: Any, print_fn: Callable[..., Any] | None = None, **kwargs: Any) -> None:
        """Print the summary of the base, and the heads by their targets.

        Parameters
        ----------
        *args, print_fn, **kwargs
            As for `keras.Model.summary`.
        """
        self.base.summary(*args, print_fn=print_fn, **kwargs)
        n_base, n_heads = self.base.count_params(), sum(head.n_trained for head in self.heads)
        lines = [f"   {line}" for line in self._heads_in_words()]
        (print_fn or print)(
            "\n".join([f" Auxiliary heads, removed by strip_heads: {n_heads:,} params (base: {n_base:,})", *lines])
        )

    def _heads_in_words(self) -> list[str]:
        """Say of each head what it predicts, where it reads, and how many parameters of it are trained."""
        return [
            f"{' + '.join(spec.name for spec in head.specs)} at {self.taps[head.specs[0].name]!r} "
            f"with {head.n_trained:,}"
            for head in self.heads
        ]
