"""What a screen is given: targets, specs, inputs and labels, checked, and the samples drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from auxtasks.audit.screen.features import Features, target_features
from auxtasks.audit.screen.inputs import Inputs, read_inputs
from auxtasks.audit.screen.main_labels import MainLabels, read_main_labels
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.specs import TargetSpec
from auxtasks.targets.main_labels import main_labels
from auxtasks.targets.mapping import AuxTargets
from auxtasks.typing import Array


class Given(NamedTuple):
    """The drawn samples as linear models take them.

    Parameters
    ----------
    specs : mapping of str to TargetSpec
        What the targets are.
    arrays : dict of str to ndarray
        The targets of the drawn samples.
    features : dict of str to Features
        The same as columns.
    lengths : ndarray of int or None
        How many steps of each drawn sample are not padding, where targets per step have such lengths.
    inputs : Inputs or None
        The inputs of the drawn samples, if there are any.
    labels : MainLabels
        The main labels of the drawn samples; present only in those drawn for being labelled.
    anywhere : ndarray of bool
        Which of the samples were drawn from all, labelled or not.
    """

    specs: Mapping[str, TargetSpec]
    arrays: dict[str, Array]
    features: dict[str, Features]
    lengths: Array | None
    inputs: Inputs | None
    labels: MainLabels
    anywhere: Array


def read_given(
    targets: Mapping[str, Array],
    y: object,
    inputs: object,
    specs: Mapping[str, TargetSpec] | None,
    problem: Any,
    max_samples: int,
    seed: int,
) -> Given:
    """Check what `rank_tasks` is given, and draw samples.

    Parameters
    ----------
    targets, y, inputs, specs, problem, max_samples, seed
        As for `rank_tasks`.

    Returns
    -------
    Given
        Up to `max_samples` of all samples, and up to as many of the labelled ones.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        As `rank_tasks`.

    Examples
    --------
    >>> spec = TargetSpec("a", "a", "vector", (1,))
    >>> given = read_given({"a": np.arange(50.0)[:, None]}, np.arange(30) % 2, None, {"a": spec}, None, 20, 0)
    >>> int(given.anywhere.sum()), int(given.labels.present.sum())
    (20, 20)
    """
    known = _specs(targets, specs)
    n = _count(targets)
    if isinstance(y, Mapping):
        raise InvalidTypeError(
            f"`y` must hold the labels of one main output; got a mapping of {', '.join(map(str, y))}."
        )
    # Only the user's own samples, which come first, can have a label; transformed copies cannot.
    n_original = targets.n_original if isinstance(targets, AuxTargets) else n
    labels = read_main_labels(main_labels(y, "main", n_original, n)["main"], problem)
    rng = np.random.default_rng(seed)
    everyone, labelled = np.arange(n), np.flatnonzero(labels.present)
    drawn = rng.choice(everyone, min(n, max_samples), replace=False)
    drawn_labelled = rng.choice(labelled, min(len(labelled), max_samples), replace=False)
    rows = np.union1d(drawn, drawn_labelled)
    present = np.isin(rows, drawn_labelled)
    arrays = {name: np.asarray(target[rows]) for name, target in targets.items()}
    return Given(
        known,
        arrays,
        {name: target_features(known[name], array) for name, array in arrays.items()},
        lengths[rows] if isinstance(targets, AuxTargets) and (lengths := targets.lengths) is not None else None,
        read_inputs(targets, inputs, n, rows),
        MainLabels(labels.kind, labels.values[rows], present),
        np.isin(rows, drawn),
    )


def _specs(targets: object, specs: Mapping[str, TargetSpec] | None) -> Mapping[str, TargetSpec]:
    if not isinstance(targets, Mapping):
        raise InvalidTypeError(
            f"`targets` must be AuxTargets, or a mapping of names to arrays with `specs`; got {type(targets).__name__}."
        )
    if specs is None and isinstance(targets, AuxTargets):
        specs = targets.specs
    without = [str(name) for name in targets if specs is None or not isinstance(specs.get(name), TargetSpec)]
    if without or specs is None:
        raise InvalidInputError(
            f"`specs` must hold the TargetSpec of each target; there is none of: {', '.join(without) or 'any'}."
        )
    return specs


def _count(targets: Mapping[str, Array]) -> int:
    if not targets:
        raise InvalidInputError("`targets` must hold at least one target; got none.")
    shapes = {name: np.shape(target) for name, target in targets.items()}
    lengths = {shape[0] if shape else 0 for shape in shapes.values()}
    if len(lengths) != 1 or 0 in lengths:
        found = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items())
        raise InvalidInputError(f"`targets` must all have one row for each of the same samples; found shapes {found}.")
    return lengths.pop()
