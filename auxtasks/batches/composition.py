"""Which samples a batch holds, where few have a label.

With 50 labels among 6,000 samples an ordinary batch of 32 holds a label in one case of four. Here every batch holds
enough: the labelled samples come round as often as needed, each of the unlabelled ones once an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray

from auxtasks.errors import InvalidInputError, abbreviated, wrong_type
from auxtasks.validation import check_keys, check_number, is_number

DEFAULT_SHARE = 0.5
"""The share of labelled samples in a batch where nothing else is asked for."""

SHARE_WITH_SOFT_LABELS = 0.2
"""The same where the others have soft labels: four of them to each labelled sample."""

AUTO = "auto"

Indices = NDArray[np.intp]


def share_of(labelled_share: float | str | None, *, is_taught: bool) -> float | None:
    """Return the share of labelled samples in a batch: by default less of them where others are learned too."""
    if labelled_share is None:
        return None
    if isinstance(labelled_share, str) and labelled_share == AUTO:
        return SHARE_WITH_SOFT_LABELS if is_taught else DEFAULT_SHARE
    if not is_number(labelled_share):
        raise wrong_type("labelled_share", f"a number, {AUTO!r} or None", labelled_share)
    return check_number("labelled_share", labelled_share, low=0.0, high=1.0)


class Composition:
    """Which samples each batch of each epoch holds: a share of labelled ones, but at least one of either sort.

    Some of the samples must have a label, and some must not. A batch is smaller than asked for where there are not
    enough unlabelled samples to fill it. The seed and the number of the epoch decide the order.
    """

    def __init__(self, labelled: NDArray[np.bool_], batch_size: int, share: float, seed: int) -> None:
        self._labelled = np.flatnonzero(labelled)
        self._unlabelled = np.flatnonzero(~labelled)
        # No batch holds an unlabelled sample twice, however large it was asked to be.
        batch_size = min(batch_size, max(2, round(len(self._unlabelled) / max(1 - share, 1 / batch_size))))
        self.n_labelled = min(max(1, round(share * batch_size)), batch_size - 1)
        self._n_unlabelled = batch_size - self.n_labelled
        self.batch_size = batch_size
        self._seed = seed
        self.n_batches = ceil(len(self._unlabelled) / self._n_unlabelled)

    def described(self, n_batches: int) -> str:
        times = n_batches * self.n_labelled / len(self._labelled)
        return (
            f"an epoch has {n_batches} steps of {self.batch_size} samples, {self.n_labelled} of them labelled, and "
            f"shows each of the {len(self._labelled)} labelled samples {times:.1f} times"
        )

    def epoch(self, number: int) -> Indices:
        """Return the samples of one epoch, shape (batches, batch size).

        The last batch is filled up with unlabelled samples at random.
        """
        rng = np.random.default_rng([self._seed, number])
        unlabelled = rounds(self._unlabelled, self.n_batches * self._n_unlabelled, rng)
        labelled = rounds(self._labelled, self.n_batches * self.n_labelled, rng)
        return np.concatenate([labelled.reshape(self.n_batches, -1), unlabelled.reshape(self.n_batches, -1)], axis=1)


def rounds(samples: Indices, total: int, rng: np.random.Generator) -> Indices:
    """Return `total` samples: all of them in random order, then all again in another, and so on."""
    rounds = [rng.permutation(samples) for _ in range(ceil(total / len(samples)))]
    return np.concatenate(rounds)[:total]


def compose(labelled: NDArray[np.bool_], batch_size: int, share: float, seed: int) -> Composition | None:
    """Plan the batches, or return None where ordinary ones hold as many labels, or there are no labels at all."""
    if batch_size < 2 or not labelled.any() or labelled.mean() >= share:
        return None
    return Composition(labelled, batch_size, share, seed)


Weight = float | str
"""A number, or ``"auto"``."""
_FULL_FROM = 10.0
_LEAST = 0.03
UNCOUNTED = 0.1
"""The automatic weight where labels cannot be counted."""


def automatic_weight(n_labelled: int, n_samples: int) -> float:
    """Return the weight of an auxiliary task that is trained on some labelled and some unlabelled samples.

    Parameters
    ----------
    n_labelled : int
        How many samples have a main label.
    n_samples : int
        How many there are in all.

    Returns
    -------
    float
        From 0.03, where all are labelled, to 1.

    Notes
    -----
    ``(unlabelled / labelled) / 10``, between 0.03 and 1. Auxiliary targets gain where they let unlabelled samples join
    the training, and the more of them there are; where all are labelled, a weight of 1 more often loses. A task's
    ``spec.weight_scale`` multiplies it: 0.1 for ``std``, ``abs_sum_changes`` and ``reconstruction``, 1 for others. The
    numbers were chosen on the seeds 100 to 102 of twelve data sets together (``benchmarks/gain.py`` reports others).

    Examples
    --------
    >>> automatic_weight(50, 6000), automatic_weight(40, 240), automatic_weight(6000, 6000)
    (1.0, 0.5, 0.03)
    """
    if n_labelled <= 0:
        return 1.0
    return min(max((n_samples - n_labelled) / n_labelled / _FULL_FROM, _LEAST), 1.0)


def checked_weights(weights: Weight | Mapping[str, Weight], known: Mapping[str, Weight]) -> dict[str, Weight]:
    if isinstance(weights, str) or is_number(weights):
        weights = dict.fromkeys(known, weights)
    if not isinstance(weights, Mapping):
        raise wrong_type("weights", f"a number, {AUTO!r} or a mapping of names to these", weights)
    given = check_keys("weights", weights, known, "auxiliary target")
    found = {task: given.get(task, known[task]) for task in known}
    for task, weight in found.items():
        if isinstance(weight, str) and weight != AUTO:
            raise InvalidInputError(f"`weights`: {task!r} must be a number or {AUTO!r}; got {abbreviated(weight)}.")
    return {
        task: weight if isinstance(weight, str) else check_number(f"weights[{task!r}]", weight, low=0.0)
        for task, weight in found.items()
    }
