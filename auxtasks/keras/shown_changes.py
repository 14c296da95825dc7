"""A picture of what changes do to samples, to see whether their labels survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.keras.agreement import read_agreement
from auxtasks.optional import require
from auxtasks.typing import Array
from auxtasks.validation import check_int, count_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("as it is", "weak", "weak", "strong", "strong", "strong")


def show_changes(X: Any, agreement: Any, *, n: int = 4, seed: int = 0) -> Figure:
    """Draw samples beside copies of them, changed as `attach_heads` would for the argument `agreement`.

    Ask of each strongly changed copy whether you would still give it the label of its sample. Where you would not,
    agreement teaches what is wrong.

    Parameters
    ----------
    X : array, shape (n, height, width[, channels]), (n, time[, channels]) or (n, tokens)
        Some samples as the model reads them: images, signals, or the numbers of tokens as integers.
    agreement : str, list of str or mapping
        As for `attach_heads`.
    n : int, default 4
        How many samples to show, the first ones.
    seed : int, default 0
        Seeds the changes.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each sample: as it is, changed weakly twice, and strongly three times.

    Raises
    ------
    InvalidInputError
        If `X` is no array of images, signals or tokens.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).uniform(size=(4, 28, 28, 1)).astype("float32")
    >>> figure = show_changes(images, "shifts", n=2)
    >>> len(figure.axes)
    12
    """
    require("matplotlib", extra="plot")
    from matplotlib.figure import Figure

    n = min(check_int("n", n, low=1), count_rows("X", X))
    samples = np.asarray(X)[:n]
    if not 2 <= samples.ndim <= 4 or samples.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"`X` must hold images, signals or the numbers of tokens; found {samples.dtype} of shape {samples.shape}."
        )
    agrees = read_agreement(agreement, check_int("seed", seed, low=0))
    if agrees is None:
        raise InvalidInputError("`agreement` must name changes to show; got None.")
    pairs = [agrees.copies(keras.ops.convert_to_tensor(samples)) for _ in range(3)]
    weak, strong = ([keras.ops.convert_to_numpy(copy) for copy in some] for some in zip(*pairs, strict=True))
    figure = Figure(figsize=(1.5 * len(_COLUMNS), 1.3 * n), layout="constrained")
    axes = figure.subplots(n, len(_COLUMNS), squeeze=False)
    for row, sample in enumerate(samples):
        copies = [sample, *(copy[row] for copy in (*weak[:2], *strong))]
        for each, copy in zip(axes[row], copies, strict=True):
            _draw(each, copy, like=sample)
    for each, title in zip(axes[0], _COLUMNS, strict=True):
        each.set_title(title, fontsize=9)
    return figure


def _draw(axes: Axes, copy: Array, like: Array) -> None:
    """Draw an image, the channels of a signal, or tokens, in the range of the sample as it is."""
    axes.set(xticks=[], yticks=[])
    low, high = float(like.min()), float(like.max())
    if copy.ndim == 1 and copy.dtype.kind in "iu":
        axes.set_axis_off()
        axes.text(0.5, 0.5, " ".join(map(str, copy)), ha="center", va="center", fontsize=7, wrap=True)
    elif copy.ndim == 3 or (copy.ndim == 2 and min(copy.shape) > 4):
        image = copy[..., 0] if copy.ndim == 3 and copy.shape[-1] != 3 else copy
        if image.ndim == 3:
            image = np.clip((image - low) / max(high - low, 1e-12), 0.0, 1.0)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
    else:
        axes.plot(copy, linewidth=0.9)
        axes.set_ylim(low - 0.2 * (high - low), high + 0.2 * (high - low))


__all__ = ["show_changes"]
