"""Inputs that seem to be laid out in another way than their domain has it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import auxtasks
from auxtasks.errors import AuxTasksWarning

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "domain", "task", "message"),
    [
        ((4, 3, 8, 9), "image", "thumbnail", r"has channels first, 3; pass np\.moveaxis\(X, 1, -1\)"),
        ((2, 3, 1, 8, 8), "video", "reconstruction", r"has channels first, 1; pass np\.moveaxis\(X, 2, -1\)"),
        ((4, 2, 64), "signal", "std", r"has 2 steps of 64 channels; if it is the other way round"),
        ((4, 64, 3), "image", "thumbnail", r"64 × 3 pixels; if they are series of 3 channels, pass domain='signal'"),
    ],
)
def test_what_seems_to_lie_otherwise_is_told_of(shape: tuple[int, ...], domain: str, task: str, message: str) -> None:
    with pytest.warns(AuxTasksWarning, match=message):
        auxtasks.make_aux_targets(RNG.normal(size=shape), domain, task)


@pytest.mark.parametrize(
    ("shape", "domain"),
    [((4, 8, 8, 3), "image"), ((4, 8, 9), "image"), ((4, 64, 3), "signal"), ((4, 3, 4, 4), "image")],
)
def test_what_lies_as_it_should_is_not(shape: tuple[int, ...], domain: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auxtasks.make_aux_targets(RNG.normal(size=shape), domain, "reconstruction")
