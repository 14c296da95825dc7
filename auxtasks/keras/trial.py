"""A trial run of a model: the samples that it is tried on, and what is known of it afterwards."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.backend import check_tensorflow, is_symbolic, shape_errors, text_errors
from auxtasks.batches.forms import changed_texts, is_text, read_rows, shortened, word_counts
from auxtasks.errors import AuxTasksWarning, InvalidInputError
from auxtasks.extractors.text.documents import FittedTexts
from auxtasks.keras.dependence import Leaks, Learned, State
from auxtasks.keras.layers import Event, Notice, first_paths, recording, walk
from auxtasks.keras.outputs import returned_names
from auxtasks.specs import STEP_KINDS, TargetSpec
from auxtasks.typing import Array

Shape = tuple[Any, ...]
"""The lengths of axes; None for the batch, and for a time axis that is as long as the longest sample of a batch."""

TRIAL_SAMPLES = 2
_LOOKED_AT = 256
"""By so many samples inputs are told to be those that the targets were made from, and the longest found."""


@dataclass(frozen=True)
class Samples:
    """A few samples of what a model reads, the longest, as tensors."""

    inputs: Any
    lengths: Array | None
    """The tokens of each as the targets count them; None where that is not known, or the samples are no texts."""
    padding: int
    """The number that stands for no token."""
    own: int | None
    """Which of several inputs is the one that the targets were made from; None where that is not known."""

    @classmethod
    def of(cls, inputs: Any, base: keras.Model, targets: Any = None) -> Samples:
        """Check inputs, find the longest, and read off targets, or what is passed for them, what they know of these."""
        if inputs is None:
            raise InvalidInputError("`samples`: pass a few samples of what the model reads, since `targets` hold none.")
        inputs = read_rows("samples", inputs)
        known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
        if any(map(is_text, leaves)):
            check_tensorflow(
                "samples",
                "texts are read",
                "other backends have no tensors of strings",
                "Pass the numbers of the tokens, and the same to fit as x",
            )
        _check_kinds(leaves, known)
        _warn_of_numbering(leaves, base, targets)
        _check_numbers(leaves, base)
        # A model with a fixed batch size, such as one with stateful layers, runs on nothing else.
        n = next((tensor.shape[0] for tensor in known if tensor.shape[0]), TRIAL_SAMPLES)
        lengths = getattr(targets, "lengths", None)
        lengths = None if lengths is None or len(lengths) != len(leaves[0]) else np.asarray(lengths)
        order = np.argsort(-(_measured(leaves) if lengths is None else lengths), kind="stable")
        rows = np.sort(order[:n])
        vocabulary = getattr(getattr(getattr(targets, "generator", None), "texts_", None), "vocabulary", None)
        return cls(
            keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(_take(array, rows)), inputs),
            None if lengths is None else lengths[rows],
            -1 if vocabulary is not None and vocabulary.padding is None else getattr(vocabulary, "padding", 0),
            _own_leaf(leaves, targets),
        )

    @property
    def numbered_by_model(self) -> bool:
        """Whether the model is given texts, and not the numbers of tokens that the targets were made from."""
        leaves = keras.tree.flatten(self.inputs)
        return any(map(is_text, leaves)) and (self.own is None or is_text(leaves[self.own]))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The height and width of the images that targets were made from; None if they are no images."""
        leaves = keras.tree.flatten(self.inputs)
        images = [leaf for leaf in leaves if len(leaf.shape) == 4] if self.own is None else [leaves[self.own]]
        return tuple(images[0].shape[1:3]) if len(images) == 1 and len(images[0].shape) == 4 else None


def _measured(leaves: Sequence[Any]) -> Array:
    """Return the words of each text, or how many steps of the first samples are no zeros."""
    texts = next((leaf for leaf in leaves if is_text(leaf)), None)
    if texts is not None:
        return word_counts(texts)
    if len(leaves[0].shape) not in (2, 3):
        return np.ones(len(leaves[0]))
    first = np.asarray(leaves[0][:_LOOKED_AT])
    steps = (first != 0).any(axis=tuple(range(2, first.ndim)))
    return np.asarray(steps.sum(axis=1))


def _take(array: Any, rows: Array) -> Array:
    if np.array_equal(rows, np.arange(len(rows))):
        return np.asarray(array[: len(rows)])
    return np.asarray((np.asarray(array) if hasattr(array, "numpy") else array)[rows])


