"""Which tensors of a model already hold the step that a target asks for.

Found out by trying: where the first step's value changes with the steps after it, it holds something of the next.
That needs no knowledge of layers, and so works for any model: recurrent both ways, convolutions, attention, subclassed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from auxtasks.batches.forms import is_text, text_list
from auxtasks.keras.trial import Output, Samples, Side, by_call, forward
from auxtasks.specs import AsksFor
from auxtasks.typing import Array


def outputs_seeing(
    base: keras.Model, samples: Samples, outputs: Sequence[Output], asks_for: AsksFor, n_steps: int
) -> frozenset[tuple[str, int]] | None:
    """Find the outputs that depend on the step that a target asks for.

    The model is run on samples and on copies with everything after the first step (``"next"``) or before the last
    (``"previous"``) replaced. An output is found where its value at that step differs by more than rounding, one
    without these steps where it differs at all.

    Rounding is 1e-5 of the largest value (4e-3 in float16, 3e-2 in bfloat16), so that a branch scaled by 1e-6, as
    by a layer scale at its start, is not seen. Nor is what a model computes only after training, such as a branch
    multiplied by a weight that begins at 0, or what it reads off another input than the one changed.
    """
    keep = 0 if asks_for == "next" else -1
    for pair in changed_pairs(samples, keep, n_steps):
        one, other = (by_call(forward(base, inputs)[0]) for inputs in (pair.first, pair.second))
        calls = {
            (output.path, output.call): (output, one[key].output, other[key].output)
            for output in outputs
            if (key := (id(output.layer), output.call)) in one and key in other
        }
        views = step_views(pair, calls.values())
        steps = telling_steps(views, pair.real, keep, len(samples.rows()))
        if steps:
            return frozenset(
                call for call, (output, a, b) in calls.items() if output.usable and differs(a, b, views, steps)
            )
    return None


_ROUNDING = {"float16": 4e-3, "bfloat16": 3e-2}
"""Differences that count as rounding, relative to the largest value; 1e-5 for longer floats."""

Views = tuple[Array, Array]
"""Both samples step by step."""


def step_views(pair: Pair, calls: Iterable[tuple[Output, Any, Any]]) -> Views | None:
    """Return both samples step by step: as they are, or texts as the tokens that the model makes of them."""
    both = tuple(keras.tree.flatten(inputs)[pair.leaf] for inputs in (pair.first, pair.second))
    if is_text(both[0]):
        found = ((a, b) for output, a, b in calls if output.numbers is not None and output.length > 1)
        both = next(found, ())
    return (keras.ops.convert_to_numpy(both[0]), keras.ops.convert_to_numpy(both[1])) if both else None


def telling_steps(views: Views | None, real: Array | None, keep: int, n: int) -> dict[int, int]:
    """Return the samples that tell something, and the step of each: equal itself, with another step beside it."""
    if views is None:
        return dict.fromkeys(range(n), 0) if keep == 0 else {}
    reals = [real_steps(view) if real is None else real for view in views]
    ends = [end_step(known, keep) for known in reals]
    beside = ends[0] + (1 if keep == 0 else -1)
    shared = min(view.shape[1] for view in views)
    found = {}
    for row, (step, step_of_other, near) in enumerate(zip(*ends, beside, strict=True)):
        if step == step_of_other and 0 <= near < shared and step < shared and all(known[row, near] for known in reals):
            same, differs = (np.array_equal(views[0][row, at], views[1][row, at]) for at in (step, near))
            if same and not differs:
                found[row] = int(step)
    return found


def differs(a: Any, b: Any, views: Views | None, steps: dict[int, int]) -> bool:
    """Tell whether two values of a tensor differ by more than rounding."""
    precision = _ROUNDING.get(keras.backend.standardize_dtype(a.dtype), 1e-5)
    one, other = (keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for value in (a, b))
    rows, at = list(steps), list(steps.values())
    by_step = one.ndim == other.ndim == 3
    if views is not None:
        by_step = by_step and [one.shape[1], other.shape[1]] == [view.shape[1] for view in views]
    if by_step:
        one, other = one[rows, at], other[rows, at]
    elif one.shape != other.shape:
        return True
    else:
        one, other = one[rows], other[rows]
    return bool(np.abs(one - other).max() > precision * max(np.abs(one).max(), np.abs(other).max()))


_BLOCKS = 8
"""So many times texts are tried, until a changed one differs where it should in the model's own tokens."""
_SAMPLES = 256
"""Among so many samples of unknown length the longest are sought."""


@dataclass(frozen=True)
class Pair:
    """Samples and the same samples changed.

    Parameters
    ----------
    first, second : structure of tensors
        What the model reads.
    leaf : int
        Which of several inputs is changed.
    real : ndarray of bool, shape (n, time), or None
        The steps that are no padding; None for texts, whose steps the model makes.
    """

    first: Any
    second: Any
    leaf: int
    real: Array | None = None


def changed_pairs(samples: Samples, keep: int, n_steps: int) -> Iterator[Pair]:
    """Yield samples with their copies, changed at every step but one."""
    leaf = _stepwise_leaf(samples, n_steps)
    if leaf is None:
        return
    values = keras.tree.flatten(samples.inputs)[leaf]
    if is_text(values):
        yield from _pairs_of_texts(samples, keep, leaf)
    elif len(values.shape) in (2, 3) and np.issubdtype(_dtype(values), np.number):
        yield _pair_of_numbers(samples, keep, leaf)


