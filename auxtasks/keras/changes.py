"""Changes of a sample that leave its label as it is: named sets for images, signals and tokens, and those of users."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.keras.apart import run_apart

Change = Any
"""The name of a set, a layer, or a function of the inputs and, where it takes one, a ``seed``."""


def distort(images: Any, seed: Any, *, shift: float = 0.0, degrees: float = 0.0, stretch: float = 0.0) -> Any:
    """Move each image by up to a share of its sides, turn, stretch and shear it; what comes in repeats the border.

    Bilinear. Height and width are stretched by factors of their own.
    """
    n, (height, width) = ops.shape(images)[0], images.shape[1:3]
    most = ops.convert_to_tensor([shift * width, shift * height, degrees * math.pi / 180.0])
    x, y, angle = ops.unstack(keras.random.uniform((n, 3), -1.0, 1.0, seed=seed) * most, 3, axis=1)
    cosine, sine, nothing = ops.cos(angle), ops.sin(angle), ops.zeros_like(angle)
    a, b, c, d = cosine, -sine, sine, cosine
    if stretch:
        wide, high, shear = ops.unstack(keras.random.uniform((n, 3), -stretch, stretch, seed=seed), 3, axis=1)
        a, b = a * (1.0 + wide), a * shear + b * (1.0 + high)
        c, d = c * (1.0 + wide), c * shear + d * (1.0 + high)
    across, down = (width - 1) / 2.0, (height - 1) / 2.0
    # Where in the image each place of the copy is taken from: stretched and turned about the middle, then moved.
    rows = [a, b, across - a * across - b * down + x]
    rows += [c, d, down - c * across - d * down + y, nothing, nothing]
    with_channels = images if len(images.shape) == 4 else ops.expand_dims(images, -1)
    moved = ops.image.affine_transform(
        with_channels, ops.stack(rows, axis=1), "bilinear", "nearest", data_format="channels_last"
    )
    return ops.reshape(moved, ops.shape(images))


def erase(images: Any, seed: Any, *, most: float) -> Any:
    """Set a rectangle of each image to the mean of each channel; its sides are up to a share of those of the image.

    Cutout (DeVries and Taylor 2017, arXiv:1708.04552).
    """
    n, (height, width) = ops.shape(images)[0], images.shape[1:3]
    drawn = keras.random.uniform((4, n, 1), seed=seed)
    inside = []
    for side, middle, share in ((height, drawn[0], drawn[1]), (width, drawn[2], drawn[3])):
        places = ops.expand_dims(ops.arange(side, dtype="float32") + 0.5, 0)
        inside.append(ops.abs(places - middle * side) < share * most * side / 2.0)
    erased = ops.logical_and(ops.expand_dims(inside[0], 2), ops.expand_dims(inside[1], 1))
    erased = ops.reshape(erased, (n, height, width, *[1] * (len(images.shape) - 3)))
    return ops.where(erased, ops.mean(images, axis=(1, 2), keepdims=True), images)


def colour(images: Any, seed: Any, *, most: float) -> Any:
    """Change the brightness of each image, by up to a share of its spread, and its contrast and saturation."""
    n, axes = ops.shape(images)[0], tuple(range(1, len(images.shape)))
    drawn = keras.random.uniform((3, n, *[1] * len(axes)), -most, most, seed=seed)
    mean, spread = ops.mean(images, axis=axes, keepdims=True), ops.std(images, axis=axes, keepdims=True)
    changed = mean + (1.0 + drawn[0]) * (images - mean) + drawn[1] * spread
    if len(images.shape) == 4 and images.shape[-1] == 3:
        grey = ops.mean(changed, axis=-1, keepdims=True)
        changed = grey + (1.0 + drawn[2]) * (changed - grey)
    return changed


def jitter(signals: Any, seed: Any, *, most: float) -> Any:
    """Add normal noise, a share of the spread of each channel of each signal."""
    spread = ops.std(signals, axis=1, keepdims=True)
    return signals + most * spread * keras.random.normal(ops.shape(signals), seed=seed)


def scaling(signals: Any, seed: Any, *, most: float) -> Any:
    """Multiply each channel of each signal by a factor of its own."""
    n, channels = ops.shape(signals)[0], signals.shape[2:]
    return signals * keras.random.uniform((n, 1, *channels), 1.0 - most, 1.0 + most, seed=seed)


def crop_and_stretch(signals: Any, seed: Any, *, most: float) -> Any:
    """Cut up to a share off each signal, and stretch the rest to the length it had, linearly."""
    n, length = ops.shape(signals)[0], ops.shape(signals)[1]
    cut = keras.random.uniform((n, 1), 0.0, most, seed=seed)
    start = cut * keras.random.uniform((n, 1), 0.0, 1.0, seed=seed)
    last = ops.cast(length - 1, "float32")
    steps = ops.expand_dims(ops.arange(length, dtype="float32"), 0)
    places = ops.clip(start * last + (1.0 - cut) * steps, 0.0, last)
    below = ops.floor(places)
    share = places - below
    first, second = ops.cast(below, "int32"), ops.cast(ops.minimum(below + 1.0, last), "int32")
    if len(signals.shape) == 3:
        first, second, share = (ops.expand_dims(part, -1) for part in (first, second, share))
        first, second = (ops.broadcast_to(part, ops.shape(signals)) for part in (first, second))
    before, after = (ops.take_along_axis(signals, part, axis=1) for part in (first, second))
    return before + share * (after - before)


def channel_dropout(signals: Any, seed: Any, *, most: float) -> Any:
    """Set channels to 0, each with a probability, but never all of a signal."""
    if len(signals.shape) != 3 or signals.shape[2] < 2:
        raise InvalidInputError(
            f"`agreement`: 'channel_dropout' needs signals of two channels or more; found inputs of shape "
            f"{tuple(signals.shape[1:])}. Name another set, such as 'jitter'."
        )
    drawn = keras.random.uniform((ops.shape(signals)[0], 1, signals.shape[2]), seed=seed)
    kept = ops.logical_or(drawn >= most, drawn >= ops.max(drawn, axis=2, keepdims=True))
    return signals * ops.cast(kept, signals.dtype)


def drop_and_swap(tokens: Any, seed: Any, *, drop: float, reach: float) -> Any:
    """Leave tokens out, each with a probability, and let others change places with those within reach.

    0 stands for no token, and fills what becomes free at the end (Lample et al. 2018).
    """
    shape, length = ops.shape(tokens), ops.cast(ops.shape(tokens)[1], "float32")
    there = tokens != 0
    dropped = ops.logical_and(there, keras.random.uniform(shape, seed=seed) < drop)
    # The first token stays, so that no text becomes empty.
    dropped = ops.logical_and(dropped, ops.expand_dims(ops.arange(shape[1]) > 0, 0))
    places = ops.expand_dims(ops.arange(shape[1], dtype="float32"), 0)
    keys = places + ops.where(there, keras.random.uniform(shape, 0.0, reach, seed=seed), 0.0)
    keys = keys + (length + reach) * ops.cast(ops.logical_or(dropped, ops.logical_not(there)), "float32")
    moved = ops.take_along_axis(ops.where(dropped, ops.zeros_like(tokens), tokens), ops.argsort(keys, axis=1), axis=1)
    return ops.cast(moved, tokens.dtype)


class NamedSet(NamedTuple):
    """A weak and a strong change by name, and the numbers of axes that inputs may have."""

    what: str
    ranks: tuple[int, ...]
    weak: Callable[..., Any] | None
    strong: Callable[..., Any]
    on_numbers: bool = True


SETS: Mapping[str, NamedSet] = {
    "shifts": NamedSet("images", (3, 4), partial(distort, shift=0.04), partial(distort, shift=0.12)),
    "shifts_and_turns": NamedSet(
        "images", (3, 4), partial(distort, shift=0.04), partial(distort, shift=0.12, degrees=20.0)
    ),
    "distortions": NamedSet(
        "images", (3, 4), partial(distort, shift=0.04), partial(distort, shift=0.12, degrees=20.0, stretch=0.2)
    ),
    "erasing": NamedSet("images", (3, 4), None, partial(erase, most=0.5)),
    "colour": NamedSet("images", (3, 4), partial(colour, most=0.1), partial(colour, most=0.5)),
    "jitter": NamedSet("signals", (2, 3), partial(jitter, most=0.02), partial(jitter, most=0.15)),
    "scaling": NamedSet("signals", (2, 3), partial(scaling, most=0.05), partial(scaling, most=0.3)),
    "crop_and_stretch": NamedSet(
        "signals", (2, 3), partial(crop_and_stretch, most=0.05), partial(crop_and_stretch, most=0.3)
    ),
    "channel_dropout": NamedSet("signals", (3,), None, partial(channel_dropout, most=0.3)),
    "dropout_and_swap": NamedSet(
        "tokens",
        (2,),
        partial(drop_and_swap, drop=0.05, reach=0.0),
        partial(drop_and_swap, drop=0.15, reach=3.0),
        on_numbers=False,
    ),
}
"""The changes that have a name."""


def listed_changes(argument: str, asked: Any) -> tuple[Change, ...]:
    """Return changes as a list, each checked as far as it can be without inputs."""
    found = tuple(asked) if isinstance(asked, (list, tuple)) else () if asked is None else (asked,)
    for change in found:
        if isinstance(change, str) and change not in SETS:
            raise unknown_name(argument, change, SETS, "set of changes")
        if not callable(change) and not isinstance(change, str):
            raise InvalidTypeError(
                f"`{argument}`: a change must be the name of a set, a Keras layer or a function; got "
                f"{abbreviated(change)}. Names are {', '.join(map(repr, SETS))}."
            )
    return found


def changed(inputs: Any, changes: Sequence[Change], seed: Any, *, strong: bool) -> Any:
    """Return copies of inputs, changed in turn by each of some changes with random numbers of their own."""
    for change in changes:
        if isinstance(change, str):
            inputs = _by_name(inputs, change, seed, strong=strong)
        elif isinstance(change, keras.Layer):
            inputs = run_apart(change, inputs, seed)
        else:
            takes_seed = "seed" in inspect.signature(change).parameters
            inputs = change(inputs, seed=seed) if takes_seed else change(inputs)
    return inputs


def _by_name(inputs: Any, name: str, seed: Any, *, strong: bool) -> Any:
    known = SETS[name]
    shape = getattr(inputs, "shape", None)
    if shape is None or len(shape) not in known.ranks:
        found = "several inputs" if shape is None else f"inputs of shape {tuple(shape[1:])}"
        raise InvalidInputError(
            f"`agreement`: {name!r} changes {known.what}, of {' or '.join(map(str, known.ranks))} axes, the sample "
            f"axis included; found {found}. Pass functions of the inputs instead."
        )
    change = known.strong if strong else known.weak
    if change is None:
        return inputs
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    if not known.on_numbers or dtype == "float32":
        return change(inputs, seed)
    found = change(ops.cast(inputs, "float32"), seed)
    if "int" in dtype:
        found = ops.clip(ops.round(found), 0.0, 255.0) if dtype == "uint8" else ops.round(found)
    return ops.cast(found, dtype)
