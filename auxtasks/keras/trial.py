"""What is known of a model from a trial run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from auxtasks.batches.forms import as_inputs, is_text, word_counts
from auxtasks.errors import InvalidInputError
from auxtasks.keras.layers import walk
from auxtasks.keras.recording import Event, recording
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

Shape = tuple[Any, ...]
"""The lengths of axes; None for the batch, and for a time axis that is as long as the longest sample of a batch."""


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run.

    `length` is the first axis beside the batch as it was in this run, also where `shape` says None. `numbers` are the
    integers themselves where there is one per step, as a tokenizer returns them; else None.
    """

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    shape: Shape
    length: int
    masked: bool
    usable: bool
    numbers: Array | None = field(compare=False)
    is_model_output: bool

    @property
    def rank(self) -> int:
        """The number of dimensions beside the batch."""
        return len(self.shape)


@dataclass(frozen=True)
class Trial:
    """What is known of a model from running it.

    Parameters
    ----------
    outputs : list of Output
        What `trial_run` saw.
    counted : ndarray of int or None
        The tokens of each text run, as the targets count them; None if they do not, or the model makes no tokens.
    padding : int
        The number that stands for no token.
    seeing : mapping of str to frozenset of (path, call)
        By what a target may ask for (see `TargetSpec.asks_for`), the outputs that hold the answer; nothing for what
        could not be tried.
    """

    outputs: Sequence[Output]
    counted: Array | None = None
    padding: int = 0
    seeing: Mapping[str, frozenset[tuple[str, int]]] = field(default_factory=dict)

    @property
    def made(self) -> int | None:
        """The tokens that the model itself makes of the longest text run, where that varies; None if it does not."""
        varying = (output.length for output in self.outputs if output.numbers is not None and output.shape[0] is None)
        return next(varying, None)

    def made_along(self, output: Output) -> list[Array]:
        """Return how many tokens the model makes of each text run, once for every tensor of tokens with these steps."""
        tokens = [known.numbers for known in self.outputs if known.shape[:1] == output.shape[:1]]
        return [_counts(numbers != self.padding) for numbers in tokens if numbers is not None]

    def keeps_steps(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor has the steps of a target: its very length, or one step for each token of the batch."""
        if output.rank != 2:
            return False
        varies = output.shape[0] is None and self.made is not None
        return output.length == (self.made if varies else spec.shape[0])

    def sees(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor was found to hold the answer that a target per step asks for."""
        return (output.path, output.call) in self.seeing.get(spec.asks_for, frozenset())

    def was_tried(self, spec: TargetSpec) -> bool:
        """Tell whether it is known which tensors hold the answer that a target per step asks for."""
        return not spec.asks_for or spec.asks_for in self.seeing


def _counts(real: Array) -> Array:
    """Count steps up to the last that is no padding."""
    return np.where(real.any(axis=1), real.shape[1] - real[:, ::-1].argmax(axis=1), 0)


def forward(base: keras.Model, inputs: Any) -> tuple[list[Event], Any]:
    """Run a model forward and record every layer, changing nothing.

    The run is made in inference mode, and whatever it assigns to variables (such as the state of random generators) is
    thrown away.
    """
    layers = {id(layer): layer for _, layer in walk(base)}
    with keras.StatelessScope(), recording(layers.values()) as events:
        returned = base(inputs, training=False)
    return events, returned


def trial_run(base: keras.Model, inputs: Any, shorter: Any = None) -> list[Output]:
    """Run a model forward on a few samples and list what each layer returned, in order.

    An unbuilt model is built first, as its first ``fit`` would do; else nothing changes.
    """
    if not (base.built and all(layer.built for _, layer in walk(base))):
        base(inputs, training=False)
    events, returned = forward(base, inputs)
    calls = by_call(events)
    others = by_call(forward(base, shorter)[0]) if shorter is not None else calls
    model_outputs = {id(tensor) for tensor in keras.tree.flatten(returned)}
    paths: dict[int, str] = {}
    for path, layer in walk(base):
        paths.setdefault(id(layer), path)
    totals = Counter(id(event.layer) for event in events)
    return [
        Output(
            path=paths[id(event.layer)],
            layer=event.layer,
            call=call,
            n_calls=totals[id(event.layer)],
            # A layer over time makes fewer calls for fewer steps, so one may have nothing to be compared with.
            shape=_shape(event.output, others.get((key, call), event).output),
            length=_length(event.output),
            masked=event.mask is not None,
            usable=_is_feature(event.output),
            numbers=ops.convert_to_numpy(event.output) if _is_numbers(event.output) else None,
            is_model_output=id(event.output) in model_outputs,
        )
        for (key, call), event in calls.items()
    ]


def by_call(events: Sequence[Event]) -> dict[tuple[int, int], Event]:
    """Return the calls of a run by the identity of the layer and the number of the call, in their order."""
    totals: Counter[int] = Counter()
    found = {}
    for event in events:
        found[id(event.layer), totals[id(event.layer)]] = event
        totals[id(event.layer)] += 1
    return found


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if _is_tensor(value) else ()


def _length(value: Any) -> int:
    return next(iter(_shape_of(value)), 0) or 0


def _shape(value: Any, other: Any) -> Shape:
    shape, second = _shape_of(value), _shape_of(other)
    has_time = len(shape) == 2 or _is_numbers(value)
    return (None, *shape[1:]) if has_time and shape[:1] != second[:1] else shape


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_feature(value: Any) -> bool:
    """Whether a head can read it: a float tensor with at least one axis beside the batch.

    A symbolic tensor comes from a graph of its own, which cannot be looked into from outside.
    """
    if not _is_tensor(value) or tf.is_symbolic_tensor(value):
        return False
    return "float" in keras.backend.standardize_dtype(value.dtype) and len(value.shape) >= 2


def _is_numbers(value: Any) -> bool:
    """Whether it is a whole number per step."""
    if not _is_tensor(value) or tf.is_symbolic_tensor(value) or len(value.shape) != 2 or not value.shape[1]:
        return False
    return "int" in keras.backend.standardize_dtype(value.dtype)


_TRIAL_SAMPLES = 2
_COMPARED = 256
"""By so many samples inputs are told to be those that the targets were made from."""


@dataclass(frozen=True)
class Samples:
    """Inputs of which a few are run at a time.

    Parameters
    ----------
    inputs : array or structure of arrays
        All samples.
    n : int
        How many of them the model is run on.
    order : ndarray of int or None
        The samples from the longest to the shortest; None where all are equally long.
    layout : Layout
        What the targets know of them, their lengths only where they belong to these samples.
    own : int or None
        Which of several inputs is the one that the targets were made from; None where that is not known.
    """

    inputs: Any
    n: int
    order: Array | None
    layout: Layout
    own: int | None = None

    @classmethod
    def of(cls, inputs: Any, base: keras.Model, layout: Layout | None = None) -> Samples:
        """Check inputs and find the longest."""
        if inputs is None:
            raise InvalidInputError("`inputs`: pass a few samples of what the model reads, since `targets` hold none.")
        inputs = as_inputs(inputs)
        known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
        check_kinds(leaves, known)
        check_numbers(leaves, base)
        # A model with a fixed batch size, such as one with stateful layers, runs on nothing else.
        n = next((tensor.shape[0] for tensor in known if tensor.shape[0]), _TRIAL_SAMPLES)
        total = len(leaves[0])
        layout = layout or Layout()
        if layout.lengths is not None and len(layout.lengths) != total:
            layout = replace(layout, lengths=None)
        measure = layout.lengths
        if measure is None:
            measure = next((word_counts(leaf) for leaf in leaves if is_text(leaf)), None)
        order = None if measure is None else np.argsort(-measure, kind="stable")
        return cls(inputs, n, order, layout, _own_leaf(leaves, layout.inputs))

    def rows(self, block: int = 0) -> Array:
        """Return which samples a block of `n` holds; the first block holds the longest."""
        total = len(keras.tree.flatten(self.inputs)[0])
        order = np.arange(min(total, (block + 1) * self.n)) if self.order is None else self.order
        return np.sort(order[block * self.n : (block + 1) * self.n])

    def tensors(self, rows: Array) -> Any:
        """Return some samples, by number, as tensors."""
        return keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(_take(array, rows)), self.inputs)

    def numbered_by_model(self) -> bool:
        """Tell whether the model is given texts, and not the numbers of tokens that the targets were made from."""
        leaves = keras.tree.flatten(self.inputs)
        return any(map(is_text, leaves)) and (self.own is None or is_text(leaves[self.own]))

    def counted(self) -> Array | None:
        """Return the tokens of the first block as the targets count them, where the model makes tokens of its own."""
        known = self.layout.lengths
        return known[self.rows()] if known is not None and self.numbered_by_model() else None