def _stepwise_leaf(samples: Samples, n_steps: int) -> int | None:
    """Return the input to change: the only one, the targets' own, or the only one that has steps like the target's."""
    leaves = keras.tree.flatten(samples.inputs)
    if len(leaves) == 1:
        return 0
    if samples.own is not None:
        return samples.own
    fitting = [number for number, leaf in enumerate(leaves) if is_text(leaf) or _has_steps(leaf, n_steps)]
    return fitting[0] if len(fitting) == 1 else None


def _has_steps(leaf: Any, n_steps: int) -> bool:
    shape = leaf.shape
    if len(shape) not in (2, 3) or shape[1] != n_steps:
        return False
    # Other numbers of shape (n, d) are features more often than steps.
    return np.issubdtype(_dtype(leaf), np.integer if len(shape) == 2 else np.number)


def _dtype(values: Any) -> np.dtype[Any]:
    return np.asarray(values[:1]).dtype


def _pair_of_numbers(samples: Samples, keep: int, leaf: int) -> Pair:
    rows, lengths = samples.rows(), samples.layout.lengths
    if lengths is None:
        found = real_steps(np.asarray(keras.tree.flatten(samples.inputs)[leaf][:_SAMPLES])).sum(axis=1)
        rows = np.sort(np.argsort(-found, kind="stable")[: samples.n])
    first = samples.tensors(rows)
    values = keras.ops.convert_to_numpy(keras.tree.flatten(first)[leaf])
    real = real_steps(values, None if lengths is None else lengths[rows], samples.layout.side)
    return Pair(first, _with_leaf(first, leaf, replaced_values(values, keep, real)), leaf, real)


def _pairs_of_texts(samples: Samples, keep: int, leaf: int) -> Iterator[Pair]:
    numbered = [samples.rows(block) for block in range(_BLOCKS)]
    blocks = [samples.tensors(rows) for rows in numbered if len(rows) == len(numbered[0])]
    cut = [text_list(keras.tree.flatten(block)[leaf]) for block in blocks]
    others = sorted({word for texts in cut for text in texts for word in text.split() if word.isalnum()})
    changes: list[Callable[[str], str | None]] = [
        lambda text: replaced_words(text, keep, others),
        lambda text: replaced_words(text, keep, others, whole=False),  # for punctuation that is a token
        lambda text: replaced_letters(text, keep),  # for tokens shorter than words
    ]
    for change in changes:
        for block, texts in zip(blocks, cut, strict=True):
            changed = [change(text) for text in texts]
            if any(changed):
                # A text that cannot be changed stays, and then tells nothing.
                new = [text if other is None else other for text, other in zip(texts, changed, strict=True)]
                shape = keras.tree.flatten(block)[leaf].shape
                yield Pair(block, _with_leaf(block, leaf, np.array(new, dtype=object).reshape(shape)), leaf)


def _with_leaf(inputs: Any, leaf: int, values: Array) -> Any:
    leaves = keras.tree.flatten(inputs)
    leaves[leaf] = keras.ops.convert_to_tensor(values)
    return keras.tree.pack_sequence_as(inputs, leaves)


_RANGES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
_NEXT_LETTER = {ord(a): b for run in _RANGES for a, b in zip(run, run[1:] + run[0], strict=True)}


def real_steps(values: Array, lengths: Array | None = None, side: Side = "post") -> Array:
    """Tell which steps of samples are no padding."""
    if lengths is not None:
        real = np.asarray(np.arange(values.shape[1]) < lengths[:, None])
        return real if side == "post" else real[:, ::-1]
    return np.asarray((values != 0).reshape(*values.shape[:2], -1).any(axis=-1))


def end_step(real: Array, keep: int) -> Array:
    """Return the first (``keep=0``) or last (``keep=-1``) real step of each sample, shape (n,)."""
    return np.asarray(real.argmax(axis=1) if keep == 0 else real.shape[1] - 1 - real[:, ::-1].argmax(axis=1))


def replaced_values(values: Array, keep: int, real: Array) -> Array:
    """Replace every real step of samples but the first or the last."""
    change = real.copy()
    change[np.arange(len(values)), end_step(real, keep)] = False
    if np.issubdtype(values.dtype, np.integer):
        known, index = np.unique(values[real], return_inverse=True)
        new = values.copy()
        new[real] = np.roll(known, -1)[index]
    else:
        noise = np.random.default_rng(0).normal(size=values.shape)
        new = (values + noise * (values.std() or 1.0)).astype(values.dtype)
    return np.where(change.reshape(*change.shape, *[1] * (values.ndim - 2)), new, values)


def replaced_words(text: str, keep: int, others: Sequence[str], *, whole: bool = True) -> str | None:
    """Replace every word of a text but the first or the last."""
    words = text.split()
    ordered = words if keep == 0 else words[::-1]
    telling = (number for number, word in enumerate(ordered, 1) if any(map(str.isalnum, word)))
    stay = next(telling, len(words)) if whole else 1
    if len(words) <= stay or len(others) < 2:
        return None
    following = dict(zip(others, [*others[1:], others[0]], strict=True))
    new = [*ordered[:stay], *(following.get(word, others[0]) for word in ordered[stay:])]
    return " ".join(new if keep == 0 else new[::-1])


def replaced_letters(text: str, keep: int) -> str | None:
    """Replace every letter and digit of a text, but for the first one or the last."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    if len(places) < 2:
        return None
    own = sorted({letter for letter in text if letter.isalnum() and not letter.isascii()})
    following = {ord(one): other for one, other in zip(own, [*own[1:], *own[:1]], strict=True)}
    new = list(text.translate(_NEXT_LETTER | following))
    new[places[keep]] = text[places[keep]]
    return "".join(new)