def _own_leaf(leaves: list[Any], targets: Any) -> int | None:
    """Return the input that is the targets' own: the very array, or one that holds the same."""
    try:
        own: Any = getattr(targets, "inputs", None)
    except InvalidInputError:  # not saved with the targets
        return None
    if not hasattr(own, "shape"):
        return None
    for number, leaf in enumerate(leaves):
        rows = np.arange(min(len(leaf), _LOOKED_AT))
        if leaf is own or (
            tuple(leaf.shape) == tuple(own.shape) and np.array_equal(_take(leaf, rows), _take(own, rows))
        ):
            return number
    return None


_TEXTS = (
    "Pass the texts as `samples`, and the same to fit as x; targets.inputs are texts with make_aux_targets(..., "
    'model_inputs="texts").'
)
"""What to do where a model makes tokens itself and is given none."""


def _check_kinds(leaves: Sequence[Any], known: Sequence[Any]) -> None:
    """Refuse too many or too few inputs, texts for a model that reads numbers, and the other way round."""
    if known and len(known) != len(leaves):
        raise InvalidInputError(
            f"`samples`: the model reads {len(known)} inputs; found {len(leaves)}. Pass samples of all of them as "
            "`samples`, in the form in which fit will get them."
        )
    if any(map(is_text, leaves)) and known and not any(map(is_text, known)):
        raise InvalidInputError(
            f"`samples` holds texts, but the model reads {_described(known)}. Pass what the model reads, such as the "
            "numbers of the tokens, as `samples`, and the same to fit as x."
        )
    if known and all(map(is_text, known)) and not any(map(is_text, leaves)):
        raise InvalidInputError(
            f"`samples` holds no texts, but the model reads texts and makes tokens itself. {_TEXTS}"
        )


def check_texts(inputs: Any, base: keras.Model) -> None:
    """Say why a model failed on inputs, if it is because it makes tokens of texts and there is none among them."""
    tokenizers = [layer.name for _, layer in walk(base) if isinstance(layer, keras.layers.TextVectorization)]
    if tokenizers and not any(map(is_text, keras.tree.flatten(inputs))):
        raise InvalidInputError(
            f"`samples` holds no texts, but layer {tokenizers[0]!r} of the model makes tokens of texts. {_TEXTS}"
        )


def check_shapes(inputs: Any, base: keras.Model, argument: str = "samples") -> None:
    """Say why a model failed on inputs, if it is because it reads inputs of another shape."""
    known, leaves = getattr(base, "inputs", None) or [], keras.tree.flatten(inputs)
    # Inputs by name may come in another order than the model's.
    if len(known) != len(leaves) or (len(known) > 1 and isinstance(inputs, Mapping)):
        return
    if all(_fits(tuple(array.shape[1:]), tensor.shape[1:]) for array, tensor in zip(leaves, known, strict=True)):
        return
    shapes = ", ".join(str(tuple(array.shape[1:])) for array in leaves)
    raise InvalidInputError(
        f"`{argument}`: a sample has shape {shapes}, but the model reads {_described(known)}. Pass what the model "
        f"reads as `{argument}`."
    )


def _check_numbers(leaves: Sequence[Any], base: keras.Model) -> None:
    """Refuse numbers of tokens for which an embedding that reads them has no row.

    TensorFlow fails on them with an error that names neither, and on a GPU takes zeros instead.
    """
    for layer, place in _embeddings(base) if len(getattr(base, "inputs", None) or []) == len(leaves) else ():
        largest = -1 if is_text(leaves[place]) else int(np.asarray(leaves[place]).max(initial=-1))
        if largest >= layer.input_dim:
            raise InvalidInputError(
                f"`samples` holds the id {largest}, but the embedding {layer.name!r} has {layer.input_dim} rows "
                f"(0 to {layer.input_dim - 1}). Give it input_dim=len(targets.vocabulary); or compute the targets "
                f"of texts with max_tokens={layer.input_dim}. In your own ids, replace larger ids by the id of "
                "unknown words."
            )


def _embeddings(base: keras.Model) -> list[tuple[keras.layers.Embedding, int]]:
    """Return the embeddings that read an input of a model, and which of them."""
    places = {id(tensor): place for place, tensor in enumerate(getattr(base, "inputs", None) or [])}
    found = [layer for layer in base.layers if isinstance(layer, keras.layers.Embedding)]
    read = [(layer, places.get(id(getattr(layer, "input", None)))) for layer in found]
    return [(layer, place) for layer, place in read if place is not None]