def _take(array: Any, rows: Array) -> Array:
    if np.array_equal(rows, np.arange(len(rows))):
        return np.asarray(array[: len(rows)])
    # The rows of a table are told by position, not by its index; those of a tensor by NumPy.
    source = array.iloc if hasattr(array, "iloc") else np.asarray(array) if hasattr(array, "numpy") else array
    return np.asarray(source[rows])


def _own_leaf(leaves: list[Any], own: Any) -> int | None:
    """Return the input that is the targets' own: the very array, or one that holds the same."""
    if not hasattr(own, "shape"):
        return None
    for number, leaf in enumerate(leaves):
        rows = np.arange(min(len(leaf), _COMPARED))
        if leaf is own or (
            tuple(leaf.shape) == tuple(own.shape) and np.array_equal(_take(leaf, rows), _take(own, rows))
        ):
            return number
    return None


Side = Literal["post", "pre"]
"""Where padding lies: at the end or at the beginning."""


@dataclass(frozen=True)
class Layout:
    """How many tokens each text has, and where its padding lies.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,), optional
        The tokens of each sample; None where the samples are no texts.
    side : {"post", "pre"}
        The side that is padded.
    padding : int
        The number that stands for no token.
    inputs : object
        What the targets were made from; None if that is not known.
    """

    lengths: Array | None = None
    side: Side = "post"
    padding: int = 0
    inputs: Any = None

    @classmethod
    def of(cls, targets: Any) -> Layout:
        """Read it off targets, or whatever is passed for them; what is not there is left at its default."""
        generator, lengths = getattr(targets, "generator", None), getattr(targets, "lengths", None)
        vocabulary = getattr(getattr(generator, "texts_", None), "vocabulary", None)
        return cls(
            lengths=None if lengths is None else np.asarray(lengths),
            side=getattr(generator, "padding", "post"),
            padding=getattr(vocabulary, "padding", 0),
            inputs=_inputs_of(targets),
        )


