"""The digits of the demo: few labelled, many unlabelled, the rest for the test."""

from __future__ import annotations

from typing import NamedTuple

from auxtasks.optional import require
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int

N_CLASSES = 10
N_TRAIN = 1050
"""Labelled and unlabelled images together; the other 747 of the 1,797 are the test set."""


class Split(NamedTuple):
    """One division of the digits, the same shares of every class in all three parts."""

    x_labelled: Floats
    y_labelled: Array
    x_unlabelled: Floats
    x_test: Floats
    y_test: Array


def load_digits() -> tuple[Floats, Array]:
    """Load the handwritten digits that come with scikit-learn.

    Returns
    -------
    images : ndarray of float32, shape (1797, 8, 8, 1)
        From 0 (paper) to 1 (ink).
    labels : ndarray of int, shape (1797,)
        0 to 9.

    Notes
    -----
    The test part of "Optical Recognition of Handwritten Digits", Alpaydin and Kaynak 1998, UCI Machine Learning
    Repository: 16 counts of ink in each of 8×8 blocks of pixels.

    Examples
    --------
    >>> images, labels = load_digits()
    >>> images.shape, float(images.max())
    ((1797, 8, 8, 1), 1.0)
    """
    digits = require("sklearn.datasets", extra="demo").load_digits()
    images: Floats = (digits.images / 16).astype("float32")[..., None]
    return images, digits.target


def split_digits(images: Floats, labels: Array, n_labelled: int, seed: int) -> Split:
    """Draw labelled, unlabelled and test images, stratified by class.

    Parameters
    ----------
    images : ndarray, shape (1797, 8, 8, 1)
        The digits.
    labels : ndarray of int, shape (1797,)
        Their classes.
    n_labelled : int
        How many keep their label, from 10 to 1,000; the other `N_TRAIN` - `n_labelled` training images lose it.
    seed : int
        Decides the draw.

    Returns
    -------
    Split
        The three parts; no image is in two of them.

    Raises
    ------
    InvalidInputError
        If there are too few labels for ten classes, or nothing would be left unlabelled.

    Examples
    --------
    >>> split = split_digits(*load_digits(), n_labelled=50, seed=0)
    >>> len(split.x_labelled), len(split.x_unlabelled), len(split.x_test)
    (50, 1000, 747)
    """
    check_int("n_labelled", n_labelled, low=N_CLASSES, high=N_TRAIN - 50)
    divide = require("sklearn.model_selection", extra="demo").train_test_split
    x_train, x_test, y_train, y_test = divide(images, labels, train_size=N_TRAIN, stratify=labels, random_state=seed)
    x_labelled, x_unlabelled, y_labelled, _ = divide(
        x_train, y_train, train_size=n_labelled, stratify=y_train, random_state=seed
    )
    return Split(x_labelled, y_labelled, x_unlabelled, x_test, y_test)
