"""Heads tied to an embedding of the model: its own vectors of words tell the classes apart.

Press and Wolf (2017), Using the Output Embedding to Improve Language Models, EACL, https://arxiv.org/abs/1608.05859.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.keras.heads import Head
from auxtasks.keras.layers import find_layer, walk
from auxtasks.keras.pooling import Pooling
from auxtasks.keras.trial import Shape
from auxtasks.specs import TargetSpec


class Tie(NamedTuple):
    """An embedding by its path in the model, the row of it that stands for each class, and the width of a row."""

    path: str
    rows: tuple[int, ...]
    width: int


class TiedHead(Head):
    """Predicts a class, per sample or per step, by the rows of an embedding of the model.

    The logit of class c is ``h @ E[row of c] + bias[c]``, where h is the tap (averaged over its axes for a class per
    sample), mapped by a kernel to the width of the embedding where that is another.

    Parameters
    ----------
    specs : sequence of TargetSpec
        One target.
    seed, name
        See `Head`.
    tie : Tie
        The rows and their width.
    embedding : keras.Layer
        The embedding; it stays a layer of the base alone.
    """

    def __init__(self, specs: Sequence[TargetSpec], seed: int, name: str, tie: Tie, embedding: keras.Layer) -> None:
        super().__init__(specs, seed, name)
        self._rows, self._width = tie.rows, tie.width
        # Keras does not look into a function, and would track and save the embedding once more.
        self._matrix: Callable[[], Any] = lambda: matrix_of(embedding)

    def build(self, shape: Shape) -> None:
        """Create the weights for a tap of this shape, batch first."""
        (spec,) = self.specs
        self._pooling = Pooling(shape[1:], spec.place) if spec.kind == "class" else None
        size = shape[-1] if self._pooling is None else self._pooling.size
        self.kernel = None if size == self._width else self._kernel("kernel", (size, self._width))
        self.bias = self._bias("bias", spec.size)
        self.built = True

    def call(self, features: Any, step_mask: Any = None) -> Any:
        """Return the logits, shape (batch, classes) or (batch, time, classes)."""
        if self._pooling is not None:
            features = self._pooling(features, step_mask)
        if self.kernel is not None:
            features = ops.matmul(features, self.kernel)
        rows = ops.take(ops.cast(self._matrix(), "float32"), ops.convert_to_tensor(self._rows, "int32"), axis=0)
        return ops.matmul(features, ops.transpose(rows)) + self.bias


def matrix_of(layer: keras.Layer) -> Any:
    """Return the vectors of an embedding layer, those of adapters (LoRA) added.

    Raises
    ------
    InvalidInputError
        If the layer has none, or holds them quantised to integers, which cannot be multiplied as they are.
    """
    if getattr(layer, "quantization_mode", None) in ("int8", "int4"):
        raise InvalidInputError(
            f"`tie`: the embedding {layer.name!r} is quantised to {layer.quantization_mode}, and a head cannot use its "
            "rows; tie to one that is not."
        )
    matrix = getattr(layer, "embeddings", getattr(layer, "_embeddings", None))
    if len(getattr(matrix, "shape", ())) != 2:
        raise InvalidInputError(
            f"`tie`: layer {layer.name!r} is a {type(layer).__name__} and has no matrix of embeddings; give the name "
            "of a keras.layers.Embedding."
        )
    return matrix


def make_ties(
    tie: Mapping[str, str] | None,
    specs: Mapping[str, TargetSpec],
    base: keras.Model,
    vocabulary: Sequence[str] | None,
) -> dict[str, Tie]:
    """Find the embeddings that heads are tied to, and the rows of their classes.

    Parameters
    ----------
    tie : mapping of str to str, or None
        For each target, the name or path of an embedding layer.
    specs : mapping of str to TargetSpec
        The targets.
    base : keras.Model
        The model, built.
    vocabulary : sequence of str or None
        The word of every row.

    Returns
    -------
    dict of str to Tie
        By target.

    Raises
    ------
    UnknownNameError
        If there is no such target or layer.
    InvalidTypeError
        If `tie` is no mapping of names to names.
    InvalidInputError
        If a target has no classes, a class is no word of the vocabulary or has no row, or a layer is no embedding.
    """
    if not isinstance(tie or {}, Mapping) or not all(isinstance(name, str) for name in (tie or {}).values()):
        raise InvalidTypeError(f"`tie` must be a mapping of targets to names of embedding layers; got {tie!r}.")
    paths = {id(layer): path for path, layer in reversed(list(walk(base)))}
    found = {}
    for task, name in (tie or {}).items():
        if task not in specs:
            raise unknown_name("tie", task, specs, "auxiliary target")
        layer = find_layer(name, base, "tie")
        n_rows, width = matrix_of(layer).shape
        found[task] = Tie(paths[id(layer)], _rows_of(specs[task], vocabulary, int(n_rows), name), int(width))
    return found


def _rows_of(spec: TargetSpec, vocabulary: Sequence[str] | None, n_rows: int, layer: str) -> tuple[int, ...]:
    if spec.kind not in ("class", "step_class"):
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