def _warn_of_numbering(leaves: Sequence[Any], base: keras.Model, targets: Any) -> None:
    """Warn of an embedding that was not made for the numbers that targets gave to words of their own accord."""
    generator = getattr(targets, "generator", None)
    texts = getattr(generator, "texts_", None)
    if not isinstance(texts, FittedTexts) or texts.words != "learned" or leaves[0] is not targets.inputs:
        return
    size = len(texts.vocabulary.words)
    known = (size, getattr(generator, "max_tokens", None))
    others = [layer for layer, place in _embeddings(base) if place == 0 and layer.input_dim not in known]
    if others:
        warnings.warn(
            f"targets.inputs hold ids of a vocabulary that was learned from these texts, with {size} tokens, but "
            f"the embedding {others[0].name!r} has {others[0].input_dim} rows. If the model has its own vocabulary, "
            "compute the targets with make_aux_targets(ids, vocabulary=...), or with its tokenizer; otherwise "
            "give it input_dim=len(targets.vocabulary).",
            AuxTasksWarning,
            stacklevel=4,
        )


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    # Keras adds and takes away a last axis of length 1.
    found = found[:-1] if found[-1:] == (1,) and len(found) > len(expected) else found
    found = (*found, 1) if expected[-1:] == (1,) and len(found) < len(expected) else found
    return len(found) == len(expected) and all(b in (None, a) for a, b in zip(found, expected, strict=True))


def _described(known: Sequence[Any]) -> str:
    return ", ".join(
        f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape[1:])}" for tensor in known
    )


@dataclass(frozen=True)
class Output:
    """What one call of a layer returned in a trial run; its shape, without the batch, as it is in every run."""

    path: str
    layer: keras.Layer
    call: int
    n_calls: int
    value: Any = field(compare=False, repr=False)
    shape: Shape
    is_model_output: bool
    per_sample: bool

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def length(self) -> int:
        """The first axis beside the batch as it was in this run, also where `shape` says None."""
        return next(iter(_shape_of(self.value)), 0) or 0

    @property
    def usable(self) -> bool:
        """Whether a head can read it: a float tensor with a row for each sample and at least one axis beside these.

        A symbolic tensor comes from a graph of its own, which cannot be looked into from outside.
        """
        return self.per_sample and self.is_feature

    @property
    def is_feature(self) -> bool:
        """Whether it is a float tensor with more than one axis, be the first the batch or not."""
        return _is_of("float", self.value) and len(self.value.shape) >= 2

    @property
    def numbers(self) -> Array | None:
        """The integers themselves where there is one per step, as a tokenizer returns them."""
        return np.asarray(ops.convert_to_numpy(self.value)) if _is_numbers(self.value) else None


@dataclass(frozen=True)
class Trial:
    """What is known of a model from running it on samples."""

    samples: Samples
    outputs: Sequence[Output]
    returned: Sequence[str]
    """The names that labels have by what the model returned."""
    leaks: Leaks | None
    """What tells the outputs that hold the answer to what a target asks for; None where none asks."""
    learned: Learned

    @property
    def n_samples(self) -> int:
        return len(keras.tree.flatten(self.samples.inputs)[0])

    @property
    def counted(self) -> Array | None:
        """The tokens of each text run, as the targets count them; None if they do not, or the model makes no tokens."""
        return self.samples.lengths if self.samples.numbered_by_model else None

    @property
    def made(self) -> int | None:
        """The tokens that the model itself makes of the longest text run, where that varies; None if it does not."""
        varying = (output.length for output in self.outputs if _is_numbers(output.value) and output.shape[0] is None)
        return next(varying, None)

    def made_along(self, output: Output) -> list[Array]:
        """Return how many tokens the model makes of each text run, once for every tensor of tokens with these steps."""
        tokens = [known.numbers for known in self.outputs if known.shape[:1] == output.shape[:1]]
        return [_counts(numbers != self.samples.padding) for numbers in tokens if numbers is not None]

    def keeps_steps(self, spec: TargetSpec, output: Output) -> bool:
        """Tell whether a tensor has the steps of a target: its very length, or one step for each token of the batch."""
        if output.rank != 2:
            return False
        varies = output.shape[0] is None and self.made is not None
        return output.length == (self.made if varies else spec.shape[0])

    def sees(self, spec: TargetSpec, output: Output) -> bool | None:
        """Tell whether a tensor holds the answer that a target per step asks for; None if that could not be tried."""
        if self.leaks is None or not spec.lookahead:
            return False
        return self.leaks.holds(output.value, spec.lookahead)

    def is_learned(self, output: Output, state: State = "trained") -> bool:
        """Tell whether weights that are trained, or such as are frozen at present, lie below a tensor."""
        return self.learned.reaches(output.value, state)