def _inputs_of(targets: Any) -> Any:
    try:
        return getattr(targets, "inputs", None)
    except InvalidInputError:  # not saved with the targets
        return None


_TEXTS = (
    "Pass the texts as `inputs`, and the same to fit as x; targets.inputs are texts with make_aux_targets(..., "
    'inputs="texts").'
)
"""What to do where a model makes tokens itself and is given none."""


def check_kinds(leaves: Sequence[Any], known: Sequence[Any]) -> None:
    """Refuse too many or too few inputs, texts for a model that reads numbers, and the other way round."""
    if known and len(known) != len(leaves):
        raise InvalidInputError(
            f"`inputs`: the model reads {len(known)} inputs; found {len(leaves)}. Pass samples of all of them as "
            "`inputs`, in the form in which fit will get them."
        )
    if any(map(is_text, leaves)) and known and not any(map(is_text, known)):
        raise InvalidInputError(
            f"`inputs` holds texts, and the model reads {_described(known)}. Pass what the model reads, such as "
            "the numbers of the tokens, as `inputs`, and the same to fit as x."
        )
    if known and all(map(is_text, known)) and not any(map(is_text, leaves)):
        raise InvalidInputError(f"`inputs` holds no texts, and the model reads texts: it makes tokens itself. {_TEXTS}")


def check_texts(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it makes tokens of texts and there is none among them."""
    tokenizers = [layer.name for _, layer in walk(base) if isinstance(layer, keras.layers.TextVectorization)]
    if tokenizers and not any(map(is_text, keras.tree.flatten(inputs))):
        raise InvalidInputError(
            f"`inputs` holds no texts, and layer {tokenizers[0]!r} of the model makes tokens of texts. {_TEXTS}"
        )


def check_shapes(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it reads inputs of another shape."""
    known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
    # Inputs by name may come in another order than the model's.
    if len(known) != len(leaves) or (len(known) > 1 and isinstance(inputs, Mapping)):
        return
    if all(_fits(tuple(array.shape[1:]), tensor.shape[1:]) for array, tensor in zip(leaves, known, strict=True)):
        return
    shapes = ", ".join(str(tuple(array.shape[1:])) for array in leaves)
    raise InvalidInputError(
        f"`inputs`: a sample has shape {shapes}, and the model reads {_described(known)}. Pass what the model reads as "
        "`inputs`."
    )


def check_numbers(leaves: Sequence[Any], base: keras.Model) -> None:
    """Refuse numbers of tokens for which an embedding that reads them has no row.

    TensorFlow fails on them with an error that names neither, and on a GPU takes zeros instead.
    """
    known = getattr(base, "inputs", None) or []
    if len(known) != len(leaves):
        return
    for layer in base.layers:
        if not isinstance(layer, keras.layers.Embedding):
            continue
        for tensor, values in zip(known, leaves, strict=True):
            if getattr(layer, "input", None) is tensor and (largest := _largest(values)) >= layer.input_dim:
                raise InvalidInputError(
                    f"`inputs` holds the number {largest}, and the embedding {layer.name!r} has {layer.input_dim} rows "
                    f"(0 to {layer.input_dim - 1}). Give it input_dim=len(targets.vocabulary), or compute the targets "
                    f"with make_aux_targets(..., max_tokens={layer.input_dim})."
                )


def _largest(values: Any) -> int:
    return -1 if is_text(values) else int(np.asarray(values).max(initial=-1))


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    # Keras adds and takes away a last axis of length 1.
    found = found[:-1] if found[-1:] == (1,) and len(found) > len(expected) else found
    found = (*found, 1) if expected[-1:] == (1,) and len(found) < len(expected) else found
    return len(found) == len(expected) and all(b in (None, a) for a, b in zip(found, expected, strict=True))


def _described(known: Sequence[Any]) -> str:
    return ", ".join(
        f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape[1:])}" for tensor in known
    )
