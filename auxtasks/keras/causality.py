"""Which tensors of a model already hold the step that a target asks for.

Found out by trying: where the first step's value changes with the steps after it, it holds something of the next.
That needs no knowledge of layers, and so works for any model: recurrent both ways, convolutions, attention, subclassed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from auxtasks.keras.running import by_call, forward
from auxtasks.keras.samples import Samples
from auxtasks.keras.texts import is_text, text_list
from auxtasks.keras.trial import Output
from auxtasks.keras.variants import end_step, real_steps, replaced_letters, replaced_values, replaced_words
from auxtasks.specs import AsksFor
from auxtasks.typing import Array

_BLOCKS = 8
"""So many times texts are tried, until a changed one differs where it should in the model's own tokens."""
_SAMPLES = 256
"""Among so many samples of unknown length the longest are sought."""
_ROUNDING = {"float16": 4e-3, "bfloat16": 3e-2}
"""Differences that count as rounding, relative to the largest value; 1e-5 for longer floats."""


def outputs_seeing(
    base: keras.Model, samples: Samples, outputs: Sequence[Output], asks_for: AsksFor
) -> frozenset[tuple[str, int]]:
    """Find the outputs that depend on the step that a target asks for.

    The model is run on samples and on copies with everything after the first step (``"next"``) or before the last
    (``"previous"``) replaced. An output is found where its value at that step differs by more than rounding, one
    without these steps where it differs at all.

    Parameters
    ----------
    base : keras.Model
        The model.
    samples : Samples
        What it reads.
    outputs : sequence of Output
        What `trial_run` saw.
    asks_for : {"next", "previous"}
        See `TargetSpec`.

    Returns
    -------
    frozenset of (path, call)
        Empty also where nothing could be tried: with several inputs, inputs of other shapes than (n, time) and
        (n, time, d), samples of one step, and texts none of which shows a difference. What a model computes only after
        training (such as a branch multiplied by a weight that begins at 0) is not seen either.
    """
    keep = 0 if asks_for == "next" else -1
    for first, second, lengths in _pairs(samples, keep):
        one, other = (by_call(forward(base, inputs)[0]) for inputs in (first, second))
        pairs = {
            (output.path, output.call): (output, one[key].output, other[key].output)
            for output in outputs
            if (key := (id(output.layer), output.call)) in one and key in other
        }
        views = _views(first, second, pairs.values())
        ends = _ends(views, lengths, keep, len(samples.rows()))
        if ends:
            return frozenset(
                call for call, (output, a, b) in pairs.items() if output.usable and _differs(a, b, views, ends)
            )
    return frozenset()


def _pairs(samples: Samples, keep: int) -> Iterator[tuple[Any, Any, Array | None]]:
    """Yield samples, the same samples changed, and their lengths where these are known."""
    leaves = keras.tree.flatten(samples.inputs)
    if len(leaves) != 1:
        return
    if is_text(leaves[0]):
        yield from _pairs_of_texts(samples, keep)
        return
    if len(leaves[0].shape) not in (2, 3) or not np.issubdtype(np.asarray(leaves[0][:1]).dtype, np.number):
        return
    rows = samples.rows()
    lengths = None if samples.lengths is None else samples.lengths[rows]
    if lengths is None:
        found = real_steps(np.asarray(leaves[0][:_SAMPLES])).sum(axis=1)
        rows = np.sort(np.argsort(-found, kind="stable")[: samples.n])
    first = samples.tensors(rows)
    values = keras.ops.convert_to_numpy(keras.tree.flatten(first)[0])
    yield first, _like(first, replaced_values(values, keep, lengths)), lengths


def _pairs_of_texts(samples: Samples, keep: int) -> Iterator[tuple[Any, Any, None]]:
    numbered = [samples.rows(block) for block in range(_BLOCKS)]
    blocks = [samples.tensors(rows) for rows in numbered if len(rows) == len(numbered[0])]
    words = {word for block in blocks for text in _texts(block) for word in text.split() if word.isalnum()}
    others = sorted(words)
    changes: list[Callable[[str], str | None]] = [
        lambda text: replaced_words(text, keep, others),
        lambda text: replaced_letters(text, keep),  # for tokens shorter than words
    ]
    for change in changes:
        for block in blocks:
            texts = _texts(block)
            changed = [change(text) for text in texts]
            if any(changed):
                # A text that cannot be changed stays, and then tells nothing.
                new = [text if other is None else other for text, other in zip(texts, changed, strict=True)]
                shape = keras.tree.flatten(block)[0].shape
                yield block, _like(block, np.array(new, dtype=object).reshape(shape)), None


def _texts(block: Any) -> list[str]:
    return text_list(keras.tree.flatten(block)[0])


def _like(inputs: Any, values: Array) -> Any:
    return keras.tree.pack_sequence_as(inputs, [keras.ops.convert_to_tensor(values)])


def _views(first: Any, second: Any, calls: Iterable[tuple[Output, Any, Any]]) -> tuple[Array, Array] | None:
    """Return both samples step by step: as they are, or texts as the tokens the model makes of them; else None."""
    pair = keras.tree.flatten(first)[0], keras.tree.flatten(second)[0]
    if is_text(pair[0]):
        made = next(((a, b) for output, a, b in calls if output.numbers and output.length > 1), None)
        if made is None:
            return None
        pair = made
    return keras.ops.convert_to_numpy(pair[0]), keras.ops.convert_to_numpy(pair[1])


def _ends(views: tuple[Array, Array] | None, lengths: Array | None, keep: int, n: int) -> dict[int, int]:
    """Return the samples that tell something, and the step of each: equal itself, with another step beside it."""
    if views is None:
        return dict.fromkeys(range(n), 0) if keep == 0 else {}
    reals = [real_steps(view, lengths) for view in views]
    ends = [end_step(real, keep) for real in reals]
    beside = ends[0] + (1 if keep == 0 else -1)
    shared = min(view.shape[1] for view in views)
    found = {}
    for row, (step, step_of_other, near) in enumerate(zip(*ends, beside, strict=True)):
        if step == step_of_other and 0 <= near < shared and step < shared and all(real[row, near] for real in reals):
            same, differs = (np.array_equal(views[0][row, at], views[1][row, at]) for at in (step, near))
            if same and not differs:
                found[row] = int(step)
    return found


def _differs(a: Any, b: Any, views: tuple[Array, Array] | None, ends: dict[int, int]) -> bool:
    precision = _ROUNDING.get(keras.backend.standardize_dtype(a.dtype), 1e-5)
    one, other = (keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for value in (a, b))
    rows, steps = list(ends), list(ends.values())
    by_step = one.ndim == other.ndim == 3
    if views is not None:
        by_step = by_step and [one.shape[1], other.shape[1]] == [view.shape[1] for view in views]
    if by_step:
        one, other = one[rows, steps], other[rows, steps]
    elif one.shape != other.shape:
        return True
    else:
        one, other = one[rows], other[rows]
    return bool(np.abs(one - other).max() > precision * max(np.abs(one).max(), np.abs(other).max()))