def _counts(real: Array) -> Array:
    """Count steps up to the last that is no padding."""
    return np.where(real.any(axis=1), real.shape[1] - real[:, ::-1].argmax(axis=1), 0)


def try_out(base: keras.Model, samples: Samples, specs: Mapping[str, TargetSpec]) -> Trial:
    """Run the model, and see to it that it can be told afterwards what its tensors depend on."""
    inputs = samples.inputs
    shorter = changed_texts(inputs, shortened) if any(map(is_text, keras.tree.flatten(inputs))) else None
    asked = {spec.shape[0] for spec in specs.values() if spec.lookahead and spec.kind in STEP_KINDS}
    leaks = Leaks(inputs, samples.own, asked) if asked else None
    learned = Learned()
    try:
        outputs, returned = trial_run(base, inputs, shorter, leaks, learned)
    except text_errors():
        check_texts(inputs, base)
        raise
    except shape_errors():
        check_shapes(inputs, base)
        raise
    return Trial(samples, outputs, returned_names(returned), leaks, learned)


def trial_run(
    base: keras.Model,
    inputs: Any,
    shorter: Any = None,
    leaks: Leaks | None = None,
    learned: Learned | None = None,
) -> tuple[list[Output], Any]:
    """Run a model forward on a few samples; list what each layer returned, in order, and return what the model did.

    An unbuilt model is built first, as its first ``fit`` would do; else nothing changes.
    """
    if not (base.built and all(layer.built for _, layer in walk(base))):
        base(inputs, training=False)
    n_samples = len(keras.tree.flatten(inputs)[0])
    # What the run assigns to variables, such as the state of random generators, is thrown away.
    scope = keras.StatelessScope() if learned is None else learned.watching(base)
    with nullcontext() if leaks is None else leaks.watching() as notice, scope:
        events, returned = _forward(base, inputs, notice)
    if learned is not None:
        learned.follow(base, lambda: _tensors(_forward(base, inputs)[0]), _tensors(events))
    calls = _by_call(events)
    others = calls
    if shorter is not None:
        with keras.StatelessScope():
            others = _by_call(_forward(base, shorter)[0])
    model_outputs = {id(tensor) for tensor in keras.tree.flatten(returned)}
    paths = first_paths(base)
    totals = Counter(key for key, _ in calls)
    outputs = [
        Output(
            path=paths[key],
            layer=event.layer,
            call=call,
            n_calls=totals[key],
            value=event.output,
            # A layer over time makes fewer calls for fewer steps, so one may have nothing to be compared with.
            shape=_shape(event.output, others.get((key, call), event).output),
            is_model_output=id(event.output) in model_outputs,
            per_sample=getattr(event.output, "shape", ())[:1] == (n_samples,),
        )
        for (key, call), event in calls.items()
    ]
    return outputs, returned


def _forward(base: keras.Model, inputs: Any, notice: Notice | None = None) -> tuple[list[Event], Any]:
    with recording((layer for _, layer in walk(base)), notice) as events:
        returned = base(inputs, training=False)
    return events, returned


def _tensors(events: Sequence[Event]) -> list[Any]:
    return [event.output for event in events if keras.ops.is_tensor(event.output)]


def _by_call(events: Sequence[Event]) -> dict[tuple[int, int], Event]:
    """Return the calls of a run by the identity of the layer and the number of the call, in their order."""
    totals: Counter[int] = Counter()
    found = {}
    for event in events:
        found[id(event.layer), totals[id(event.layer)]] = event
        totals[id(event.layer)] += 1
    return found


def _shape(value: Any, other: Any) -> Shape:
    shape, second = _shape_of(value), _shape_of(other)
    has_time = len(shape) == 2 or _is_numbers(value)
    return (None, *shape[1:]) if has_time and shape[:1] != second[:1] else shape


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if hasattr(value, "shape") and hasattr(value, "dtype") else ()


def _is_numbers(value: Any) -> bool:
    return _is_of("int", value) and len(value.shape) == 2 and bool(value.shape[1])


def _is_of(kind: str, value: Any) -> bool:
    tensor = hasattr(value, "shape") and hasattr(value, "dtype") and not is_symbolic(value)
    return tensor and kind in keras.backend.standardize_dtype(value.dtype)
