"""Tasks of which it is known what a screen must find."""

from __future__ import annotations

import numpy as np

from auxtasks import TargetSpec
from auxtasks.typing import Array

N = 300


def vector(name: str, columns: int) -> TargetSpec:
    return TargetSpec(name, name, "vector", (columns,))


def planted(seed: int = 0) -> tuple[dict[str, Array], dict[str, TargetSpec], Array, Array]:
    """Return targets, their specs, main labels of three classes and inputs."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(N) % 3)
    X = rng.normal(size=(N, 20))
    relevant = np.eye(3)[y] + 0.3 * rng.normal(size=(N, 3))
    targets = {
        "relevant": relevant,
        "redundant": relevant @ rng.normal(size=(3, 2)) + 5 + 0.05 * rng.normal(size=(N, 2)),
        "trivial": X @ rng.normal(size=(20, 4)),
        "of_label": 2 * (y == 1)[:, None] + 0.1 * y[:, None],
        "constant": np.full((N, 2), 3.0),
        "noise": rng.normal(size=(N, 3)),
    }
    return targets, {name: vector(name, target.shape[1]) for name, target in targets.items()}, y, X
