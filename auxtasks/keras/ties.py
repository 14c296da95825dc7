"""Which rows of which embedding stand for the classes of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import keras

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.keras.layers import find_layer, walk
from auxtasks.keras.private import matrix_in
from auxtasks.specs import CLASS_KINDS, TargetSpec
from auxtasks.validation import check_keys


class Tie(NamedTuple):
    """An embedding by its path in the model, the row of it that stands for each class, and the width of a row."""

    path: str
    rows: tuple[int, ...]
    width: int


def matrix_of(layer: keras.Layer) -> Any:
    """Return the vectors of an embedding layer, those of adapters (LoRA) added."""
    if getattr(layer, "quantization_mode", None) in ("int8", "int4"):
        raise InvalidInputError(
            f"`tie`: the embedding {layer.name!r} is quantised to {layer.quantization_mode}, and a head cannot use its "
            "rows; tie to one that is not."
        )
    matrix = matrix_in(layer)
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
    *,
    numbered: bool = False,
) -> dict[str, Tie]:
    """Find the embeddings that heads are tied to, and the rows of their classes."""
    asked = {} if tie is None else tie
    if not isinstance(asked, Mapping) or not all(isinstance(name, str) for name in asked.values()):
        raise InvalidTypeError(
            f"`tie` must be a mapping of targets to names of embedding layers; got {abbreviated(tie)}."
        )
    paths = {id(layer): path for path, layer in reversed(list(walk(base)))}
    found = {}
    for task, name in check_keys("tie", asked, specs, "auxiliary target").items():
        layer = find_layer(name, base, "tie")
        n_rows, width = matrix_of(layer).shape
        found[task] = Tie(paths[id(layer)], _rows_of(specs[task], vocabulary, int(n_rows), name), int(width))
        if numbered:
            _check_numbering(base, vocabulary or ())
    return found


def _check_numbering(base: keras.Model, vocabulary: Sequence[str]) -> None:
    """Refuse a model none of whose tokenizers has the vocabulary of the targets."""
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
